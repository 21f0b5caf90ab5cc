"""Articulation: what speaking does to a face is not read as an expression.

A mouth that forms vowels looks surprised, lips that close look displeased, and who speaks looks
down to think. So while the candidate speaks, an expression that articulation imitates has to be
clearer: the odds of negative and of what has no valence (surprise) count from a margin above those
of a silent face. A resting face may raise the threshold of negative further, but does not lower it
there, since it is mostly the face of somebody who listens. Smiles keep their own odds. What a
syllable shows does not last: meanwhile readings are averaged over several of them.

Margins and bandwidth were chosen on recordings of neutral speech (`benchmarks/speech.py`).

Sources: faces that speak are misread: Bursic et al., Applied Sciences 10(11):4002, 2020;
    compensating for what is articulated: Mariooryad and Busso, IEEE Transactions on Affective
    Computing 7(4), 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from poise.labels import NEGATIVE, VALENCES
from poise.spoken import Turn
from poise.types import FloatArray, TimeArray

NEGATIVE_MARGIN, APART_MARGIN = 1.5, 0.5  # in log-odds
SYLLABLES_S = 0.8  # bandwidth of the smoothing: four to five syllables a second are spoken
REACH_S = 0.4  # before the voice the mouth opens; after it, and in a breath, it has yet to close
_MAY_SPEAK = ("candidate", "unsure")


def articulating(pts_s: TimeArray, turns: Sequence[Turn]) -> npt.NDArray[np.bool_]:
    """Whether the candidate's mouth speaks, as far as is known, at each moment: bool [K].

    Args:
        pts_s: Moments, ascending, float64 [K].
        turns: Who speaks when, in order of time. Where that is unsure, the candidate may.
    """
    found = np.zeros(len(pts_s), np.bool_)
    for turn in turns:
        if turn.speaker in _MAY_SPEAK:
            low, high = np.searchsorted(pts_s, [turn.start_s - REACH_S, turn.end_s + REACH_S])
            found[low:high] = True
    return found


def while_speaking(
    reading: FloatArray, speaking: npt.NDArray[np.bool_], threshold: float = 0.0
) -> FloatArray:
    """Posteriors in which expressions that articulation imitates have to be clearer.

    Args:
        reading: Of the labels, read against the baseline, float32 [K, L]; rows sum to 1. The first
            three columns are the valence classes, the others expressions apart.
        speaking: Where the candidate speaks, bool [K].
        threshold: Log-odds from which the baseline reads negative (`Baseline.threshold`).

    Returns:
        float32 [K, L]; rows sum to 1, those of other moments are as they were.
    """
    result = reading.astype(np.float64)
    margins = np.zeros(reading.shape[1])
    margins[VALENCES.index(NEGATIVE)] = NEGATIVE_MARGIN - min(threshold, 0.0)
    margins[len(VALENCES) :] = APART_MARGIN
    result[speaking] *= np.exp(-margins)
    result[speaking] /= result[speaking].sum(axis=1, keepdims=True)
    return np.asarray(result, np.float32)


def bandwidths(pts_s: TimeArray, turns: Sequence[Turn], smoothing_s: float) -> TimeArray:
    """Bandwidth of the smoothing at each moment, at least `SYLLABLES_S` while speaking.

    Args:
        pts_s: Moments, ascending, float64 [K].
        turns: Who speaks when, in order of time.
        smoothing_s: Bandwidth elsewhere; 0 disables smoothing everywhere.

    Returns:
        float64 [K].
    """
    longer_s = max(smoothing_s, SYLLABLES_S) if smoothing_s else 0.0
    return np.where(articulating(pts_s, turns), longer_s, smoothing_s)
