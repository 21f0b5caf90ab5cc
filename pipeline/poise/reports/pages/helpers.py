"""What the templates of all pages may call, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from poise.labels import VALENCES, clearness, display_class
from poise.reports.cohort import COVERAGES, LEAST_PEOPLE, LENGTHS_MIN, NOTICED
from poise.reports.drawing import geometry as g
from poise.reports.drawing.charts import overview_svg, progress_svg, strip_svg, timeline_svg
from poise.reports.drawing.page_data import page_data
from poise.reports.feedback.answer import feedback_on_answer
from poise.reports.feedback.remarks import is_brief
from poise.reports.locales import Texts
from poise.reports.pages.rendering import as_json, data_uri
from poise.reports.report_types import Answer, CandidateReport, NotAnalysed, RecordingReport
from poise.reports.sentences import (
    answer_title,
    baseline_sentence,
    reading_sentence,
    recording_title,
    region_sentence,
    remark_sentence,
)
from poise.timeline.segment_figures import EDGE_S
from poise.types import Episode, RepresentativeFrame, Statistics

LOW_COVERAGE = 0.5
LONG_S = 1200.0  # a recording that lasts so long has an overview
MOST_ANSWERS = 12  # rows that are not folded
_MOST_NAMED = 50
_LEAST_FLAG_SHARE = 0.02
_MOST_FLAGS = 5
_AS_WANTED = 0.95  # of the sampling rate: fewer pictures are told as they are
_GAUSSIAN_WIDTH = 2.5  # of a Gaussian in standard deviations, as wide as a box of its height
_INPUT = "input "


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """One apparent expression in the figures of a recording."""

    label: str
    style: str
    apart: bool
    share: float
    longest: Episode | None


def helpers(texts: Texts) -> Mapping[str, Any]:
    """Functions and values by the name that templates call them by."""
    return {
        "data": lambda report: as_json(page_data(report, texts)),
        "class_rows": class_rows,
        "style_of": display_class,
        "limits": limits,
        "timeline": lambda recording, number, smoothing_s: _timeline(
            recording, number, _averaged(smoothing_s, texts), texts
        ),
        "averaged": lambda smoothing_s: _averaged(smoothing_s, texts),
        "rate_of": rate_of,
        "strip": strip_svg,
        "progress_charts": lambda read: _progress(read, texts),
        "picture": _picture,
        "plot_height": _plot_height,
        "overview_of": overview_svg,
        "overview_ticks": _overview_ticks,
        "said_of": feedback_on_answer,
        "answer_title": lambda answer: answer_title(answer, texts),
        "parts_of": parts_of,
        "frames_of": frames_of,
        "other_frames": other_frames,
        "span_of": span_of,
        "clearness": lambda posterior: texts(f"clearness.{clearness(posterior)}"),
        "region": lambda frame: region_sentence(frame, texts),
        "baseline": lambda baseline: baseline_sentence(baseline, texts),
        "remark": lambda remark, recording: remark_sentence(remark, recording.statistics, texts),
        "reading_sentence": lambda remark: reading_sentence(remark, texts),
        "report_url": lambda report, suffix="": (
            f"{quote(report.candidate_id, safe='')}/report{suffix}.html"
        ),
        "state": state,
        "is_brief": is_brief,
        "some_brief": lambda read: any(is_brief(recording) for recording in read),
        "all_brief": lambda read: all(is_brief(recording) for recording in read),
        "session_dates": _session_dates,
        "title_of": lambda recording, report: recording_title(recording, report, texts),
        "file_name": lambda recording: recording.recording_id.rpartition("/")[2],
        "fact_name": lambda name: _fact_name(name, texts),
        "cause_of": lambda code: _of_code(code, "cause", texts),
        "remedy_of": lambda code: _of_code(code, "remedy", texts),
        "cause": lambda recording: _of_code(_code_of(recording), "cause", texts),
        "remedy": lambda recording: _of_code(_code_of(recording), "remedy", texts),
        "labels_of": labels_of,
        "LOW_COVERAGE": LOW_COVERAGE,
        "LONG_S": LONG_S,
        "MOST_ANSWERS": MOST_ANSWERS,
        "MOST_NAMED": _MOST_NAMED,
        "zip": zip,
        "flags": lambda counts: [(texts.name("flag", flag), n) for flag, n in counts],
        "LEAST_PEOPLE": LEAST_PEOPLE,
        "NOTICED": NOTICED,
        "length_classes": lambda: [
            _class(k, LENGTHS_MIN, "minutes", texts) for k in range(len(LENGTHS_MIN) + 1)
        ],
        "coverage_classes": lambda: [
            _class(k, [round(100 * c) for c in COVERAGES], "percent", texts)
            for k in range(len(COVERAGES) + 1)
        ],
        "VALENCES": VALENCES,
    }


def _class(number: int, bounds: Sequence[int], unit: str, texts: Texts) -> str:
    """What a class of values is called: below the first bound, between two, from the last on."""
    if number == 0:
        return texts(f"cohort.{unit}.under", high=bounds[0])
    if number == len(bounds):
        return texts(f"cohort.{unit}.from", low=bounds[-1])
    return texts(f"cohort.{unit}.between", low=bounds[number - 1], high=bounds[number])


def state(recording: RecordingReport) -> str:
    """The status of a recording, with `faceless` where it was read and shows no usable face, and
    `left_out` where all of it is excluded."""
    statistics = recording.statistics
    if recording.status == "done" and statistics is not None and not statistics.sampled_frames:
        return "left_out"
    if recording.status == "done" and statistics is not None and not statistics.usable_frames:
        return "faceless"
    return str(recording.status)


def class_rows(statistics: Statistics) -> list[ClassRow]:
    """Valence classes in their fixed order, then what has no valence; none without a face."""
    labels = [label for label in VALENCES if label in statistics.shares]
    labels += [label for label in statistics.shares if label not in VALENCES]
    return [
        ClassRow(
            label=label,
            style=display_class(label),
            apart=label not in VALENCES,
            share=statistics.shares[label],
            longest=statistics.longest.get(label),
        )
        for label in labels
    ]


def frames_of(recording: RecordingReport, answer: Answer) -> list[RepresentativeFrame]:
    """The representative frames of an answer, and of the question before it."""
    return [frame for frame in recording.frames if answer.holds(frame.pts_s)]


def other_frames(recording: RecordingReport) -> list[RepresentativeFrame]:
    """Those of no answer."""
    return [
        frame
        for frame in recording.frames
        if not any(answer.holds(frame.pts_s) for answer in recording.answers)
    ]


def span_of(recording: RecordingReport, frame: RepresentativeFrame) -> tuple[float, float]:
    """From when to when the episode lasts that a frame stands for, else two seconds around it."""
    for episode in recording.episodes:
        if episode.label == frame.label and episode.start_s <= frame.pts_s <= episode.end_s:
            return episode.start_s, episode.end_s
    return max(0.0, frame.pts_s - 1), frame.pts_s + 1


def parts_of(answer: Answer) -> list[tuple[str, float, float]]:
    """What can be played of an answer: the question, its first and its last ten seconds."""
    parts = [("asked", *answer.asked_s)] if answer.asked_s else []
    if answer.first and answer.last:
        parts.append(("first", answer.start_s, answer.start_s + EDGE_S))
        parts.append(("last", answer.end_s - EDGE_S, answer.end_s))
    return parts


def limits(statistics: Statistics, least: float = _LEAST_FLAG_SHARE) -> list[tuple[str, float]]:
    """Quality flags that occurred often enough to matter, the most frequent first.

    Args:
        statistics: Of a recording.
        least: Share from which one matters; 0 tells of all that occurred.
    """
    counted = [
        (flag, share) for flag, share in statistics.flag_shares.items() if share >= least and share
    ]
    return sorted(counted, key=lambda item: (-item[1], item[0]))[:_MOST_FLAGS]


def labels_of(recordings: Iterable[RecordingReport]) -> list[str]:
    """All apparent expressions that recordings know, in the order of `class_rows`."""
    found = [r.statistics for r in recordings if r.statistics is not None]
    return list(dict.fromkeys(row.label for s in found for row in class_rows(s)))


def grouped(left: Iterable[NotAnalysed]) -> list[tuple[str, list[str]]]:
    """Names of what was not analysed, by the reason."""
    groups: dict[str, list[str]] = {}
    for one in left:
        groups.setdefault(one.code, []).append(one.name)
    return list(groups.items())


def _code_of(recording: RecordingReport) -> str:
    fallback = "partial" if recording.status == "partial" else "unreadable"
    return recording.code or fallback


def _of_code(code: str, part: str, texts: Texts) -> str:
    """What a code means; of one that has no text only that something went wrong."""
    key = f"error.{code}.{part}"
    return texts(key if texts.has(key) else f"error.internal.{part}")


def _plot_height(recording: RecordingReport) -> int:
    labels = recording.series.labels if recording.series else ()
    return round(g.rows_px(recording, labels) + g.AXIS_PX)


def _overview_ticks(recording: RecordingReport) -> list[tuple[float, int]]:
    """Where, from 0 to 1, which round times stand below an overview."""
    return [(time_s / recording.end_s, time_s) for time_s in g.ticks(0.0, recording.end_s, 7)]


def rate_of(statistics: Statistics, wanted_hz: float) -> float:
    """Pictures looked at per second: as many as were asked for, or as the recording has."""
    if not statistics.duration_s:
        return wanted_hz
    found_hz = statistics.sampled_frames / statistics.duration_s
    return wanted_hz if found_hz >= _AS_WANTED * wanted_hz else float(f"{found_hz:.2g}")


def _averaged(smoothing_s: float, texts: Texts) -> str:
    """Over how long a timeline is averaged: while somebody speaks over two seconds at least."""
    if not smoothing_s:
        return ""
    seconds = max(1, round(_GAUSSIAN_WIDTH * smoothing_s))
    return texts.count("timeline.averaged", seconds)


def _timeline(recording: RecordingReport, number: int, averaged: str, texts: Texts) -> Markup:
    """The timeline as a drawing, for paper and where no script runs."""
    return Markup(
        timeline_svg(
            recording,
            name=lambda label: texts.name("label", label),
            empty=texts("timeline.empty"),
            ident=f"timeline-{number}",
            title=texts("timeline.alt", recording=recording.recording_id.rpartition("/")[2]),
            description=texts(
                "timeline.description",
                start=texts.clock(0),
                end=texts.clock(recording.end_s),
                averaged=averaged,
            ),
        )
    )


def _progress(read: Sequence[RecordingReport], texts: Texts) -> list[Markup]:
    """A small chart for each apparent expression, with its share in each recording."""
    shares = [
        {} if r.statistics is None or is_brief(r) else r.statistics.shares for r in read
    ]  # of too little, nothing is compared
    return [
        Markup(
            progress_svg(
                [own.get(label) for own in shares],
                label=label,
                name=texts.name("short", label),
                ident=f"progress-{number}",
                description=texts("progress.shares_alt"),
            )
        )
        for number, label in enumerate(labels_of(read), start=1)
    ]


def _picture(recording: RecordingReport, file_name: str) -> str:
    """A picture of a recording as a data URI.

    Raises:
        ReportError: If it cannot be read.
    """
    return data_uri((recording.directory or Path()) / file_name, "Analyze the recording again.")


def _fact_name(name: str, texts: Texts) -> str:
    """What a fact of the provenance is called; file names in it stay as they are."""
    if name.startswith(_INPUT):
        return texts("provenance.input", recording=name.removeprefix(_INPUT))
    return texts.entries.get(f"provenance.fact.{name}", name)


def _session_dates(report: CandidateReport) -> list[str]:
    """Dates of the sessions as given, each once, the earliest first."""
    return sorted({r.session_date for r in report.recordings if r.session_date})
