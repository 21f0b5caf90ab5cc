"""The pages a person reads: a report and its progress page for each candidate, and an index.

The only module that knows Jinja. A page is one file that asks nobody for anything: style,
script, drawings and pictures are inside it, and a content security policy forbids all else; the
recording alone is played from where it lies. Whatever comes from a recording or a person passes
through autoescaping.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, FunctionLoader, StrictUndefined
from markupsafe import Markup

from pipeline.errors import ReportError
from pipeline.feedback import feedback_on
from pipeline.figures import Width, progress_svg, strip_svg, timeline_svg
from pipeline.files import write_whole
from pipeline.labels import VALENCES
from pipeline.locales import LANGUAGES, Texts, load_texts
from pipeline.packing import page_data, style_of
from pipeline.types import CandidateReport, Episode, RecordingReport, Statistics
from pipeline.wording import capitalised, energy_sentence, remark_sentence

REPORT, PROGRESS, INDEX = "report", "progress", "index"
REPORT_FILE, INDEX_FILE = f"{REPORT}.html", f"{INDEX}.html"
LOW_COVERAGE = 0.5
_LEAST_FLAG_SHARE = 0.02
_MOST_FLAGS = 5
_STRAY_ENERGY = 0.75
_INPUT = "input "
_MEDIA_TYPES = {".png": "image/png", ".webp": "image/webp", ".svg": "image/svg+xml"}
_SCRIPTS = {
    REPORT: ("vendor/uPlot.iife.min.js", "page.js", "report.js"),
    PROGRESS: ("page.js",),
    INDEX: ("page.js", "index.js"),
}


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a centre's pages look and what language they speak.

    Args:
        language: "en", "ko", or "both" for each page in both.
        name: Of the centre; empty for none.
        logo: A picture file.
        colour: Of the line above the page, as `#rrggbb`; empty for the usual one.
        note: What the centre tells its candidates; paragraphs lie between empty lines.
        templates: Directory whose files take the place of those of the same name in `templates/`.
    """

    language: str = "en"
    name: str = ""
    logo: str = ""
    colour: str = ""
    note: str = ""
    templates: str = ""

    @property
    def pages(self) -> list[tuple[str, str]]:
        """Each language with what stands before `.html` in the names of its pages."""
        if self.language != "both":
            return [(self.language, "")]
        first, *others = LANGUAGES
        return [(first, ""), *((language, f".{language}") for language in others)]


def write_candidate_report(report: CandidateReport, directory: Path, style: Style) -> list[Path]:
    """Write the report of one candidate, and the page of progress over several recordings.

    Args:
        report: What it shows; pictures are read from each recording's directory.
        directory: Where the pages go; made if absent.
        style: Language and looks.

    Returns:
        The report in each language.

    Raises:
        SettingsError: If there are no texts in that language.
        ReportError: If a picture cannot be read or a file cannot be written.
    """
    read = [recording for recording in report.recordings if recording.statistics is not None]
    focus = next((r for r in reversed(read) if r.statistics and r.statistics.usable_frames), None)
    earlier = read[: read.index(focus)] if focus else []
    pages = _write_pages(
        REPORT,
        directory,
        style,
        report=report,
        focus=focus,
        feedback=feedback_on(focus, earlier) if focus else None,
        progress=len(read) > 1,
    )
    if len(read) > 1:
        _write_pages(PROGRESS, directory, style, report=report, read=read)
    else:
        _remove(PROGRESS, directory, kept=())
    return pages


def write_index(
    reports: Sequence[CandidateReport],
    directory: Path,
    style: Style,
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
        style: Language and looks.
        provenance: Facts for the foot of the page, name to value.
        notices: Other things an operator should know, in plain words.

    Returns:
        The file written.

    Raises:
        SettingsError: If there are no texts in that language.
        ReportError: If the file cannot be written.
    """
    ordered = sorted(reports, key=_name_order)
    _write_pages(
        INDEX,
        directory,
        style,
        reports=ordered,
        problems=_problems(ordered),
        kinds=list(dict.fromkeys(_state(r) for report in ordered for r in report.recordings)),
        recording_count=sum(len(report.recordings) for report in ordered),
        total_s=sum(report.overall.duration_s for report in ordered if report.overall),
        provenance=provenance or {},
        notices=notices,
    )
    return directory / INDEX_FILE


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


def _write_pages(page: str, directory: Path, style: Style, **content: Any) -> list[Path]:
    """Write a page in each language, and remove it in those no longer wanted."""
    pages = style.pages
    written = []
    for language, suffix in pages:
        others = [(lang, f"{page}{end}.html") for lang, end in pages if lang != language]
        template = _environment(language, style).get_template(f"{page}.html")
        html = template.render(suffix=suffix, other_languages=others, **content)
        written.append(_write(directory / f"{page}{suffix}.html", html))
    _remove(page, directory, kept=[suffix for _, suffix in pages])
    return written


def _remove(page: str, directory: Path, kept: Sequence[str]) -> None:
    """Remove a page in all languages but those kept, which an earlier run may have left."""
    for suffix in {"", *(f".{language}" for language in LANGUAGES)} - set(kept):
        with contextlib.suppress(OSError):
            (directory / f"{page}{suffix}.html").unlink(missing_ok=True)


@lru_cache(maxsize=8)
def _environment(language: str, style: Style) -> Environment:
    texts = load_texts(language)
    own = [FileSystemLoader(style.templates)] if style.templates else []
    environment = Environment(
        loader=ChoiceLoader([*own, FunctionLoader(_template_source)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

    def source(name: str) -> str:
        loader = environment.loader
        assert loader is not None
        return loader.get_source(environment, name)[0]

    def script(page: str) -> Markup:
        return Markup("\n".join(source(name) for name in _SCRIPTS[page]))

    environment.filters.update(
        percent=texts.percent,
        clock=texts.clock,
        lasting=texts.length,
        day=texts.date,
        decimal=texts.decimal,
        integer=texts.integer,
        sentence=capitalised,
    )
    environment.globals.update(
        t=texts,
        centre=style,
        logo=_logo(style),
        sheet=lambda *names: Markup("\n".join(source(name) for name in names)),
        script=script,
        policy=lambda page: _policy(script(page)),
        data=lambda report: _json(page_data(report, texts)),
        class_rows=_class_rows,
        style_of=style_of,
        limits=_limits,
        timeline=lambda recording, number: _timelines(recording, number, texts),
        strip=strip_svg,
        progress_chart=lambda read: _progress(read, texts),
        has_gaps=_has_gaps,
        picture=_picture,
        energy=lambda frame: energy_sentence(frame, texts),
        remark=lambda remark, statistics: remark_sentence(remark, statistics, texts),
        strays=lambda frame: frame.energy.get("other", 0.0) > _STRAY_ENERGY,
        report_url=lambda report, suffix="": (
            f"{quote(report.candidate_id, safe='')}/{REPORT}{suffix}.html"
        ),
        state=_state,
        session_dates=_session_dates,
        file_name=lambda recording: recording.recording_id.rpartition("/")[2],
        fact_name=lambda name: _fact_name(name, texts),
        LOW_COVERAGE=LOW_COVERAGE,
        VALENCES=VALENCES,
    )
    return environment


def _template_source(name: str) -> str | None:
    try:
        return resources.files("pipeline.templates").joinpath(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _policy(script: str) -> str:
    """Content security policy: this script and no other, and nothing from anywhere."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; media-src 'self' file: blob:; "
        f"base-uri 'none'; form-action 'none'"
    )


def _json(value: object) -> Markup:
    """JSON that may stand inside a script element, whatever it says."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))


def _logo(style: Style) -> str:
    """The centre's logo as a data URI, or nothing.

    Raises:
        ReportError: If it cannot be read.
    """
    return _data_uri(Path(style.logo), "Correct centre_logo.") if style.logo else ""


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
            style=style_of(label),
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


def _progress(read: Sequence[RecordingReport], texts: Texts) -> Markup:
    """Small charts of the shares in each recording, for a desk and for a phone."""
    labels = {row.label: texts.name("short", row.label) for r in read if r.statistics
              for row in _class_rows(r.statistics)}  # fmt: skip
    widths: tuple[Width, Width] = ("wide", "narrow")
    drawings = [
        progress_svg(
            [r.statistics.shares for r in read if r.statistics],
            labels=labels,
            width=width,
            ident=f"progress-{width}",
            title=texts("progress.shares"),
            description=texts("progress.shares_alt"),
        )
        for width in widths
    ]
    return Markup("\n".join(drawings))


def _picture(recording: RecordingReport, file_name: str) -> str:
    """A picture of a recording as a data URI.

    Raises:
        ReportError: If it cannot be read.
    """
    return _data_uri((recording.directory or Path()) / file_name, "Analyze the recording again.")


def _data_uri(path: Path, remedy: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReportError(
            f"a picture of the report cannot be read ({error.strerror or error}).",
            remedy=remedy,
            path=path,
        ) from error
    media_type = _MEDIA_TYPES.get(path.suffix.lower(), "image/jpeg")
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


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


def _write(path: Path, text: str) -> Path:
    """Write a whole page.

    Raises:
        ReportError: If the disk or the rights do not allow it.
    """
    write_whole(path, lambda draft: draft.write_text(text, encoding="utf-8", newline="\n"))
    return path
