"""The pages a person reads: a report and its progress page for each candidate, and an index."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from poise.labels import VALENCES, display_class
from poise.reports.charts import progress_svg, strip_svg, timeline_svg
from poise.reports.feedback import feedback_on
from poise.reports.locales import Texts
from poise.reports.page_data import page_data
from poise.reports.rendering import as_json, data_uri, languages, remove_pages, render, write_pages
from poise.reports.report_types import CandidateReport, RecordingReport
from poise.reports.sentences import reading_sentence, region_sentence, remark_sentence
from poise.settings import Settings
from poise.timeline.smoothing import runs_of
from poise.types import Episode, Statistics

REPORT, PROGRESS, INDEX = "report", "progress", "index"
REPORT_FILE, INDEX_FILE = f"{REPORT}.html", f"{INDEX}.html"
LOW_COVERAGE = 0.5
_LEAST_FLAG_SHARE = 0.02
_MOST_FLAGS = 5
_INPUT = "input "


def write_candidate_report(
    report: CandidateReport, directory: Path, settings: Settings
) -> list[Path]:
    """Write the report of one candidate, and the page of progress over several recordings.

    Args:
        report: What it shows; pictures are read from each recording's directory.
        directory: Where the pages go; made if absent.
        settings: Language and looks.

    Returns:
        The report in each language.

    Raises:
        SettingsError: If there are no texts in that language.
        ReportError: If a picture cannot be read or a file cannot be written.
    """
    read = [recording for recording in report.recordings if recording.statistics is not None]
    focus = next((r for r in reversed(read) if r.statistics and r.statistics.usable_frames), None)
    earlier = read[: read.index(focus)] if focus else []
    pages = write_pages(
        REPORT,
        directory,
        settings,
        _helpers,
        report=report,
        focus=focus,
        feedback=feedback_on(focus, earlier) if focus else None,
        progress=len(read) > 1,
    )
    if len(read) > 1:
        write_pages(PROGRESS, directory, settings, _helpers, report=report, read=read)
    else:
        remove_pages(PROGRESS, directory)
    return pages


def write_index(
    reports: Sequence[CandidateReport],
    directory: Path,
    settings: Settings,
    *,
    provenance: Mapping[str, str] | None = None,
    notices: Sequence[str] = (),
) -> Path:
    """Write the page that leads to all reports: first what needs attention, then the recordings.

    Recordings stand in the order of their candidates' names, and can be sorted by what says
    nothing about expressions, so that nobody is tempted to compare people by them.

    Args:
        reports: Of all candidates, in any order; may be empty.
        directory: Where the page goes. Links lead to `<candidate_id>/report.html` beside it.
        settings: Language and looks.
        provenance: Facts for the foot of the page, name to value.
        notices: Other things an operator should know, in plain words.

    Returns:
        The file written.

    Raises:
        SettingsError: If there are no texts in that language.
        ReportError: If the file cannot be written.
    """
    ordered = sorted(reports, key=_name_order)
    write_pages(
        INDEX,
        directory,
        settings,
        _helpers,
        reports=ordered,
        problems=_problems(ordered),
        kinds=list(dict.fromkeys(_state(r) for report in ordered for r in report.recordings)),
        recording_count=sum(len(report.recordings) for report in ordered),
        total_s=sum(report.overall.duration_s for report in ordered if report.overall),
        provenance=provenance or {},
        notices=notices,
    )
    return directory / INDEX_FILE


def rehearse(settings: Settings) -> None:
    """Render a page of nothing, so that a wrong template or logo is found before a night's work.

    Raises:
        ReportError: If one cannot be used.
    """
    nobody = CandidateReport(
        candidate_id="", display_name="", recordings=[], overall=None, provenance={}
    )
    for language, suffix in languages(settings):
        render(
            REPORT, language, settings, _helpers, suffix=suffix, report=nobody, focus=None,
            feedback=None, progress=False,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """A recording that needs attention, and whose it is."""

    report: CandidateReport
    recording: RecordingReport


@dataclass(frozen=True, kw_only=True)
class _ClassRow:
    """One apparent expression in the figures of a recording."""

    label: str
    style: str
    apart: bool
    share: float
    longest: Episode | None


def _helpers(texts: Texts) -> Mapping[str, Any]:
    """What templates may call, in the reader's language."""
    return {
        "data": lambda report: as_json(page_data(report, texts)),
        "class_rows": _class_rows,
        "style_of": display_class,
        "limits": _limits,
        "timeline": lambda recording, number: _timeline(recording, number, texts),
        "strip": strip_svg,
        "progress_charts": lambda read: _progress(read, texts),
        "has_gaps": _has_gaps,
        "picture": _picture,
        "region": lambda frame: region_sentence(frame, texts),
        "remark": lambda remark, statistics: remark_sentence(remark, statistics, texts),
        "reading_sentence": lambda remark: reading_sentence(remark, texts),
        "report_url": lambda report, suffix="": (
            f"{quote(report.candidate_id, safe='')}/{REPORT}{suffix}.html"
        ),
        "state": _state,
        "session_dates": _session_dates,
        "file_name": lambda recording: recording.recording_id.rpartition("/")[2],
        "fact_name": lambda name: _fact_name(name, texts),
        "LOW_COVERAGE": LOW_COVERAGE,
        "VALENCES": VALENCES,
    }


def _state(recording: RecordingReport) -> str:
    """The status of a recording, with `faceless` where it was read and shows no usable face."""
    statistics = recording.statistics
    if recording.status == "done" and statistics is not None and not statistics.usable_frames:
        return "faceless"
    return recording.status


def _class_rows(statistics: Statistics) -> list[_ClassRow]:
    """Valence classes in their fixed order, then what has no valence; none without a face."""
    labels = [label for label in VALENCES if label in statistics.shares]
    labels += [label for label in statistics.shares if label not in VALENCES]
    return [
        _ClassRow(
            label=label,
            style=display_class(label),
            apart=label not in VALENCES,
            share=statistics.shares[label],
            longest=statistics.longest.get(label),
        )
        for label in labels
    ]


def _limits(statistics: Statistics) -> list[tuple[str, float]]:
    """Quality flags that occurred often enough to matter, the most frequent first."""
    counted = [
        (flag, share)
        for flag, share in statistics.flag_shares.items()
        if share >= _LEAST_FLAG_SHARE
    ]
    return sorted(counted, key=lambda item: (-item[1], item[0]))[:_MOST_FLAGS]


def _timeline(recording: RecordingReport, number: int, texts: Texts) -> Markup:
    """The timeline as a drawing, for paper and where no script runs."""
    statistics = recording.statistics
    end_s = max(statistics.duration_s, statistics.end_s) if statistics else 0.0
    return Markup(
        timeline_svg(
            recording,
            name=lambda label: texts.name("label", label),
            ident=f"timeline-{number}",
            title=texts("timeline.alt", recording=recording.recording_id),
            description=texts("timeline.description", start=texts.clock(0), end=texts.clock(end_s)),
        )
    )


def _has_gaps(recording: RecordingReport) -> bool:
    return recording.series is not None and len(runs_of(recording.series)) > 1


def _progress(read: Sequence[RecordingReport], texts: Texts) -> list[Markup]:
    """A small chart for each apparent expression, with its share in each recording."""
    shares = [r.statistics.shares for r in read if r.statistics is not None]
    labels = dict.fromkeys(row.label for r in read if r.statistics
                           for row in _class_rows(r.statistics))  # fmt: skip
    return [
        Markup(
            progress_svg(
                [own.get(label) for own in shares],
                label=label,
                name=texts.name("short", label),
                ident=f"progress-{label}",
                description=texts("progress.shares_alt"),
            )
        )
        for label in labels
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


def _name_order(report: CandidateReport) -> tuple[str, str]:
    """Key of the order of names; Hangul syllables sort as a Korean dictionary does."""
    name = unicodedata.normalize("NFC", report.display_name).casefold()
    return name, report.candidate_id


def _problems(reports: Sequence[CandidateReport]) -> dict[str, list[_Problem]]:
    """Recordings that failed, were read in part, or show no usable face."""
    problems: dict[str, list[_Problem]] = {"failed": [], "partial": [], "faceless": []}
    for report in reports:
        for recording in report.recordings:
            problem = _Problem(report=report, recording=recording)
            state = _state(recording)
            if state != "done":
                problems.setdefault(state, []).append(problem)
    return problems
