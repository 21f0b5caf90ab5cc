"""The shape of a timeline, for the drawing and for the interactive chart alike.

Lengths are pixels; a browser scales the drawing to the column that it stands in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from poise.reports.report_types import RecordingReport
from poise.timeline.smoothing import GAP_INTERVALS, GAP_S, runs_of
from poise.types import Episode, FloatArray, Series, TimeArray

Span = tuple[float, float]

NAME_PX, CURVE_PX, BAR_PX = 21.0, 46.0, 12.0  # of a row: its name, its line, its episodes
ROW_PX = NAME_PX + CURVE_PX + BAR_PX
ANSWERS_PX = 18.0  # below the rows: where the answers lie, by their numbers
EMPTY_PX = 23.0  # of a row without any episode: its name, and that there is none
LEFT_PX, RIGHT_PX = 44.0, 24.0  # the scale from 0 to 100 % stands on the left
AXIS_PX = 30.0  # below the rows of the interactive chart
_MOST_COLUMNS = 120  # of an overview
STRIPE_PX = 6.0  # period of the stripes where no face could be used

_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)


def is_empty(label: str, episodes: Sequence[Episode]) -> bool:
    """Whether the row of an expression is a small one: there are episodes, but none of it."""
    return bool(episodes) and not any(episode.label == label for episode in episodes)


def row_heights(labels: Sequence[str], episodes: Sequence[Episode]) -> list[float]:
    """Of the rows of a timeline, from the top, in pixels."""
    return [EMPTY_PX if is_empty(label, episodes) else ROW_PX for label in labels]


def rows_px(recording: RecordingReport, labels: Sequence[str]) -> float:
    """Height of a timeline without its axis: its rows, and its answers where they are known."""
    answers = ANSWERS_PX if recording.answers else 0.0
    return sum(row_heights(labels, recording.episodes)) + answers


def extent(recording: RecordingReport, series: Series) -> Span:
    """First and last second of the time axis, at least one second apart."""
    ends = [float(series.pts_s[-1]), recording.end_s, *(e.end_s for e in recording.episodes)]
    return 0.0, max(*ends, 1.0)


def unseen(
    pts_s: TimeArray,
    runs: Sequence[tuple[int, int]],
    end_s: float,
    excluded_s: Sequence[Span] = (),
) -> list[Span]:
    """Stretches without a usable face: gaps between usable frames, and before and behind them.

    Args:
        pts_s: Times of the usable frames, ascending, float64 [K].
        runs: Of these without a gap, as half-open ranges; see `poise.timeline.smoothing`.
        end_s: End of the recording.
        excluded_s: Stretches that are left out, whatever they show.
    """
    if not runs:
        return _without([(0.0, end_s)] if end_s > 0 else [], excluded_s, 0.0)
    edges = [0.0]
    for start, end in runs:
        edges += [float(pts_s[start]), float(pts_s[end - 1])]
    edges.append(end_s)
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    inner = spans[1:-1]
    usual_s = float(np.median(np.diff(pts_s))) if len(pts_s) > 1 else 0.0
    least_s = max(GAP_S, GAP_INTERVALS * usual_s)
    outer = [span for span in (spans[0], spans[-1]) if span[1] - span[0] > least_s]
    return _without(sorted([*outer, *inner]), excluded_s, least_s)


def _without(spans: Sequence[Span], cuts: Sequence[Span], least_s: float) -> list[Span]:
    """Spans without what is cut out of them; of one that is cut, what is longer than `least_s`."""
    left = list(spans)
    for low, high in cuts:
        pieces = []
        for start, end in left:
            if end <= low or start >= high:
                pieces.append((start, end))
            else:
                both = ((start, low), (high, end))
                pieces += [(a, b) for a, b in both if b - a > least_s]
        left = pieces
    return left


def ticks(start_s: float, end_s: float, most: int) -> list[int]:
    """Round times between two others, so many at most, however far apart they are."""
    wanted = (end_s - start_s) / most
    step = next((s for s in _STEPS_S if s >= wanted), None)
    if step is None:  # whole days: 1, 2, 5, 10, 20, 50 and so on
        days = wanted / 86_400
        power = 10 ** math.floor(math.log10(days))
        step = 86_400 * next(power * k for k in (1, 2, 5, 10) if power * k >= days)
    first = math.ceil(start_s / step) * step
    return list(range(first, math.floor(end_s) + 1, step))


def column_s(end_s: float) -> float:
    """Seconds that a column of an overview stands for: a minute, or more where it is too many."""
    wanted = max(60.0, end_s / _MOST_COLUMNS)
    return float(next((s for s in _STEPS_S if s >= wanted), wanted))


def excluded_in_columns(end_s: float, excluded_s: Sequence[Span]) -> FloatArray:
    """Share of each column's time that is left out, float32 [columns]; see `shares_in_columns`."""
    starts, ends = _columns(end_s)
    return np.asarray(_covered_s(starts, ends, excluded_s) / (ends - starts), np.float32)


def _columns(end_s: float) -> tuple[TimeArray, TimeArray]:
    """Where the columns of an overview begin and end, float64 [columns] each."""
    length_s = column_s(end_s)
    starts: TimeArray = np.arange(max(1, math.ceil(end_s / length_s)), dtype=np.float64) * length_s
    ends: TimeArray = np.minimum(starts + length_s, end_s)
    return starts, ends


def _covered_s(starts: TimeArray, ends: TimeArray, spans: Sequence[Span]) -> TimeArray:
    """Seconds of each column that spans cover, float64 [columns]."""
    covered = np.zeros(len(starts))
    for start_s, stop_s in spans:
        covered += np.clip(np.minimum(ends, stop_s) - np.maximum(starts, start_s), 0, None)
    return covered


def shares_in_columns(series: Series, end_s: float, unseen_s: Sequence[Span]) -> FloatArray:
    """Share of each column's time in which each expression was the label of the frames.

    What is missing to 1 showed no usable face, or is left out.

    Args:
        series: Of a recording; L labels.
        end_s: Its end, where the last column ends.
        unseen_s: Stretches without a usable face, and those that are left out.

    Returns:
        float32 [columns, L].
    """
    starts, ends = _columns(end_s)
    length_s, count = column_s(end_s), len(starts)
    hidden = _covered_s(starts, ends, unseen_s)
    column = np.clip((series.pts_s // length_s).astype(np.int64), 0, count - 1)
    counts = np.zeros((count, len(series.labels)))
    np.add.at(counts, (column, series.label_column), 1)
    seen = np.clip(1 - hidden / (ends - starts), 0, 1)
    total = np.maximum(counts.sum(axis=1), 1)
    return np.asarray(counts * (seen / total)[:, None], np.float32)


def averaged(series: Series, column: int, most: int) -> list[list[tuple[float, float]]]:
    """Stretches without a gap, as (time, value) each: at most about `most` points in all."""
    size = max(1, -(-len(series.pts_s) // most))
    values, found = series.smoothed[:, column], []
    for start, end in runs_of(series):
        first = np.arange(start, end, size)
        count = np.diff(first, append=end)
        time_s, value = (
            np.add.reduceat(given[start:end], first - start, dtype=np.float64) / count
            for given in (series.pts_s, values)
        )
        found.append(list(zip(time_s.tolist(), value.tolist(), strict=True)))
    return found


def thinned(
    run: list[tuple[float, float]], x_px: float, y_px: float, tolerance_px: float
) -> list[tuple[float, float]]:
    """Leave out points that lie closer than a tolerance to the line through their neighbours.

    Args:
        run: (time, value) each.
        x_px, y_px: Pixels per second and per unit.
        tolerance_px: Largest vertical distance left out.

    Source: Douglas and Peucker, Cartographica 10(2), 1973, with the vertical distance.
    """
    time_s, value = np.array(run, np.float64).T
    keep = {0, len(run) - 1}
    pending = [(0, len(run) - 1)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        (x0, y0), (x1, y1) = run[first], run[last]
        slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
        inner = slice(first + 1, last)
        off = np.abs(value[inner] - y0 - slope * (time_s[inner] - x0))
        far = first + 1 + int(off.argmax())
        if off.max() * y_px > tolerance_px:
            keep.add(far)
            pending += [(first, far), (far, last)]
    return [run[k] for k in sorted(keep)]
