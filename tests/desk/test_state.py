"""The state of a desk: keys that let in once, and a secret of its own."""

from __future__ import annotations

from pathlib import Path

from poise.desk.state import Desk
from poise.reports.locales import LANGUAGES


def _desk(tmp_path: Path) -> Desk:
    return Desk(reports=tmp_path / "a", recordings=tmp_path / "b", port=1234)


def test_a_key_lets_in_once(tmp_path: Path) -> None:
    desk = _desk(tmp_path)
    first, second = desk.new_key(), desk.new_key()
    assert not desk.take_key("") and not desk.take_key(first[:-1]) and not desk.take_key("é")
    assert desk.take_key(first) and not desk.take_key(first)
    assert desk.take_key(second)


def test_the_secret_is_new_and_never_shown(tmp_path: Path) -> None:
    desk, other = _desk(tmp_path), _desk(tmp_path)
    assert desk.secret != other.secret and len(desk.secret) >= 40
    assert desk.secret not in repr(desk)
    assert desk.knows(desk.secret) and not desk.knows("") and not desk.knows("\ud800é")
    assert desk.cookie == "poise-desk-1234"


def test_its_texts_lie_over_those_of_the_reports(tmp_path: Path) -> None:
    desk = _desk(tmp_path)
    for language in LANGUAGES:
        desk.language = language
        assert desk.texts.has("desk.home") and desk.texts.has("error.unreadable.cause")
