"""Who is who in a recording: no frame of another person is the candidate's.

The recordings are drawn: A is the candidate and neutral, B smiles; so every smile-like frame of a
result is B's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import pytest

from poise.analysis.context import AnalysisContext
from poise.analysis.crop_file import CropFile
from poise.analysis.people.who import Decision, decide
from poise.analysis.recording import analyse_recording
from poise.faces.appearance import THUMBNAIL
from poise.faces.candidate import AFTER_A_CUT, STILL, TWO_ALIKE, TWO_PRESENT
from poise.labels import QUALITY_FLAGS
from poise.settings import Settings
from poise.types import Image, RecordingAnalysis
from tests.clips import write_clip
from tests.drawn_people import Drawn, frame, record
from tests.made_sightings import sightings

A = Drawn()
B = Drawn(who="B", smiles=True)
Scene = Callable[[float], Sequence[Drawn]]


@pytest.fixture(scope="module")
def context(model_dir: Path) -> Iterator[AnalysisContext]:
    settings = Settings(model=str(model_dir), device="cpu", frames_per_class=0, sound=False)
    started = AnalysisContext.start(settings)
    with pytest.MonkeyPatch.context() as patch:
        # Nobody lies on their side here; to look takes a third of the time (see `test_views`).
        patch.setattr("poise.analysis.observe.upright_turn", lambda *_: 0)
        yield started
    started.close()


@pytest.fixture
def analysed(tmp_path: Path, context: AnalysisContext) -> Callable[..., RecordingAnalysis]:
    def analyse(
        scene: Scene,
        seconds: float = 8,
        *,
        wall_at: Callable[[float], int] = lambda t: 200,
        identity: bool = True,
        portrait: Image | None = None,
    ) -> RecordingAnalysis:
        path = record(tmp_path / "recording.mp4", seconds, scene, wall_at=wall_at)
        own = context if identity else replace(context, embedder=None)
        picture = None
        if portrait is not None:
            picture = tmp_path / "portrait.png"
            cv2.imwrite(str(picture), cv2.cvtColor(portrait, cv2.COLOR_RGB2BGR))
        return analyse_recording(path, own, tmp_path, portrait=picture)

    return analyse


def _seconds(result: RecordingAnalysis) -> set[int]:
    """Whole seconds in which the candidate is shown."""
    return {int(t + 0.01) for t in result.frames.pts_s[result.frames.shown_frame]}


def _positive(result: RecordingAnalysis) -> float:
    return result.statistics.shares["positive"]


def test_fragments_of_the_candidate_outweigh_a_visitor(analysed) -> None:  # type: ignore[no-untyped-def]
    def scene(t: float) -> list[Drawn]:
        away = 2 <= t < 3.6 or 6 <= t < 7.6
        visitor = [replace(B, at=(400, 230), scale=1.0)] if 1.4 <= t < 8 else []
        return visitor + ([] if away else [replace(A, at=(180, 250))])

    result = analysed(scene, 10)
    assert _positive(result) == 0
    assert _seconds(result) >= {0, 1, 4, 5, 8, 9}
    assert (result.frames.boxes[:, 0] < 240).all()
    assert result.statistics.other_people == 1


def test_speaker_view_the_other_speaker_in_the_same_place(analysed) -> None:  # type: ignore[no-untyped-def]
    result = analysed(lambda t: [B] if 3 <= t < 5 else [A])
    assert _positive(result) == 0
    assert _seconds(result) == {0, 1, 2, 5, 6, 7}
    assert result.statistics.other_people == 1


def test_speaker_view_with_another_room_behind_each(analysed) -> None:  # type: ignore[no-untyped-def]
    def others_turn(t: float) -> bool:
        return int(t) % 4 == 3

    result = analysed(
        lambda t: [B] if others_turn(t) else [A],
        wall_at=lambda t: 90 if others_turn(t) else 200,
    )
    assert _positive(result) == 0
    assert _seconds(result) == {0, 1, 2, 4, 5, 6}


def test_somebody_else_sits_down_in_the_empty_chair(analysed) -> None:  # type: ignore[no-untyped-def]
    result = analysed(lambda t: [A] if t < 3 else [B] if t >= 5 else [])
    assert _positive(result) == 0
    assert _seconds(result) == {0, 1, 2}
    assert result.statistics.other_people == 1


def test_the_layout_of_a_call_changes(analysed) -> None:  # type: ignore[no-untyped-def]
    def scene(t: float) -> list[Drawn]:
        if t < 2:
            return [A]
        if t < 4:
            return [replace(B), replace(A, at=(420, 80), scale=0.45)]
        if t < 6:
            return [replace(A, at=(130, 230), scale=0.7), replace(B, at=(350, 230), scale=0.7)]
        return [A]

    result = analysed(scene)
    assert _positive(result) == 0
    assert _seconds(result) == set(range(8))
    assert result.statistics.other_people >= 1


def test_a_portrait_on_the_wall_is_not_the_candidate(analysed) -> None:  # type: ignore[no-untyped-def]
    wall = replace(B, at=(240, 140), scale=1.0, still=True)
    result = analysed(lambda t: [wall, replace(A, at=(380, 330), scale=0.8)], 6)
    assert _positive(result) == 0
    assert (result.frames.boxes[:, 0] > 300).all()
    assert result.identity is not None and not result.identity.doubt


def test_a_profile_picture_alone_is_no_seconds_of_expression(analysed) -> None:  # type: ignore[no-untyped-def]
    result = analysed(lambda t: [replace(B, still=True)], 6)
    assert result.statistics.usable_frames == 0
    assert result.frames.flags[:, QUALITY_FLAGS.index("still")].all()
    assert result.identity is not None and result.identity.doubt == STILL


def test_a_call_that_hangs_is_no_seconds_of_expression(analysed) -> None:  # type: ignore[no-untyped-def]
    hung = replace(A, still=True)
    result = analysed(lambda t: [hung] if 3 <= t < 14 else [A], 20)
    still = result.frames.pts_s[result.frames.shown_frame][
        result.frames.flags[:, QUALITY_FLAGS.index("still")]
    ]
    assert 2.5 <= still.min() < 4.5 and 12.5 < still.max() <= 14.5
    assert result.statistics.usable_frames > 0


def test_a_smile_is_no_other_person(analysed) -> None:  # type: ignore[no-untyped-def]
    result = analysed(lambda t: [replace(A, smiles=t >= 4)])
    assert _seconds(result) == set(range(8))
    assert 0.4 < _positive(result) < 0.6
    assert result.statistics.other_people == 0


@pytest.mark.parametrize(("until_s", "doubt"), [(3, TWO_ALIKE), (6, "")])
def test_a_face_that_may_be_anothers_is_left_out_and_that_is_said(
    analysed: Callable[..., RecordingAnalysis], until_s: int, doubt: str
) -> None:
    """Its size and its expression change at one cut."""
    smaller = replace(A, scale=0.8, smiles=True)
    result = analysed(lambda t: [A if t < until_s else smaller], until_s + 3)
    assert _seconds(result) == set(range(until_s))
    assert [remark.text for remark in result.remarks] == [
        "for 3.0 s it shows a face that may be the candidate's or another's; these were left out"
    ]
    assert result.identity is not None and result.identity.doubt == doubt
    assert {"face-0.jpg", "face-1.jpg"} <= set(result.files)  # for the centre to compare


def test_two_side_by_side_are_a_doubt(analysed) -> None:  # type: ignore[no-untyped-def]
    pair = [replace(A, at=(130, 250), scale=1.0), replace(B, at=(350, 250), scale=1.0)]
    result = analysed(lambda t: pair, 4)
    assert result.identity is not None and result.identity.doubt == TWO_ALIKE
    assert result.identity.others.shape == (1, 128)
    assert {"face-0.jpg", "face-1.jpg"} <= set(result.files)


def test_a_small_candidate_beside_a_large_interviewer_is_a_doubt(analysed) -> None:  # type: ignore[no-untyped-def]
    large, small = replace(B, at=(190, 250)), replace(A, at=(410, 310), scale=0.5)
    result = analysed(lambda t: [large, small], 4)
    assert result.identity is not None and result.identity.doubt == TWO_PRESENT
    passing = analysed(lambda t: [large, small] if t < 1.6 else [large], 5)
    assert passing.identity is not None and not passing.identity.doubt


def _passing(shift_px: float, tall: float = 60.0) -> Decision:
    """Who is who where 40 frames show two faces, 60 pixels wide and tall, or the second less: that
    one lies so far beside the first in ten frames amid, and far away in the others."""
    rng, count = np.random.default_rng(0), 40
    looks = rng.integers(0, 255, (2, THUMBNAIL))
    frames = np.repeat(np.arange(count), 2)
    place = np.full((count, 2), (200.0, 320.0))
    place[15:25, 1] = 200 + shift_px
    low, size = place.reshape(-1), np.tile((60.0, tall), count)
    boxes = np.stack([low, 0 * low + 100, low + size, 100 + size], axis=1).astype(np.float32)
    thumbnail = np.tile(looks, (count, 1)) + rng.normal(0, 4, (2 * count, THUMBNAIL))
    seen = sightings(np.clip(thumbnail, 0, 255).astype(np.uint8), boxes, frame=frames)
    return decide(seen, cast(CropFile, None), None)


def test_a_face_over_another_is_nobodys() -> None:
    over = _passing(40)  # a third of the smaller box
    assert np.flatnonzero(over.undecided).tolist() == [2 * k for k in range(15, 25)]
    assert not _passing(55).undecided.any()  # side by side, cheek to cheek
    assert not _passing(20, tall=20).undecided.any()  # a pattern within the face


def test_a_face_that_goes_over_into_somebody_elses_is_not_read(
    tmp_path: Path, context: AnalysisContext
) -> None:
    fade = [k / 8 for k in range(1, 8)]
    shares = [0.0] * 20 + fade + [1.0] * 12 + fade[::-1] + [0.0] * 8
    pictures = []
    for k, share in enumerate(shares):
        own, other = frame([A], k / 5), frame([replace(B, at=(250, 240))], k / 5)
        pictures.append((own * (1 - share) + other * share).astype(np.uint8))
    path = write_clip(tmp_path / "fades.mp4", pictures, [200 * k for k in range(len(pictures))])
    result = analyse_recording(path, context, tmp_path)
    shown = np.rint(result.frames.pts_s[result.frames.shown_frame] * 5).astype(int)
    assert set(shown.tolist()) >= {k for k, share in enumerate(shares) if share == 0}
    assert max(shares[k] for k in shown) <= 0.2


@pytest.mark.parametrize("who", ["A", "B"])
def test_a_portrait_decides_who_it_is(analysed, who: str) -> None:  # type: ignore[no-untyped-def]
    pair = [replace(A, at=(130, 250), scale=1.0), replace(B, at=(350, 250), scale=1.0)]
    portrait = frame([Drawn(who=who, smiles=who == "B", scale=1.5, at=(240, 320))], 0.9)
    result = analysed(lambda t: pair, 4, portrait=portrait)
    assert result.identity is not None and not result.identity.doubt
    assert _positive(result) == (1.0 if who == "B" else 0.0)


def test_without_identity_nothing_is_joined_across_a_cut_and_that_is_said(analysed) -> None:  # type: ignore[no-untyped-def]
    result = analysed(
        lambda t: [B] if 3 <= t < 5 else [A], wall_at=lambda t: 90 if 3 <= t < 5 else 200,
        identity=False,
    )  # fmt: skip
    assert _positive(result) == 0
    assert result.identity is not None and result.identity.doubt == AFTER_A_CUT
    assert len(result.identity.embedding) == len(result.identity.others) == 0


def test_without_identity_one_person_alone_is_sure(analysed) -> None:  # type: ignore[no-untyped-def]
    small = replace(A, scale=0.6)
    result = analysed(lambda t: [] if 2 <= t < 4 else [small], 7, identity=False)
    assert _seconds(result) == {0, 1, 4, 5, 6}
    assert result.identity is not None and not result.identity.doubt


# Real faces, cut together

PEOPLE = (
    "one_face_talking_18s.mp4",
    "one_face_neutral_to_smile_20s.mp4",
    "one_face_many_expressions_34s.mp4",
    "portrait_phone_selfie.mp4",
)


@cache
def _pictures(path: Path, count: int = 30) -> list[Image]:
    """The first pictures of a recording, five a second, 480 x 360, black beside them."""
    found: list[Image] = []
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            if len(found) == count:
                break
            if picture.time < len(found) / 5 - 1e-6:
                continue
            image = picture.to_ndarray(format="rgb24")
            scale = min(480 / image.shape[1], 360 / image.shape[0])
            size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            canvas = np.zeros((360, 480, 3), np.uint8)
            canvas[: size[1], (480 - size[0]) // 2 :][:, : size[0]] = small
            found.append(canvas)
    return found


@pytest.mark.parametrize(
    "candidate", [k if k % 2 == 0 else pytest.param(k, marks=pytest.mark.slow) for k in range(4)]
)
def test_real_people_cut_together(
    tmp_path: Path, shared_clips: Path, context: AnalysisContext, candidate: int
) -> None:
    own = _pictures(shared_clips / PEOPLE[candidate])
    other = _pictures(shared_clips / PEOPLE[(candidate + 1) % len(PEOPLE)])
    shown, whose = [], []
    for part in range(3):
        shown += own[10 * part : 10 * part + 10] + other[4 * part : 4 * part + 4]
        whose += [True] * 10 + [False] * 4
    path = write_clip(tmp_path / "cut.mp4", shown, [200 * k for k in range(len(shown))])
    result = analyse_recording(path, context, tmp_path)
    at = np.rint(result.frames.pts_s[result.frames.shown_frame] * 5).astype(int)
    assert np.array(whose)[at].all()
    assert len(at) >= 0.8 * sum(whose)
