"""What a report says: the values from which every page is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from poise.coach_notes import CoachNote
from poise.remarks import ReadingRemark
from poise.types import Baseline, Episode, RepresentativeFrame, Series, Statistics


@dataclass(frozen=True, kw_only=True)
class RecordingReport:
    """All that a report says of one recording.

    Args:
        recording_id, session_date, session_time, note: As in `Recording`.
        status: `done`, `partial` (read as far as possible) or `failed`.
        code: Of the text that says what was lost or why it failed (`error.CODE.cause` and
            `.remedy`); empty when done.
        statistics: None when failed.
        episodes: In order of time.
        frames: Representative frames in order of time.
        directory: Where the pictures of `frames` lie.
        series: What its timeline shows; None without usable frames.
        video: Address of the recording, relative to the report; empty where there is none.
        video_gone: Why a handout holds no video of it (`handout.CODE`); empty elsewhere.
        video_s: How long a player shows it to be; None if unknown.
        size_px: Width and height of its frames; None if unknown.
        unseen: Stretches without a usable face, from and to in seconds.
        remarks: What was unusual about how it was read.
        coach_notes: First those of the whole recording, then in order of time.
        baseline: The candidate's resting face; None if not known.
        sound: What became of its sound, one of `poise.media.audio.SOUND_STATUSES`.
        excluded: Stretches that the centre excludes, from and to in seconds; they are in no figure.
    """

    recording_id: str
    session_date: str
    note: str
    status: str
    statistics: Statistics | None
    episodes: list[Episode]
    frames: list[RepresentativeFrame]
    directory: Path | None
    series: Series | None = None
    video: str = ""
    session_time: str = ""
    code: str = ""
    video_gone: str = ""
    video_s: float | None = None
    size_px: tuple[int, int] | None = None
    unseen: list[tuple[float, float]] = field(default_factory=list)
    baseline: Baseline | None = None
    remarks: tuple[ReadingRemark, ...] = ()
    sound: str = "off"
    excluded: tuple[tuple[float, float], ...] = ()
    coach_notes: tuple[CoachNote, ...] = ()

    @property
    def end_s(self) -> float:
        """Where it ends; later than it lasts where its picture starts late."""
        statistics = self.statistics
        return max(statistics.duration_s, statistics.end_s) if statistics else 0.0

    @property
    def usable_s(self) -> float:
        """How long a usable face was seen."""
        statistics = self.statistics
        if statistics is None or not statistics.sampled_frames:
            return 0.0
        return statistics.duration_s * statistics.usable_frames / statistics.sampled_frames


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


@dataclass(frozen=True, kw_only=True)
class NotAnalysed:
    """A recording, or something else that lies among the recordings, that was not analysed.

    Args:
        name: Its path below the input directory; empty where it may not be named.
        code: Of the text that says why and what to do.
        harmless: Whether nothing needs to be done, as with files that are no recordings.
    """

    name: str
    code: str
    harmless: bool = False
