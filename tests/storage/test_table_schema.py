"""The schema of every table: its columns, their order, their words."""

from __future__ import annotations

import pytest

from poise.labels import QUALITY_FLAGS, LabelScheme
from poise.storage.table_schema import (
    episodes_schema,
    frames_schema,
    posterior_columns,
    recordings_schema,
)

SCHEME = LabelScheme(
    name="four",
    emotions=("happiness", "neutral", "anger", "surprise"),
    valence={"happiness": "positive", "neutral": "neutral", "anger": "negative"},
)


SCHEMAS = {
    "frames": frames_schema(SCHEME),
    "episodes": episodes_schema(),
    "recordings": recordings_schema(["positive", "neutral", "negative", "surprise"]),
}


def test_the_columns_of_frames_stand_in_the_order_that_is_promised() -> None:
    names = [column.name for column in SCHEMAS["frames"]]
    assert names == [
        "recording_id", "frame_index", "pts_ms", "timecode", "track_id", "face_found", "usable",
        "other_faces", "detection_confidence", "box_x1_px", "box_y1_px", "box_x2_px", "box_y2_px",
        "left_eye_x_px", "left_eye_y_px", "right_eye_x_px", "right_eye_y_px", "nose_x_px",
        "nose_y_px", "mouth_left_x_px", "mouth_left_y_px", "mouth_right_x_px", "mouth_right_y_px",
        "sharpness", "brightness", "yaw_deg", "pitch_deg", "roll_deg", *QUALITY_FLAGS,
        "p_positive", "p_neutral", "p_negative",
        "emotion_p_happiness", "emotion_p_neutral", "emotion_p_anger", "emotion_p_surprise",
        "label", "emotion",
        "rel_p_positive", "rel_p_neutral", "rel_p_negative",
        "smooth_p_positive", "smooth_p_neutral", "smooth_p_negative", "smooth_p_surprise",
        "run", "interval_ms", "speaking", "segment",
    ]  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_columns_are_snake_case_distinct_and_explained(name: str) -> None:
    names = [column.name for column in SCHEMAS[name]]
    assert len(set(names)) == len(names)
    for column in SCHEMAS[name]:
        assert column.name == column.name.lower() and column.name.isidentifier()
        assert column.meaning.endswith(".")
        for ending, unit in (("_ms", "millisecond"), ("_px", "pixel"), ("_s", "second")):
            if column.name.endswith(ending):
                assert column.unit == unit


def test_an_emotion_called_as_a_valence_has_a_column_of_its_own() -> None:
    names = [c.name for c in posterior_columns(SCHEME)]
    assert names.count("p_neutral") == names.count("emotion_p_neutral") == 1
