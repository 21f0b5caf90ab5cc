"""The tables of a run, of a candidate, and of all candidates joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from poise.expression.model_spec import ModelSpec
from poise.labels import display_labels
from poise.reports.left_aside import reason
from poise.reports.pages.unsure import doubt_codes
from poise.reports.pseudonyms import as_named
from poise.reports.tables import data_dictionary, posteriors, write_table
from poise.settings import Settings
from poise.storage.results.outcome import Outcome
from poise.storage.table_schema import (
    Column,
    episodes_schema,
    frames_schema,
    posteriors_schema,
    recordings_schema,
    segments_schema,
)

_OF_VIDEO = ("width_px", "height_px", "codec", "frame_rate_hz", "start_offset_s")


def write_tables(
    outcomes: Sequence[Outcome], directory: Path, settings: Settings, spec: ModelSpec
) -> None:
    """Write the tables of all candidates joined, and no report.

    Args:
        outcomes: Of all recordings.
        directory: Where the tables go.
        settings, spec: Of the run.
    """
    outcomes = as_named(outcomes, settings)
    frames, *_ = write_frames_and_episodes(outcomes, directory, settings, spec)
    write_segments(outcomes, directory, settings, spec)
    tidy, schema = posteriors(frames, spec.labels), posteriors_schema()
    _write(tidy, schema, directory / "posteriors", settings)
    write_recordings_and_dictionary(
        outcomes, directory, settings, spec, more={"posteriors": schema}
    )


def write_frames_and_episodes(
    outcomes: Sequence[Outcome], directory: Path, settings: Settings, spec: ModelSpec
) -> tuple[pd.DataFrame, Path, Path]:
    """Write both tables; the rows of the first, and the files."""
    read = [outcome for outcome in outcomes if outcome.result is not None]
    frames = _joined([_frame_rows(outcome, settings) for outcome in read])
    episodes = _joined([_episode_rows(outcome) for outcome in read])
    return (
        frames,
        _write(frames, frames_schema(spec.labels), directory / "frames", settings),
        _write(episodes, episodes_schema(), directory / "episodes", settings),
    )


def write_segments(
    outcomes: Sequence[Outcome], directory: Path, settings: Settings, spec: ModelSpec
) -> Path:
    """Write the figures of every segment; the file."""
    rows = [
        row for outcome in outcomes if outcome.result for row in segment_rows(outcome, settings)
    ]
    schema = segments_schema(display_labels(spec.labels))
    return _write(pd.DataFrame(rows), schema, directory / "segments", settings)


def segment_rows(outcome: Outcome, settings: Settings) -> list[dict[str, Any]]:
    """Rows of `segments_schema` for one recording."""
    assert outcome.result is not None
    segments = outcome.result.segments
    rows = [
        _segment_row(outcome, figures.segment)
        | {
            "part": figures.part,
            "state": figures.state,
            "duration_s": figures.duration_s,
            "sampled_frames": figures.sampled_frames,
            "usable_frames": figures.usable_frames,
            "coverage": figures.coverage,
            **{f"share_{label}": share for label, share in figures.shares.items()},
            **{f"episodes_{label}": count for label, count in figures.episodes.items()},
        }
        for figures in outcome.result.read_segment_figures(settings.sample_rate_hz)
    ]
    rows += [
        _segment_row(outcome, number)
        for number, segment in enumerate(segments, start=1)
        if segment.kind == "excluded"
    ]
    return sorted(rows, key=lambda row: row["segment"] or 0)


def _segment_row(outcome: Outcome, number: int | None) -> dict[str, Any]:
    """What a row of `segments_schema` says of the segment itself; None is the recording."""
    assert outcome.result is not None
    named = outcome.result.segments[number - 1] if number else None
    return {
        "recording_id": outcome.recording.recording_id,
        "segment": number,
        "kind": named.kind if named else "recording",
        "label": (named.label or None) if named else None,
        "source": named.source if named else None,
        "start_ms": round(named.start_s * 1000) if named else None,
        "end_ms": round(named.end_s * 1000) if named else None,
    }


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _frame_rows(outcome: Outcome, settings: Settings) -> pd.DataFrame:
    assert outcome.result is not None
    rows = outcome.result.read_frames(settings.smoothing_s, 1 / settings.sample_rate_hz)
    return rows.assign(recording_id=outcome.recording.recording_id)


def write_recordings_and_dictionary(
    outcomes: Sequence[Outcome],
    directory: Path,
    settings: Settings,
    spec: ModelSpec,
    more: Mapping[str, list[Column]] = MappingProxyType({}),
) -> None:
    schema = recordings_schema(display_labels(spec.labels))
    unsure = doubt_codes(outcomes)
    rows = pd.DataFrame(
        [
            _recording_row(outcome, settings, spec)
            | {"unsure_who": unsure.get(outcome.recording.recording_id)}
            for outcome in outcomes
        ]
    )
    _write(rows, schema, directory / "recordings", settings)
    dictionary, own_schema = data_dictionary(
        {
            "frames": frames_schema(spec.labels),
            "episodes": episodes_schema(),
            "segments": segments_schema(display_labels(spec.labels)),
            "recordings": schema,
            **more,
        }
    )
    _write(dictionary, own_schema, directory / "data_dictionary", settings)


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


def _recording_row(outcome: Outcome, settings: Settings, spec: ModelSpec) -> dict[str, Any]:
    recording = outcome.recording
    row: dict[str, Any] = {
        "recording_id": recording.recording_id,
        "candidate_id": recording.candidate_id,
        "display_name": recording.display_name,
        "session_date": recording.session_date or None,
        "session_time": recording.session_time or None,
        "note": recording.note or None,
        "status": outcome.status,
        "error_code": outcome.code or None,
        "error": reason(outcome) or None,
        "input_sha256": recording.sha256 or None,
    }
    if outcome.result is not None:
        statistics, info = outcome.result.statistics, outcome.result.info
        row |= {
            **{name: info.get(name) for name in _OF_VIDEO},
            "remarks": "; ".join(remark.text for remark in outcome.result.remarks) or None,
            "container_duration_s": info.get("duration_s"),
            "sample_rate_hz": settings.sample_rate_hz,
            "smoothing_s": settings.smoothing_s,
            "min_episode_s": settings.min_episode_s,
            "model": spec.name,
            "model_sha256": spec.sha256,
            "precision": outcome.result.origin.get("precision"),
            "duration_s": statistics.duration_s,
            "sampled_frames": statistics.sampled_frames,
            "usable_frames": statistics.usable_frames,
            "coverage": statistics.coverage if statistics.sampled_frames else None,
            **{f"share_{label}": share for label, share in statistics.shares.items()},
            "changes_per_minute": statistics.changes_per_minute,
            **{
                f"baseline_{name}": value
                for name, value in asdict(outcome.result.baseline).items()
                if name in ("kind", "threshold") or outcome.result.baseline.kind != "none"
            },
            "other_people": statistics.other_people,
        }
    return row


def _write(rows: pd.DataFrame, schema: list[Column], path: Path, settings: Settings) -> Path:
    return write_table(rows, schema, path, format=settings.format, csv_bom=settings.csv_bom)
