"""What a run says that it did."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from poise.batch.outcomes import RunResult
from tests.batch.kit import Run, read_table, write_recordings


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
