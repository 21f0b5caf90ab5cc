"""Pages: style and scripts by bare names, and what a page sends."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from poise.desk.state import TEXTS
from poise.reports.locales import LANGUAGES, load_texts
from tests.desk.kit import Served


def test_style_and_scripts_are_those_of_the_package(served: Served) -> None:
    answer = served.ask("/static/desk.css")
    own = resources.files("poise.templates").joinpath("desk/desk.css").read_bytes()
    assert (answer.code, answer.body) == (200, own)
    assert answer.headers["content-type"].startswith("text/css")
    assert served.ask("/static/style.css").code == 200


@pytest.mark.parametrize("name", ["home.html", "none.css", "__init__.py", "uPlot.iife.min.js", "."])
def test_nothing_else_is_handed_out(served: Served, name: str) -> None:
    assert served.ask(f"/static/{name}").code == 404


def test_templates_hold_no_script_of_their_own() -> None:
    for template in resources.files("poise.templates").joinpath("desk").iterdir():
        if template.name.endswith(".html"):
            text = template.read_text(encoding="utf-8")
            assert not re.search(r"\son\w+=|\sstyle=|javascript:", text), template.name
            for script in re.findall(r"<script[^>]*>", text):
                assert "src=" in script or "application/json" in script


def test_both_languages_say_the_same_things() -> None:
    english, korean = (load_texts(language, TEXTS).entries for language in LANGUAGES)
    own = {key for key in english if key.startswith(("desk.", "live.", "error."))}
    assert english.keys() == korean.keys()
    for key in own:
        names = set(re.findall(r"{(\w+)}", english[key]))
        assert names == set(re.findall(r"{(\w+)}", korean[key])), key
        assert "지원자" not in korean[key]


def test_every_text_is_used() -> None:
    folder = resources.files("poise.templates").joinpath("desk")
    sources = [f.read_text(encoding="utf-8") for f in folder.iterdir() if "." in f.name]
    desk = resources.files("poise.desk")
    for room in (desk, desk.joinpath("rooms")):
        sources += [f.read_text(encoding="utf-8") for f in room.iterdir() if f.name.endswith(".py")]
    text = "\n".join(sources)
    built = ("desk.count.", "desk.status.", "desk.add.", "desk.purged.", "desk.batch.language.",
             "desk.table.", "desk.handout.", "desk.refused.", "desk.candidate.")  # fmt: skip
    for key in load_texts("en", TEXTS).entries:
        name = key.removesuffix(".one").removesuffix(".other")
        if key.startswith("desk.") and not key.startswith(built):
            assert name in text, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_loses_the_way_is_told_in_their_language(served: Served, language: str) -> None:
    served.desk.language = language
    answer = served.ask("/recording?id=none", Accept="text/html,*/*")
    text = answer.body.decode()
    assert answer.code == 404 and f'<html lang="{language}">' in text
    assert served.desk.texts("desk.refused.404") in text and 'href="/"' in text
    assert served.ask("/recording?id=none").body == b""  # asked by a script
    assert served.ask("/none", Accept="text/html").code == 404
