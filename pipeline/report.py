"""The pages a person reads: one report for each candidate, and an index over all of them.

The only module that knows Jinja. A page is one file that asks nobody for anything: style,
drawings and pictures are inside it, there is no script, and a content security policy forbids
both. Whatever comes from a recording or a person passes through autoescaping.
"""

from __future__ import annotations

import base64
import contextlib
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from pipeline.errors import ReportError
from pipeline.figures import Width, timeline_svg
from pipeline.labels import POSITIVE, VALENCES
from pipeline.locales import Texts, load_texts
from pipeline.types import (
    CandidateReport,
    Episode,
    RecordingReport,
    RepresentativeFrame,
    Statistics,
)

REPORT_FILE, INDEX_FILE = "report.html", "index.html"
LOW_COVERAGE = 0.5
_LEAST_FLAG_SHARE = 0.02
_MOST_FLAGS = 5
_STRAY_ENERGY = 0.75
_INPUT = "input "
_MEDIA_TYPES = {".png": "image/png", ".webp": "image/webp"}


def write_candidate_report(report: CandidateReport, directory: Path, *, language: str) -> Path:
    """Write the report of one candidate.

    Args:
        report: What it shows; pictures are read from each recording's directory.
        directory: Where `report.html` goes; made if absent.
        language: "en" or "ko".

    Returns:
        The file written.

    Raises:
        SettingsError: If there are no texts in that language.
        ReportError: If a picture cannot be read or the file cannot be written.
    """
    texts = load_texts(language)
    template = _environment(texts).get_template("report.html")
    return _write(directory / REPORT_FILE, template.render(report=report))


def write_index(
    reports: Sequence[CandidateReport],
    path: Path,
    *,
    language: str,
    provenance: Mapping[str, str] | None = None,
    notices: Sequence[str] = (),
) -> Path:
    """Write the page that leads to all reports: first what needs attention, then the names.

    Candidates stand in the order of their names. Nothing about expressions is shown, so that
    nobody is tempted to compare people by them.

    Args:
        reports: Of all candidates, in any order; may be empty.
        path: The file to write. Links lead to `<candidate_id>/report.html` beside it.
        language: "en" or "ko".
        provenance: Facts for the foot of the page, name to value.
        notices: Other things an operator should know, in plain words.

    Returns:
        The file written.

    Raises:
        SettingsError: If there are no texts in that language.
        ReportError: If the file cannot be written.
    """
    texts = load_texts(language)
    ordered = sorted(reports, key=_name_order)
    html = (
        _environment(texts)
        .get_template("index.html")
        .render(
            reports=ordered,
            problems=_problems(ordered),
            recording_count=sum(len(report.recordings) for report in ordered),
            total_s=sum(report.overall.duration_s for report in ordered if report.overall),
            provenance=provenance or {},
            notices=notices,
        )
    )
    return _write(path, html)


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


def _environment(texts: Texts) -> Environment:
    environment = Environment(
        loader=FunctionLoader(_template_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        percent=texts.percent,
        clock=texts.clock,
        lasting=texts.length,
        day=texts.date,
        decimal=texts.decimal,
        integer=texts.integer,
        sentence=_sentence,
    )
    environment.globals.update(
        t=texts,
        style=lambda: Markup(_template_source("style.css")),
        class_rows=_class_rows,
        style_of=_style_of,
        limits=_limits,
        timeline=lambda recording, number: _timelines(recording, number, texts),
        has_gaps=_has_gaps,
        picture=_picture,
        energy=lambda frame: _energy_sentence(frame, texts),
        strays=lambda frame: frame.energy.get("other", 0.0) > _STRAY_ENERGY,
        report_url=lambda report: f"{quote(report.candidate_id, safe='')}/{REPORT_FILE}",
        session_dates=_session_dates,
        read_count=lambda report: sum(r.statistics is not None for r in report.recordings),
        file_name=lambda recording: recording.recording_id.rpartition("/")[2],
        fact_name=lambda name: _fact_name(name, texts),
        LOW_COVERAGE=LOW_COVERAGE,
        POSITIVE=POSITIVE,
        VALENCES=VALENCES,
    )
    return environment


def _template_source(name: str) -> str:
    return resources.files("pipeline.templates").joinpath(name).read_text(encoding="utf-8")


def _sentence(text: str) -> str:
    """The same text beginning with a capital letter."""
    return text[:1].upper() + text[1:]


def _style_of(label: str) -> str:
    """Style class of an apparent expression."""
    return label if label in VALENCES else "apart"


def _class_rows(statistics: Statistics) -> list[_ClassRow]:
    """Valence classes in their fixed order, then what has no valence; none without a face."""
    labels = [label for label in VALENCES if label in statistics.shares]
    labels += [label for label in statistics.shares if label not in VALENCES]
    return [
        _ClassRow(
            label=label,
            style=_style_of(label),
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


def _timelines(recording: RecordingReport, number: int, texts: Texts) -> Markup:
    """The timeline twice: for a desk or paper, and for a phone; the style sheet shows one."""
    labels = {label: texts.name("label", label) for label in recording.timeline}
    statistics = recording.statistics
    end_s = statistics.duration_s if statistics else 0.0
    widths: tuple[Width, Width] = ("wide", "narrow")
    drawings = [
        timeline_svg(
            recording,
            labels=labels,
            width=width,
            ident=f"timeline-{number}-{width}",
            title=texts("timeline.alt", recording=recording.recording_id),
            description=texts("timeline.description", start=texts.clock(0), end=texts.clock(end_s)),
        )
        for width in widths
    ]
    return Markup("\n".join(drawings))


def _has_gaps(recording: RecordingReport) -> bool:
    return any(value is None for values in recording.timeline.values() for value in values)


def _picture(recording: RecordingReport, file_name: str) -> str:
    """A picture of a recording as a data URI.

    Raises:
        ReportError: If it cannot be read.
    """
    path = (recording.directory or Path()) / file_name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReportError(
            f"a picture of the report cannot be read ({error.strerror or error}).",
            remedy="Analyze the recording again.",
            path=path,
        ) from error
    media_type = _MEDIA_TYPES.get(path.suffix.lower(), "image/jpeg")
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _energy_sentence(frame: RepresentativeFrame, texts: Texts) -> str:
    """Where the model looked, the largest part first."""
    parts = sorted(("eyes", "mouth", "other"), key=lambda part: -frame.energy.get(part, 0.0))
    named = [
        texts(
            "frames.part",
            part=texts(f"frames.{part}"),
            share=texts.percent(frame.energy.get(part, 0.0)),
        )
        for part in parts
    ]
    return texts("frames.energy", first=named[0], second=named[1], third=named[2])


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
            if recording.status in ("failed", "partial"):
                problems[recording.status].append(problem)
            elif recording.statistics is not None and not recording.statistics.usable_frames:
                problems["faceless"].append(problem)
    return problems


def _write(path: Path, text: str) -> Path:
    """Write a whole file beside its place, then put it there.

    Raises:
        ReportError: If the disk or the rights do not allow it.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise ReportError(
            f"cannot be written ({error.strerror or error}).",
            remedy="Check that the directory may be written to and the disk has room.",
            path=path,
        ) from error
    return path
