"""Each rule of the feedback speaks of what the data show and of nothing else, in both languages."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from poise.labels import QUALITY_FLAGS
from poise.reports.feedback import recording as rules
from poise.reports.feedback.recording import feedback_on
from poise.reports.feedback.remarks import Feedback, Remark
from poise.reports.locales import LANGUAGES, load_texts
from poise.reports.report_types import RecordingReport
from poise.reports.sentences import remark_sentence
from poise.timeline.episodes import find_episodes
from poise.types import Series
from tests.factories import LABELS, make_answers, make_faceless, make_failed, make_statistics

Script = Callable[[float], str]  # time in seconds to the apparent expression


def scripted(script: Script, duration_s: float, **figures: object) -> RecordingReport:
    """A recording whose expression follows a script, at five samples per second."""
    pts_s = np.arange(0, duration_s, 0.2)
    smoothed = np.full((len(pts_s), len(LABELS)), 0.02, np.float32)
    for k, time_s in enumerate(pts_s):
        smoothed[k, LABELS.index(script(float(time_s)))] = 0.94
    episodes = find_episodes(pts_s, smoothed, LABELS, interval_s=0.2, min_duration_s=0.8)
    statistics = make_statistics(duration_s, episodes, coverage=1.0, flags={"dark": 0.0})
    series = Series(
        pts_s=pts_s,
        labels=LABELS,
        smoothed=smoothed,
        label_column=smoothed.argmax(axis=1),
        emotions=LABELS,
        emotion=smoothed,
    )
    return replace(
        make_faceless(duration_s=duration_s),
        statistics=replace(statistics, **figures),  # type: ignore[arg-type]
        episodes=episodes,
        series=series,
    )


def kinds(said: Feedback) -> list[str]:
    return [remark.kind for remark in said.remarks]


def advice(said: Feedback) -> list[str]:
    return [piece.kind for piece in said.advice]


def only(remarks: list[Remark], kind: str) -> Remark:
    (remark,) = [remark for remark in remarks if remark.kind == kind]
    return remark


def now_and_then(time_s: float) -> str:
    """A second of smile in every ten, from the beginning."""
    return "positive" if time_s % 10 < 1 else "neutral"


def test_nothing_is_said_without_a_face() -> None:
    assert feedback_on(make_faceless()) == Feedback()
    assert feedback_on(make_failed()) == Feedback()


def test_a_quiet_recording_still_names_a_moment_and_something_to_try() -> None:
    said = feedback_on(scripted(now_and_then, 180))
    assert kinds(said) == ["mix", "longest"]
    assert advice(said) == ["smile"]
    piece = only(said.advice, "smile")
    assert piece.end_s - piece.start_s == pytest.approx(1, abs=0.3)


def test_without_any_moment_changes_are_counted() -> None:
    said = feedback_on(scripted(lambda t: "neutral", 180))
    assert kinds(said) == ["mix", "changes"]


@pytest.mark.parametrize(("duration_s", "brief"), [(12.0, True), (59.8, True), (61.0, False)])
def test_of_less_than_a_minute_nothing_is_said(duration_s: float, brief: bool) -> None:
    def script(time_s: float) -> str:
        return "positive" if time_s % 3 < 1.5 else "negative"

    said = feedback_on(scripted(script, duration_s), [scripted(now_and_then, 100)])
    assert (kinds(said) == ["brief"]) is brief
    if brief:
        assert only(said.remarks, "brief").seconds == pytest.approx(min(duration_s, 59))
        assert advice(said) == ["longer"]


def test_what_a_crowd_leaves_of_a_face_is_no_headline() -> None:
    """Four seconds of a usable face in two minutes."""
    said = feedback_on(scripted(now_and_then, 120, usable_frames=20, coverage=20 / 600))
    assert kinds(said) == ["brief"]


def test_brief_recordings_are_compared_with_nothing() -> None:
    said = feedback_on(scripted(now_and_then, 100), [scripted(lambda t: "positive", 30)])
    assert not {"earlier", "alike"} & set(kinds(said))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_surprised_look_gets_words_of_its_own(language: str) -> None:
    recording = scripted(lambda t: "surprise" if 20 <= t < 100 else "neutral", 180)
    said = feedback_on(recording)
    assert only(said.remarks, "longest").label == "surprise"
    piece = only(said.advice, "apart")
    assert (piece.label, piece.start_s) == ("surprise", pytest.approx(20))
    assert "choose" not in advice(said) and "steady" not in advice(said)
    texts = load_texts(language)
    assert recording.statistics is not None
    for remark in (*said.remarks, *said.advice):
        assert "{" not in remark_sentence(remark, recording.statistics, texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_visible_in_no_percent(language: str) -> None:
    """Where a share is nothing it is said so, not as a figure."""
    texts = load_texts(language)
    recording = scripted(lambda t: "neutral", 100)
    smiling = scripted(lambda t: "positive" if 20 <= t < 80 else "neutral", 100)
    for now, before in ((recording, smiling), (smiling, recording)):
        assert now.statistics is not None
        said = feedback_on(now, [before])
        for remark in (*said.remarks, *said.advice):
            sentence = remark_sentence(remark, now.statistics, texts)
            assert not re.search(r"(?<!\d)0%", sentence), sentence


def test_a_claim_of_a_century_takes_no_memory() -> None:
    recording = scripted(now_and_then, 100)
    series = recording.series
    assert series is not None
    far = replace(series, pts_s=np.where(np.arange(500) < 250, series.pts_s, series.pts_s + 3e9))
    tracemalloc.start()
    feedback_on(replace(recording, series=far))
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_minute_that_stands_out() -> None:
    def script(time_s: float) -> str:
        return "negative" if 120 <= time_s < 180 and time_s % 3 < 2 else now_and_then(time_s)

    remark = only(feedback_on(scripted(script, 360)).remarks, "minute")
    assert (remark.label, remark.start_s, remark.end_s) == ("negative", 120, 180)
    assert remark.share == pytest.approx(0.67, abs=0.02)
    assert remark.other == 0


def test_a_minute_is_compared_with_all_of_the_rest() -> None:
    """Also with the last half minute, too short to be a minute that stands out."""

    def script(time_s: float) -> str:
        return "positive" if 60 <= time_s < 120 or time_s >= 200 else "neutral"

    remark = only(feedback_on(scripted(script, 210)).remarks, "minute")
    assert (remark.start_s, remark.share) == (60, 1)
    assert remark.other == pytest.approx(10 / 150)


def test_a_minute_counts_what_shares_count() -> None:
    """The labels of single frames, not what prevails once they are smoothed."""
    recording = scripted(lambda t: "positive" if 60 <= t < 120 else "neutral", 210)
    series = recording.series
    assert series is not None
    flat = replace(series, smoothed=np.full_like(series.smoothed, 1 / len(LABELS)))
    remark = only(feedback_on(replace(recording, series=flat)).remarks, "minute")
    assert (remark.start_s, remark.share, remark.other) == (60, 1, 0)


@pytest.mark.parametrize(("share", "named"), [(0.20, False), (0.40, True)])
def test_a_minute_must_differ_clearly(share: float, named: bool) -> None:
    def script(time_s: float) -> str:
        return "positive" if 60 <= time_s < 120 and time_s % 5 < 5 * share else "neutral"

    said = feedback_on(scripted(script, 300))
    assert ("minute" in kinds(said)) is named


def test_less_than_a_minute_is_not_compared_with_the_rest() -> None:
    """Twenty seconds of a short recording are a stretch, and no figure."""

    def script(time_s: float) -> str:
        return "positive" if 40 <= time_s < 60 else "neutral"

    said = feedback_on(scripted(script, 100))
    assert kinds(said) == ["mix", "longest"]


@pytest.mark.parametrize(
    ("length_s", "restless", "named"),
    [(2.0, False, True), (4.0, False, True), (2.0, True, False), (4.0, True, True)],
)
def test_the_longest_stretch(length_s: float, restless: bool, named: bool) -> None:
    """A short one is named only where no minute stands out."""

    def script(time_s: float) -> str:
        if 12 <= time_s < 12 + length_s:
            return "positive"
        return "negative" if restless and 120 <= time_s < 180 and time_s % 2 < 1 else "neutral"

    said = feedback_on(scripted(script, 360))
    assert ("minute" in kinds(said)) is restless
    assert ("longest" in kinds(said)) is named
    if named:
        remark = only(said.remarks, "longest")
        assert remark.label == "positive"
        assert remark.start_s == pytest.approx(12)
        assert remark.end_s == pytest.approx(12 + length_s, abs=0.3)


@pytest.mark.parametrize(("before", "named"), [(0.15, False), (0.45, True)])
def test_earlier_recordings(before: float, named: bool) -> None:
    earlier = scripted(lambda t: "positive" if t % 10 < 10 * before else "neutral", 100)
    said = feedback_on(scripted(now_and_then, 100), [earlier])
    assert ("earlier" in kinds(said)) is named
    assert ("alike" in kinds(said)) is not named
    if named:
        remark = only(said.remarks, "earlier")
        assert remark.label == "positive"
        assert remark.share == pytest.approx(0.1, abs=0.02)
        assert remark.other == pytest.approx(before, abs=0.02)


def test_nothing_is_new_that_a_brief_earlier_recording_showed() -> None:
    now = scripted(lambda t: "positive" if t % 10 < 2 else "neutral", 100)
    long, brief = scripted(lambda t: "neutral", 100), scripted(now_and_then, 50)
    assert only(feedback_on(now, [long]).remarks, "earlier").other == 0
    assert not {"earlier", "alike"} & set(kinds(feedback_on(now, [long, brief])))


def test_earlier_recordings_without_a_face_are_no_comparison() -> None:
    said = feedback_on(scripted(now_and_then, 100), [make_faceless(), make_failed()])
    assert not {"earlier", "alike"} & set(kinds(said))


@pytest.mark.parametrize(("share", "given"), [(0.05, False), (0.22, True)])
def test_what_made_the_face_hard_to_read(share: float, given: bool) -> None:
    said = feedback_on(scripted(now_and_then, 100, flag_shares={"blurred": 0.01, "dark": share}))
    assert ("flag" in advice(said)) is given
    if given:
        assert only(said.advice, "flag").label == "dark"


def test_a_tense_stretch_is_to_be_watched() -> None:
    said = feedback_on(scripted(lambda t: "negative" if 30 <= t < 35 else now_and_then(t), 120))
    piece = only(said.advice, "tense")
    assert piece.start_s == pytest.approx(30)
    assert piece.end_s == pytest.approx(35, abs=0.3)


@pytest.mark.parametrize(("begins_s", "given"), [(0.0, False), (40.0, True)])
def test_an_opening_without_a_smile(begins_s: float, given: bool) -> None:
    def script(time_s: float) -> str:
        return "positive" if time_s >= begins_s and time_s % 10 < 2 else "neutral"

    said = feedback_on(scripted(script, 120))
    assert ("opening" in advice(said)) is given


def later(recording: RecordingReport, start_s: float) -> RecordingReport:
    """The same recording, of which a player shows the first picture at a time."""
    series, statistics = recording.series, recording.statistics
    assert series is not None and statistics is not None
    return replace(
        recording,
        series=replace(series, pts_s=series.pts_s + start_s),
        statistics=replace(statistics, start_s=start_s, end_s=statistics.end_s + start_s),
        unseen=[(0.0, start_s), *((a + start_s, b + start_s) for a, b in recording.unseen)],
    )


def test_the_opening_is_where_the_pictures_begin() -> None:
    smiling = scripted(lambda t: "positive" if t >= 40 and t % 10 < 2 else "neutral", 120)
    piece = only(feedback_on(later(smiling, 3600.0)).advice, "opening")
    assert piece.start_s == 3600


def test_what_is_hard_to_read_is_not_where_no_picture_is() -> None:
    dark = scripted(now_and_then, 100, flag_shares={"dark": 0.22})
    dark = later(replace(dark, unseen=[(50.0, 60.0)]), 3600.0)
    piece = only(feedback_on(dark).advice, "flag")
    assert (piece.start_s, piece.end_s) == (3650, 3660)


@pytest.mark.parametrize(("ends_s", "given"), [(180.0, False), (160.0, True)])
def test_a_closing_without_a_smile(ends_s: float, given: bool) -> None:
    said = feedback_on(
        scripted(lambda t: "positive" if t % 10 < 2 and t < ends_s else "neutral", 180)
    )
    assert ("closing" in advice(said)) is given
    if given:
        piece = only(said.advice, "closing")
        assert (piece.start_s, piece.end_s) == (pytest.approx(169.8), pytest.approx(179.8))


def interview(script: Script, count: int = 4) -> RecordingReport:
    """Answers at 10 to 60 s, 70 to 120 s and so on, each after a question of ten seconds."""
    return make_answers(scripted(script, 60.0 * count), count, question_s=10)


def in_answer(time_s: float) -> float:
    """Seconds since the answer began; negative while the question is asked."""
    return time_s % 60 - 10


@pytest.mark.parametrize(
    ("begin", "end", "given"),
    [(False, True, ["opening"]), (True, False, ["closing"]), (True, True, []),
     (False, False, ["opening", "closing"])],
)  # fmt: skip
def test_answers_that_begin_or_end_without_a_smile(
    begin: bool, end: bool, given: list[str]
) -> None:
    def script(time_s: float) -> str:
        at_s = in_answer(time_s)
        smiles = 20 <= at_s < 24 or (begin and 0 <= at_s < 4) or (end and 46 <= at_s < 50)
        return "positive" if smiles else "neutral"

    said = feedback_on(interview(script))
    assert [kind for kind in advice(said) if kind in ("opening", "closing")] == given
    remark = only(said.remarks, "ends")
    assert (remark.number, remark.middle, remark.last) == (4 * begin, 4, 4 * end)
    assert remark.total == 4
    for piece in said.advice:
        assert piece.start_s is not None and piece.end_s is not None
        if piece.kind == "opening":
            assert (piece.start_s, piece.end_s) == (10, 20)  # of the first answer
        if piece.kind == "closing":
            assert (piece.start_s, piece.end_s) == (230, 240)  # of the last


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_some_answers_it_is_not_said_that_they_are_all(language: str) -> None:
    """Three answers of fifty seconds, of which the first is cut to five."""
    recording = interview(lambda t: "positive" if 20 <= in_answer(t) < 24 else "neutral")
    assert recording.statistics is not None
    first, *others = recording.answers
    short = replace(first, end_s=first.start_s + 5, first=None, last=None)
    for answers, which in ((recording.answers, "all"), ([short, *others], "compared")):
        said = feedback_on(replace(recording, answers=answers))
        told = [only(said.remarks, "ends"), only(said.advice, "opening")]
        assert [one.total for one in told] == [4, 4] if which == "all" else [3, 3]
        texts = load_texts(language)
        for one in told:
            assert texts(f"feedback.which.{which}") in remark_sentence(
                one, recording.statistics, texts
            )


@pytest.mark.parametrize(("length_s", "named"), [(10.0, False), (40.0, True)])
def test_the_answer_that_differs_most(length_s: float, named: bool) -> None:
    """Answers at 10 to 100 s, 110 to 200 s, 210 to 300 s."""

    def script(time_s: float) -> str:
        if 110 <= time_s < 110 + length_s:
            return "negative"
        return "positive" if 220 <= time_s < 230 else "neutral"

    said = feedback_on(make_answers(scripted(script, 300), 3, question_s=10))
    assert ("answer" in kinds(said)) is named
    if named:
        remark = only(said.remarks, "answer")
        assert (remark.number, remark.label, remark.start_s) == (2, "negative", 110)
        assert remark.share == pytest.approx(length_s / 90, abs=0.02) and remark.other == 0


def test_ends_of_answers_are_counted_not_given_as_figures() -> None:
    said = feedback_on(interview(lambda t: "positive" if in_answer(t) < 4 else "neutral"))
    remark = only(said.remarks, "ends")
    assert remark.share == remark.other == 0
    assert "minute" not in kinds(said)  # answers are what is spoken of


@pytest.mark.parametrize(("count", "named"), [(4, False), (8, True)])
def test_speaking_beside_listening(count: int, named: bool) -> None:
    """Forty seconds of listening are too little to be compared, eighty are not."""
    said = feedback_on(interview(lambda t: "positive" if in_answer(t) < 0 else "neutral", count))
    assert ("states" in kinds(said)) is named
    if named:
        remark = only(said.remarks, "states")
        assert (remark.label, remark.share) == ("positive", pytest.approx(1, abs=0.05))
        assert remark.other == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    "script",
    [lambda t: "neutral", now_and_then, lambda t: "negative" if t % 20 < 1 else "neutral",
     lambda t: "surprise" if t % 6 < 2 else "neutral"],
)  # fmt: skip
@pytest.mark.parametrize("duration_s", [30, 200])
def test_every_advice_has_a_moment_to_look_at(script: Script, duration_s: float) -> None:
    recording = scripted(script, duration_s)
    for flags in ({}, {"dark": 0.3}):
        assert recording.statistics is not None
        flagged = replace(
            recording, statistics=replace(recording.statistics, flag_shares=flags),
            unseen=[(3.0, 4.0), (7.0, 12.0)] if flags else [],
        )  # fmt: skip
        said = feedback_on(flagged)
        assert said.advice
        for piece in said.advice:
            assert piece.start_s is not None and piece.end_s is not None, piece
            assert piece.start_s < piece.end_s
            if piece.kind == "flag":
                assert (piece.start_s, piece.end_s) == (7, 12)


def test_hardly_any_change() -> None:
    said = feedback_on(scripted(lambda t: "neutral", 120))
    assert advice(said) == ["steady"]


@pytest.mark.parametrize("seed", range(6))
def test_three_to_five_sentences_whatever_happens(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plan = rng.choice(LABELS, size=60, p=[0.3, 0.4, 0.25, 0.05])
    recording = scripted(lambda t: str(plan[int(t // 5) % 60]), float(rng.integers(80, 400)))
    said = feedback_on(recording, [scripted(now_and_then, 100)] if seed % 2 else [])
    assert 3 <= len(said.remarks) + len(said.advice) <= 5
    assert said.advice


# As a finding about a person none of this may ever be said, in no language.
FORBIDDEN = {
    "en": r"\b(felt|feel\w*|nervous\w*|honest\w*|confiden\w*|lying|lie[sd]?|sincer\w*|trustworth\w*"
    r"|intelligen\w*|competen\w*|personalit\w*|mood\w*|happy|sad|angry|afraid|anxious|stress\w*"
    r"|better|worse|good|bad|score\w*|rank\w*|fail\w*|weak\w*|you (?:are|were) \w+)\b",
    "ko": r"느[끼꼈낀]|감정|긴장해|긴장하|불안|정직|자신감|거짓|진실|성격|기분|능력|점수|순위|"
    r"등수|우수|부족|훌륭|나쁘|나쁜|합격|불합격|행복|슬프|슬픔|화가|두려",
}


def all_remarks() -> list[Remark]:
    """A remark of each kind about each label and flag."""
    made = [Remark(kind=kind) for kind in ("mix", "alike", "changes", "steady", "choose", "longer")]
    made.append(Remark(kind="brief", seconds=12))
    made.append(Remark(kind="apart", label="surprise", start_s=61, end_s=75))
    for label in ("positive", "negative"):
        made += [
            Remark(kind=kind, label=label, share=0.4, other=0.1, start_s=61, end_s=75)
            for kind in ("earlier", "minute", "states", "answer", "longest", "tense", "smile")
        ]
    for kind in ("opening", "closing", "ends"):
        made += [
            Remark(kind=kind, label="positive", start_s=61, end_s=71, number=n, total=total)
            for n, total in ((0, 0), (0, 6), (2, 6))
        ]
    flags = QUALITY_FLAGS
    return [*made, *(Remark(kind="flag", label=flag, share=0.2) for flag in flags)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_remark_is_a_sentence_that_finds_nothing_about_the_person(language: str) -> None:
    statistics = scripted(now_and_then, 100).statistics
    assert statistics is not None
    texts = load_texts(language)
    for remark in all_remarks():
        sentence = remark_sentence(remark, statistics, texts)
        assert sentence.endswith(".") and "{" not in sentence and "  " not in sentence
        assert not re.search(FORBIDDEN[language], sentence, re.IGNORECASE), sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_finds_anything_about_a_person(language: str) -> None:
    """What a report is not may be said; the names of categories are quoted as names."""
    allowed = ("how.", "report.lead", "category.", "categories.", "law.", "index.lead",
               "progress.lead", "cohort.lead", "index.failed", "recording.failed",
               "error.")  # fmt: skip
    for key, text in load_texts(language).entries.items():
        if not key.startswith(allowed):
            assert not re.search(FORBIDDEN[language], text, re.IGNORECASE), (key, text)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "You felt nervous."),
        ("en", "You look confident."),
        ("en", "This was better."),
        ("ko", "긴장해 보였습니다."),
        ("ko", "자신감이 부족합니다."),
        ("ko", "불안한 감정을 느꼈습니다."),
    ],
)  # fmt: skip
def test_the_list_of_words_catches_findings(language: str, sentence: str) -> None:
    assert re.search(FORBIDDEN[language], sentence, re.IGNORECASE)


def test_every_rule_stands_in_the_table_of_the_module() -> None:
    assert rules.__doc__ is not None
    for kind in {remark.kind for remark in all_remarks()}:
        assert f"| `{kind}` |" in rules.__doc__
