"""What rules of feedback give: observations and advice, each with the moment it points to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from poise.labels import NEUTRAL
from poise.reports.report_types import RecordingReport
from poise.timeline.segment_figures import SegmentFigures
from poise.types import Episode

LEAST_S = 60.0  # of a usable face: of less no figure is said, and nothing is compared


@dataclass(frozen=True, kw_only=True)
class Remark:
    """An observation or a piece of advice; the locale files hold its words.

    Args:
        kind: Which rule spoke, as in the tables of this package.
        label: Expression that it is about, or the quality flag of the advice `flag`; may be empty.
        share, other: Share 0..1 that it names, and what that is compared with.
        start_s, end_s: The moment it points to; None where it points to none.
        rate: Changes per minute, for `changes`.
        seconds: How long a usable face was seen, for `brief`.
        number, middle, last, total: Of how many answers (`total`) something holds: of their
            beginnings, of what lies between, of their ends.
        compared: Whether these are not all answers: only those that could be compared.
    """

    kind: str
    label: str = ""
    share: float = 0.0
    other: float = 0.0
    start_s: float | None = None
    end_s: float | None = None
    rate: float = 0.0
    seconds: float = 0.0
    number: int = 0
    middle: int = 0
    last: int = 0
    total: int = 0
    compared: bool = False


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What is said of a recording, or of one of its answers: a few sentences."""

    remarks: list[Remark] = field(default_factory=list)
    advice: list[Remark] = field(default_factory=list)


def is_brief(recording: RecordingReport) -> bool:
    """Whether too little of the face was seen for figures to be compared or made a headline."""
    return recording.usable_s < LEAST_S


def seen_s(figures: SegmentFigures | None) -> float:
    """How long a usable face was seen in a part of a recording."""
    return figures.duration_s * (figures.coverage or 0.0) if figures else 0.0


def telling(labels: Iterable[str]) -> list[str]:
    """All expressions but the neutral one."""
    return [label for label in labels if label != NEUTRAL]


def at(kind: str, episode: Episode) -> Remark:
    """A remark that points to an episode."""
    return Remark(kind=kind, label=episode.label, start_s=episode.start_s, end_s=episode.end_s)


def furthest_apart(
    shares: Mapping[str, float], others: Mapping[str, float]
) -> tuple[str, float, float]:
    """The telling expression whose shares differ most: its name, and both shares."""
    label = max(telling(shares), key=lambda k: abs(shares[k] - others.get(k, 0.0)))
    return label, shares[label], others.get(label, 0.0)
