"""What is kept of who was seen: numbers that tell people apart, and a picture of each."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from poise.analysis.crop_file import CropFile
from poise.analysis.people.who import Decision
from poise.analysis.sightings import Sightings
from poise.faces.candidate import is_sure
from poise.faces.identity import EMBEDDING
from poise.faces.people import Person
from poise.faces.pose import head_pose
from poise.identity_findings import IdentityFindings
from poise.types import Image, IntArray

_OTHERS = 5  # whose embeddings are stored
_NOTABLE = 10  # frames that show them, at least


def findings(
    decision: Decision, seen: Sightings, crops: CropFile, *, by_portrait: bool
) -> tuple[IdentityFindings, dict[str, bytes]]:
    """What is kept of who was seen, for the centre alone, and a small picture of each face.

    Nobody but the candidate is told of where most of what was found is not sure to be a face.
    """
    choice = decision.choice
    notable, maybe = (
        [
            person
            for person in people
            if len(person.frames) >= _NOTABLE
            and person.look_count
            and is_sure(person, seen.confidence)
        ][:_OTHERS]
        for people in (choice.others, choice.uncertain)
    )
    people = [p for p in (choice.candidate, *maybe, *notable) if p is not None]
    files = {}
    for number, person in enumerate(people):
        rows = person.rows[(seen.chip[person.rows] >= 0) & ~decision.undecided[person.rows]]
        if len(rows):
            (chip,) = crops.read_chips([int(seen.chip[_clearest(seen, rows)])])
            files[f"face-{number}.jpg"] = _jpeg(chip)
    own = choice.candidate
    found = IdentityFindings(
        doubt=choice.doubt,
        by_portrait=by_portrait,
        embedding=own.embedding[None] if own and own.look_count else _NOTHING,
        others=np.array([p.embedding for p in notable], np.float32).reshape(-1, EMBEDDING),
        uncertain_frames=_frames_of(choice.uncertain),
    )
    return found, files


_NOTHING = np.zeros((0, EMBEDDING), np.float32)


def _frames_of(people: Sequence[Person]) -> int:
    frames = [person.frames for person in people]
    return len(np.unique(np.concatenate([np.zeros(0, np.int64), *frames])))


def _clearest(seen: Sightings, rows: IntArray) -> int:
    """Of some faces that which shows best who it is: whole, large, sharp, seen from the front."""
    height = seen.boxes[rows, 3] - seen.boxes[rows, 1]
    front = np.cos(np.radians(head_pose(seen.landmarks[rows])[:, :2])).prod(axis=1)
    clear = seen.confidence[rows] * height * front * seen.sharpness[rows]
    flagged = seen.flags[rows].any(axis=1)
    return int(rows[np.where(flagged, clear - clear.max(), clear).argmax()])


def _jpeg(chip: Image) -> bytes:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(chip, cv2.COLOR_RGB2BGR))
    return data.tobytes()
