"""The routes of live practice: the page, and a recording that is kept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from poise.desk.batches import Batches
from poise.reports.locales import LANGUAGES
from tests.desk.kit import Served, serving

WEBM = b"\x1a\x45\xdf\xa3" + b"\x01\x00\x00\x00\x00\x00\x00\x1fB\x82\x84webm" + bytes(5000)
GIVEN = {
    "candidate": "이서연",
    "kind": "video/webm",
    "resting": "0.3-5.9",
    "asked": "0:6-20.5,1:20.5-33",
}


def first_set(there: Served) -> dict[str, Any]:
    """The first set of questions that a page is given."""
    page = there.ask("/live").body.decode()
    found = re.search(r'id="sets">(.*?)</script>', page, re.DOTALL)
    assert found
    first: dict[str, Any] = json.loads(found[1])[0]
    return first


def keeping(there: Served, **changes: str) -> str:
    """The address at which the page of a moment ago keeps its recording."""
    given = {**GIVEN, "set": str(first_set(there)["mark"]), **changes}
    return f"/live/recording?{urlencode(given)}"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Languages of the batches that were started; none is."""
    found: list[str] = []
    monkeypatch.setattr(Batches, "start", lambda self, language: found.append(language))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_in_the_readers_language(tmp_path: Path, language: str) -> None:
    with serving(tmp_path / "out", tmp_path / "in", language=language) as there:
        text = there.ask("/live").body.decode()
        assert there.desk.texts("live.before.stored") in text
        assert f'<html lang="{language}">' in text and "questions" in text


def test_a_centres_wrong_questions_are_told(served: Served) -> None:
    (served.desk.recordings / "questions.toml").write_text("[[sets]]", encoding="utf-8")
    text = served.ask("/live").body.decode()
    assert "cannot be used" in text and served.desk.texts("live.questions_trouble") in text


def test_a_recording_that_is_kept(served: Served, started: list[str]) -> None:
    answer = served.ask(keeping(served), "PUT", WEBM)
    assert answer.code == 200, answer.body
    name = answer.json()["recording"]
    kept = served.desk.recordings / name
    assert kept.read_bytes() == WEBM and kept.parent.name == "이서연"
    assert kept.stat().st_mode & 0o777 == 0o600
    segments = (served.desk.recordings / "segments.csv").read_text(encoding="utf-8-sig")
    assert segments.count(name) == 2
    for _ in range(100):
        if started:
            break
        served.ask("/static/desk.js")
    assert started == ["en"]
    report = served.ask(f"/live/report?{urlencode({'recording': name})}").json()
    assert report["state"] == "waiting"


def test_questions_are_those_that_were_asked(served: Served, started: list[str]) -> None:
    """Also where the centre has changed them since, or the desk is in another language now."""
    asked, address = first_set(served)["questions"], keeping(served)
    own = '[[sets]]\nlanguage = "en"\ntitle = "New"\nquestions = ["What now?", "And then?"]\n'
    (served.desk.recordings / "questions.toml").write_text(own, encoding="utf-8")
    assert first_set(served)["questions"] == ["What now?", "And then?"]
    assert served.ask(address, "PUT", WEBM).code == 200
    segments = (served.desk.recordings / "segments.csv").read_text(encoding="utf-8-sig")
    assert asked[0] in segments and "What now?" not in segments


@pytest.mark.parametrize(
    ("change", "body", "code"),
    [({"kind": "text/html"}, WEBM, 400), ({"asked": "0:1"}, WEBM, 400),
     ({"candidate": ""}, WEBM, 400),
     ({}, b"no recording" * 9, 409)],
)  # fmt: skip
def test_what_is_not_kept_leaves_nothing(
    served: Served, started: list[str], change: dict[str, str], body: bytes, code: int
) -> None:
    assert served.ask(keeping(served, **change), "PUT", body).code == code
    assert list(served.desk.recordings.rglob("*")) == [] and started == []
