"""What a report says: the values from which every page is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from poise.remarks import ReadingRemark
from poise.types import Episode, RepresentativeFrame, Series, Statistics


@dataclass(frozen=True, kw_only=True)
class RecordingReport:
    """All that a report says of one recording.

    Args:
        recording_id, session_date, note: As in `Recording`.
        status: `done`, `partial` (read as far as possible) or `failed`.
        message: What was lost or why it failed, in plain words; empty when done.
        statistics: None when failed.
        episodes: In order of time.
        frames: Representative frames in order of time.
        directory: Where the pictures of `frames` lie.
        series: What its timeline shows; None without usable frames.
        video: Address of the recording, relative to the report; empty where there is none.
        remarks: What was unusual about how it was read.
    """

    recording_id: str
    session_date: str
    note: str
    status: str
    message: str
    statistics: Statistics | None
    episodes: list[Episode]
    frames: list[RepresentativeFrame]
    directory: Path | None
    series: Series | None = None
    video: str = ""
    remarks: tuple[ReadingRemark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CandidateReport:
    """All that a candidate's report may show.

    Args:
        candidate_id: Directory-safe name.
        display_name: As a person writes it.
        recordings: In the order they are to be shown.
        overall: Over all recordings that were read; None if none was.
        provenance: Facts for the foot of the report, name to value: versions, model, its
            SHA-256, parameters, input hashes, date.
    """

    candidate_id: str
    display_name: str
    recordings: list[RecordingReport]
    overall: Statistics | None
    provenance: dict[str, str]
