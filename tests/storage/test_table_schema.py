"""What every table has, and that each column says what it is."""

from __future__ import annotations

from poise.labels import VALENCES, display_labels
from poise.storage.table_schema import (
    as_table,
    episodes_schema,
    frames_schema,
    recordings_schema,
    segments_schema,
)
from tests.factories import SCHEME


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
