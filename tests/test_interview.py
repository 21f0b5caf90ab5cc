"""Who speaks, and what is an answer: against the script of the made interview, and by ear."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from poise.batch.rerender import export
from poise.batch.run import analyze
from poise.expression.classifier import ExpressionClassifier
from poise.faces.detection.detector import FaceDetector
from poise.media.audio import SAMPLE_RATE_HZ, SoundBlock
from poise.media.listening import listen
from poise.settings import Settings
from tests.clips import beginning, copy
from tests.conftest import ROOT, SAMPLES
from tests.once import computed_once
from tests.sounds import with_sound

# Without what costs as much as all else and is not looked at here.
QUICK = Settings(device="cpu", jobs=1, frames_per_class=0, identity=False)
NAME = "interview with sound.mp4"
ANNOTATED = ROOT / "tests" / "annotations" / "speech.csv"
SPEAKER = {"candidate": "candidate", "interviewer": "someone_else"}


def _analysed(
    clips: dict[str, Path], folder: Path, model_dir: Path, **settings: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Joined tables of frames and of segments."""
    for name, path in clips.items():
        copy(path, folder / "in" / name)
    analyze(folder / "in", folder / "out", replace(QUICK, model=str(model_dir), **settings))
    export(folder / "out", folder / "tables")
    frames, segments = (pd.read_csv(folder / "tables" / f"{t}.csv") for t in ("frames", "segments"))
    return frames, segments


@pytest.fixture(scope="module")
def seen_once() -> Iterator[None]:
    """The same pictures are computed once: recordings here differ in what is heard."""
    with pytest.MonkeyPatch.context() as patch:
        computed_once(patch, ExpressionClassifier, "predict")
        computed_once(patch, FaceDetector, "detect")
        computed_once(patch, FaceDetector, "judge")
        yield


@pytest.fixture(scope="module")
def interview(
    tmp_path_factory: pytest.TempPathFactory,
    model_dir: Path,
    workers_closed: None,
    seen_once: None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of the made interview."""
    return _analysed(
        {NAME: SAMPLES / "Sample C" / NAME}, tmp_path_factory.mktemp("interview"), model_dir
    )


def _turns() -> list[tuple[float, float, str]]:
    with (SAMPLES / "truth.csv").open(encoding="utf-8", newline="") as file:
        return [
            (float(r["start_s"]), float(r["end_s"]), SPEAKER[r["speaker"]])
            for r in csv.DictReader(file)
            if r["speaker"]
        ]


def test_who_speaks_is_who_the_script_says(interview: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    frames, _ = interview
    time_s = frames["pts_ms"] / 1000
    agreed = np.concatenate(
        [
            (frames["speaking"][(time_s >= start) & (time_s < end)] == speaker).to_numpy()
            for start, end, speaker in _turns()
        ]
    )
    assert len(agreed) > 150
    assert agreed.mean() >= 0.95
    between = ~np.any([(time_s >= a - 0.1) & (time_s < b + 0.3) for a, b, _ in _turns()], axis=0)
    assert (frames["speaking"][between] == "silent").all()


def test_answers_and_questions_begin_and_end_where_the_script_says(
    interview: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    _, segments = interview
    found = segments[segments["segment"].notna() & (segments["part"] == "whole")]
    found = found[found["state"] == "all"]
    spoken: list[tuple[float, float, str]] = []
    for start, end, speaker in _turns():  # a second sentence goes on with the answer
        if spoken and spoken[-1][2] == speaker:
            spoken[-1] = (spoken[-1][0], end, speaker)
        else:
            spoken.append((start, end, speaker))
    kinds = ["answer" if speaker == "candidate" else "question" for *_, speaker in spoken]
    assert found["kind"].tolist() == kinds
    edges = found[["start_ms", "end_ms"]].to_numpy() / 1000
    assert np.abs(edges - np.array([turn[:2] for turn in spoken])).max() <= 0.5


def test_the_candidate_smiles_while_listening_not_while_speaking(
    interview: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    _, segments = interview
    whole = segments[segments["segment"].isna()].set_index("state")
    assert whole.loc["listening", "share_positive"] > 0.5
    assert whole.loc["speaking", "share_positive"] < 0.1


def test_frames_have_the_number_of_their_segment(
    interview: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    frames, segments = interview
    for row in segments[segments["state"] == "all"].dropna(subset=["segment"]).itertuples():
        inside = frames["pts_ms"].between(row.start_ms, row.end_ms - 1)
        if row.part == "whole":
            assert (frames["segment"][inside] == row.segment).all()
            assert row.sampled_frames == inside.sum()


def test_given_segments_prevail_and_may_change_without_a_new_analysis(
    tmp_path: Path, model_dir: Path, workers_closed: None
) -> None:
    table = tmp_path / "in" / "segments.csv"
    table.parent.mkdir()
    header = "recording,start,end,label\n"
    table.write_text(f"{header}{NAME},0:02,0:05,Yourself\n{NAME},5,8,exclude\n", encoding="utf-8")
    clips = {NAME: beginning(SAMPLES / "Sample C" / NAME, tmp_path / "clip.mp4", 10)}
    frames, segments = _analysed(clips, tmp_path, model_dir, sound=False)
    assert frames["speaking"].isna().all()
    assert segments["label"].dropna().unique().tolist() == ["Yourself"]
    assert segments["state"].dropna().unique().tolist() == ["all"]
    assert segments["kind"].tolist() == ["recording", "part", "excluded"]
    whole = segments[segments["segment"].isna()].iloc[0]
    assert whole["sampled_frames"] == (~frames["pts_ms"].between(5_000, 7_999)).sum()
    table.write_text(f"{header}{NAME},8,9,Pumps\n", encoding="utf-8")
    again = analyze(
        table.parent, tmp_path / "out", replace(QUICK, model=str(model_dir), sound=False)
    )
    assert [outcome.reused for outcome in again.outcomes] == [True]
    (own,) = (tmp_path / "out").rglob("segments.csv")
    assert pd.read_csv(own)["label"].dropna().unique().tolist() == ["Pumps"]


def test_a_mouth_that_speaks_into_a_dead_microphone_is_read_as_one_that_speaks(
    interview: tuple[pd.DataFrame, pd.DataFrame],
    tmp_path: Path,
    model_dir: Path,
    workers_closed: None,
) -> None:
    source, noise = SAMPLES / "Sample C" / NAME, np.random.default_rng(0)
    heard = np.concatenate([i.samples for i in listen(source) if isinstance(i, SoundBlock)])
    hiss = noise.normal(0, 0.003, len(heard)).astype(np.float32)
    dying = np.where(np.arange(len(heard)) < 14 * SAMPLE_RATE_HZ, heard, hiss)
    sounds = {"muted.mp4": 0 * heard, "hiss.mp4": hiss, "dying.mp4": dying}
    clips = {name: with_sound(source, tmp_path / name, made) for name, made in sounds.items()}
    frames, _ = _analysed(clips, tmp_path, model_dir)
    remarks = pd.read_csv(tmp_path / "tables" / "recordings.csv").set_index("recording_id")
    spoken = [(a + 0.8, b - 0.8) for a, b, who in _turns() if who == "candidate" and a > 14]
    with_voice = interview[0]
    inside = np.any([with_voice["pts_ms"].between(1000 * a, 1000 * b) for a, b in spoken], axis=0)
    for name in clips:
        own = frames[frames["recording_id"] == name].reset_index(drop=True)
        said = own["rel_p_negative"][inside].to_numpy()
        assert said == pytest.approx(with_voice["rel_p_negative"][inside].to_numpy(), abs=1e-3)
        assert own["speaking"].isna().all() == (name == "muted.mp4")
        assert "no voice is heard; the microphone" in remarks.loc[name, "remarks"]
        smoothed = own.filter(like="smooth_p_").dropna()  # as the episodes have them
        assert (np.diff(smoothed, axis=0) ** 2).sum() < 2 * (
            np.diff(with_voice.filter(like="smooth_p_").dropna(), axis=0) ** 2
        ).sum()


@pytest.mark.slow
def test_who_speaks_on_real_clips_is_who_was_heard(
    tmp_path: Path, shared_clips: Path, model_dir: Path, workers_closed: None
) -> None:
    with ANNOTATED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    clips = {row["clip"]: shared_clips / row["clip"] for row in rows}
    frames, _ = _analysed(clips, tmp_path, model_dir)
    for clip in clips:
        own = frames[frames["recording_id"] == clip]
        time_s = own["pts_ms"] / 1000
        agreed = np.concatenate(
            [
                own["speaking"][(time_s >= float(r["start_s"])) & (time_s < float(r["end_s"]))]
                == r["speaking"]
                for r in rows
                if r["clip"] == clip
            ]
        )
        assert agreed.mean() >= 0.85, (clip, agreed.mean())
