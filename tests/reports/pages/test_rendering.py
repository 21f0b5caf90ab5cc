"""What all pages have in common."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from poise.errors import ReportError
from poise.reports.pages.rendering import as_json, data_uri, languages, remove_pages, write_pages
from poise.settings import Settings


def test_a_page_in_both_languages_and_back_to_one(tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "index.html").write_text("<p>{{ greeting }}{{ suffix }}</p>", encoding="utf-8")
    both = replace(Settings(), language="both", templates=str(templates))
    assert languages(both) == [("en", ""), ("ko", ".ko")]
    written = write_pages("index", tmp_path / "out", both, lambda texts: {}, greeting="<hello>")
    assert [path.name for path in written] == ["index.html", "index.ko.html"]
    assert "&lt;hello&gt;.ko" in written[1].read_text(encoding="utf-8")
    write_pages("index", tmp_path / "out", replace(both, language="ko"), lambda t: {}, greeting="")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["index.html"]
    remove_pages("index", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("text", ["{{ nothing.at.all }}", "{% if %}", "{{ ''.__class__.mro() }}"])
def test_a_template_that_is_wrong_or_means_harm_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.html").write_text(text, encoding="utf-8")
    settings = replace(Settings(), templates=str(tmp_path))
    with pytest.raises(ReportError, match="template"):
        write_pages("index", tmp_path / "out", settings, lambda texts: {})


def test_json_cannot_end_its_script() -> None:
    said = as_json({"name": "</script><b>&"})
    assert "<" not in said and "&" not in said
    assert json.loads(said) == {"name": "</script><b>&"}


def test_a_picture_lies_within_the_page(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"png")
    assert data_uri(tmp_path / "a.png", "Look.") == "data:image/png;base64,cG5n"
    with pytest.raises(ReportError, match=r"cannot be read.*Look\."):
        data_uri(tmp_path / "b.png", "Look.")
