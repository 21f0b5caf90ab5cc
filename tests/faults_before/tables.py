"""E. Tables."""

from __future__ import annotations

from typing import Any

from tests.faults_before.cases import case
from tests.faults_before.inputs import plain, short
from tests.faults_before.sides import Side


@case("E1", "columns of frames.csv for neutral, as a valence and as an emotion")
def _(side: Side) -> object:
    side.add("a.mp4", short())
    side.analyze()
    return ", ".join(c for c in side.table("frames").columns if c.endswith("p_neutral"))


@case("E2", "a model that calls smiles surprise: its share in recordings.csv, and in frames.csv")
def _(side: Side) -> object:
    other = {"happiness": "surprise", "surprise": "happiness"}

    def swap(said: dict[str, Any]) -> None:
        said["labels"]["emotions"] = [other.get(e, e) for e in said["labels"]["emotions"]]

    side.add("a.mp4", plain())
    side.analyze("--model", side.edited_model(swap))
    frames = side.table("frames")
    label = frames["label" if "label" in frames else "valence"].dropna()
    return f"{side.row()['share_surprise']:.2f} and {(label == 'surprise').mean():.2f}"


@case("E3", "truth values in frames.csv")
def _(side: Side) -> object:
    side.add("a.mp4", short())
    side.analyze()
    text = next(side.out.glob("*/frames.csv")).read_text(encoding="utf-8-sig")
    return "True, False" if ",True," in text else "TRUE, FALSE" if ",TRUE," in text else "neither"


@case("E4", "columns of frames.csv and recordings.csv for what is known")
def _(side: Side) -> object:
    side.add("a.mp4", short())
    side.analyze()
    wanted = ("width_px", "codec", "start_offset_s", "session_time", "model", "sample_rate_hz",
              "pose_yaw_deg", "yaw_deg", "sharpness", "brightness", "left_eye_x_px")  # fmt: skip
    there = {*side.row().index, *side.table("frames").columns}
    return f"{len([name for name in wanted if name in there])} of them"
