"""The pages a person reads: a report and its progress page for each candidate, and an index."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from poise.reports.cohort import cohort_of, total_s
from poise.reports.feedback.recording import feedback_on
from poise.reports.feedback.remarks import LEAST_S, is_brief
from poise.reports.left_aside import of_table
from poise.reports.pages.helpers import grouped, helpers, labels_of, state
from poise.reports.pages.rendering import languages, remove_pages, render, write_pages
from poise.reports.pages.unsure import Unsure
from poise.reports.report_types import CandidateReport, NotAnalysed, RecordingReport
from poise.reports.sessions import is_earlier
from poise.settings import Settings

REPORT, PROGRESS, INDEX, COHORT = "report", "progress", "index", "cohort"
REPORT_FILE, INDEX_FILE = f"{REPORT}.html", f"{INDEX}.html"


def write_candidate_report(
    report: CandidateReport, directory: Path, settings: Settings
) -> list[Path]:
    """Write the report of one candidate, and the page of progress over several recordings.

    What was printed of an earlier report (PDF) goes.

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
    focus = _focus(read)
    for printed in directory.glob(f"{REPORT}*.pdf"):  # of the page as it was
        with suppress(OSError):
            printed.unlink()
    earlier = [r for r in read if is_earlier(r, focus)] if focus else []
    pages = write_pages(
        REPORT,
        directory,
        settings,
        helpers,
        report=report,
        focus=focus,
        feedback=feedback_on(focus, earlier) if focus else None,
        enough=sum(recording.usable_s for recording in read) >= LEAST_S,
        progress=len(read) > 1,
    )
    if len(read) > 1:
        write_pages(PROGRESS, directory, settings, helpers, report=report, read=read)
    else:
        remove_pages(PROGRESS, directory)
    return pages


def _focus(read: Sequence[RecordingReport]) -> RecordingReport | None:
    """The recording that is spoken of: the latest that shows enough, else the latest that shows
    a usable face at all."""
    seen = [r for r in read if r.statistics is not None and r.statistics.usable_frames]
    return next((r for r in reversed(seen) if not is_brief(r)), seen[-1] if seen else None)


def write_index(
    reports: Sequence[CandidateReport],
    directory: Path,
    settings: Settings,
    *,
    provenance: Mapping[str, str] | None = None,
    not_analysed: Sequence[NotAnalysed] = (),
    unsure: Sequence[Unsure] = (),
    shared: Collection[str] = (),
    copies: Sequence[Sequence[str]] = (),
) -> Path:
    """Write the page that leads to all reports: first what needs attention, then the recordings.

    Beside it goes the page of all recordings together, without names (`poise.reports.cohort`).

    Recordings stand in the order of their candidates' names, and can be sorted by what says
    nothing about expressions, so that nobody is tempted to compare people by them.

    Args:
        reports: Of all candidates, in any order; may be empty.
        directory: Where the page goes. Links lead to `<candidate_id>/report.html` beside it.
        settings: Language and looks.
        provenance: Facts for the foot of the page, name to value.
        not_analysed: Recordings without consent and the like, and what else was left aside.
        unsure: Recordings of which it is not sure whom they show.
        shared: Identifiers of recordings whose file other candidates have, too.
        copies: Identifiers of recordings that show the same sitting of one candidate, together.

    Returns:
        The file written.

    Raises:
        SettingsError: If there are no texts in that language.
        ReportError: If the file cannot be written.
    """
    ordered = sorted(reports, key=_name_order)
    recordings = [recording for report in ordered for recording in report.recordings]
    write_pages(
        INDEX,
        directory,
        settings,
        helpers,
        reports=ordered,
        problems=_problems(ordered, shared, copies),
        not_analysed=grouped(
            one for one in not_analysed if not one.harmless and not of_table(one.code)
        ),
        lines=grouped(one for one in not_analysed if of_table(one.code)),
        harmless=grouped(one for one in not_analysed if one.harmless),
        kinds=list(dict.fromkeys(map(state, recordings))),
        labels=labels_of(recordings),
        recording_count=len(recordings),
        total_s=total_s(ordered),
        provenance=provenance or {},
        unsure=unsure,
    )
    write_pages(
        COHORT,
        directory,
        settings,
        helpers,
        cohort=cohort_of(reports, not_analysed),
        provenance=provenance or {},
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
            REPORT, language, settings, helpers, suffix=suffix, report=nobody, focus=None,
            feedback=None, enough=False, progress=False,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """A recording that needs attention, whose it is, and which others show the same."""

    report: CandidateReport
    recording: RecordingReport
    others: Sequence[str] = ()

    @property
    def files(self) -> list[str]:
        """The recording and those others, by name."""
        return [self.recording.recording_id, *self.others]


def _name_order(report: CandidateReport) -> tuple[str, str]:
    """Key of the order of names; Hangul syllables sort as a Korean dictionary does."""
    name = unicodedata.normalize("NFC", report.display_name).casefold()
    return name, report.candidate_id


def _problems(
    reports: Sequence[CandidateReport],
    shared: Collection[str],
    copies: Sequence[Sequence[str]],
) -> dict[str, list[_Problem]]:
    """Recordings that failed, were read in part, show no usable face, may be another's, or show
    what another one shows."""
    problems: dict[str, list[_Problem]] = {
        kind: [] for kind in ("failed", "partial", "faceless", "shared", "copies")
    }
    again = {first: others for first, *others in copies}
    for report in reports:
        for recording in report.recordings:
            problem = _Problem(report=report, recording=recording)
            if (kind := state(recording)) != "done":
                problems.setdefault(kind, []).append(problem)
            if recording.recording_id in shared:
                problems["shared"].append(problem)
            if others := again.get(recording.recording_id):
                problems["copies"].append(replace(problem, others=others))
    return problems
