"""Feedback on a recording: what stood out in it, and what to try.

Every sentence is the answer of one rule to the data, and says only what was visible:

| remark | said when |
|---|---|
| `brief` | a usable face was seen for less than `LEAST_S`: nothing else is then said |
| `mix` | always: the share of the frames in which each expression was the most visible one |
| `earlier` | an expression's share differs by `EARLIER` or more from earlier recordings' mean |
| `states` | an expression's share differs by `STATES` or more between speaking and listening |
| `answer` | an expression's share in an answer differs most, and by `DIFFERS`, from the others' |
| `ends` | there are answers with smile-like expressions: in how many of them, and where |
| `minute` | in one minute an expression fills `MINUTE` more of the frames than in the others |
| `longest` | an episode, not neutral, lasts `LONGEST_S`, or less where no `minute` is named |
| `alike` | there are earlier recordings, and nothing of `earlier` |
| `changes` | where fewer than two of these have anything to say |

| advice | given when |
|---|---|
| `longer` | after `brief`, where no `flag` explains it: record for longer |
| `flag` | at least `FLAGGED` of the frames that show the candidate are flagged: what helps |
| `tense` | the longest negative episode lasts `TENSE_S` or longer: watch it once |
| `opening` | smile-like expressions occur, but hardly in the first ten seconds |
| `closing` | likewise in the last ten seconds |
| `steady` | hardly any expression but a neutral one was visible |
| `apart` | an expression that is neither (surprise-like) fills `APART_SHARE`: watch the longest |
| `smile` | there is a positive episode: watch the longest, and try it elsewhere |
| `choose` | where none of these applies: look at the longest episode |

A recording is compared with the same person's other minutes and earlier recordings, never with
other people, and a difference is called a difference, not better or worse. Recordings that are
`brief` are compared with nothing, nor are states that show a usable face for less than
`LEAST_S`. Ten seconds are too little for a figure: of the ends of answers it is only counted in
how many of them something was visible, and advice follows where it was in fewer than half.
`minute` and the ends of a recording are looked at where its answers are not known.

Source of `opening` and `closing`: Ruben, Hall and Schmid Mast, The Journal of Social Psychology
155(2), 2015: in a study of job interviews those applicants were received best who smiled at the
beginning and the end rather than in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from poise.labels import NEGATIVE, NEUTRAL, POSITIVE, VALENCES
from poise.reports.feedback.answer import SEEN, SMILED, differs
from poise.reports.feedback.remarks import (
    LEAST_S,
    Feedback,
    Remark,
    at,
    furthest_apart,
    is_brief,
    seen_s,
    telling,
)
from poise.reports.report_types import Answer, RecordingReport
from poise.timeline.segment_figures import EDGE_S, SegmentFigures
from poise.types import Series, Statistics

EARLIER = 0.10
STATES = 0.15
MINUTE = 0.25
LONGEST_S, TENSE_S = 3.0, 1.5
FLAGGED = 0.10
STEADY = 0.03
RARE = 0.05
APART_SHARE = 0.15
MOST_REMARKS, MOST_ADVICE = 3, 2


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
            remarks=[Remark(kind="brief", seconds=min(recording.usable_s, LEAST_S - 1))],
            advice=[_flag(recording, statistics) or _longer(statistics)],
        )
    ends = _Ends.of(recording.answers)
    minute = None if recording.answers else _minute(series, recording.end_s)
    compared = _earlier(statistics, earlier)
    alike = compared is not None and compared.kind == "alike"
    longest = _longest(statistics, LONGEST_S if minute else 0.0)
    found = [_states(recording), _answer(recording.answers), ends.remark(), minute, longest]
    found = [*found, compared] if alike else [compared, *found]
    remarks = [Remark(kind="mix"), *(remark for remark in found if remark)][:MOST_REMARKS]
    if len(remarks) < 2 and statistics.changes_per_minute is not None:
        remarks.append(Remark(kind="changes", rate=statistics.changes_per_minute))
    tried = [
        _flag(recording, statistics),
        _tense(statistics),
        *(ends.advice() if ends.total else _recording_ends(series, statistics)),
        _steady(statistics),
        _apart(statistics),
        _smile(statistics),
    ]
    advice = [piece for piece in tried if piece][:MOST_ADVICE]
    return Feedback(remarks=remarks, advice=advice or [_choose(statistics)])


def _answer(answers: Sequence[Answer]) -> Remark | None:
    found = [remark for answer in answers if (remark := differs(answer, answers))]
    most = max(found, key=lambda remark: abs(remark.share - remark.other), default=None)
    return replace(most, kind="answer") if most else None


@dataclass(frozen=True, kw_only=True)
class _Ends:
    """In how many answers a smile-like expression was visible: at either end, and between."""

    without_first: Answer | None
    without_last: Answer | None
    first: int
    middle: int
    last: int
    total: int
    compared: bool

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> _Ends:
        """Of the answers that last twenty seconds and show a face at both ends."""
        whole = [a for a in answers if _seen(a)]
        first = [a for a in whole if _smiles(a.first) >= SMILED]
        last = [a for a in whole if _smiles(a.last) >= SMILED]
        return cls(
            without_first=next((a for a in whole if a not in first), None),
            without_last=next((a for a in reversed(whole) if a not in last), None),
            first=len(first),
            middle=sum(_middle(a) >= RARE for a in whole),
            last=len(last),
            total=len(whole) if len(whole) > 1 else 0,
            compared=len(whole) < len(answers),
        )

    def remark(self) -> Remark | None:
        """Where in the answers smiles were visible, if they were."""
        if not self.total or not (self.first or self.middle or self.last):
            return None
        return Remark(
            kind="ends", label=POSITIVE,
            number=self.first, middle=self.middle, last=self.last, total=self.total,
            compared=self.compared,
        )  # fmt: skip

    def advice(self) -> list[Remark | None]:
        """What to try at the beginning and at the end, where smiles are rarer than between."""
        opening = closing = None
        if self.without_first and 2 * self.first < self.total and self.first < self.middle:
            start_s = self.without_first.start_s
            opening = Remark(
                kind="opening", label=POSITIVE, number=self.first, total=self.total,
                compared=self.compared, start_s=start_s, end_s=start_s + EDGE_S,
            )  # fmt: skip
        if self.without_last and 2 * self.last < self.total and self.last < self.middle:
            end_s = self.without_last.end_s
            closing = Remark(
                kind="closing", label=POSITIVE, number=self.last, total=self.total,
                compared=self.compared, start_s=end_s - EDGE_S, end_s=end_s,
            )  # fmt: skip
        return [opening, closing]


def _seen(answer: Answer) -> bool:
    ends = (answer.first, answer.last)
    return all(part is not None and (part.coverage or 0.0) >= SEEN for part in ends)


def _smiles(part: SegmentFigures | None) -> float:
    return part.shares.get(POSITIVE, 0.0) if part else 0.0


def _middle(answer: Answer) -> float:
    """Share of smile-like frames between the first and the last ten seconds."""
    assert answer.first and answer.last
    parts = [(1, answer.whole), (-1, answer.first), (-1, answer.last)]
    frames = sum(sign * part.usable_frames for sign, part in parts)
    smiling = sum(sign * part.usable_frames * _smiles(part) for sign, part in parts)
    return smiling / frames if frames > 0 else 0.0


def _states(recording: RecordingReport) -> Remark | None:
    speaking, listening = recording.speaking, recording.listening
    if speaking is None or listening is None:
        return None
    if min(seen_s(speaking), seen_s(listening)) < LEAST_S:
        return None
    label, share, other = furthest_apart(listening.shares, speaking.shares)
    if abs(share - other) < STATES:
        return None
    return Remark(kind="states", label=label, share=share, other=other)


def _earlier(now: Statistics, earlier: Sequence[RecordingReport]) -> Remark | None:
    read = [(r.statistics, is_brief(r)) for r in earlier if r.statistics and r.statistics.shares]
    before = [statistics for statistics, brief in read if not brief]
    if not before:
        return None
    weights = [statistics.usable_frames for statistics in before]
    mean = {
        label: float(np.average([s.shares.get(label, 0.0) for s in before], weights=weights))
        for label in now.shares
    }
    label, share, other = furthest_apart(now.shares, mean)
    if abs(share - other) < EARLIER:
        return Remark(kind="alike")
    if not other and any(statistics.shares.get(label) for statistics, _ in read):
        return None  # it is new only to those that are long enough to be compared
    return Remark(kind="earlier", label=label, share=share, other=other)


def _minute(series: Series, recording_end_s: float) -> Remark | None:
    """The minute that differs most from the rest of the recording, of those that are seen."""
    length_s = LEAST_S
    numbers, stretch, counts = np.unique(
        series.pts_s // length_s, return_inverse=True, return_counts=True
    )
    seen = np.flatnonzero(counts >= 0.9 * counts.max())
    if len(seen) < 3:
        return None
    best: Remark | None = None
    for column, label in enumerate(series.labels):
        if label == NEUTRAL:
            continue
        found = np.bincount(stretch, weights=series.label_column == column)
        top = int(seen[(found[seen] / counts[seen]).argmax()])
        share = float(found[top] / counts[top])
        other = float((found.sum() - found[top]) / (counts.sum() - counts[top]))
        if share - other >= MINUTE and (best is None or share - other > best.share - best.other):
            start_s = float(numbers[top]) * length_s
            best = Remark(
                kind="minute",
                label=label,
                share=share,
                other=other,
                start_s=start_s,
                end_s=min(start_s + length_s, recording_end_s),
            )
    return best


def _longest(statistics: Statistics, least_s: float) -> Remark | None:
    episodes = [statistics.longest[label] for label in telling(statistics.longest)]
    episode = max(episodes, key=lambda e: e.duration_s, default=None)
    if episode is None or episode.duration_s < least_s:
        return None
    return at("longest", episode)


def _flag(recording: RecordingReport, statistics: Statistics) -> Remark | None:
    flag = max(statistics.flag_shares, key=lambda name: statistics.flag_shares[name], default="")
    share = statistics.flag_shares.get(flag, 0.0)
    if share < FLAGGED:
        return None
    shown = [(max(a, statistics.start_s), b) for a, b in recording.unseen]  # with a picture
    start_s, end_s = max(shown, key=lambda span: span[1] - span[0], default=(0.0, 0.0))
    if end_s <= start_s:
        return Remark(kind="flag", label=flag, share=share)
    return Remark(kind="flag", label=flag, share=share, start_s=start_s, end_s=end_s)


def _tense(statistics: Statistics) -> Remark | None:
    episode = statistics.longest.get(NEGATIVE)
    if episode is None or episode.duration_s < TENSE_S:
        return None
    return at("tense", episode)


def _recording_ends(series: Series, statistics: Statistics) -> list[Remark | None]:
    """What to try at the ends of a recording whose answers are not known."""
    end_s = float(series.pts_s[-1])
    if statistics.duration_s < 2 * LEAST_S or statistics.shares.get(POSITIVE, 0.0) < RARE:
        return []
    tried: list[Remark | None] = []
    for kind, start_s in (("opening", statistics.start_s), ("closing", end_s - EDGE_S)):
        inside = (series.pts_s >= start_s) & (series.pts_s <= start_s + EDGE_S)
        column = series.labels.index(POSITIVE)
        shown = series.label_column[inside]
        if len(shown) and float((shown == column).mean()) < RARE:
            tried.append(Remark(kind=kind, label=POSITIVE, start_s=start_s, end_s=start_s + EDGE_S))
    return tried


def _steady(statistics: Statistics) -> Remark | None:
    if sum(statistics.shares[label] for label in telling(statistics.shares)) >= STEADY:
        return None
    return _of_longest("steady", statistics, [NEUTRAL] if NEUTRAL in statistics.longest else [])


def _apart(statistics: Statistics) -> Remark | None:
    shares = {k: v for k, v in statistics.shares.items() if k not in VALENCES}
    label = max(shares, key=lambda k: shares[k], default="")
    episode = statistics.longest.get(label)
    if episode is None or shares[label] < APART_SHARE:
        return None
    return at("apart", episode)


def _smile(statistics: Statistics) -> Remark | None:
    episode = statistics.longest.get(POSITIVE)
    return at("smile", episode) if episode else None


def _choose(statistics: Statistics) -> Remark:
    return _of_longest("choose", statistics, telling(statistics.longest))


def _longer(statistics: Statistics) -> Remark:
    return _of_longest("longer", statistics, list(statistics.longest))


def _of_longest(kind: str, statistics: Statistics, labels: Sequence[str]) -> Remark:
    """A remark that points to the longest episode, if there is one."""
    longest = max(
        (statistics.longest[label] for label in labels), key=lambda e: e.duration_s, default=None
    )
    if longest is None:
        return Remark(kind=kind)
    return Remark(kind=kind, start_s=longest.start_s, end_s=longest.end_s)
