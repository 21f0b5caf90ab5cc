"""What a run says that it did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from poise.batch.outcomes import RunResult, without_duplicates
from poise.statuses import Status
from poise.storage.results.outcome import Outcome
from tests.batch.kit import Run, read_table, write_recordings
from tests.factories import make_outcome


def test_what_failed_and_what_was_lost_is_said_in_words(small_run: RunResult) -> None:
    table = read_table(small_run.output / "recordings.csv").set_index("recording_id")
    assert "holds no video stream" in table.loc["kim/3 sound.mp4", "error"]
    assert "breaks off at" in table.loc["kim/2 cut.mp4", "error"]
    assert pd.isna(table.loc["kim/1.mp4", "error"])
    assert pd.isna(table.loc["kim/3 sound.mp4", "coverage"])
    assert pd.isna(table.loc["kim/3 sound.mp4", "sampled_frames"])


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a": b"1", "b": b"2"}, 0),
        ({"a": b"1", "b": b"bad"}, 3),
        ({"a": b"bad 1", "b": b"bad 2"}, 4),
        ({}, 4),
    ],
    ids=["all done", "some failed", "none succeeded", "none found"],
)
def test_exit_codes(tmp_path: Path, analyse_here: Run, files: dict[str, bytes], code: int) -> None:
    (tmp_path / "in").mkdir()
    write_recordings(tmp_path / "in", **files)
    assert analyse_here().exit_code == code


def _named(outcome: Outcome, name: str, **changed: object) -> Outcome:
    recording = replace(outcome.recording, recording_id=name, **changed)  # type: ignore[arg-type]
    return replace(outcome, recording=recording)


def test_of_equal_files_of_a_candidate_one_stands(tmp_path: Path) -> None:
    read = make_outcome(tmp_path / "result", "kim/a.mp4")
    copy = _named(read, "kim/a (1).mp4")
    left = without_duplicates([copy, read])
    assert [o.status for o in left] == [Status.DUPLICATE, "done"]
    assert left[0].result is None and left[1] is read
    assert "kim/a.mp4" in left[0].message

    dated = _named(read, "kim/a (1).mp4", session_date="2026-11-06")
    assert [o.status for o in without_duplicates([dated, read])] == ["done", Status.DUPLICATE]

    others = [
        read,
        _named(read, "lee/a.mp4", candidate_id="lee"),
        _named(read, "kim/b.mp4", sha256="f0" * 32),
        replace(copy, status=Status.FAILED, result=None),
    ]
    assert without_duplicates(others) == others
