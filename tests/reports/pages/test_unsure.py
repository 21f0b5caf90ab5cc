"""Recordings of which it is not sure whom they show."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from poise.identity_findings import IdentityFindings
from poise.reports.pages.unsure import doubt_codes, unsure_recordings
from poise.types import Recording


def _outcome(directory: Path, name: str, doubt: str = "", who: int = 0) -> Any:
    """An outcome whose candidate is the person of that number."""
    directory.mkdir(parents=True)
    (directory / "face-0.jpg").write_bytes(b"jpeg")
    embedding = np.zeros((1, 128), np.float32)
    embedding[0, who] = 1.0
    findings = IdentityFindings(
        doubt=doubt, by_portrait=False, embedding=embedding, uncertain_frames=0,
        others=np.zeros((0, 128), np.float32),
    )  # fmt: skip
    recording = Recording(
        path=Path(name), recording_id=name, candidate_id="kim", display_name="Kim"
    )
    result = SimpleNamespace(directory=directory, read_identity=lambda: findings)
    return SimpleNamespace(recording=recording, result=result)


def test_a_doubt_is_told_with_the_faces(tmp_path: Path) -> None:
    outcomes = [_outcome(tmp_path / "a", "a"), _outcome(tmp_path / "b", "b", "side_by_side")]
    (unsure,) = unsure_recordings(outcomes)
    assert (unsure.recording_id, unsure.doubt) == ("b", "side_by_side")
    assert unsure.faces == ("data:image/jpeg;base64,anBlZw==",)
    assert unsure_recordings(outcomes, faces=False)[0].faces == ()
    assert doubt_codes(outcomes) == {"b": "side_by_side"}


def test_two_people_under_one_name_are_a_doubt(tmp_path: Path) -> None:
    outcomes = [_outcome(tmp_path / str(k), str(k), who=k) for k in range(2)]
    assert set(doubt_codes(outcomes)) == {"0", "1"}


def test_nobody_who_is_sure_is_named(tmp_path: Path) -> None:
    failed = SimpleNamespace(recording=_outcome(tmp_path / "x", "x").recording, result=None)
    assert unsure_recordings([_outcome(tmp_path / "a", "a"), failed]) == []
