from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poise.reports.drawing import geometry
from poise.reports.drawing.page_data import page_data
from poise.reports.locales import load_texts
from tests.factories import make_answers, make_candidate, make_failed, make_recording


def test_what_a_script_reads_is_what_was_measured(tmp_path: Path) -> None:
    recording = make_recording(tmp_path)
    data = page_data(make_candidate([make_failed(), recording]), load_texts("en"))
    (packed,) = json.loads(json.dumps(data))["recordings"]
    series = recording.series
    assert series is not None and packed["number"] == 2
    times = np.frombuffer(base64.b64decode(packed["times"]), "<u4")
    values = np.frombuffer(base64.b64decode(packed["classes"]["values"]), np.uint8)
    values = values.reshape(len(series.labels), len(times))
    seen = (values != 255).all(axis=0)
    assert times[seen] == pytest.approx(np.round(series.pts_s * 1000))
    assert np.abs(values[:, seen].T / 250 - series.smoothed).max() <= 0.002 + 1e-6
    assert [row["label"] for row in packed["classes"]["rows"]] == list(series.labels)
    assert sum(map(len, packed["episodes"].values())) == len(recording.episodes)


def test_no_line_is_drawn_across_a_gap(tmp_path: Path) -> None:
    recording = make_recording(tmp_path)
    assert recording.series is not None
    data = page_data(make_candidate([recording]), load_texts("ko"))
    times = np.frombuffer(base64.b64decode(data["recordings"][0]["times"]), "<u4")
    values = np.frombuffer(base64.b64decode(data["recordings"][0]["classes"]["values"]), np.uint8)
    gaps = np.flatnonzero(np.diff(recording.series.pts_s) > 1.0)
    blank = np.flatnonzero(values[: len(times)] == 255)
    assert len(blank) == len(gaps) > 0
    assert (np.diff(times.astype(int)) > 0).all()


def test_times_of_a_century_fit(tmp_path: Path) -> None:
    """Beyond 49 days the steps are coarser; they never wrap around."""
    recording = make_recording(tmp_path, duration_s=60)
    assert recording.series is not None
    far_s = 3.2e9
    pts_s = np.append(recording.series.pts_s[:-1], far_s)
    data = page_data(
        make_candidate([replace(recording, series=replace(recording.series, pts_s=pts_s))]),
        load_texts("en"),
    )
    (packed,) = data["recordings"]
    times = np.frombuffer(base64.b64decode(packed["times"]), "<u4").astype(float)
    assert (np.diff(times) >= 0).all() and packed["step"] > 1
    assert times[-1] * packed["step"] / 1000 == pytest.approx(far_s, rel=1e-6)
    assert packed["duration"] == pytest.approx(far_s)


def test_the_chart_has_the_shape_of_the_drawing(tmp_path: Path) -> None:
    data = page_data(make_candidate([make_recording(tmp_path)]), load_texts("en"))
    shape = data["geometry"]
    assert shape["name"] + shape["curve"] + shape["bar"] == geometry.ROW_PX
    assert shape["empty"] == geometry.EMPTY_PX and shape["answers"] == geometry.ANSWERS_PX
    (packed,) = data["recordings"]
    assert len(packed["unseen"]) == 2 and packed["step"] == 1


def test_what_is_left_out_is_told_apart_from_what_was_not_seen(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, duration_s=100)
    hidden = replace(recording, excluded=(recording.unseen[0], (1e6, 2e6)))
    (packed,) = page_data(make_candidate([hidden]), load_texts("en"))["recordings"]
    start_s, end_s = recording.unseen[0]
    assert packed["excluded"] == [[round(start_s, 2), round(end_s, 2)]]
    assert len(packed["unseen"]) == len(recording.unseen) - 1


def test_without_series_there_is_nothing_to_read(tmp_path: Path) -> None:
    recording = replace(make_recording(tmp_path), series=None)
    assert page_data(make_candidate([recording]), load_texts("en"))["recordings"] == []


def test_answers_lie_below_the_rows(tmp_path: Path) -> None:
    recording = make_answers(make_recording(tmp_path, duration_s=600))
    data = page_data(make_candidate([recording]), load_texts("en"))
    (packed,) = data["recordings"]
    assert packed["answers"] == [[a.number, a.start_s, a.end_s] for a in recording.answers]
