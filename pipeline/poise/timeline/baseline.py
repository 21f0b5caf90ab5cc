"""The neutral baseline: a person's own resting face, and the reading of an expression against it.

What a model calls neutral differs from face to face: the log-odds of negative against neutral of
resting faces vary three to five times as much between people as within one sitting. So a recording
is read by its change against the resting face that it shows: from a span that was named for it,
and from the recording itself, where most of what it shows is alike: a few seconds show only one of
the ways in which a face rests. Where both are there and agree, their mean counts, else the span. A
mix of expressions has no resting face; then none is claimed, and negative has to be clearer than in
a photograph.

Smiles keep their own odds: resting faces differ little in them, and shifting them as well read
fewer faces right (`benchmarks/sessions.py`).

Sources: change against a neutral frame of the same person: Michel and El Kaliouby, ICMI 2003;
    person-specific normalisation by the median: Baltrusaitis et al., FG 2015; the shortest half:
    Andrews et al., Robust Estimates of Location, 1972; shrinkage: James and Stein, 1961.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from poise.labels import NEGATIVE, NEUTRAL, VALENCES
from poise.types import Baseline, FloatArray, TimeArray

GIVEN, AUTO, NONE = "given", "auto", "none"

_LEAST_GIVEN, _LEAST_AUTO = 5, 50  # frames
# In log-odds, chosen on the development set of `benchmarks/sessions.py`:
_WIDEST_HALF = 1.5  # of the shortest half of a recording that shows a resting face
_WIDEST_SPREAD = 1.0  # of a named span that shows one
_HIGHEST_LEVEL = 1.0  # above it, half of a recording is rather a scowl
_LEAST_MARGIN, _MARGIN_SPREADS = 1.0, 0.75
_SAME_FACE = 1.0  # between a named span and the recording: both show the resting face
_BETWEEN = 1.2  # standard deviation between people
_FRAMES_ALIKE = 5  # frames that tell as much as one

UNKNOWN = Baseline(threshold=1.0)
"""Where no resting face is known. Photographs count as negative from 0, but a recording mostly
shows a face at rest, and many of these lie above it (`benchmarks/README.md`)."""


def find_baseline(
    pts_s: TimeArray,
    odds: FloatArray,
    calm: npt.NDArray[np.bool_],
    *,
    mode: str,
    span_s: tuple[float, float] | None = None,
) -> Baseline:
    """The baseline of a recording.

    Args:
        pts_s: Times of the usable frames, ascending, float64 [K].
        odds: Log-odds of negative against neutral there, float [K].
        calm: Whether neither a smile nor an expression apart is the most visible one, bool [K].
        mode: `auto` (the named span and the recording itself), `given` (the named span alone) or
            `none`.
        span_s: The span in which the person rests, if one was named, in seconds.

    Returns:
        `UNKNOWN` where too few frames are there, or too unlike each other.
    """
    if mode == NONE:
        return UNKNOWN
    given = _of_span(pts_s, odds, calm, span_s)
    own = _of_recording(odds, calm) if mode == AUTO else None
    if given and own and abs(given.level - own.level) <= _SAME_FACE:
        return _shrunk(
            GIVEN,
            (given.level + own.level) / 2,
            max(given.spread, own.spread),
            given.frames + own.frames,
        )
    return given or own or UNKNOWN


def _of_span(
    pts_s: TimeArray,
    odds: FloatArray,
    calm: npt.NDArray[np.bool_],
    span_s: tuple[float, float] | None,
) -> Baseline | None:
    """What a named span shows, if it is one resting face."""
    if span_s is None:
        return None
    inside = (pts_s >= span_s[0]) & (pts_s < span_s[1]) & calm
    if inside.sum() < _LEAST_GIVEN:
        return None
    found = odds[inside].astype(np.float64)
    level = float(np.median(found))
    spread = 1.4826 * float(np.median(np.abs(found - level)))
    return _shrunk(GIVEN, level, spread, len(found)) if spread <= _WIDEST_SPREAD else None


def _of_recording(odds: FloatArray, calm: npt.NDArray[np.bool_]) -> Baseline | None:
    """What most of a recording shows, if it is one resting face."""
    if calm.sum() < _LEAST_AUTO:
        return None
    level, width = shortest_half(odds[calm].astype(np.float64))
    if width > _WIDEST_HALF or level > _HIGHEST_LEVEL:
        return None
    spread = width / 1.349  # of a normal distribution, whose middle half is as wide
    return _shrunk(AUTO, level, spread, int(calm.sum()) // 2)


def _shrunk(kind: str, level: float, spread: float, frames: int) -> Baseline:
    """As certain as the spread of its frames allows, beside that between people."""
    error = spread**2 / max(1.0, frames / _FRAMES_ALIKE)
    certainty = _BETWEEN**2 / (_BETWEEN**2 + error)
    margin = max(_LEAST_MARGIN, _MARGIN_SPREADS * spread)
    return Baseline(
        kind=kind,
        level=level,
        spread=spread,
        frames=frames,
        certainty=certainty,
        threshold=certainty * (level + margin) + (1 - certainty) * UNKNOWN.threshold,
    )


def against(baseline: Baseline, posterior: FloatArray) -> FloatArray:
    """Posteriors read against a baseline: the odds of negative count from its threshold.

    Args:
        baseline: Of the recording.
        posterior: Of the labels, float32 [K, L]; rows sum to 1, the third column is negative.

    Returns:
        float32 [K, L]; rows sum to 1.
    """
    shifted = posterior.astype(np.float64)
    shifted[:, VALENCES.index(NEGATIVE)] *= np.exp(-baseline.threshold)
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float32)


def resting_odds(posterior: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """What `find_baseline` looks at.

    Args:
        posterior: Of the labels, float32 [K, L].

    Returns:
        Log-odds of negative against neutral, float32 [K], and whether neither a smile nor an
        expression apart is the most visible one, bool [K].
    """
    logs = np.log(np.maximum(posterior, 1e-12))
    neutral, negative = VALENCES.index(NEUTRAL), VALENCES.index(NEGATIVE)
    calm = np.isin(posterior.argmax(axis=1), [neutral, negative])
    return np.asarray(logs[:, negative] - logs[:, neutral], np.float32), calm


def shortest_half(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Middle and width of the shortest interval that holds half of the values, [N] with N > 0."""
    ordered = np.sort(values)
    count = len(ordered) // 2 + 1
    widths = ordered[count - 1 :] - ordered[: len(ordered) - count + 1]
    first = int(widths.argmin())
    return float(ordered[first : first + count].mean()), float(widths[first])
