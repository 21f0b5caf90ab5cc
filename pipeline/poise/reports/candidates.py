"""From stored results to what a person opens: the reports of candidates, the index, captions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from urllib.parse import quote

from poise.expression.model_spec import ModelSpec
from poise.reports.answers import answers_of, in_state
from poise.reports.drawing.captions import webvtt
from poise.reports.drawing.elan import eaf
from poise.reports.drawing.geometry import unseen
from poise.reports.locales import load_texts
from poise.reports.pages.content import write_candidate_report, write_index
from poise.reports.pages.rendering import languages
from poise.reports.pages.unsure import doubt_codes, unsure_recordings
from poise.reports.provenance import provenance
from poise.reports.pseudonyms import anonymous, as_named
from poise.reports.report_types import (
    UNSURE,
    CandidateReport,
    NotAnalysed,
    RecordingReport,
)
from poise.reports.sessions import in_order
from poise.reports.table_files import (
    write_frames_and_episodes,
    write_recordings_and_dictionary,
    write_segments,
)
from poise.settings import Settings
from poise.spoken import Sound
from poise.statuses import SHOWN
from poise.storage.results.format import StoredResult
from poise.storage.results.outcome import LeftAside, Outcome
from poise.system.atomic_files import write_text
from poise.system.file_names import distinct
from poise.timeline.copies import changes, show_the_same
from poise.timeline.statistics import combine
from poise.types import Recording

_HARMLESS = frozenset(
    {"other_kind", "sound_only", "hidden", "system_folder"}
)  # nothing needs to be done


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written for a candidate.

    Args:
        reports: The report in each language.
        tables: Frames, episodes and segments.
    """

    reports: list[Path]
    tables: list[Path]


def write_candidate(
    outcomes: Sequence[Outcome], output: Path, settings: Settings, spec: ModelSpec
) -> Written:
    """Write the report and the tables of one candidate.

    What was written with names goes where these are left out, and the other way round.

    Args:
        outcomes: Of all recordings of the candidate.
        output: Directory of the reports.
        settings, spec: Of the run.

    Returns:
        The files.
    """
    own = outcomes[0].recording
    other = own if settings.anonymous else anonymous(own)
    remove_candidate(output / other.candidate_id)
    outcomes = as_named(outcomes, settings)
    directory = output / outcomes[0].recording.candidate_id
    pages = write_candidate_report(
        candidate_report(outcomes, settings, spec, directory), directory, settings
    )
    _, frames, episodes = write_frames_and_episodes(outcomes, directory, settings, spec)
    segments = write_segments(outcomes, directory, settings, spec)
    return Written(reports=pages, tables=[frames, episodes, segments])


def remove_candidate(directory: Path) -> None:
    """Remove what a run wrote into the directory of a candidate, and it if that was all."""
    pages, tables = ("report*.html", "report*.pdf", "progress*.html"), ("frames", "episodes")
    for pattern in (*pages, *(f"{table}.*" for table in (*tables, "segments"))):
        for path in directory.glob(pattern):
            path.unlink()
    with suppress(OSError):  # absent, or somebody has put something else there
        directory.rmdir()


def write_captions(outcomes: Sequence[Outcome], directory: Path, settings: Settings) -> None:
    """Write what was seen and heard of each recording, for players (WebVTT) and for ELAN.

    Both files of a recording are named after it.

    Args:
        outcomes: Of all recordings.
        directory: Where the files go.
        settings: Of the run; the first of its languages names the expressions of the captions.
    """
    texts = load_texts(languages(settings)[0][0])
    read = [outcome for outcome in outcomes if outcome.result is not None]
    if settings.anonymous:  # what an earlier export left under names
        for path in _caption_files(read, directory):
            for left in (path.with_name(path.name + ".vtt"), path.with_name(path.name + ".eaf")):
                left.unlink(missing_ok=True)
    named = as_named(read, settings)
    for outcome, path in zip(named, _caption_files(named, directory), strict=True):
        result = outcome.result
        assert result is not None
        write_text(webvtt(result.episodes, texts), path.with_name(path.name + ".vtt"))
        media = "" if settings.anonymous else _video_address(outcome.recording, directory)
        tiers = eaf(result.episodes, result.sound.turns, result.segments, media=media)
        write_text(tiers, path.with_name(path.name + ".eaf"))


def _caption_files(outcomes: Sequence[Outcome], directory: Path) -> list[Path]:
    """A name for each, without its ending; names that would meet get a number."""
    names = distinct(outcome.recording.recording_id for outcome in outcomes)
    return [directory / name for name in names]


def write_overview(
    outcomes: Sequence[Outcome],
    output: Path,
    settings: Settings,
    spec: ModelSpec,
    left_aside: Sequence[LeftAside] = (),
) -> Path:
    """Write the index, `recordings.csv` and `data_dictionary.csv`.

    Args:
        outcomes: Of all recordings; the index tells also of those that were not analysed.
        output: Directory of the reports.
        settings, spec: Of the run.
        left_aside: What else lies among the recordings.

    Returns:
        The index.
    """
    outcomes = as_named(outcomes, settings)
    write_recordings_and_dictionary(outcomes, output, settings, spec)
    candidates: dict[str, list[Outcome]] = {}
    not_analysed = []
    for outcome in outcomes:
        recording = outcome.recording
        if outcome.status in SHOWN:
            candidates.setdefault(recording.candidate_id, []).append(outcome)
        else:
            code = outcome.code or str(outcome.status)
            not_analysed.append(NotAnalysed(name=recording.recording_id, code=code))
    not_analysed += [
        NotAnalysed(
            name="" if settings.anonymous else left.name,
            code=left.code,
            harmless=left.code in _HARMLESS,
        )
        for left in left_aside
    ]
    return write_index(
        [candidate_report(own, settings, spec) for own in candidates.values()],
        output,
        settings,
        provenance=provenance(settings, spec),
        not_analysed=not_analysed,
        unsure=unsure_recordings(outcomes, faces=not settings.anonymous),
        shared=_shared(outcomes),
        copies=[sitting for own in candidates.values() for sitting in _copies(own)],
    )


def _shared(outcomes: Sequence[Outcome]) -> set[str]:
    """Recordings whose file several candidates have, and no portrait says whom of it to take."""
    read = [o.recording for o in outcomes if o.result is not None and o.recording.sha256]
    whose: dict[str, set[str]] = {}
    for recording in read:
        whose.setdefault(recording.sha256, set()).add(recording.candidate_id)
    return {r.recording_id for r in read if len(whose[r.sha256]) > 1 and r.portrait is None}


def _copies(own: Sequence[Outcome]) -> list[list[str]]:
    """Of one candidate's recordings those that show the same sitting, together."""
    read = [(o.recording.recording_id, o.result) for o in own if o.result is not None]
    if len(read) < 2:
        return []
    seen = {name: changes(*result.read_readings()) for name, result in read}
    sitting = {name: name for name in seen}
    for one, other in combinations(seen, 2):
        if sitting[one] != sitting[other] and show_the_same(seen[one], seen[other]):
            kept, gone = sitting[one], sitting[other]
            sitting = {name: kept if of == gone else of for name, of in sitting.items()}
    sittings = [[name for name in seen if sitting[name] == first] for first in seen]
    return [names for names in sittings if len(names) > 1]


def candidate_report(
    outcomes: Sequence[Outcome],
    settings: Settings,
    spec: ModelSpec,
    directory: Path | None = None,
) -> CandidateReport:
    """All that the report of one candidate shows.

    Of a recording that may show somebody else nothing is shown, not even that person's figures.

    Args:
        outcomes: Of all recordings of the candidate.
        settings, spec: Of the run.
        directory: Where the report goes; without it, what only a report shows is left out.
    """
    ordered = in_order(outcomes)
    unsure = doubt_codes(outcomes)
    results = [
        o.result for o in ordered if o.result is not None and o.recording.recording_id not in unsure
    ]
    first = ordered[0].recording
    facts = provenance(settings, spec, [result.origin for result in results])
    for outcome in ordered:
        facts[f"input {outcome.recording.recording_id}"] = outcome.recording.sha256
    recordings = [
        _in_doubt(outcome.recording)
        if outcome.recording.recording_id in unsure
        else _recording_report(outcome, settings, directory)
        for outcome in ordered
    ]
    return CandidateReport(
        candidate_id=first.candidate_id,
        display_name=first.display_name,
        recordings=recordings,
        overall=combine(
            [r.statistics for r in recordings if r.statistics is not None],
            [r.frames_shown for r in results],
        ),
        provenance=facts,
    )


def _video_address(recording: Recording, directory: Path) -> str:
    """Address of a recording relative to its report; empty where there is none."""
    try:
        relative = os.path.relpath(recording.path.resolve(), directory.resolve())
    except ValueError:  # on another drive
        return ""
    return quote(Path(relative).as_posix(), errors="surrogatepass")


def _in_doubt(recording: Recording) -> RecordingReport:
    """A recording of which it is not sure whom it shows: that there is one, and no more."""
    return RecordingReport(
        recording_id=recording.recording_id,
        session_date=recording.session_date,
        session_time=recording.session_time,
        note=recording.note,
        status=UNSURE,
        statistics=None,
        episodes=[],
        frames=[],
        directory=None,
    )


def _recording_report(
    outcome: Outcome, settings: Settings, directory: Path | None
) -> RecordingReport:
    recording, result = outcome.recording, outcome.result
    info = result.info if result else {}
    size = (info.get("width_px"), info.get("height_px"))
    segments = result.segments if result else ()
    figures = result.read_segment_figures(settings.sample_rate_hz) if result and directory else []
    return RecordingReport(
        recording_id=recording.recording_id,
        session_date=recording.session_date,
        session_time=recording.session_time,
        note=recording.note,
        status=outcome.status,
        code=outcome.code,
        statistics=result.statistics if result else None,
        episodes=result.episodes if result else [],
        frames=result.pictures if result else [],
        directory=result.directory if result else None,
        series=result.read_series(settings.smoothing_s) if result and directory else None,
        unseen=_unseen(result) if result else [],
        video=""
        if settings.anonymous or directory is None
        else _video_address(recording, directory),
        video_s=info.get("duration_s"),
        baseline=result.baseline if result else None,
        remarks=result.remarks if result else (),
        sound=_sound(result.sound) if result else "off",
        answers=answers_of(segments, figures) if figures else [],
        speaking=in_state(figures, "speaking"),
        listening=in_state(figures, "listening"),
        excluded=result.excluded_s if result else (),
        coach_notes=result.notes if result and not settings.anonymous else (),
        size_px=(int(size[0]), int(size[1])) if size[0] and size[1] else None,
    )


def _sound(sound: Sound) -> str:
    """What became of it; where it was heard, whether a voice was, and the candidate's own."""
    if sound.status != "heard" or any(turn.speaker != "someone_else" for turn in sound.turns):
        return sound.status
    return "not_yours" if sound.turns else "no_voice"


def _unseen(result: StoredResult) -> list[tuple[float, float]]:
    pts_s, runs = result.read_runs()
    end_s = max(result.statistics.duration_s, result.statistics.end_s)
    return unseen(pts_s, runs, end_s, result.excluded_s)
