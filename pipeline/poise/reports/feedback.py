"""Feedback: from the figures of a recording to a few plain observations and things to try.

Every sentence is the answer of one rule to the data, and says only what was visible:

| remark | said when |
|---|---|
| `brief` | a usable face was seen for less than `LEAST_S`: nothing else is then said |
| `mix` | always: the share of the frames in which each expression was the most visible one |
| `earlier` | an expression's share differs by `EARLIER` or more from earlier recordings' mean |
| `minute` | in one stretch an expression fills `MINUTE` more of the frames than in the others |
| `longest` | an episode, not neutral, lasts `LONGEST_S`, or less where no `minute` is named |
| `alike` | there are earlier recordings, and nothing of `earlier` |
| `changes` | where fewer than two of these have anything to say |

| advice | given when |
|---|---|
| `longer` | after `brief`, where no `flag` explains it: record for longer |
| `flag` | at least `FLAGGED` of the frames that show the candidate are flagged: what helps |
| `tense` | the longest negative episode lasts `TENSE_S` or longer: watch it once |
| `opening` | smile-like expressions occur, but not in the first `OPENING_S` |
| `steady` | hardly any expression but a neutral one was visible |
| `apart` | an expression that is neither (surprise-like) fills `APART_SHARE`: watch the longest |
| `smile` | there is a positive episode: watch the longest, and try it elsewhere |
| `choose` | where none of these applies: pick a moment |

A recording is compared with the same person's other minutes and earlier recordings, never with
other people, and a difference is called a difference, not better or worse. Recordings that are
`brief` are compared with nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from poise.labels import NEGATIVE, NEUTRAL, POSITIVE, VALENCES
from poise.reports.report_types import RecordingReport
from poise.types import Series, Statistics

LEAST_S = 60.0  # of a usable face
EARLIER = 0.10
MINUTE = 0.25
LONGEST_S, TENSE_S = 3.0, 1.5
FLAGGED = 0.10
OPENING_S = 30.0
STEADY = 0.03
RARE = 0.05
APART_SHARE = 0.15
MOST_REMARKS, MOST_ADVICE = 3, 2


@dataclass(frozen=True, kw_only=True)
class Remark:
    """An observation or a piece of advice; the locale files hold its words.

    Args:
        kind: Which rule spoke, as in the tables of this module.
        label: Expression that it is about, or the quality flag of the advice `flag`; may be empty.
        share, other: Share 0..1 that it names, and what that is compared with.
        start_s, end_s: The moment it points to; None where it points to none.
        rate: Changes per minute, for `changes`.
        seconds: How long a usable face was seen, for `brief`.
    """

    kind: str
    label: str = ""
    share: float = 0.0
    other: float = 0.0
    start_s: float | None = None
    end_s: float | None = None
    rate: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What is said of one recording: three to five sentences in all; of a brief one, two."""

    remarks: list[Remark] = field(default_factory=list)
    advice: list[Remark] = field(default_factory=list)


def is_brief(recording: RecordingReport) -> bool:
    """Whether too little of the face was seen for figures to be compared or made a headline."""
    return recording.usable_s < LEAST_S


def feedback_on(recording: RecordingReport, earlier: Sequence[RecordingReport] = ()) -> Feedback:
    """Apply the rules.

    Args:
        recording: The recording to speak of.
        earlier: Earlier recordings of the same person.

    Returns:
        Nothing where no usable face was seen.
    """
    statistics, series = recording.statistics, recording.series
    if statistics is None or series is None or not statistics.shares:
        return Feedback()
    if is_brief(recording):
        return Feedback(
            remarks=[Remark(kind="brief", seconds=recording.usable_s)],
            advice=[_flag(statistics) or Remark(kind="longer")],
        )
    minute = _minute(series, statistics.duration_s)
    compared = _earlier(
        statistics, [r.statistics for r in earlier if r.statistics is not None and not is_brief(r)]
    )
    alike = compared is not None and compared.kind == "alike"
    longest = _longest(statistics, LONGEST_S if minute else 0.0)
    found = [minute, longest, compared] if alike else [compared, minute, longest]
    remarks = [Remark(kind="mix"), *(remark for remark in found if remark)][:MOST_REMARKS]
    if len(remarks) < 2 and statistics.changes_per_minute is not None:
        remarks.append(Remark(kind="changes", rate=statistics.changes_per_minute))
    tried = [
        _flag(statistics),
        _tense(statistics),
        _opening(series, statistics),
        _steady(statistics),
        _apart(statistics),
        _smile(statistics),
    ]
    advice = [piece for piece in tried if piece][:MOST_ADVICE]
    return Feedback(remarks=remarks, advice=advice or [Remark(kind="choose")])


def _earlier(now: Statistics, before: Sequence[Statistics]) -> Remark | None:
    before = [statistics for statistics in before if statistics.shares]
    if not before:
        return None
    weights = [statistics.usable_frames for statistics in before]
    changes = []
    for label in _telling(now.shares):
        other = float(np.average([s.shares.get(label, 0.0) for s in before], weights=weights))
        changes.append((abs(now.shares.get(label, 0.0) - other), label, other))
    change, label, other = max(changes)
    if change < EARLIER:
        return Remark(kind="alike")
    return Remark(kind="earlier", label=label, share=now.shares.get(label, 0.0), other=other)


def _telling(labels: Iterable[str]) -> list[str]:
    """All expressions but the neutral one."""
    return [label for label in labels if label != NEUTRAL]


def _stretch_s(duration_s: float) -> float:
    """A minute of long recordings, a third of a minute of short ones."""
    return 60.0 if duration_s >= 240 else 20.0


def _minute(series: Series, duration_s: float) -> Remark | None:
    """The stretch that differs most from the mean of the others, of those that are half seen."""
    length_s = _stretch_s(duration_s)
    numbers, stretch, counts = np.unique(
        series.pts_s // length_s, return_inverse=True, return_counts=True
    )
    seen = np.flatnonzero(counts >= 0.5 * counts.max())
    if len(seen) < 3:
        return None
    winner = series.smoothed.argmax(axis=1)
    best: Remark | None = None
    for column, label in enumerate(series.labels):
        if label == NEUTRAL:
            continue
        shares = np.bincount(stretch, weights=winner == column)[seen] / counts[seen]
        top = int(shares.argmax())
        other = float(np.delete(shares, top).mean())
        difference = float(shares[top]) - other
        if difference >= MINUTE and (best is None or difference > best.share - best.other):
            start_s = float(numbers[seen[top]]) * length_s
            best = Remark(
                kind="minute",
                label=label,
                share=float(shares[top]),
                other=other,
                start_s=start_s,
                end_s=min(start_s + length_s, duration_s),
            )
    return best


def _longest(statistics: Statistics, least_s: float) -> Remark | None:
    episodes = [statistics.longest[label] for label in _telling(statistics.longest)]
    episode = max(episodes, key=lambda e: e.duration_s, default=None)
    if episode is None or episode.duration_s < least_s:
        return None
    return Remark(kind="longest", label=episode.label, start_s=episode.start_s, end_s=episode.end_s)


def _flag(statistics: Statistics) -> Remark | None:
    flag = max(statistics.flag_shares, key=lambda name: statistics.flag_shares[name], default="")
    share = statistics.flag_shares.get(flag, 0.0)
    return Remark(kind="flag", label=flag, share=share) if share >= FLAGGED else None


def _tense(statistics: Statistics) -> Remark | None:
    episode = statistics.longest.get(NEGATIVE)
    if episode is None or episode.duration_s < TENSE_S:
        return None
    return Remark(kind="tense", label=NEGATIVE, start_s=episode.start_s, end_s=episode.end_s)


def _opening(series: Series, statistics: Statistics) -> Remark | None:
    opening = series.pts_s < OPENING_S
    if statistics.duration_s < 2 * OPENING_S or not opening.any():
        return None
    column = series.labels.index(POSITIVE)
    early = float((series.smoothed[opening].argmax(axis=1) == column).mean())
    if early >= RARE or statistics.shares.get(POSITIVE, 0.0) < RARE:
        return None
    return Remark(kind="opening", label=POSITIVE, share=early, start_s=0.0, end_s=OPENING_S)


def _steady(statistics: Statistics) -> Remark | None:
    moved = sum(statistics.shares[label] for label in _telling(statistics.shares))
    return Remark(kind="steady", share=moved) if moved < STEADY else None


def _apart(statistics: Statistics) -> Remark | None:
    shares = {k: v for k, v in statistics.shares.items() if k not in VALENCES}
    label = max(shares, key=lambda k: shares[k], default="")
    episode = statistics.longest.get(label)
    if episode is None or shares[label] < APART_SHARE:
        return None
    return Remark(kind="apart", label=label, start_s=episode.start_s, end_s=episode.end_s)


def _smile(statistics: Statistics) -> Remark | None:
    episode = statistics.longest.get(POSITIVE)
    if episode is None:
        return None
    return Remark(kind="smile", label=POSITIVE, start_s=episode.start_s, end_s=episode.end_s)
