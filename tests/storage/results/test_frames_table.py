"""The table of frames, from the arrays that an analysis left."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from poise.spoken import Segment
from poise.storage.results.frames_table import frames_table, usable_gaps, usable_times
from poise.storage.table_schema import frames_schema
from tests.factories import SCHEME, make_analysis


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What was seen of 40 seconds, with two gaps, by name."""
    frames = make_analysis().frames
    values = {field.name: getattr(frames, field.name) for field in fields(frames)}
    return {name: value for name, value in values.items() if value is not None}


def test_a_row_for_every_sampled_frame(seen: dict[str, Any]) -> None:
    table = frames_table(seen, SCHEME, 1.0, 0.2)
    assert list(table) == [column.name for column in frames_schema(SCHEME)][1:]
    assert len(table) == len(seen["pts_s"])
    assert table["face_found"].sum() == len(seen["shown_frame"])
    assert table["usable"].sum() == len(seen["usable_frame"])
    assert not (table["usable"] & ~table["face_found"]).any()
    usable = table[table["usable"]]
    emotions = [f"emotion_p_{name}" for name in SCHEME.emotions]
    np.testing.assert_allclose(usable[emotions].sum(axis=1), 1, atol=1e-4)
    assert table.loc[~table["usable"], emotions].isna().all(axis=None)


def test_frames_know_their_segment(seen: dict[str, Any]) -> None:
    answer = Segment(kind="answer", label="", start_s=10.0, end_s=20.0, source="table")
    table = frames_table(seen, SCHEME, 1.0, 0.2, [answer])
    inside = (table["pts_ms"] >= 10_000) & (table["pts_ms"] < 20_000)
    assert (table.loc[inside, "segment"] == 1).all() and table.loc[~inside, "segment"].isna().all()


def test_what_an_earlier_analysis_did_not_keep_is_missing(seen: dict[str, Any]) -> None:
    kept = {n: v for n, v in seen.items() if n not in ("landmarks", "sharpness", "brightness")}
    table = frames_table(kept, SCHEME, 1.0, 0.2)
    assert table[["left_eye_x_px", "sharpness", "brightness"]].isna().all(axis=None)


def test_times_are_whole_milliseconds(seen: dict[str, Any]) -> None:
    times = usable_times(seen)
    np.testing.assert_array_equal(times, times.round(3))
    assert len(times) == len(seen["usable_frame"]) == len(usable_gaps(seen)) + 1
