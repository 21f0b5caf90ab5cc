"""What the scripts of a page read: timelines small enough to lie inside it.

Times are uint32 in steps of `step` milliseconds, 1 unless a recording claims to last longer than 49
days; posteriors are steps of 1/250 as uint8 with 255 for none, both little-endian and in base64: an
hour at five samples per second takes 0.4 MB.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

from poise.labels import CLEAR, FAIRLY_CLEAR, display_class
from poise.reports.drawing import geometry
from poise.reports.locales import Texts
from poise.reports.report_types import CandidateReport, RecordingReport
from poise.timeline.smoothing import runs_of
from poise.types import FloatArray, Series, TimeArray

_STEPS, _NONE = 250, 255
_MOST_STEPS = 2**32 - 1
_WORDS = ("play", "pause", "no_face", "missing", "no_picture", "wrong_length", "said")
_CLEARNESS = ("clear", "fair", "hard")


def page_data(report: CandidateReport, texts: Texts) -> dict[str, Any]:
    """Timelines of all recordings that have one, and the words that the script of a report says."""
    return {
        "texts": {word: texts.entries[f"viewer.{word}"] for word in _WORDS}
        | {"empty": texts("timeline.empty")}
        | {"clearness": [texts(f"clearness.{word}") for word in _CLEARNESS]},
        "clearness": [CLEAR, FAIRLY_CLEAR],
        "geometry": {
            "name": geometry.NAME_PX,
            "curve": geometry.CURVE_PX,
            "bar": geometry.BAR_PX,
            "empty": geometry.EMPTY_PX,
            "answers": geometry.ANSWERS_PX,
            "axis": geometry.AXIS_PX,
            "left": geometry.LEFT_PX,
            "right": geometry.RIGHT_PX,
            "stripe": geometry.STRIPE_PX,
        },
        "recordings": [
            _viewer(recording, recording.series, number, texts)
            for number, recording in enumerate(report.recordings, start=1)
            if recording.series is not None
        ],
    }


def _viewer(
    recording: RecordingReport, series: Series, number: int, texts: Texts
) -> dict[str, Any]:
    pts_s, (smoothed, emotion) = _with_gaps(series)
    episodes: dict[str, list[list[float]]] = {}
    for episode in recording.episodes:
        span = [round(episode.start_s, 2), round(episode.end_s, 2)]
        episodes.setdefault(episode.label, []).append(span)
    _, end_s = geometry.extent(recording, series)
    step_ms = max(1, -(-round(end_s * 1000) // _MOST_STEPS))
    return {
        "number": number,
        "duration": round(end_s, 2),
        "length": recording.video_s and round(recording.video_s, 2),
        "unseen": [
            [round(a, 2), round(b, 2)]
            for a, b in geometry.unseen(series.pts_s, runs_of(series), end_s, recording.excluded)
        ],
        "excluded": [
            [round(a, 2), round(min(b, end_s), 2)] for a, b in recording.excluded if a < end_s
        ],
        "step": step_ms,
        "times": _packed(np.round(pts_s * 1000 / step_ms).astype("<u4")),
        "episodes": episodes,
        "answers": [
            [one.number, round(one.start_s, 2), round(one.end_s, 2)] for one in recording.answers
        ],
        "classes": {
            "rows": [
                {
                    "label": label,
                    "style": display_class(label),
                    "name": texts.name("label", label),
                    "short": texts.name("short", label),
                    "empty": geometry.is_empty(label, recording.episodes),
                }
                for label in series.labels
            ],
            "values": _packed(_steps(smoothed)),
        },
        "emotions": {
            "rows": [
                {"label": name, "style": "category", "name": texts.name("category", name)}
                for name in series.emotions
            ],
            "values": _packed(_steps(emotion)),
        },
    }


def _with_gaps(series: Series) -> tuple[TimeArray, list[FloatArray]]:
    """A row of NaN in the middle of each gap, so that no line is drawn across it."""
    pts_s, columns = series.pts_s, [series.smoothed, series.emotion]
    starts = [start for start, _ in runs_of(series)[1:]]
    middles = [(pts_s[start - 1] + pts_s[start]) / 2 for start in starts]
    return np.insert(pts_s, starts, middles), [
        np.insert(values, starts, np.nan, axis=0) for values in columns
    ]


def _steps(values: FloatArray) -> npt.NDArray[np.uint8]:
    """Column by column, uint8 [L, K]."""
    steps = np.round(np.clip(values, 0, 1) * _STEPS)
    return np.where(np.isnan(values), _NONE, steps).astype(np.uint8).T


def _packed(array: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
