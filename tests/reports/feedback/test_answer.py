"""Each rule of the feedback on an answer speaks of what the data show and of nothing else."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from poise.reports.feedback import answer as rules
from poise.reports.feedback.answer import feedback_on_answer
from poise.reports.feedback.remarks import Remark
from poise.reports.locales import LANGUAGES, load_texts
from poise.reports.report_types import RecordingReport
from poise.reports.sentences import remark_sentence
from tests.factories import make_answers
from tests.reports.feedback.test_recording import FORBIDDEN, Script, scripted

ANSWER_S, QUESTION_S = 100.0, 10.0  # of an answer with its question


def interview(script: Script, count: int = 3, **figures: object) -> RecordingReport:
    """Answers at 10 to 100 s, 110 to 200 s and so on."""
    recording = scripted(script, count * ANSWER_S, **figures)
    return make_answers(recording, count, question_s=QUESTION_S)


def said_of(script: Script, number: int = 1) -> tuple[list[Remark], list[Remark]]:
    recording = interview(script)
    said = feedback_on_answer(recording.answers[number - 1], recording)
    return said.remarks, said.advice


def kinds(remarks: list[Remark]) -> list[str]:
    return [remark.kind for remark in remarks]


def test_a_quiet_answer_has_a_beginning_to_look_at() -> None:
    remarks, advice = said_of(lambda t: "neutral")
    assert kinds(remarks) == ["quiet"] and kinds(advice) == ["begin"]
    assert (advice[0].start_s, advice[0].end_s) == (10, 20)


def test_of_a_recording_that_shows_too_little_nothing_is_said() -> None:
    recording = interview(lambda t: "positive", usable_frames=200, coverage=200 / 1500)
    said = feedback_on_answer(recording.answers[0], recording)
    assert said.remarks == said.advice == []


def test_the_longest_stretch_is_cut_at_the_ends_of_the_answer() -> None:
    remarks, advice = said_of(lambda t: "positive" if 95 <= t < 108 or 50 <= t < 52 else "neutral")
    (stretch,) = [remark for remark in remarks if remark.kind == "stretch"]
    assert (stretch.label, stretch.start_s) == ("positive", pytest.approx(95, abs=0.2))
    assert stretch.end_s == pytest.approx(100)
    assert kinds(advice) == ["like"] and advice[0].start_s == stretch.start_s


def test_a_blink_of_an_expression_is_no_stretch() -> None:
    remarks, _ = said_of(lambda t: "negative" if 50 <= t < 50.8 else "neutral")
    assert kinds(remarks) == ["quiet"]


def test_where_nothing_lasts_it_is_said_so() -> None:
    labels = ("negative", "surprise")
    remarks, _ = said_of(lambda t: labels[int(t / 0.6) % 2])
    assert kinds(remarks) == ["brisk"]


@pytest.mark.parametrize(("shown_s", "named"), [(10.0, False), (40.0, True)])
def test_an_answer_that_differs_from_the_others(shown_s: float, named: bool) -> None:
    remarks, advice = said_of(lambda t: "negative" if 120 <= t < 120 + shown_s else "neutral", 2)
    assert ("differs" in kinds(remarks)) is named
    if named:
        assert remarks[0].share == pytest.approx(shown_s / 90, abs=0.02) and remarks[0].other == 0
    assert kinds(advice) == ["look"]


def test_short_answers_are_not_compared() -> None:
    """Fifty seconds of a usable face are no figure; a moment can still be pointed to."""
    recording = scripted(lambda t: "positive" if t < 40 else "neutral", 180)
    recording = make_answers(recording, 3, question_s=10)
    said = feedback_on_answer(recording.answers[0], recording)
    assert kinds(said.remarks) == ["stretch", "began"]


@pytest.mark.parametrize("hidden", [False, True])
def test_what_is_excluded_of_an_answer_is_not_hidden(hidden: bool) -> None:
    """Of ninety seconds sixty are excluded, in two stretches that overlap."""
    recording = interview(lambda t: "neutral")
    first, *others = recording.answers
    whole = replace(first.whole, duration_s=30.0, coverage=0.2 if hidden else 1.0)
    cut = replace(
        recording,
        answers=[replace(first, whole=whole), *others],
        excluded=((40.0, 70.0), (0.0, 5.0), (30.0, 90.0)),
    )
    said = feedback_on_answer(cut.answers[0], cut)
    assert kinds(said.remarks) == (["hidden"] if hidden else ["quiet"])
    if hidden:
        assert said.remarks[0].share == pytest.approx(0.2)
    out = replace(cut, excluded=((0.0, 200.0),))
    assert not feedback_on_answer(out.answers[0], out).remarks


def test_a_hidden_face_is_all_that_is_said() -> None:
    recording = interview(lambda t: "positive" if t >= 100 else "neutral")
    series = recording.series
    assert series is not None
    seen = series.pts_s > 90
    cut = replace(
        recording,
        series=replace(series, pts_s=series.pts_s[seen], smoothed=series.smoothed[seen],
                       label_column=series.label_column[seen],
                       emotion=series.emotion[seen]),
    )  # fmt: skip
    cut = make_answers(cut, 3, question_s=QUESTION_S)
    said = feedback_on_answer(cut.answers[0], cut)
    assert kinds(said.remarks) == ["hidden"] and said.advice == []
    assert said.remarks[0].share == pytest.approx(1 / 9, abs=0.02)


def test_how_an_answer_began_and_ended() -> None:
    remarks, _ = said_of(lambda t: "positive" if 10 <= t < 13 or 97 <= t < 100 else "neutral")
    assert kinds(remarks) == ["stretch", "began", "ended"]
    assert (remarks[1].start_s, remarks[1].end_s) == (10, 20)
    assert (remarks[2].start_s, remarks[2].end_s) == (90, 100)


@pytest.mark.parametrize(
    ("label", "kind"), [("negative", "look"), ("surprise", "look_apart"), ("positive", "like")]
)
def test_each_expression_has_something_to_try(label: str, kind: str) -> None:
    _, (piece,) = said_of(lambda t: label if 40 <= t < 43 else "neutral")
    assert (piece.kind, piece.label) == (kind, label)
    assert piece.start_s == pytest.approx(40, abs=0.2)


def all_remarks() -> list[Remark]:
    """A remark of each kind about each label."""
    made = [Remark(kind="hidden", share=0.2), Remark(kind="quiet"), Remark(kind="brisk")]
    made += [Remark(kind=k, start_s=61, end_s=71) for k in ("began", "ended", "begin")]
    for label in ("positive", "negative", "surprise"):
        kinds = ("differs", "stretch", "look", "look_apart", "like")
        for share, other in ((0.4, 0.1), (0.4, 0.0), (0.0, 0.4)):
            made += [
                Remark(kind=kind, label=label, share=share, other=other, start_s=61, end_s=75)
                for kind in kinds
            ]
    return made


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_remark_is_a_sentence_that_finds_nothing_about_the_person(language: str) -> None:
    statistics = interview(lambda t: "neutral").statistics
    assert statistics is not None
    for remark in all_remarks():
        sentence = remark_sentence(remark, statistics, load_texts(language))
        assert sentence.endswith(".") and "{" not in sentence and "  " not in sentence
        assert not re.search(FORBIDDEN[language], sentence, re.IGNORECASE), sentence
        assert not re.search(r"(?<!\d)0%", sentence), sentence


def test_every_rule_stands_in_the_table_of_the_module() -> None:
    assert rules.__doc__ is not None
    for kind in {remark.kind for remark in all_remarks()}:
        assert f"`{kind}`" in rules.__doc__
