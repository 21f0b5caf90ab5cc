"""Feedback on one answer: what stood out in it, and one thing to try.

| remark | said when |
|---|---|
| `hidden` | a usable face was seen in less than half of it: nothing else is then said |
| `differs` | an expression's share differs by `DIFFERS` or more from the other answers': of a
minute or more of a usable face in both |
| `stretch` | there is an episode in it, not neutral: the longest |
| `began`, `ended` | a smile-like expression fills `SMILED` of its first or last ten seconds |
| `quiet` | no episode in it but neutral ones, and a neutral expression was visible most |
| `brisk` | otherwise: nothing lasted |

| advice | given when |
|---|---|
| `look` | its longest negative episode lasts `TENSE_S` or longer: watch it once |
| `look_apart` | so does one that is neither positive nor negative (surprise-like) |
| `like` | there is a positive episode: watch it |
| `begin` | otherwise: watch its first ten seconds |

Of a recording that shows too little of a face nothing is said, nor of any of its answers. Answers
are compared with the other answers of the same recording, and a difference is called a
difference, not better or worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from poise.labels import NEGATIVE, NEUTRAL, POSITIVE, VALENCES
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
from poise.types import Episode

DIFFERS = 0.20
SMILED = 0.20  # two of ten seconds
TENSE_S = 1.5
SEEN = 0.5  # least coverage of what is spoken of
_LEAST_STRETCH_S = 1.0  # of an episode, within the answer


def feedback_on_answer(answer: Answer, recording: RecordingReport) -> Feedback:
    """Apply the rules.

    Args:
        answer: Of the recording.
        recording: Its other answers are what this one is compared with.

    Returns:
        Nothing where less than a minute of the recording shows a usable face.
    """
    if is_brief(recording):
        return Feedback()
    counted_s = _counted_s(answer, recording)
    if not counted_s:
        return Feedback()
    share = min(1.0, seen_s(answer.whole) / counted_s)
    if share < SEEN:
        return Feedback(remarks=[Remark(kind="hidden", share=share)])
    stretches = _stretches(answer, recording.episodes)
    found = [
        differs(answer, recording.answers),
        _stretch(stretches),
        smile("began", answer, answer.first),
        smile("ended", answer, answer.last),
    ]
    remarks = [remark for remark in found if remark]
    if not remarks:
        quiet = answer.whole.shares.get(NEUTRAL, 0.0) >= SEEN
        remarks = [Remark(kind="quiet" if quiet else "brisk")]
    return Feedback(remarks=remarks, advice=[_advice(answer, stretches)])


def differs(answer: Answer, answers: Sequence[Answer]) -> Remark | None:
    """How an answer differs from the others of its recording, where both show enough of a face."""
    seen = [one for one in answers if one is not answer and one.whole.usable_frames]
    if seen_s(answer.whole) < LEAST_S or sum(seen_s(one.whole) for one in seen) < LEAST_S:
        return None
    weights = [one.whole.usable_frames for one in seen]
    mean = {
        label: float(np.average([one.whole.shares[label] for one in seen], weights=weights))
        for label in answer.whole.shares
    }
    label, share, other = furthest_apart(answer.whole.shares, mean)
    if abs(share - other) < DIFFERS:
        return None
    return Remark(
        kind="differs", label=label, share=share, other=other,
        start_s=answer.start_s, end_s=answer.end_s, number=answer.number,
    )  # fmt: skip


def smile(kind: str, answer: Answer, part: SegmentFigures | None) -> Remark | None:
    """That a smile-like expression was visible at one end of an answer, where that was seen."""
    if part is None or (part.coverage or 0.0) < SEEN or part.shares.get(POSITIVE, 0.0) < SMILED:
        return None
    start_s = answer.start_s if kind == "began" else answer.end_s - EDGE_S
    return Remark(kind=kind, label=POSITIVE, start_s=start_s, end_s=start_s + EDGE_S)


def _counted_s(answer: Answer, recording: RecordingReport) -> float:
    """How long the answer is without what the centre excludes of it."""
    counted_s, at_s = 0.0, answer.start_s
    for start_s, end_s in sorted(recording.excluded):
        counted_s += max(0.0, min(start_s, answer.end_s) - at_s)
        at_s = max(at_s, end_s)
    return counted_s + max(0.0, answer.end_s - at_s)


def _stretches(answer: Answer, episodes: Sequence[Episode]) -> list[Episode]:
    """What of the telling episodes lies within the answer."""
    inside = [
        replace(e, start_s=max(e.start_s, answer.start_s), end_s=min(e.end_s, answer.end_s))
        for e in episodes
        if e.label in telling([e.label])
    ]
    return [episode for episode in inside if episode.duration_s >= _LEAST_STRETCH_S]


def _stretch(stretches: Sequence[Episode]) -> Remark | None:
    longest = max(stretches, key=lambda e: e.duration_s, default=None)
    return at("stretch", longest) if longest else None


def _advice(answer: Answer, stretches: Sequence[Episode]) -> Remark:
    longest: dict[str, Episode] = {}
    for episode in sorted(stretches, key=lambda e: e.duration_s):
        longest[episode.label] = episode
    tense = longest.get(NEGATIVE)
    if tense and tense.duration_s >= TENSE_S:
        return at("look", tense)
    apart = [e for label, e in longest.items() if label not in VALENCES]
    if apart and apart[-1].duration_s >= TENSE_S:
        return at("look_apart", apart[-1])
    if POSITIVE in longest:
        return at("like", longest[POSITIVE])
    end_s = min(answer.start_s + EDGE_S, answer.end_s)
    return Remark(kind="begin", start_s=answer.start_s, end_s=end_s)
