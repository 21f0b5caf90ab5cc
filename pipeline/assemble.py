"""From stored results to what a person and an analyst open: reports, index and tables."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import pandas as pd
import torch

from pipeline import __version__, report, tables, timeline
from pipeline.captions import webvtt
from pipeline.discover import safe_name
from pipeline.errors import PipelineError
from pipeline.locales import load_texts
from pipeline.network import ModelSpec
from pipeline.pages import languages
from pipeline.results import StoredResult
from pipeline.settings import Settings
from pipeline.types import CandidateReport, Recording, RecordingReport

SHOWN = ("done", "partial", "failed")  # statuses of what reports and index tell


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one recording.

    Args:
        recording: Which.
        status: `done`, `partial` or `failed`; `planned` (dry run), `pending` (not analysed yet),
            `not_consented` or `expired` (not to be analysed).
        message: What was lost or why it failed, in plain words.
        error: Why it failed; its notes hold the traceback of an unexpected failure.
        reused: Whether the result was there before.
        seconds: Time the analysis took.
        result: None unless there is one.
    """

    recording: Recording
    status: str
    message: str = ""
    error: PipelineError | None = None
    reused: bool = False
    seconds: float = 0.0
    result: StoredResult | None = None


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written for a candidate.

    Args:
        reports: The report in each language.
        tables: Frames and episodes.
    """

    reports: list[Path]
    tables: list[Path]


def write_candidate(
    outcomes: Sequence[Outcome], output: Path, settings: Settings, spec: ModelSpec
) -> Written:
    """Write the report and the tables of one candidate.

    Args:
        outcomes: Of all recordings of the candidate.
        output: Directory of the reports.
        settings, spec: Of the run.

    Returns:
        The files.
    """
    if settings.anonymous:
        _remove_named(output / outcomes[0].recording.candidate_id)
    outcomes = _as_named(outcomes, settings)
    directory = output / outcomes[0].recording.candidate_id
    pages = report.write_candidate_report(
        candidate_report(outcomes, settings, spec, directory), directory, settings
    )
    _, frames, episodes = _write_frames_and_episodes(outcomes, directory, settings, spec)
    return Written(reports=pages, tables=[frames, episodes])


def _remove_named(directory: Path) -> None:
    """Remove what an earlier run wrote under the candidate's name."""
    for pattern in ("report*.html", "report*.pdf", "progress*.html", "frames.*", "episodes.*"):
        for path in directory.glob(pattern):
            path.unlink()
    with suppress(OSError):  # absent, or somebody has put something else there
        directory.rmdir()


def write_tables(
    outcomes: Sequence[Outcome], directory: Path, settings: Settings, spec: ModelSpec
) -> None:
    """Write the tables of all candidates joined, and no report.

    Args:
        outcomes: Of all recordings.
        directory: Where the tables go.
        settings, spec: Of the run.
    """
    outcomes = _as_named(outcomes, settings)
    frames, *_ = _write_frames_and_episodes(outcomes, directory, settings, spec)
    tidy, schema = tables.posteriors(frames, spec.labels), tables.posteriors_schema()
    _write(tidy, schema, directory / "posteriors", settings)
    _write_recordings_and_dictionary(
        outcomes, directory, settings, spec, more={"posteriors": schema}
    )


def write_captions(outcomes: Sequence[Outcome], directory: Path, settings: Settings) -> None:
    """Write the episodes of each recording as WebVTT, named after the recording.

    Args:
        outcomes: Of all recordings.
        directory: Where the files go.
        settings: Of the run; the first of its languages names the expressions.
    """
    texts = load_texts(languages(settings)[0][0])
    taken: set[str] = set()
    for outcome in _as_named(outcomes, settings):
        if outcome.result is None:
            continue
        base = name = safe_name(outcome.recording.recording_id)
        number = 2
        while name.casefold() in taken:
            name = f"{base} ({number})"
            number += 1
        taken.add(name.casefold())
        tables.write_text(webvtt(outcome.result.episodes, texts), directory / f"{name}.vtt")


def _write_frames_and_episodes(
    outcomes: Sequence[Outcome], directory: Path, settings: Settings, spec: ModelSpec
) -> tuple[pd.DataFrame, Path, Path]:
    """Write both tables; the rows of the first, and the files."""
    read = [outcome for outcome in outcomes if outcome.result is not None]
    frames = _joined([_frame_rows(outcome) for outcome in read])
    episodes = _joined([_episode_rows(outcome) for outcome in read])
    return (
        frames,
        _write(frames, tables.frames_schema(spec.labels), directory / "frames", settings),
        _write(episodes, tables.episodes_schema(), directory / "episodes", settings),
    )


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _frame_rows(outcome: Outcome) -> pd.DataFrame:
    assert outcome.result is not None
    return outcome.result.read_frames().assign(recording_id=outcome.recording.recording_id)


def _write_recordings_and_dictionary(
    outcomes: Sequence[Outcome],
    directory: Path,
    settings: Settings,
    spec: ModelSpec,
    more: Mapping[str, list[tables.Column]] = MappingProxyType({}),
) -> None:
    schema = tables.recordings_schema(timeline.display_labels(spec.labels))
    rows = pd.DataFrame([_recording_row(outcome, spec) for outcome in outcomes])
    _write(rows, schema, directory / "recordings", settings)
    dictionary, own_schema = tables.data_dictionary(
        {
            "frames": tables.frames_schema(spec.labels),
            "episodes": tables.episodes_schema(),
            "recordings": schema,
            **more,
        }
    )
    _write(dictionary, own_schema, directory / "data_dictionary", settings)


def write_overview(
    outcomes: Sequence[Outcome], output: Path, settings: Settings, spec: ModelSpec
) -> Path:
    """Write the index, `recordings.csv` and `data_dictionary.csv`.

    Returns:
        The index.
    """
    outcomes = _as_named(outcomes, settings)
    _write_recordings_and_dictionary(outcomes, output, settings, spec)
    candidates: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.status in SHOWN:
            candidates.setdefault(outcome.recording.candidate_id, []).append(outcome)
    return report.write_index(
        [candidate_report(own, settings, spec) for own in candidates.values()],
        output,
        settings,
        provenance=provenance(settings, spec),
    )


def candidate_report(
    outcomes: Sequence[Outcome],
    settings: Settings,
    spec: ModelSpec,
    directory: Path | None = None,
) -> CandidateReport:
    """All that the report of one candidate shows.

    Args:
        outcomes: Of all recordings of the candidate.
        settings, spec: Of the run.
        directory: Where the report goes; without it, what only a report shows is left out.
    """
    ordered = sorted(outcomes, key=lambda o: (o.recording.session_date, o.recording.recording_id))
    results = [o.result for o in ordered if o.result is not None]
    first = ordered[0].recording
    facts = provenance(settings, spec)
    for outcome in ordered:
        facts[f"input {outcome.recording.recording_id}"] = outcome.recording.sha256
    return CandidateReport(
        candidate_id=first.candidate_id,
        display_name=first.display_name,
        recordings=[_recording_report(outcome, settings, directory) for outcome in ordered],
        overall=timeline.combine(
            [r.statistics for r in results], [r.frames_shown for r in results]
        ),
        provenance=facts,
    )


def provenance(settings: Settings, spec: ModelSpec) -> dict[str, str]:
    """Versions, model and parameters, for the foot of every page."""
    return {
        "poise": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "model": f"{spec.name}: {spec.training.get('summary', spec.architecture)}",
        "model sha256": spec.sha256,
        "parameters": ", ".join(f"{name}={value}" for name, value in settings.analysis().items()),
        "written": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
    }


def _as_named(outcomes: Sequence[Outcome], settings: Settings) -> list[Outcome]:
    """The outcomes under the names that pages and tables are to show."""
    if not settings.anonymous:
        return list(outcomes)
    return [replace(o, recording=anonymous(o.recording)) for o in outcomes]


def anonymous(recording: Recording) -> Recording:
    """The recording without names: codes made from them, the same in every run."""
    candidate = f"candidate-{_code(recording.candidate_id)}"
    return replace(
        recording,
        candidate_id=candidate,
        display_name=candidate,
        recording_id=f"{candidate}/recording-{_code(recording.recording_id)}",
        note="",
    )


def _code(name: str) -> str:
    return hashlib.sha256(f"poise {name}".encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _video_address(recording: Recording, directory: Path) -> str:
    """Address of a recording relative to its report; empty where there is none."""
    try:
        relative = os.path.relpath(recording.path.resolve(), directory.resolve())
    except ValueError:  # on another drive
        return ""
    return quote(Path(relative).as_posix(), errors="surrogatepass")


def _recording_report(
    outcome: Outcome, settings: Settings, directory: Path | None
) -> RecordingReport:
    recording, result = outcome.recording, outcome.result
    return RecordingReport(
        recording_id=recording.recording_id,
        session_date=recording.session_date,
        note=recording.note,
        status=outcome.status,
        message=outcome.message,
        statistics=result.statistics if result else None,
        episodes=result.episodes if result else [],
        frames=result.pictures if result else [],
        directory=result.directory if result else None,
        series=result.read_series(settings.smoothing_s) if result and directory else None,
        video=""
        if settings.anonymous or directory is None
        else _video_address(recording, directory),
    )


def _episode_rows(outcome: Outcome) -> pd.DataFrame:
    assert outcome.result is not None
    return pd.DataFrame(
        [
            {
                "recording_id": outcome.recording.recording_id,
                "episode": number,
                "label": episode.label,
                "start_ms": round(episode.start_s * 1000),
                "end_ms": round(episode.end_s * 1000),
                "duration_ms": round(episode.end_s * 1000) - round(episode.start_s * 1000),
                "peak_ms": round(episode.peak_s * 1000),
                "mean_posterior": episode.mean_posterior,
            }
            for number, episode in enumerate(outcome.result.episodes, start=1)
        ]
    )


def _recording_row(outcome: Outcome, spec: ModelSpec) -> dict[str, Any]:
    recording = outcome.recording
    row: dict[str, Any] = {
        "recording_id": recording.recording_id,
        "candidate_id": recording.candidate_id,
        "display_name": recording.display_name,
        "session_date": recording.session_date or None,
        "note": recording.note or None,
        "status": outcome.status,
        "error": outcome.message or None,
        "model_sha256": spec.sha256,
        "input_sha256": recording.sha256 or None,
    }
    if outcome.result is not None:
        statistics = outcome.result.statistics
        row |= {
            "duration_s": statistics.duration_s,
            "sampled_frames": statistics.sampled_frames,
            "usable_frames": statistics.usable_frames,
            "coverage": statistics.coverage,
            **{f"share_{label}": share for label, share in statistics.shares.items()},
            "changes_per_minute": statistics.changes_per_minute,
            "other_people": statistics.other_people,
        }
    return row


def _write(rows: pd.DataFrame, schema: list[tables.Column], path: Path, settings: Settings) -> Path:
    return tables.write_table(rows, schema, path, format=settings.format, csv_bom=settings.csv_bom)
