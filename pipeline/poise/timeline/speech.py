"""Who speaks: voices that were heard, put together with a mouth that was seen.

The candidate speaks where there is voice and the candidate's mouth moves; somebody else does where
there is voice and it does not; between the two it is unsure. Everything else is silent. That the
candidate is silent is believed only near what was heard of them: a microphone may be muted, dead,
or another's. Elsewhere a mouth that keeps moving may speak unheard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf

import numpy as np
import numpy.typing as npt

from poise.spoken import SPEAKING, Turn
from poise.timeline.segments import left_of
from poise.types import FloatArray, IntArray, TimeArray

UNKNOWN = -1  # nothing was heard there that could be looked at

VOICE_ENTER, VOICE_LEAVE = 0.5, 0.35  # hysteresis on the probability of a voice
_MERGE_S = 0.35  # pauses inside a phrase: shorter ones do not end a stretch of voice
_LEAST_VOICE_S = 0.15  # shorter ones are clicks and coughs
MOVES, RESTS = 0.07, 0.055  # mean motion of a mouth that speaks, at least; that does not, at most
LOOK_S = 0.2  # from one look at the mouth to the next
_LOOK_MIN_S, _LOOK_MAX_S = 0.1, 0.6
_REACH_S = 0.8  # looks within this time count for a moment, if they lie in the same voice
_WHOLE_S = 2.4  # a shorter stretch of voice is one person's
_LEAST_LOOKS = 2
_PIECE_S = 60.0  # of a recording that is looked at without sound
_HEARD_S = 5.0  # so near to where the candidate is heard, no voice means that they are silent
_SYLLABLE = 1.2 * MOVES  # most that one motion counts there
_BESIDE_S = 3.0  # of a mouth that moves less clearly, beside one that does


def look_pairs(pts_s: TimeArray, track_id: IntArray) -> tuple[IntArray, IntArray]:
    """Which looks at a face are compared: about `LOOK_S` apart, in one track.

    Args:
        pts_s: Of the candidate's faces, ascending, float64 [J].
        track_id: Their face tracks, int64 [J].

    Returns:
        Rows of the earlier and of the later looks, int64 [N] each.
    """
    if len(pts_s) < 2:
        none = np.zeros(0, np.int64)
        return none, none
    step_s = float(np.median(np.diff(pts_s)))
    stride = max(1, round(LOOK_S / step_s)) if step_s > 0 else 1
    earlier = np.arange(max(0, len(pts_s) - stride), dtype=np.int64)
    later = earlier + stride
    apart_s = pts_s[later] - pts_s[earlier]
    fits = (apart_s >= min(_LOOK_MIN_S, 0.9 * LOOK_S)) & (apart_s <= _LOOK_MAX_S)
    fits &= track_id[later] == track_id[earlier]
    return earlier[fits], later[fits]


def voiced_stretches(
    start_s: TimeArray, probability: FloatArray, window_s: float
) -> list[tuple[float, float]]:
    """Where there is voice, short pauses included.

    Args:
        start_s: When each window begins, ascending, float64 [W].
        probability: Of a voice in it, float32 [W].
        window_s: Length of a window.
    """
    stretches: list[tuple[float, float]] = []
    begun: float | None = None
    last_end_s = 0.0
    for time_s, likely in zip(start_s.tolist(), probability.tolist(), strict=True):
        if begun is not None and (likely < VOICE_LEAVE or time_s > last_end_s + window_s):
            stretches.append((begun, last_end_s))
            begun = None
        if begun is None and likely >= VOICE_ENTER:
            begun = time_s
        last_end_s = time_s + window_s
    if begun is not None:
        stretches.append((begun, last_end_s))
    merged: list[tuple[float, float]] = []
    for start, end in stretches:
        if merged and start - merged[-1][1] < _MERGE_S:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return [(start, end) for start, end in merged if end - start >= _LEAST_VOICE_S]


def find_turns(
    stretches: Sequence[tuple[float, float]],
    look_s: TimeArray,
    motion: FloatArray,
) -> list[Turn]:
    """Who speaks in each stretch of voice.

    A stretch shorter than 2.4 s is one person's: whose, its mean motion says. In a longer one the
    looks within 0.8 s of a moment say so, and runs shorter than a second follow what surrounds
    them.

    Args:
        stretches: Of `voiced_stretches`.
        look_s: Middle of each comparison of two looks at the mouth, ascending, float64 [N].
        motion: Of the mouth (`poise.faces.mouth`), float32 [N].
    """
    turns: list[Turn] = []
    for start_s, end_s in stretches:
        low, high = np.searchsorted(look_s, [start_s, end_s])
        times, moved = look_s[low:high], motion[low:high]
        if end_s - start_s < _WHOLE_S or len(times) < 2 * _LEAST_LOOKS:
            turns.append(Turn(speaker=_speaker(moved), start_s=start_s, end_s=end_s))
            continue
        first = np.searchsorted(times, times - _REACH_S)
        last = np.searchsorted(times, times + _REACH_S, side="right")
        said = [_speaker(moved[a:b]) for a, b in zip(first, last, strict=True)]
        turns += _runs(times, said, start_s, end_s)
    return turns


def mouthed(look_s: TimeArray, motion: FloatArray) -> list[Turn]:
    """Where a mouth moves as one that speaks, whatever is heard.

    That it speaks is likely there, not sure: who laughs or chews moves it too. One large motion, as
    when a smile begins or the picture jumps, counts as no more than a syllable. Where it moves
    less clearly, it may speak as far as it clearly does just before or behind.

    Args:
        look_s, motion: As for `find_turns`.
    """
    if not len(look_s):
        return []
    edges_s = [*np.arange(look_s[0], look_s[-1], _PIECE_S).tolist(), float(look_s[-1])]
    found = find_turns(list(pairwise(edges_s)), look_s, np.minimum(motion, _SYLLABLE))
    sure = [turn for turn in found if turn.speaker == "candidate"]
    edges_s = [-inf, *(t for s in sure for t in (s.start_s - _BESIDE_S, s.end_s + _BESIDE_S)), inf]
    far = [(a, b) for a, b in zip(edges_s[::2], edges_s[1::2], strict=True) if a < b]
    moving = [turn for turn in found if turn.speaker != "someone_else"]
    return left_of([replace(turn, speaker="unsure") for turn in moving], far)


def unheard(turns: Sequence[Turn], look_s: TimeArray, motion: FloatArray) -> list[Turn]:
    """Where the candidate may speak though no voice is heard, as far as sound does not rule it out.

    Somebody who keeps silent is not concerned, as the mouth rests.

    Args:
        turns: Of `find_turns`; none where there is no sound.
        look_s, motion: As for `find_turns`.
    """
    told = [
        (turn.start_s, turn.end_s)
        if turn.speaker == "someone_else"
        else (turn.start_s - _HEARD_S, turn.end_s + _HEARD_S)
        for turn in turns
    ]
    return left_of(mouthed(look_s, motion), told)


def _speaker(motion: FloatArray) -> str:
    if len(motion) < _LEAST_LOOKS:
        return "unsure"
    mean = float(motion.mean())
    return "candidate" if mean >= MOVES else "someone_else" if mean <= RESTS else "unsure"


def _runs(times: TimeArray, said: list[str], start_s: float, end_s: float) -> list[Turn]:
    """Turns inside one long stretch of voice; short ones join the longer of their neighbours."""
    runs: list[Turn] = []
    for k, speaker in enumerate(said):
        if runs and runs[-1].speaker == speaker:
            continue
        edge_s = start_s if k == 0 else float(times[k - 1] + times[k]) / 2
        if runs:
            runs[-1] = replace(runs[-1], end_s=edge_s)
        runs.append(Turn(speaker=speaker, start_s=edge_s, end_s=end_s))
    while len(runs) > 1:
        lengths = [run.end_s - run.start_s for run in runs]
        k = int(np.argmin(lengths))
        if lengths[k] >= 1.0:
            break
        before = k > 0 and (k + 1 == len(runs) or lengths[k - 1] >= lengths[k + 1])
        other = k - 1 if before else k + 1
        low, high = min(k, other), max(k, other)
        runs[low : high + 1] = [
            Turn(speaker=runs[other].speaker, start_s=runs[low].start_s, end_s=runs[high].end_s)
        ]
    joined = runs[:1]
    for run in runs[1:]:
        if run.speaker == joined[-1].speaker:
            joined[-1] = replace(joined[-1], end_s=run.end_s)
        else:
            joined.append(run)
    return joined


def speaking_at(
    pts_s: TimeArray, turns: Sequence[Turn], heard_s: Sequence[tuple[float, float]]
) -> npt.NDArray[np.int8]:
    """Who speaks at each moment: index into `SPEAKING`, or `UNKNOWN`, int8 [F].

    Args:
        pts_s: Moments, ascending, float64 [F].
        turns: In order of time.
        heard_s: Spans of time in which sound was listened to; elsewhere it is unknown.
    """
    states = np.full(len(pts_s), UNKNOWN, np.int8)
    for start_s, end_s in heard_s:
        low, high = np.searchsorted(pts_s, [start_s, end_s])
        states[low:high] = SPEAKING.index("silent")
    for turn in turns:
        low, high = np.searchsorted(pts_s, [turn.start_s, turn.end_s])
        states[low:high] = SPEAKING.index(turn.speaker)
    return states


def heard_spans(start_s: TimeArray, window_s: float) -> list[tuple[float, float]]:
    """Spans of time that windows of sound cover without a hole of a second or more."""
    if len(start_s) == 0:
        return []
    breaks = np.flatnonzero(np.diff(start_s) > window_s + 1.0)
    firsts = [0, *(breaks + 1).tolist()]
    lasts = [*breaks.tolist(), len(start_s) - 1]
    return [
        (float(start_s[a]), float(start_s[b]) + window_s)
        for a, b in zip(firsts, lasts, strict=True)
    ]
