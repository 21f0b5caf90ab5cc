"""Files that are damaged, or were made to do damage: each has its row, and the batch goes on."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from tests.chaos.kit import command
from tests.clips import face_clip
from tests.conftest import ROOT, SAMPLES, SampleFaces

_FILES = int(os.environ.get("POISE_CHAOS_FILES", "500"))
_BATCH = 100
_WATCHDOG_S = 30
_MAX_SOURCE_BYTES = 400_000


def _beginning(source: Path, target: Path, seconds: float) -> Path:
    """The first seconds of a recording, its packets as they are."""
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        stream = container.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for packet in container.demux(stream):
            if packet.dts is None or float(packet.pts * packet.time_base) > seconds:
                break
            packet.stream = copy
            output.mux(packet)
    return target


def _sources(folder: Path, faces: SampleFaces) -> list[Path]:
    """Short recordings of several kinds: the project's own, and shared ones where they are."""
    folder.mkdir()
    found = [
        _beginning(path, folder / f"{k}.{suffix}", 1.0)
        for k, (path, suffix) in enumerate(
            (path, suffix)
            for path in sorted(SAMPLES.rglob("*.mp4"))
            for suffix in ("mp4", "mkv", "ts")
        )
    ]
    found.append(face_clip(folder / "own.mov", faces.images[:, ::2, ::2], seconds=0.8))
    shared = Path(os.environ.get("POISE_SHARED") or ROOT.parent / "shared") / "clips"
    found += [
        path for path in sorted(shared.glob("*"))
        if path.is_file() and 1000 < path.stat().st_size <= _MAX_SOURCE_BYTES
    ]  # fmt: skip
    return found


def _bit_flips(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    for _ in range(chance.choice((1, 8, 64, 512))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def _header_flips(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    for _ in range(chance.choice((1, 4, 16))):
        data[chance.randrange(min(1024, len(data)))] = chance.randrange(256)
    return data


def _cut(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    return data[: chance.randrange(1, len(data))]


def _spliced(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    """The beginning of another file before the rest of this one."""
    at = chance.randrange(16, min(len(data), len(other), 4096))
    return bytearray(other[:at]) + data[at:]


def _hole(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    start = chance.randrange(len(data))
    length = min(len(data) - start, chance.randrange(1, 1 + len(data) // 3))
    data[start : start + length] = bytes(length)
    return data


def _repeated(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    start = chance.randrange(len(data))
    part = data[start : start + chance.randrange(1, 1 + len(data) // 3)]
    at = chance.randrange(len(data))
    return data[:at] + part + data[at:]


_MUTATIONS: tuple[Callable[[bytearray, random.Random, bytes], bytearray], ...] = (
    _bit_flips, _header_flips, _cut, _spliced, _hole, _repeated,
)  # fmt: skip


def _mutate(folder: Path, sources: list[Path], count: int, seed: int) -> None:
    chance = random.Random(seed)
    folder.mkdir()
    for k in range(count):
        source, other = chance.sample(sources, 2)
        mutation = _MUTATIONS[k % len(_MUTATIONS)]
        data = mutation(bytearray(source.read_bytes()), chance, other.read_bytes())
        (folder / f"{k:04d}{mutation.__name__}{source.suffix}").write_bytes(data)


def _analyse(folder: Path, output: Path, model: Path, limit_s: float) -> list[dict[str, object]]:
    """Run the command over a folder, and check what it says of it."""
    started = time.monotonic()
    done = subprocess.run(
        command(folder, output, model, "--jobs", "2", "--json",
                "--stall-timeout-s", str(_WATCHDOG_S)),
        capture_output=True, text=True, check=False, timeout=limit_s,
    )  # fmt: skip
    assert done.returncode in (3, 4), done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    rows: list[dict[str, object]] = json.loads(done.stdout)["recordings"]
    assert sorted(str(row["recording_id"]) for row in rows) == sorted(
        path.name for path in folder.iterdir()
    )
    for row in rows:
        assert row["status"] in ("done", "partial", "failed")
        assert row["message"] or row["status"] == "done"
        assert "the analysis failed" not in str(row["message"]), row
        assert float(str(row["seconds"])) < 4 * _WATCHDOG_S, row
    print(f"{len(rows)} files in {time.monotonic() - started:.0f} s")
    return rows


def test_some_damaged_files(tmp_path: Path, model_dir: Path, sample_faces: SampleFaces) -> None:
    sources = [
        face_clip(tmp_path / f"{k}.{suffix}", sample_faces.images[k : k + 2, ::2, ::2], seconds=0.6)
        for k, suffix in enumerate(("mp4", "mkv"))
    ]
    _mutate(tmp_path / "in", sources, 6, seed=4)
    _analyse(tmp_path / "in", tmp_path / "out", model_dir, 120)


@pytest.mark.slow
def test_many_damaged_files(tmp_path: Path, model_dir: Path, sample_faces: SampleFaces) -> None:
    sources = _sources(tmp_path / "sources", sample_faces)
    statuses: Counter[object] = Counter()
    slowest = 0.0
    for start in range(0, _FILES, _BATCH):
        folder = tmp_path / f"in-{start}"
        _mutate(folder, sources, min(_BATCH, _FILES - start), seed=start)
        rows = _analyse(folder, tmp_path / f"out-{start}", model_dir, 1800)
        statuses.update(row["status"] for row in rows)
        slowest = max([slowest, *(float(str(row["seconds"])) for row in rows)])
    assert sum(statuses.values()) == _FILES
    print(f"{_FILES} files from {len(sources)} sources: {dict(statuses)}; slowest {slowest:.1f} s")
