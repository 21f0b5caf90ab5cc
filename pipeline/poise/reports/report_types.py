"""What a report says: the values from which every page is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from poise.coach_notes import CoachNote
from poise.remarks import ReadingRemark
from poise.timeline.segment_figures import SegmentFigures
from poise.types import Baseline, Episode, RepresentativeFrame, Series, Statistics

UNSURE = "unsure"  # a status of reports alone: who is shown has to be checked by the centre


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer, or another stretch that a centre named, of a recording.

    Args:
        number: From 1, as a reader counts them.
        kind: `answer`, or `part` where only the centre knows what it is.
        label: Such as the text of the question; empty if none was given.
        start_s, end_s: When.
        asked_s: From when to when the question before it was asked; None if not known.
        whole: Figures over all of it.
        first, last: Over its first and its last ten seconds; None where it is short.
    """

    number: int
    kind: str
    label: str
    start_s: float
    end_s: float
    asked_s: tuple[float, float] | None
    whole: SegmentFigures
    first: SegmentFigures | None = None
    last: SegmentFigures | None = None

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    def holds(self, time_s: float) -> bool:
        """Whether a moment lies in it, or in the question before it."""
        start_s = self.asked_s[0] if self.asked_s else self.start_s
        return start_s <= time_s < self.end_s


@dataclass(frozen=True, kw_only=True)
class RecordingReport:
    """All that a report says of one recording.

    Args:
        recording_id, session_date, session_time, note: As in `Recording`.
        status: `done`, `partial` (read as far as possible), `failed`, or `unsure`: it may show
            somebody else, so that nothing of it is shown.
        code: Of the text that says what was lost or why it failed (`error.CODE.cause` and
            `.remedy`); empty when done.
        statistics: None when failed or unsure.
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
        answers: In order of time; empty where none are known.
        speaking, listening: Figures while the candidate, and while somebody else spoke; None
            where nothing was listened to.
        excluded: Stretches that the centre excludes, from and to in seconds; they are in no figure.
        sound: What became of its sound, one of `poise.media.audio.SOUND_STATUSES`; of what was
            heard, `no_voice` where no voice is in it, `not_yours` where the candidate's is not.
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
    answers: list[Answer] = field(default_factory=list)
    speaking: SegmentFigures | None = None
    listening: SegmentFigures | None = None

    @property
    def end_s(self) -> float:
        """Where it ends; later than it lasts where its picture starts late."""
        statistics = self.statistics
        return max(statistics.duration_s, statistics.end_s) if statistics else 0.0

    @property
    def watched_s(self) -> float:
        """Up to where a player can show it."""
        return max(self.end_s, self.video_s or 0.0)

    @property
    def length_s(self) -> float:
        """How long it is, with what the centre excludes and with holes."""
        statistics = self.statistics
        if statistics is None:
            return 0.0
        return max(statistics.duration_s, statistics.end_s - statistics.start_s)

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
