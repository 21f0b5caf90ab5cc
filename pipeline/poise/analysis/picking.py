"""Picking the frames that stand for a recording: for each expression, and for each answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poise.labels import NEUTRAL
from poise.spoken import Segment
from poise.types import Episode, FloatArray, IntArray, TimeArray

_APART_S = 2.0  # between frames of one label


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What is known of the usable frames of a recording.

    Args:
        labels: Names of the columns of the posteriors.
        pts_s: Times, float64 [K].
        smoothed, raw: Posteriors of the labels, float32 [K, L].
        sharpness: Of the faces, float32 [K].
    """

    labels: Sequence[str]
    pts_s: TimeArray
    smoothed: FloatArray
    raw: FloatArray
    sharpness: FloatArray

    def within(self, start_s: float, end_s: float) -> IntArray:
        """The frames from a moment up to another one, int64 [N]."""
        first, last = np.searchsorted(self.pts_s, [start_s, end_s])
        return np.arange(first, last)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Piece:
    """An episode, or what of it lies in one answer.

    Args:
        label: Of the episode.
        answer: Number of the answer; -1 outside of all.
        strength: Longer and clearer ones first.
        rows: Usable frames that show it, int64 [N] with N > 0.
    """

    label: str
    answer: int
    strength: float
    rows: IntArray


class _Picked:
    """What was picked so far.

    Args:
        readings: Of the recording.
        most: So many frames at most.
    """

    def __init__(self, readings: Readings, most: int) -> None:
        self._readings, self._most = readings, most
        self.found: list[tuple[str, int]] = []
        self.answers: set[int] = set()
        self._used: set[_Piece] = set()

    def count(self, label: str) -> int:
        """How many stand for a label."""
        return sum(own == label for own, _ in self.found)

    def take(self, piece: _Piece) -> None:
        """Take the clearest and sharpest frame of a piece, once, far from those of its label."""
        readings, column = self._readings, list(self._readings.labels).index(piece.label)
        taken = [readings.pts_s[k] for label, k in self.found if label == piece.label]
        far = np.array([k for k in piece.rows
                        if all(abs(readings.pts_s[k] - t) >= _APART_S for t in taken)])  # fmt: skip
        if len(self.found) >= self._most or piece in self._used or not len(far):
            return
        clearness = readings.smoothed[far, column] * readings.raw[far, column]
        crispness = readings.sharpness[far] / max(float(readings.sharpness[far].max()), 1e-9)
        best = int(far[int(np.argmax(clearness * (0.7 + 0.3 * crispness)))])
        self.found.append((piece.label, best))
        self.answers.add(piece.answer)
        self._used.add(piece)


def choose_frames(
    episodes: Sequence[Episode],
    readings: Readings,
    per_label: int,
    segments: Sequence[Segment] = (),
) -> list[tuple[str, int]]:
    """Frames that stand for the strongest episodes of each label, and for each answer.

    First the strongest episode of each expression but neutral; then, in each answer that has no
    frame yet, what is strongest there, neutral only where there is nothing else; then further
    episodes, up to `per_label` of each label.

    Args:
        episodes: Of the recording.
        readings: Of its usable frames.
        per_label: At most so many of each label, and in all at most as many as that makes for all
            labels; for the sake of an answer a label may have more.
        segments: Of the recording; nothing is chosen of what is excluded.

    Returns:
        (label, row among the usable frames), in order of time.
    """
    pieces = sorted(_pieces(episodes, readings, segments), key=lambda piece: -piece.strength)
    picked = _Picked(readings, per_label * len(readings.labels))
    for label in readings.labels:
        if label != NEUTRAL:
            for piece in [p for p in pieces if p.label == label][:1]:
                picked.take(piece)
    for piece in sorted(pieces, key=lambda piece: piece.label == NEUTRAL):
        if piece.answer >= 0 and piece.answer not in picked.answers:
            picked.take(piece)
    for piece in pieces:
        if picked.count(piece.label) < per_label:
            picked.take(piece)
    return sorted(picked.found, key=lambda item: item[1])


def _pieces(
    episodes: Sequence[Episode], readings: Readings, segments: Sequence[Segment]
) -> list[_Piece]:
    """Episodes, cut where answers begin and end, without what is excluded."""
    answers = [s for s in segments if s.kind not in ("question", "excluded")]
    answer_of = np.full(len(readings.pts_s), -1)
    counts = np.ones(len(readings.pts_s), bool)
    for number, segment in enumerate(answers):
        answer_of[readings.within(segment.start_s, segment.end_s)] = number
    for segment in segments:
        if segment.kind == "excluded":
            counts[readings.within(segment.start_s, segment.end_s)] = False
    best = readings.raw.argmax(axis=1)
    pieces = []
    for episode in episodes:
        rows = readings.within(episode.start_s, episode.end_s)
        shows = counts[rows] & (best[rows] == list(readings.labels).index(episode.label))
        for answer in np.unique(answer_of[rows[shows]]).tolist():
            own = rows[shows & (answer_of[rows] == answer)]
            lasting_s = episode.duration_s * len(own) / len(rows)
            pieces.append(
                _Piece(
                    label=episode.label,
                    answer=answer,
                    strength=float(episode.mean_posterior * np.sqrt(lasting_s)),
                    rows=own,
                )
            )
    return pieces
