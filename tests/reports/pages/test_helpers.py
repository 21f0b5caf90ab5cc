"""What the templates of all pages may call, in the reader's language."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from poise.reports.locales import load_texts
from poise.reports.pages.helpers import class_rows, grouped, helpers, labels_of
from poise.reports.report_types import NotAnalysed
from tests.factories import make_candidate, make_failed, make_recording


def test_rows_of_the_figures_hold_all_that_was_seen(tmp_path: Path) -> None:
    recording = make_recording(tmp_path)
    assert recording.statistics is not None
    rows = class_rows(recording.statistics)
    assert {row.label: row.share for row in rows} == recording.statistics.shares
    assert [row.label for row in rows if row.apart] == ["surprise"]
    assert set(labels_of([recording, make_failed()])) == {row.label for row in rows}


@pytest.mark.parametrize(("frames", "told_hz"), [(495, 5), (500, 5), (450, 4.5), (73, 0.73)])
def test_pictures_a_second_are_those_that_were_there(
    tmp_path: Path, frames: int, told_hz: float
) -> None:
    statistics = make_recording(tmp_path).statistics
    assert statistics is not None
    given = helpers(load_texts("en"))
    seen = replace(statistics, sampled_frames=frames, duration_s=100.0)
    assert given["rate_of"](seen, 5.0) == told_hz


@pytest.mark.parametrize(
    ("smoothing_s", "told"),
    [
        (0.0, ""),
        (0.4, ", averaged over a second or two"),
        (4.0, ", averaged over about 10 seconds"),
    ],
)
def test_over_how_long_a_timeline_is_averaged(smoothing_s: float, told: str) -> None:
    assert helpers(load_texts("en"))["averaged"](smoothing_s) == told
    assert bool(helpers(load_texts("ko"))["averaged"](smoothing_s)) is bool(told)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_addresses_and_reasons(tmp_path: Path, language: str) -> None:
    given = helpers(load_texts(language))
    report = make_candidate([make_recording(tmp_path)], candidate_id="김 #1")
    assert given["report_url"](report) == "%EA%B9%80%20%231/report.html"
    assert given["file_name"](report.recordings[0]) == "mock-1.mp4"
    for ask in ("cause_of", "remedy_of"):
        assert given[ask]("vanished").endswith((".", "요.", "다."))


def test_what_was_not_analysed_stands_together_by_its_reason() -> None:
    left = [NotAnalysed(name=name, code=code) for name, code in
            (("a.zip", "archive"), ("b.mp3", "sound_only"), ("c.zip", "archive"))]  # fmt: skip
    assert "c.zip" in str(grouped(left)) and len(list(grouped(left))) == 2
