"""What tests of the desk may ask for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from poise.batch.run import analyze
from poise.errors import VideoError
from poise.identity_findings import IdentityFindings
from poise.settings import Settings
from poise.types import RecordingAnalysis
from tests.desk.kit import Served, serving
from tests.factories import IDLE_CONTEXT, drawn_face, make_analysis


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A desk with nothing on it."""
    with serving(tmp_path / "reports", tmp_path / "recordings") as there:
        yield there


@dataclass(frozen=True)
class Night:
    """Directories of a batch that has ended.

    Args:
        recordings, reports: With `kim/1.mp4` (not sure who it shows), `kim/2.mp4`, `lee.mp4`, which
            is broken, and their reports.
    """

    recordings: Path
    reports: Path


def found_in(path: Path, *_: object, **__: object) -> RecordingAnalysis:
    """What an analysis might have found in a recording; in `1.mp4` two people alike."""
    if path.name == "lee.mp4":
        raise VideoError("is not a kind of recording that Poise reads", path=path)
    doubt = "after_a_cut" if path.name == "1.mp4" else ""
    identity = IdentityFindings(
        doubt=doubt, by_portrait=False, embedding=np.zeros((1, 128), np.float32),
        others=np.ones((1, 128), np.float32), uncertain_frames=0,
    )  # fmt: skip
    faces = {f"face-{k}.jpg": drawn_face(0.5 - k, size=112) for k in range(2)}
    return replace(make_analysis(12.0), identity=identity, files=faces)


@pytest.fixture(scope="session")
def one_night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """See `Night`; not to be changed."""
    base = tmp_path_factory.mktemp("night")
    made = Night(base / "recordings", base / "reports")
    for name in ("kim/1.mp4", "kim/2.mp4", "lee.mp4"):
        path = made.recordings / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("poise.analysis.recording.analyse_recording", found_in)
        patch.setattr("poise.analysis.context.started_context", lambda *_: IDLE_CONTEXT)
        patch.setattr("poise.analysis.origin.origin_of", lambda context: {})
        patch.setattr("poise.storage.fingerprints.SETTLED_S", 0.0)
        analyze(made.recordings, made.reports, Settings(device="cpu", jobs=1))
    return made


@pytest.fixture
def night(one_night: Night, tmp_path: Path) -> Night:
    """See `Night`."""
    own = Night(tmp_path / "recordings", tmp_path / "reports")
    shutil.copytree(one_night.recordings, own.recordings)
    shutil.copytree(one_night.reports, own.reports)
    return own


@pytest.fixture
def morning(night: Night) -> Iterator[Served]:
    """The desk after that night."""
    with serving(night.reports, night.recordings) as there:
        yield there
