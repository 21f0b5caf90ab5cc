"""The schema of every table: its columns, their order, their words."""

from __future__ import annotations

import pytest

from poise.labels import QUALITY_FLAGS, VALENCES, LabelScheme, display_labels
from poise.storage.table_schema import (
    as_table,
    episodes_schema,
    frames_schema,
    posterior_columns,
    recordings_schema,
    segments_schema,
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


def test_frames_have_what_an_analyst_joins() -> None:
    """Landmarks, head pose, posteriors (also smoothed and relative), who speaks, which segment."""
    columns = {column.name: column for column in frames_schema(SCHEME)}
    points = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    assert {f"{point}_{axis}_px" for point in points for axis in "xy"} <= columns.keys()
    assert {"yaw_deg", "pitch_deg", "roll_deg"} <= columns.keys()
    assert {f"p_{v}" for v in VALENCES} | {f"rel_p_{v}" for v in VALENCES} <= columns.keys()
    assert {f"smooth_p_{label}" for label in display_labels(SCHEME)} <= columns.keys()
    assert (columns["speaking"].dtype, columns["segment"].dtype) == ("string", "Int64")
    assert columns["yaw_deg"].unit == "degree"


def test_every_column_says_what_it_is_once() -> None:
    labels = display_labels(SCHEME)
    for schema in (
        frames_schema(SCHEME), episodes_schema(), segments_schema(labels),
        recordings_schema(labels),
    ):  # fmt: skip
        names = [column.name for column in schema]
        assert len(set(names)) == len(names)
        for column in schema:
            assert column.meaning.endswith((".", "…")), column.name
            assert column.dtype in ("string", "Int64", "Float64", "boolean")
            unit = {"_ms": "millisecond", "_px": "pixel", "_deg": "degree", "_s": "second"}
            for ending, name in unit.items():
                assert not column.name.endswith(ending) or column.unit == name, column.name


def test_what_is_absent_is_missing() -> None:
    import pandas as pd

    table = as_table(pd.DataFrame({"episode": [1, 2]}), episodes_schema())
    assert list(table) == [column.name for column in episodes_schema()]
    assert table["label"].isna().all()
