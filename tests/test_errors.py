"""Errors: what they say, and that they survive the way from a worker."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from poise.errors import ModelError, PoiseError, ReportError, SettingsError, VideoError

KINDS = (PoiseError, SettingsError, VideoError, ModelError, ReportError)


@pytest.mark.parametrize("kind", KINDS)
def test_pickling_keeps_everything(kind: type[PoiseError]) -> None:
    error = kind("it is torn", remedy="Mend it.", path=Path("a/한 글.mp4"))
    error.add_note("where it happened")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (again.cause, again.remedy, again.path) == ("it is torn", "Mend it.", "a/한 글.mp4")
    assert again.__notes__ == ["where it happened"]
    assert str(again) == str(error)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_all_are_pipeline_errors(kind: type[PoiseError]) -> None:
    assert issubclass(kind, PoiseError)


def test_the_text_names_path_cause_and_remedy() -> None:
    error = VideoError("holds no video stream", remedy="Export it again.", path=Path("x.mp4"))
    assert str(error) == "x.mp4: holds no video stream. Export it again."


def test_the_text_needs_neither_path_nor_remedy() -> None:
    assert str(ModelError("no such class")) == "no such class"
