"""The schema of every table: columns with their types, units and meanings; read without pandas.

The types are pandas' own names, so that `pd.read_csv(file, dtype=...)` takes them as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from poise.labels import QUALITY_FLAGS, VALENCES, LabelScheme, display_labels
from poise.timeline.episodes import ENTER, LEAVE

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Args:
        name: snake_case, with the unit.
        dtype: pandas type that admits missing values: string, Int64, Float64 or boolean.
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


_STARTS = "=+\\-@＝＋－＠"
# A text that begins so is a formula; so is what follows a separator, where a spreadsheet splits
# there: the quotes of CSV do not help then, as they do not stand at the beginning of the cell.
_FORMULA = re.compile(
    rf"\A(?=\s*[{_STARTS}]|[\t\r\n])|(?<=[;\t\r\n\v\f\x85\u2028\u2029])(?=[\s\"]*[{_STARTS}])"
)
AS_TEXT = (
    " In CSV an apostrophe stands before a text that begins with = + - @, a tab or a line break, "
    "and before such a sign behind a semicolon, a tab or a line break."
)


def as_plain_text(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula, split at a comma, `;` or tab."""
    return _FORMULA.sub("'", text)


_ID = Column(
    name="recording_id", dtype="string", foreign=True,
    meaning="Path of the recording below the input directory.",
)  # fmt: skip

_LANDMARKS = {
    "left_eye": "Left eye", "right_eye": "Right eye", "nose": "Tip of the nose",
    "mouth_left": "Left corner of the mouth", "mouth_right": "Right corner of the mouth",
}  # fmt: skip
LANDMARK_COLUMNS = tuple(f"{point}_{axis}_px" for point in _LANDMARKS for axis in ("x", "y"))
_POSE = {
    "yaw": "to the right of the picture", "pitch": "down (good to about 10 degrees)",
    "roll": "clockwise",
}  # fmt: skip
POSE_COLUMNS = tuple(f"{axis}_deg" for axis in _POSE)

_FLAG_MEANINGS = {
    "too_small": "The face is too small for its expression to be read.",
    "blurred": "The face is blurred.",
    "dark": "The face is dark.",
    "turned_away": "The head is turned away, judged from the landmarks.",
    "cut_off": "Part of the face lies outside the frame.",
    "covered": "Eyes or mouth are covered: a mask, a hand, a microphone, dark glasses.",
    "still": "Nothing in the face moves for long: a picture of a face, or a call that hangs.",
}


def frames_schema(scheme: LabelScheme) -> list[Column]:
    """Columns of `frames.csv`: one row per sampled frame, whether it shows a face or not."""
    return [
        _ID,
        Column(name="frame_index", dtype="Int64",
               meaning="Position of the frame among all frames of the recording, from 0."),
        Column(name="pts_ms", dtype="Int64", unit="millisecond",
               meaning="When the frame is shown; 0 is what a player shows as 0:00."),
        Column(name="timecode", dtype="string", unit="HH:MM:SS.mmm",
               meaning="The same time, for reading."),
        Column(name="track_id", dtype="Int64", meaning="Face track that shows the candidate."),
        Column(name="face_found", dtype="boolean", meaning="Whether the candidate's face is seen."),
        Column(name="usable", dtype="boolean",
               meaning="Whether it is seen without any quality flag, and so classified."),
        Column(name="other_faces", dtype="Int64", meaning="Faces of other people in the frame."),
        Column(name="detection_confidence", dtype="Float64", meaning="Of MTCNN, 0 to 1."),
        *_face_columns(),
        *posterior_columns(scheme),
        *(Column(name=f"rel_p_{v}", dtype="Float64", unit="probability",
                 meaning=f"As p_{v}, read against the candidate's own resting face (baseline_* in "
                 "recordings.csv; without one, negative has to be clearer than p_negative says), "
                 "and with a margin for what speaking does to a face while the candidate speaks, "
                 "or the mouth moves so and the candidate was not heard for five seconds.")
          for v in VALENCES),
        *(Column(name=f"smooth_p_{label}", dtype="Float64", unit="probability", decimals=6,
                 meaning=f"Posterior of the label {label}, smoothed in time (over several "
                 "syllables while the candidate speaks); episodes are made of these columns.")
          for label in display_labels(scheme)),
        Column(name="run", dtype="Int64",
               meaning="Number of the run of usable frames without a gap that the frame is in; "
               "nothing is smoothed across, and no episode reaches into another."),
        Column(name="interval_ms", dtype="Float64", unit="millisecond", decimals=3,
               meaning="Time that the frame stands for where it is the last of an episode: the "
               "sampling interval, or the recording's own where its pictures are sparser."),
        Column(name="speaking", dtype="string",
               meaning="Who speaks: candidate (voice, and the candidate's mouth moves), "
               "someone_else (voice, and it does not), unsure, silent (no voice is heard); missing "
               "where nothing was listened to, or nothing is on the track."),
        Column(name="segment", dtype="Int64",
               meaning="Number of the answer, question or part, as in segments.csv; missing "
               "between segments. What is excluded has a number, too; nothing is smoothed there."),
    ]  # fmt: skip


def _face_columns() -> list[Column]:
    """Where the candidate's face is, and what makes it easy or hard to read."""
    upright = "in the upright full-resolution frame"
    return [
        *(Column(name=f"box_{corner}_px", dtype="Float64", unit="pixel", decimals=1,
                 meaning=f"Face box, {corner}, {upright}.")
          for corner in ("x1", "y1", "x2", "y2")),
        *(Column(name=f"{point}_{axis}_px", dtype="Float64", unit="pixel", decimals=1,
                 meaning=f"{words}, {axis}, {upright}; left and right as seen in the picture.")
          for point, words in _LANDMARKS.items() for axis in ("x", "y")),
        Column(name="sharpness", dtype="Float64",
               meaning="Variance of the aligned face's Laplacian relative to the face's own "
               "variance; small is blurred."),
        Column(name="brightness", dtype="Float64", decimals=1,
               meaning="Mean gray level of the aligned face, 0 to 255."),
        *(Column(name=f"{axis}_deg", dtype="Float64", unit="degree", decimals=1,
                 meaning=f"Head pose, {axis}, estimated from the landmarks; positive {way}.")
          for axis, way in _POSE.items()),
        *(Column(name=f, dtype="boolean", meaning=_FLAG_MEANINGS.get(f, "Quality flag."))
          for f in QUALITY_FLAGS),
    ]  # fmt: skip


def posterior_columns(scheme: LabelScheme) -> list[Column]:
    """Posteriors of valence and emotion classes, and the classes they lead to."""
    without = f" given that it is not {' or '.join(scheme.apart)}," if scheme.apart else ""
    apart = "".join(f" or {name}" for name in scheme.apart)
    return [
        *(Column(name=f"p_{v}", dtype="Float64", unit="probability",
                 meaning=f"Posterior of the valence class {v},{without} before smoothing; the "
                 "three sum to 1.")
          for v in VALENCES),
        *(Column(name=f"emotion_p_{e}", dtype="Float64", unit="probability",
                 meaning=f"Posterior of the emotion class {e}, before smoothing; all sum to 1.")
          for e in scheme.emotions),
        Column(name="label", dtype="string", foreign=True,
               meaning=f"The clearest apparent expression: positive, neutral, negative{apart}; "
               "what shares count and episodes are named after. Of recordings, as rel_p_* reads "
               "it: not always the one with the highest p_*."),
        Column(name="emotion", dtype="string", foreign=True,
               meaning="Emotion class with the highest posterior."),
    ]  # fmt: skip


def posteriors_schema() -> list[Column]:
    """Columns of `posteriors.csv`: one row per usable frame and class, for tidy tools."""
    return [
        _ID,
        Column(name="pts_ms", dtype="Int64", unit="millisecond",
               meaning="When the frame is shown; 0 is what a player shows as 0:00."),
        Column(name="kind", dtype="string", meaning="valence or emotion."),
        Column(name="class", dtype="string", foreign=True,
               meaning="A valence class, or an emotion class."),
        Column(name="posterior", dtype="Float64", unit="probability",
               meaning="Of the class in this frame, before smoothing."),
    ]  # fmt: skip


EPISODE_RULE = (
    "An episode is made of usable frames of one run. It begins where a column smooth_p_ is the "
    f"highest and at least {ENTER}, and ends before the frame where it falls below {LEAVE}, where "
    f"another is the highest and at least {ENTER}, or at the end of the run."
)


def episodes_schema() -> list[Column]:
    """Columns of `episodes.csv`: one row per episode."""
    return [
        _ID,
        Column(name="episode", dtype="Int64", meaning="Number of the episode, from 1."),
        Column(name="label", dtype="string", foreign=True,
               meaning=f"Apparent expression that prevails, as in frames. {EPISODE_RULE}"),
        Column(name="start_ms", dtype="Int64", unit="millisecond",
               meaning="pts_ms of its first frame."),
        Column(name="end_ms", dtype="Int64", unit="millisecond",
               meaning="pts_ms and interval_ms of its last frame, at most pts_ms of the next "
               "usable frame."),
        Column(name="duration_ms", dtype="Int64", unit="millisecond",
               meaning="Length; min_episode_s of recordings at least."),
        Column(name="peak_ms", dtype="Int64", unit="millisecond",
               meaning="Where the smoothed posterior is highest."),
        Column(name="mean_posterior", dtype="Float64", unit="probability",
               meaning="Mean of the smoothed posterior of the label."),
    ]  # fmt: skip


def segments_schema(labels: Sequence[str]) -> list[Column]:
    """Columns of `segments.csv`: one row for each segment, part of it, and state.

    Args:
        labels: The valence classes and the emotions without valence.
    """
    return [
        _ID,
        Column(name="segment", dtype="Int64",
               meaning="Number of the segment, from 1; missing for the whole recording, without "
               "what is excluded."),
        Column(name="kind", dtype="string",
               meaning="answer, question, part (given, of neither kind), excluded (left out of all "
               "figures, so that it has none), or recording."),
        Column(name="label", dtype="string", foreign=True,
               meaning="As given, such as the text of a question; missing if none was."),
        Column(name="source", dtype="string",
               meaning="Where the segment comes from: table (segments.csv of the centre), webvtt, "
               "chapters, turns (who speaks) or pauses (one voice alone)."),
        Column(name="start_ms", dtype="Int64", unit="millisecond", meaning="Begin."),
        Column(name="end_ms", dtype="Int64", unit="millisecond", meaning="End."),
        Column(name="part", dtype="string",
               meaning="whole; first and last are the first and the last ten seconds, of segments "
               "that last twenty."),
        Column(name="state", dtype="string",
               meaning="all; speaking (the candidate speaks) or listening (somebody else does)."),
        Column(name="duration_s", dtype="Float64", unit="second", decimals=3,
               meaning="Time that the sampled frames of this row stand for."),
        Column(name="sampled_frames", dtype="Int64", meaning="Frames looked at."),
        Column(name="usable_frames", dtype="Int64",
               meaning="Frames with a usable face of the candidate."),
        Column(name="coverage", dtype="Float64", unit="share",
               meaning="usable_frames / sampled_frames."),
        *(Column(name=f"share_{label}", dtype="Float64", unit="share",
                 meaning=f"Share of the usable frames whose apparent expression is {label}.")
          for label in labels),
        *(Column(name=f"episodes_{label}", dtype="Int64",
                 meaning=f"Episodes of {label} that have their peak there.") for label in labels),
    ]  # fmt: skip


def recordings_schema(labels: Iterable[str]) -> list[Column]:
    """Columns of `recordings.csv`: one row per recording found.

    Args:
        labels: The valence classes and the emotions without valence.
    """
    text = {
        "candidate_id": "Directory of the candidate's report.",
        "display_name": "Name of the candidate.",
        "session_date": "Date of the session, as YYYY-MM-DD where it is known to be one.",
        "session_time": "Time of day of the session, HH:MM, where the recording's name or its "
        "container gives it.",
        "note": "As given in candidates.csv.",
        "status": "done, partial (read as far as possible), failed, pending (not analysed yet), "
        "not_consented (not to be analysed), expired (purged for its age) or duplicate (the same "
        "file as another of the candidate's, which stands for both).",
        "error_code": "Kind of the failure, a fixed word for each.",
        "error": "What was lost or why it failed, in plain words.",
        "remarks": "What was unusual about how it was read, in plain words: holes, turns, streams.",
    }
    return [
        _ID,
        *(Column(name=name, dtype="string", meaning=meaning,
                 foreign=name not in ("status", "error_code", "session_time"))
          for name, meaning in text.items()),
        *_video_columns(),
        Column(name="duration_s", dtype="Float64", unit="second", decimals=3,
               meaning="Time covered by the sampled frames."),
        Column(name="sampled_frames", dtype="Int64", meaning="Frames looked at."),
        Column(name="usable_frames", dtype="Int64",
               meaning="Frames with a usable face of the candidate."),
        Column(name="coverage", dtype="Float64", unit="share",
               meaning="usable_frames / sampled_frames."),
        *(Column(name=f"share_{label}", dtype="Float64", unit="share",
                 meaning=f"Share of the usable frames whose label is {label}.")
          for label in labels),
        Column(name="changes_per_minute", dtype="Float64", unit="1/minute",
               meaning="Changes between episodes per minute with a usable face."),
        Column(name="baseline_kind", dtype="string",
               meaning="Where the candidate's resting face was found: given (a named span), auto "
               "(the recording itself) or none."),
        Column(name="baseline_level", dtype="Float64", unit="log-odds",
               meaning="Log-odds of negative against neutral of the resting face."),
        Column(name="baseline_spread", dtype="Float64", unit="log-odds",
               meaning="Robust standard deviation of these within the resting face."),
        Column(name="baseline_frames", dtype="Int64",
               meaning="Frames from which the resting face was found."),
        Column(name="baseline_certainty", dtype="Float64", unit="share",
               meaning="How much of the threshold is the person's own, from 0 (as where no resting "
               "face is known) to 1."),
        Column(name="baseline_threshold", dtype="Float64", unit="log-odds",
               meaning="Log-odds of negative against neutral from which a face reads as negative."),
        Column(name="other_people", dtype="Int64",
               meaning="Most people seen at once beside the candidate."),
        Column(name="unsure_who", dtype="string",
               meaning="Why it is not sure that the recording shows the candidate: still (only a "
               "picture of a face), two_alike (another face is as prominent), two_present "
               "(somebody else is there almost all the time), after_a_cut (faces "
               "were not compared), portrait (nobody looks like it), not_the_same (as in the other "
               "recordings), in_both (another recording shows this face beside the candidate). "
               "Blank where it is sure."),
        *_analysis_columns(),
    ]  # fmt: skip


def _video_columns() -> list[Column]:
    """What the container says of the recording."""
    return [
        Column(name="width_px", dtype="Int64", unit="pixel", meaning="Of the upright frame."),
        Column(name="height_px", dtype="Int64", unit="pixel", meaning="Of the upright frame."),
        Column(name="codec", dtype="string", foreign=True, meaning="Codec of the pictures."),
        Column(name="frame_rate_hz", dtype="Float64", unit="1/second", decimals=3,
               meaning="Average frame rate, as the container says."),
        Column(name="container_duration_s", dtype="Float64", unit="second", decimals=3,
               meaning="From 0:00 to its end, as the container says."),
        Column(name="start_offset_s", dtype="Float64", unit="second", decimals=3,
               meaning="Time of the first picture; 0 is what a player shows as 0:00."),
    ]  # fmt: skip


def _analysis_columns() -> list[Column]:
    """What the recording was analysed with."""
    return [
        Column(name="sample_rate_hz", dtype="Float64", unit="1/second", decimals=3,
               meaning="Frames looked at per second, where the recording has as many."),
        Column(name="smoothing_s", dtype="Float64", unit="second", decimals=3,
               meaning="Bandwidth of the smoothing in time."),
        Column(name="min_episode_s", dtype="Float64", unit="second", decimals=3,
               meaning="Shortest episode."),
        Column(name="model", dtype="string", foreign=True, meaning="Name of the model."),
        Column(name="model_sha256", dtype="string", meaning="SHA-256 of the model's weights."),
        Column(name="precision", dtype="string",
               meaning="Arithmetic of the network: float32, bfloat16, float16 or int8."),
        Column(name="input_sha256", dtype="string", meaning="SHA-256 of the recording."),
    ]  # fmt: skip


def as_table(rows: pd.DataFrame, schema: list[Column]) -> pd.DataFrame:
    """The rows with exactly the schema's columns, order and types; what is absent is missing."""
    import pandas as pd

    return pd.DataFrame(as_arrays(rows, schema), index=rows.index)


def as_arrays(rows: pd.DataFrame, schema: list[Column]) -> dict[str, Any]:
    """The columns of `as_table` by name, as arrays of pandas."""
    import numpy as np
    import pandas as pd

    types: dict[str, Any] = {c.dtype: pd.api.types.pandas_dtype(c.dtype) for c in schema}
    given = {name: values.array for name, values in rows.items()}

    def column(c: Column) -> Any:
        values = given.get(c.name)
        if values is None:
            nothing: Any = np.full(len(rows), None, object)
            return pd.array(nothing, dtype=types[c.dtype])
        return values if values.dtype == types[c.dtype] else values.astype(types[c.dtype])

    return {c.name: column(c) for c in schema}
