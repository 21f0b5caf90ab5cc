"""What is kept of who was seen: a picture of each person, and of nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from poise.analysis.crop_file import CropFile
from poise.analysis.people.findings import findings
from poise.analysis.people.who import Decision
from poise.analysis.sightings import Sightings
from poise.analysis.views import Look
from poise.faces.appearance import SIGNATURE, SURROUNDINGS, THUMBNAIL
from poise.faces.candidate import Choice
from poise.faces.identity import CHIP_PX
from poise.faces.people import people_by_identity
from poise.faces.pose import MEAN_FACE
from poise.identity_findings import IdentityFindings
from poise.labels import QUALITY_FLAGS
from poise.media.decoders.protocol import View
from tests.faces.faces_made import SIZE, Seen, tracks_of

CANDIDATE = Seen(frames=range(12))
OTHER = Seen(frames=range(12), who=1, place=(520, 220))
FRONT = (MEAN_FACE[:, :2] * 40 + 100).astype(np.float32)
ASIDE = FRONT + np.float32([[0, 0], [0, 0], [14, 0], [0, 0], [0, 0]])


def _sightings(count: int) -> Sightings:
    """So many faces, all alike, each with a chip."""
    return Sightings(
        pts_s=np.arange(12) * 0.2, frame_index=np.arange(12) * 5,
        frame=np.tile(np.arange(12), count // 12),
        boxes=np.tile(np.array([0, 0, 80, 100], np.float32), (count, 1)),
        landmarks=np.tile(FRONT, (count, 1, 1)), confidence=np.full(count, 0.99, np.float32),
        signature=np.zeros((12, SIGNATURE), np.uint8),
        thumbnail=np.zeros((count, THUMBNAIL), np.uint8),
        surroundings=np.zeros((count, SURROUNDINGS), np.uint8),
        chip=np.arange(count), sharpness=np.full(count, 0.3, np.float32),
        brightness=np.full(count, 120, np.float32),
        flags=np.zeros((count, len(QUALITY_FLAGS)), bool), size_px=SIZE,
        look=Look(short_side_px=360, view=View(stream=1, canvas_px=SIZE)), loss="", remarks=(),
        wanted_px=SIZE, span_frames=60,
    )  # fmt: skip


def _found(
    people: Sequence[Seen], seen: Sightings, tmp_path: Path, undecided: Sequence[int] = ()
) -> tuple[IdentityFindings, list[int]]:
    """What is kept where the first is the candidate, and the chips that are shown."""
    candidate, *others = sorted(
        people_by_identity(tracks_of(people)), key=lambda p: p.tracks[0].track_id
    )
    count = len(seen.frame)
    decision = Decision(
        track_id=np.repeat(np.arange(len(people)), [len(p.frames) for p in people]),
        choice=Choice(candidate=candidate, others=tuple(others)),
        motionless=np.zeros(count, bool), undecided=np.isin(np.arange(count), undecided),
    )  # fmt: skip
    with CropFile(tmp_path, 8) as crops:
        crops.append_chips(
            np.array([np.full((CHIP_PX, CHIP_PX, 3), 8 * k, np.uint8) for k in range(count)])
        )
        found, files = findings(decision, seen, crops, by_portrait=False)
    pictures = [np.frombuffer(files[name], np.uint8) for name in sorted(files)]
    gray = [cv2.imdecode(p, cv2.IMREAD_GRAYSCALE).mean() for p in pictures]
    return found, [round(float(g) / 8) for g in gray]


@pytest.mark.parametrize("other", ["flagged", "small", "aside", "blurred", "less sure"])
def test_of_each_person_the_face_that_shows_best_who_it_is_is_shown(
    other: str, tmp_path: Path
) -> None:
    seen, best = _sightings(24), 5
    rest = np.delete(np.arange(24), [best, 12 + best])
    if other == "flagged":
        seen.flags[rest, 0] = True
        seen.sharpness[rest] = 0.9
    elif other == "small":
        seen.boxes[rest] /= 2
    elif other == "aside":
        seen.landmarks[rest] = ASIDE
    elif other == "blurred":
        seen.sharpness[rest] = 0.1
    else:
        seen.confidence[rest] = 0.95
    found, chips = _found([CANDIDATE, OTHER], seen, tmp_path)
    assert chips == [best, 12 + best] and len(found.others) == 1


def test_what_is_hardly_a_face_is_no_person(tmp_path: Path) -> None:
    seen = _sightings(24)
    seen.confidence[12:] = 0.82
    seen.confidence[14] = 0.95
    found, chips = _found([CANDIDATE, OTHER], seen, tmp_path)
    assert len(chips) == 1 and len(found.others) == 0


def test_a_candidate_whose_face_is_found_unsurely_is_shown(tmp_path: Path) -> None:
    seen = _sightings(12)
    seen.confidence[:] = 0.82
    assert len(_found([CANDIDATE], seen, tmp_path)[1]) == 1


def test_no_face_is_shown_that_may_be_anothers(tmp_path: Path) -> None:
    seen = _sightings(12)
    seen.sharpness[[3, 7]] = 0.9, 0.6
    assert _found([CANDIDATE], seen, tmp_path, undecided=[3])[1] == [7]


def test_who_is_there_for_a_moment_is_not_kept(tmp_path: Path) -> None:
    brief = Seen(frames=range(12, 20), who=1)
    found, chips = _found([CANDIDATE, brief], _sightings(24), tmp_path)
    assert len(chips) == 1 and len(found.others) == 0 and found.uncertain_frames == 0
    assert found.embedding.shape == (1, 128)
