"""From feedback to sentences of a language."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from poise.remarks import REMARKS, ReadingRemark
from poise.reports.feedback.remarks import Remark
from poise.reports.locales import Texts, load_texts
from poise.reports.sentences import (
    baseline_sentence,
    capitalised,
    mix_sentence,
    reading_sentence,
    recording_title,
    remark_sentence,
)
from poise.types import Baseline
from tests.factories import make_candidate, make_recording

VALUES: dict[str, dict[str, str | int | float]] = {
    "stream_chosen": {"count": 2, "stream": 1},
    "sound_chosen": {"count": 2, "number": 1},
    "turned": {"degrees": 90},
    "other_decoder": {"decoder": "pyav", "cause": "it hangs", "other": "decord", "from_s": 2.0},
    "uncertain_face": {"total_s": 3.0},
    "unheard": {"total_s": 40.0},
    "rest_unused": {"start_s": 2.0, "end_s": 8.0},
    "sparse": {"interval_s": 1.5},
    "no_picture": {"start_s": 2.0, "end_s": 12.0},
    "more_without_picture": {"count": 3, "total_s": 9.0},
}


@pytest.fixture(params=["en", "ko"])
def texts(request: pytest.FixtureRequest) -> Texts:
    return load_texts(str(request.param))


@pytest.mark.parametrize("code", REMARKS)
def test_every_remark_on_the_reading_is_a_sentence(texts: Texts, code: str) -> None:
    said = reading_sentence(ReadingRemark(code=code, values=VALUES.get(code, {})), texts)
    assert said and "{" not in said and said[-1] in ".다요" + "."


def test_a_mix_names_what_was_seen_most_first(tmp_path: Path) -> None:
    statistics = make_recording(tmp_path).statistics
    assert statistics is not None
    shares = {"positive": 0.2, "neutral": 0.7, "negative": 0.0, "surprise": 0.1}
    said = mix_sentence(replace(statistics, shares=shares), load_texts("en"))
    assert said.index("70") < said.index("20") < said.index("10")
    assert said.count(".") >= 2  # and that a frown was not seen


@pytest.mark.parametrize(("end_s", "told"), [(8.8, "00:08 to 00:09"), (11.0, "00:08 to 00:11")])
def test_a_short_stretch_does_not_end_where_it_begins(
    tmp_path: Path, end_s: float, told: str
) -> None:
    statistics = make_recording(tmp_path).statistics
    assert statistics is not None
    remark = Remark(kind="smile", label="positive", start_s=8.0, end_s=end_s)
    assert told in remark_sentence(remark, statistics, load_texts("en"))


def test_a_recording_is_called_by_its_day_or_else_by_its_file(tmp_path: Path) -> None:
    texts = load_texts("en")
    one = make_recording(tmp_path / "a", recording_id="kim/a.mp4", session_date="2026-11-20")
    two = make_recording(tmp_path / "b", recording_id="kim/b.mp4", session_date="2026-11-20")
    report = make_candidate([one, two])
    assert "a.mp4" in recording_title(one, report, texts)
    alone = make_candidate([one])
    assert "a.mp4" not in recording_title(one, alone, texts)
    undated = replace(one, session_date="")
    assert recording_title(undated, make_candidate([undated]), texts) == "a.mp4"


def test_of_a_baseline_that_is_not_sure_nothing_is_said(texts: Texts) -> None:
    assert baseline_sentence(None, texts) == baseline_sentence(Baseline(), texts) == ""


def test_only_the_first_letter_is_made_a_capital() -> None:
    assert capitalised("a smile at Kim") == "A smile at Kim" and capitalised("") == ""
