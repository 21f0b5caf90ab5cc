"""The schema of every table: columns with their types, units and meanings; read without pandas."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poise.labels import QUALITY_FLAGS, VALENCES, LabelScheme

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Args:
        name: snake_case, with the unit.
        dtype: pandas type that admits missing values.
        unit: Of the values, or empty.
        meaning: One sentence.
        decimals: Digits after the point of a float in CSV.
        foreign: Whether the text comes from outside: a spreadsheet must not take it for a formula.
    """

    name: str
    dtype: str
    meaning: str
    unit: str = ""
    decimals: int = 4
    foreign: bool = False


FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
AS_TEXT = (
    " In CSV an apostrophe stands before a text that begins with = + - @, a tab or a line break."
)


_ID = Column(
    name="recording_id", dtype="string", foreign=True,
    meaning="Path of the recording below the input directory.",
)  # fmt: skip


_FLAG_MEANINGS = {
    "too_small": "The face is too small for its expression to be read.",
    "blurred": "The face is blurred.",
    "dark": "The face is dark.",
    "turned_away": "The head is turned away, judged from the landmarks.",
    "cut_off": "Part of the face lies outside the frame.",
}


def frames_schema(scheme: LabelScheme) -> list[Column]:
    """Columns of `frames.csv`: one row per sampled frame, whether it shows a face or not."""
    boxes = [
        Column(name=f"box_{corner}_px", dtype="Float64", unit="pixel", decimals=1,
               meaning=f"Face box, {corner}, in the upright full-resolution frame.")
        for corner in ("x1", "y1", "x2", "y2")
    ]  # fmt: skip
    return [
        _ID,
        Column(name="frame_index", dtype="Int64",
               meaning="Position of the frame among all frames of the recording, from 0."),
        Column(name="pts_ms", dtype="Int64", unit="millisecond",
               meaning="Presentation time stamp of the frame."),
        Column(name="timecode", dtype="string", unit="HH:MM:SS.mmm",
               meaning="The same time, for reading."),
        Column(name="track_id", dtype="Int64", meaning="Face track that shows the candidate."),
        Column(name="face_found", dtype="boolean", meaning="Whether the candidate's face is seen."),
        Column(name="usable", dtype="boolean",
               meaning="Whether it is seen without any quality flag, and so classified."),
        Column(name="other_faces", dtype="Int64", meaning="Faces of other people in the frame."),
        Column(name="detection_confidence", dtype="Float64", meaning="Of MTCNN, 0 to 1."),
        *boxes,
        *(Column(name=f, dtype="boolean", meaning=_FLAG_MEANINGS[f]) for f in QUALITY_FLAGS),
        *posterior_columns(scheme),
    ]  # fmt: skip


def posterior_columns(scheme: LabelScheme) -> list[Column]:
    """Posteriors of valence and emotion classes, and the classes they lead to."""
    without = f" {', '.join(scheme.apart)} left out" if scheme.apart else ""
    return [
        *(Column(name=f"p_{v}", dtype="Float64", unit="probability",
                 meaning=f"Posterior of the valence class {v},{without} not smoothed.")
          for v in VALENCES),
        *(Column(name=f"p_{e}", dtype="Float64", unit="probability",
                 meaning=f"Posterior of the emotion class {e}, not smoothed.")
          for e in scheme.emotions if e not in VALENCES),
        Column(name="valence", dtype="string", meaning="Valence class with the highest posterior."),
        Column(name="emotion", dtype="string", meaning="Emotion class with the highest posterior."),
    ]  # fmt: skip


def posteriors_schema() -> list[Column]:
    """Columns of `posteriors.csv`: one row per usable frame and class, for tidy tools."""
    return [
        _ID,
        Column(name="pts_ms", dtype="Int64", unit="millisecond",
               meaning="Presentation time stamp of the frame."),
        Column(name="kind", dtype="string", meaning="valence or emotion."),
        Column(name="class", dtype="string", meaning="A valence class, or an emotion class."),
        Column(name="posterior", dtype="Float64", unit="probability",
               meaning="Of the class in this frame, not smoothed."),
    ]  # fmt: skip


def episodes_schema() -> list[Column]:
    """Columns of `episodes.csv`: one row per episode."""
    return [
        _ID,
        Column(name="episode", dtype="Int64", meaning="Number of the episode, from 1."),
        Column(name="label", dtype="string",
               meaning="Valence class, or an emotion without valence, that prevails."),
        Column(name="start_ms", dtype="Int64", unit="millisecond", meaning="Begin."),
        Column(name="end_ms", dtype="Int64", unit="millisecond", meaning="End."),
        Column(name="duration_ms", dtype="Int64", unit="millisecond", meaning="Length."),
        Column(name="peak_ms", dtype="Int64", unit="millisecond",
               meaning="Where the smoothed posterior is highest."),
        Column(name="mean_posterior", dtype="Float64", unit="probability",
               meaning="Mean of the smoothed posterior of the label."),
    ]  # fmt: skip


def recordings_schema(labels: Iterable[str]) -> list[Column]:
    """Columns of `recordings.csv`: one row per recording found.

    Args:
        labels: The valence classes and the emotions without valence.
    """
    text = {
        "candidate_id": "Directory of the candidate's report.",
        "display_name": "Name of the candidate.",
        "session_date": "As given in candidates.csv.",
        "note": "As given in candidates.csv.",
        "status": "done, partial (read as far as possible), failed, pending (not analysed yet), "
        "not_consented (not to be analysed) or expired (purged for its age).",
        "error": "What was lost or why it failed, in plain words.",
    }
    return [
        _ID,
        *(Column(name=name, dtype="string", meaning=meaning, foreign=name != "status")
          for name, meaning in text.items()),
        Column(name="duration_s", dtype="Float64", unit="second", decimals=3,
               meaning="Time covered by the sampled frames."),
        Column(name="sampled_frames", dtype="Int64", meaning="Frames looked at."),
        Column(name="usable_frames", dtype="Int64",
               meaning="Frames with a usable face of the candidate."),
        Column(name="coverage", dtype="Float64", unit="share",
               meaning="usable_frames / sampled_frames."),
        *(Column(name=f"share_{label}", dtype="Float64", unit="share",
                 meaning=f"Share of the usable frames whose apparent expression is {label}.")
          for label in labels),
        Column(name="changes_per_minute", dtype="Float64", unit="1/minute",
               meaning="Changes between episodes per minute with a usable face."),
        Column(name="other_people", dtype="Int64",
               meaning="Most people seen at once beside the candidate."),
        Column(name="model_sha256", dtype="string", meaning="SHA-256 of the model's weights."),
        Column(name="input_sha256", dtype="string", meaning="SHA-256 of the recording."),
    ]  # fmt: skip


def as_table(rows: pd.DataFrame, schema: list[Column]) -> pd.DataFrame:
    """The rows with exactly the schema's columns, order and types; what is absent is missing."""
    import pandas as pd

    columns = {
        c.name: (
            rows[c.name].astype(c.dtype)  # type: ignore[call-overload]
            if c.name in rows
            else pd.Series(pd.NA, index=rows.index, dtype=c.dtype)
        )
        for c in schema
    }
    return pd.DataFrame(columns, index=rows.index)
