"""What the sample recordings show is what the analysis finds: their script is the truth."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from poise.batch.run import analyze
from poise.settings import Settings
from tests.clips import copy
from tests.conftest import SAMPLES, Analysed

OTHERS = {"Sample A/interview 1.mp4": 0, "Sample A/interview 2 two people.mp4": 1, "표본 B.mp4": 0}


@dataclass(frozen=True)
class Segment:
    """One row of `truth.csv`."""

    recording: str
    start_s: float
    end_s: float
    expression: str

    def __str__(self) -> str:
        return f"{self.recording} {self.start_s}-{self.end_s} {self.expression}"


def _truth() -> list[Segment]:
    with (SAMPLES / "truth.csv").open(encoding="utf-8", newline="") as file:
        return [
            Segment(r["recording"], float(r["start_s"]), float(r["end_s"]), r["expression"])
            for r in csv.DictReader(file)
            if r["recording"] in OTHERS
        ]


TRUTH = _truth()
PRESENT = [segment for segment in TRUTH if segment.expression != "absent"]
ABSENT = [segment for segment in TRUTH if segment.expression == "absent"]


def _frames(analysed: Analysed, segment: Segment) -> pd.DataFrame:
    """Rows of `frames.csv` within a segment."""
    (recording,) = (
        o.recording
        for o in analysed.result.outcomes
        if o.recording.recording_id == segment.recording
    )
    table = pd.read_csv(analysed.output / recording.candidate_id / "frames.csv")
    table = table[table["recording_id"] == segment.recording]
    rows = table[table["pts_ms"].between(segment.start_s * 1000, segment.end_s * 1000 - 1)]
    assert len(rows) >= 2
    return rows


@pytest.mark.parametrize("segment", PRESENT, ids=str)
def test_most_frames_of_a_segment_look_as_scripted(analysed: Analysed, segment: Segment) -> None:
    rows = _frames(analysed, segment)
    assert (rows["label"] == segment.expression).mean() > 0.5, rows["label"].value_counts()


@pytest.mark.parametrize("segment", PRESENT, ids=str)
def test_the_candidate_is_seen_and_usable(analysed: Analysed, segment: Segment) -> None:
    assert _frames(analysed, segment)["usable"].mean() > 0.9


@pytest.mark.parametrize("segment", ABSENT, ids=str)
def test_nobody_is_seen_while_the_candidate_is_away(analysed: Analysed, segment: Segment) -> None:
    rows = _frames(analysed, segment)
    assert not rows["face_found"].any()
    assert (rows["other_faces"] == 0).all()


@pytest.mark.parametrize("recording", OTHERS)
def test_other_people_are_counted_and_nothing_else_is(analysed: Analysed, recording: str) -> None:
    (outcome,) = (o for o in analysed.result.outcomes if o.recording.recording_id == recording)
    assert outcome.result is not None
    assert outcome.result.statistics.other_people == OTHERS[recording]


def test_the_second_person_is_counted_while_there(analysed: Analysed) -> None:
    name = "Sample A/interview 2 two people.mp4"
    there = _frames(analysed, Segment(name, 4.0, 10.0, ""))
    away = _frames(analysed, Segment(name, 0.0, 2.0, ""))
    assert (there["other_faces"] == 1).mean() > 0.9
    assert (away["other_faces"] == 0).all()


def test_the_candidate_is_the_same_person_throughout(analysed: Analysed) -> None:
    rows = _frames(analysed, Segment("Sample A/interview 2 two people.mp4", 0, 14, ""))
    centre = (rows["box_x1_px"] + rows["box_x2_px"]) / 2
    assert (centre - centre.median()).abs().max() < 80


def test_the_candidate_who_comes_back_is_the_same(analysed: Analysed) -> None:
    rows = _frames(analysed, Segment("Sample A/interview 1.mp4", 17.0, 19.0, ""))
    assert rows["face_found"].all()
    assert (rows["other_faces"] == 0).all()


# Real people, looked at: what the eye sees in these stretches

SEEN = (
    ("one_face_neutral_to_smile_20s.mp4", 0.0, 2.5, "neutral"),
    ("one_face_neutral_to_smile_20s.mp4", 10.0, 11.6, "positive"),
    ("one_face_distress_to_smile_20s.mp4", 1.0, 6.0, "negative"),
    ("one_face_distress_to_smile_20s.mp4", 12.6, 19.6, "positive"),
)


@pytest.fixture(scope="module")
def people(
    tmp_path_factory: pytest.TempPathFactory,
    shared_clips: Path,
    model_dir: Path,
    workers_closed: None,
) -> Path:
    """Reports of the two recordings."""
    folder, output = tmp_path_factory.mktemp("people"), tmp_path_factory.mktemp("people_reports")
    for name in {row[0] for row in SEEN}:
        copy(shared_clips / name, folder / name)
    analyze(folder, output, Settings(model=str(model_dir), device="cpu", jobs=1))
    return output


@pytest.mark.slow
@pytest.mark.parametrize(("name", "start_s", "end_s", "expression"), SEEN)
def test_most_frames_of_real_people_look_as_the_eye_sees_them(
    people: Path, name: str, start_s: float, end_s: float, expression: str
) -> None:
    frames = pd.read_csv(people / Path(name).stem / "frames.csv")
    rows = frames[frames["pts_ms"].between(start_s * 1000, end_s * 1000)]
    assert (rows["label"] == expression).mean() > 0.5, rows["label"].value_counts()
