"""A directory of reports, as a run leaves it, with made-up results: no network is loaded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from poise.batch.rerender import render
from poise.identity_findings import IdentityFindings
from poise.settings import Settings
from poise.statuses import Status
from poise.storage.ledger import Entry, Ledger
from poise.storage.results.format import write_result
from poise.storage.results.store import ResultStore
from poise.system.atomic_files import sha256
from poise.types import Recording, RecordingAnalysis
from tests.factories import make_analysis, make_frames, make_spec


def make_reports(
    output: Path,
    recordings: Sequence[Recording],
    *,
    duration_s: float = 20.0,
    settings: Settings | None = None,
    doubtful: Collection[int] = (),
) -> Path:
    """Results for recordings, and pages and tables made of them.

    Args:
        output: Where; made.
        recordings: Their files need not be there; those that are get their hash.
        duration_s: Of each.
        settings: Of the run; defaults if None.
        doubtful: Which of them may show somebody else.
    """
    store, entries = ResultStore(output), []
    for number, recording in enumerate(recordings):
        if recording.path.is_file():
            recording = replace(recording, sha256=sha256(recording.path))
        key = f"{number:032x}"
        with store.writing(key) as scratch:
            analysis = _pictured(number, duration_s)
            if number in doubtful:
                analysis = replace(analysis, identity=_two_alike())
            write_result(analysis, scratch, recording=recording)
        entries.append(Entry(recording=recording, key=key, status=Status.DONE))
    with Ledger(store.root) as ledger:
        ledger.plan(asdict(settings or Settings()), make_spec().to_json(), entries)
    render(output)
    return output


def of(path: Path, root: Path, **changed: Any) -> Recording:
    """The recording of a file; the first folder below the root is the candidate."""
    name = path.relative_to(root).as_posix()
    person = name.partition("/")[0]
    told = {"candidate_id": person, "display_name": person, **changed}
    return Recording(path=path, recording_id=name, **told)


def _two_alike() -> IdentityFindings:
    return IdentityFindings(
        doubt="two_alike", by_portrait=False, embedding=np.zeros((1, 128), np.float32),
        others=np.ones((1, 128), np.float32), uncertain_frames=0,
    )  # fmt: skip


def _pictured(number: int, duration_s: float) -> RecordingAnalysis:
    """An analysis whose longest episodes have a picture each."""
    analysis = make_analysis(duration_s, seed=number + 1)
    with TemporaryDirectory() as folder:
        pictures = make_frames(analysis.episodes, Path(folder))
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    return replace(analysis, pictures=pictures, files=files)
