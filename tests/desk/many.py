"""A desk with hundreds of candidates, made without analysing anything."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from poise.settings import Settings
from poise.statuses import Status
from poise.storage.ledger import Entry, Ledger
from poise.storage.results.format import IDENTITY_FILE
from poise.storage.results.store import ResultStore
from poise.types import Recording
from tests.desk.conftest import Night
from tests.factories import drawn_face, make_spec

FAMILY, GIVEN = "김이박최정강조윤장임", ("민지", "서연", "지훈", "하은", "도윤", "수아")


def many_candidates(base: Path, count: int) -> Night:
    """So many, one recording each; of a hundred one failed and one is not sure who it shows."""
    night = Night(base / "recordings", base / "reports")
    store = ResultStore(night.reports)
    entries, face = [], drawn_face(0.5, size=112)
    for k in range(count):
        name = f"{FAMILY[k % 10]}{GIVEN[k % 6]} {k:03d}"
        path = night.recordings / name / f"202611{1 + k % 28:02d} mock.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\0")
        key = f"{k:032x}"
        directory = store.directory(key)
        directory.mkdir(parents=True)
        np.savez(
            directory / IDENTITY_FILE, doubt="two_alike" if k % 100 == 7 else "", by_portrait=False,
            embedding=np.zeros((1, 128), np.float32), others=np.zeros((0, 128), np.float32),
            uncertain_frames=0,
        )  # fmt: skip
        for number in range(2):
            (directory / f"face-{number}.jpg").write_bytes(face)
        report = night.reports / name / "report.html"
        report.parent.mkdir()
        report.write_text("<p>", encoding="utf-8")
        failed = k % 100 == 3
        entries.append(
            Entry(
                recording=Recording(
                    path=path,
                    recording_id=f"{name}/{path.name}",
                    candidate_id=name,
                    display_name=name,
                    session_date=f"2026-11-{1 + k % 28:02d}",
                ),
                key=key,
                status=Status.FAILED if failed else Status.DONE,
                code="unreadable" if failed else "",
            )
        )
    with Ledger(store.root) as ledger:
        root = str(night.recordings)
        ledger.plan(asdict(Settings()), make_spec().to_json(), entries, root=root)
        ledger.end()
    return night
