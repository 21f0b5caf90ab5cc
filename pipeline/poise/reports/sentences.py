"""From feedback to sentences of a language."""

from __future__ import annotations

from poise.labels import NEGATIVE, NEUTRAL, POSITIVE
from poise.remarks import ReadingRemark
from poise.reports.feedback.remarks import Remark
from poise.reports.locales import Texts
from poise.reports.report_types import Answer, CandidateReport, RecordingReport
from poise.timeline.timecodes import whole_seconds
from poise.types import Baseline, RepresentativeFrame, Statistics

_OWN = 0.5  # least certainty of a baseline that is spoken of


def capitalised(text: str) -> str:
    """The same text beginning with a capital letter."""
    return text[:1].upper() + text[1:]


def recording_title(recording: RecordingReport, report: CandidateReport, texts: Texts) -> str:
    """What a recording is called: by its date, and its time where a day has several; otherwise
    by its file."""
    name = recording.recording_id.rpartition("/")[2]
    others = [r for r in report.recordings if r is not recording]
    years = {r.session_date[:4] for r in report.recordings if texts.is_date(r.session_date)}
    if not texts.is_date(recording.session_date):
        return name
    day = (
        texts.date(recording.session_date) if len(years) > 1 else texts.day(recording.session_date)
    )
    same_day = [r for r in others if r.session_date == recording.session_date]
    if not same_day:
        return texts("title.day", day=day)
    times = [r.session_time for r in same_day]
    if recording.session_time and recording.session_time not in times:
        return texts("title.time", day=day, time=recording.session_time)
    return texts("title.file", day=day, file=name)


def answer_title(answer: Answer, texts: Texts) -> str:
    """What an answer is called: by its question, else by its number."""
    if answer.label:
        return texts("answers.labelled", number=answer.number, label=answer.label)
    return texts(f"answers.{answer.kind}", number=answer.number)


def remark_sentence(remark: Remark, statistics: Statistics, texts: Texts) -> str:
    """What a remark or a piece of advice says.

    Args:
        remark: Of a rule in `poise.reports.feedback`.
        statistics: Of the recording that it is about.
        texts: Of the reader's language.
    """
    if remark.kind == "mix":
        return mix_sentence(statistics, texts)
    start_s, end_s = remark.start_s or 0.0, remark.end_s or 0.0
    phrase = texts.name("phrase", remark.label)
    tip = f"tip.{remark.label}"
    sentence = texts(
        _variant(remark, texts),
        phrase=phrase,
        share=texts.percent(remark.share),
        other=texts.percent(remark.other),
        start=texts.moment(start_s),
        end=texts.moment(max(end_s, whole_seconds(start_s) + 1)),  # not "from 00:00 to 00:00"
        length=texts.length(remark.seconds or end_s - start_s),
        number=texts.decimal(remark.rate),
        flag=texts.name("flag", remark.label),
        counted=texts.integer(remark.number) if remark.number else texts("format.none"),
        middle=texts.integer(remark.middle) if remark.middle else texts("format.none"),
        last=texts.integer(remark.last) if remark.last else texts("format.none"),
        total=texts.integer(remark.total),
        answers=texts(f"feedback.which.{'compared' if remark.compared else 'all'}"),
        tip=texts(tip) if texts.has(tip) else "",
    )
    return capitalised(sentence)


def _variant(remark: Remark, texts: Texts) -> str:
    """The text that fits: one for a label of its own, and others where a share is nothing."""
    key = f"feedback.{remark.kind}"
    if remark.kind in ("opening", "closing") and remark.total:
        return f"{key}.some" if remark.number else f"{key}.answers"
    if remark.kind in ("earlier", "minute", "answer", "differs") and not remark.other:
        return f"{key}.new"
    if remark.kind in ("earlier", "answer", "differs") and not remark.share:
        return f"{key}.none"
    own = f"{key}.{remark.label}"
    return own if texts.has(own) else key


def reading_sentence(remark: ReadingRemark, texts: Texts) -> str:
    """What was unusual about how a recording was read; times as a player shows them."""
    said: dict[str, object] = {}
    for name, value in remark.values.items():
        if name in ("interval_s", "total_s"):
            said[name[:-2]] = texts.length(float(value))
        else:
            clock = name.endswith("_s")
            said[name.removesuffix("_s")] = texts.clock(float(value)) if clock else value
    if remark.code == "more_without_picture":
        said.pop("count")
        return texts.count(f"remark.{remark.code}", int(remark.values["count"]), **said)
    return texts(f"remark.{remark.code}", **said)


def mix_sentence(statistics: Statistics, texts: Texts) -> str:
    """Which three expressions were visible most, and in which share of the frames; and that a
    smile or a frown was not."""
    order = sorted(statistics.shares, key=lambda label: -statistics.shares[label])[:3]
    seen = [label for label in order if statistics.shares[label] > 0]
    said: list[str] = []
    for label in seen:
        phrase = texts.name("phrase", label)
        share = texts.percent(statistics.shares[label])
        key = "glance.next" if said else "glance.first"
        said.append(texts(key, phrase=phrase if said else capitalised(phrase), share=share))
    names = dict(zip(("first", "second", "third"), said, strict=False))
    sentences = [texts(f"glance.list.{len(said)}", **names)]
    sentences += [
        texts("glance.unseen", phrase=capitalised(texts.name("phrase", label)))
        for label in (POSITIVE, NEGATIVE)
        if statistics.shares.get(label) == 0
    ]
    return " ".join(sentences)


def region_sentence(frame: RepresentativeFrame, texts: Texts) -> str:
    """The part of the face that decided, where deletion confirms one; empty without a map."""
    return texts(f"frames.region.{frame.region or 'none'}") if frame.overlay_file else ""


def baseline_sentence(baseline: Baseline | None, texts: Texts) -> str:
    """That expressions are read against the candidate's own resting face, and how that one reads;
    empty where the reading is mostly the model's own."""
    if baseline is None or baseline.kind == "none" or baseline.certainty < _OWN:
        return ""
    resting = NEGATIVE if baseline.level > 0 else NEUTRAL
    return f"{texts('baseline.text')} {texts(f'baseline.resting.{resting}')}"
