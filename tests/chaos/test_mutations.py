"""Files that are damaged, or were made to do damage: each has its row, and the batch goes on."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from click.testing import CliRunner

from poise.batch.run import analyze
from poise.commands import main
from poise.settings import Settings
from poise.types import Image
from tests.chaos.kit import command
from tests.clips import beginning, face_clip, write_clip
from tests.conftest import ROOT, SAMPLES, SampleFaces

_FILES = int(os.environ.get("POISE_CHAOS_FILES", "500"))
_BATCH = 100
_WATCHDOG_S = 30
_MAX_SOURCE_BYTES = 400_000


def _sources(folder: Path, faces: SampleFaces) -> list[Path]:
    """Short recordings of several kinds: the project's own, and shared ones where they are."""
    folder.mkdir()
    found = [
        beginning(path, folder / f"{k}.{suffix}", 1.0)
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


Mutation = Callable[[bytearray, random.Random, bytes], bytearray]


def _places(data: bytes | bytearray, kind: bytes) -> list[int]:
    """Where the bodies of boxes of a kind begin."""
    return [found.end() for found in re.finditer(re.escape(kind), data)]


def _numbers_changed(data: bytearray, chance: random.Random, kind: bytes, first: int) -> bytearray:
    """Some of the numbers in a box of an MP4 file, from one of its words on."""
    places = _places(data, kind)
    if places:
        start = chance.choice(places)
        size = int.from_bytes(data[start - 8 : start - 4], "big")
        words = range(first, max(first + 1, min(size // 4 - 2, first + 12)))
        for word in chance.choices(words, k=chance.choice((1, 2, 4))):
            at = start + 4 * word
            value = chance.choice(
                (0, 1, 2**31 - 1, 2**31, 2**32 - 1, chance.randrange(2**32), chance.randrange(5000))
            )
            data[at : at + 4] = value.to_bytes(4, "big")
    return data


def _stts(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    return _numbers_changed(data, chance, b"stts", 1)


def _ctts(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    return _numbers_changed(data, chance, b"ctts", 1)


def _elst(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    return _numbers_changed(data, chance, b"elst", 1)


def _matrix(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    return _numbers_changed(data, chance, b"tkhd", 10)


def _stsd(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    return _numbers_changed(data, chance, b"stsd", 1)


def _box_sizes(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    """A box says that it is larger or smaller than it is."""
    kinds = (
        b"moov",
        b"trak",
        b"mdia",
        b"minf",
        b"stbl",
        b"edts",
        b"stsz",
        b"stsc",
        b"stco",
        b"mdat",
    )
    places = [place for kind in kinds for place in _places(data, kind)]
    if places:
        at = chance.choice(places) - 8
        size = int.from_bytes(data[at : at + 4], "big")
        changed = chance.choice((0, 1, 8, size - 1, size + 1, 2 * size, size // 2, 2**32 - 1))
        data[at : at + 4] = (changed % 2**32).to_bytes(4, "big")
    return data


_ELEMENTS = tuple(bytes.fromhex(name) for name in (
    "18538067", "1549a966", "1654ae6b", "ae", "e0", "1f43b675", "a3", "a0", "1c53bb6b", "114d9b74",
    "2ad7b1", "23e383", "63a2",
))  # fmt: skip


def _ebml_sizes(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    """An element of Matroska says that it is larger or smaller than it is."""
    places = [place for name in _ELEMENTS for place in _places(data, name)]
    at = chance.choice(places or [0])
    if at < len(data):
        data[at] = chance.choice((0xFF, 0x80, 0x81, 0x01, data[at] ^ 1, chance.randrange(256)))
    return data


def _voids(data: bytearray, chance: random.Random, other: bytes) -> bytearray:
    """An element of Matroska becomes one that says nothing, or has one put before it."""
    places = [place - len(name) for name in _ELEMENTS for place in _places(data, name)]
    at = chance.choice(places or [0])
    if chance.random() < 0.5:
        data[at] = 0xEC
        return data
    return data[:at] + b"\xec\x84void" + data[at:]


_OF_MP4: tuple[Mutation, ...] = (_stts, _ctts, _elst, _matrix, _stsd, _box_sizes)
_OF_MATROSKA: tuple[Mutation, ...] = (_ebml_sizes, _voids)
_MUTATIONS: tuple[Mutation, ...] = (
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


def _analyse(
    folder: Path, output: Path, model: Path, limit_s: float | None = None, *more: str
) -> list[dict[str, object]]:
    """Run the command over a folder, and check what it says of it.

    Without a limit of time it runs in this process, whose networks are loaded.
    """
    started = time.monotonic()
    jobs = "1" if limit_s is None else "2"
    run = command(folder, output, model, "--jobs", jobs, "--json",
                  "--stall-timeout-s", str(_WATCHDOG_S), *more)  # fmt: skip
    if limit_s is None:
        here = CliRunner().invoke(main, run[run.index("analyze") :])
        code, told, said = here.exit_code, here.stdout, here.stderr
    else:
        done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=limit_s)
        code, told, said = done.returncode, done.stdout, done.stderr
    assert code in (0, 3, 4), said[-2000:]
    assert "Traceback" not in said
    rows: list[dict[str, object]] = json.loads(told)["recordings"]
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


def test_some_damaged_files(
    tmp_path: Path, model_dir: Path, sample_faces: SampleFaces, workers_closed: None
) -> None:
    sources = [
        face_clip(tmp_path / f"{k}.{suffix}", sample_faces.images[k : k + 2, ::2, ::2], seconds=0.6)
        for k, suffix in enumerate(("mp4", "mkv"))
    ]
    _mutate(tmp_path / "in", sources, 6, seed=4)
    _analyse(tmp_path / "in", tmp_path / "out", model_dir)


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


def _structured(folder: Path, sources: list[Path], count: int, seed: int) -> dict[str, str]:
    """Files whose structure was changed, in equal parts by each mutation; their sources' names."""
    chance = random.Random(seed)
    folder.mkdir()
    made = {}
    kinds = [(m, "mp4") for m in _OF_MP4] + [(m, "mkv") for m in _OF_MATROSKA]
    for k in range(count):
        mutation, suffix = kinds[k % len(kinds)]
        source = chance.choice([path for path in sources if path.suffix == f".{suffix}"])
        data = mutation(bytearray(source.read_bytes()), chance, b"")
        path = folder / f"{k:04d}{mutation.__name__}.{suffix}"
        path.write_bytes(data)
        made[path.name] = source.name
    return made


def _samples(output: Path) -> dict[str, int]:
    """How many frames of each recording were looked at."""
    with (output / "recordings.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["recording_id"]: int(row["sampled_frames"] or 0) for row in csv.DictReader(file)
        }


def _shown_ms(path: Path) -> list[float]:
    """Times of all frames as FFmpeg reads them, however odd."""
    with av.open(str(path)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def _check_structures(
    tmp_path: Path, model: Path, images: Image, count: int, limit_s: float | None = None
) -> Counter[object]:
    controls = tmp_path / "controls"
    controls.mkdir()
    sources = [
        write_clip(
            controls / f"{k}.{suffix}", (images[j // 5 % 4, ::2, ::2] for j in range(30)),
            range(0, 3000, 100), audio=k == 1, options={"preset": "fast", "bf": str(2 * k)},
        )
        for suffix in ("mp4", "mkv") for k in range(2)
    ]  # fmt: skip
    settings = Settings(model=str(model), device="cpu", jobs=1, frames_per_class=0, identity=False)
    assert analyze(controls, tmp_path / "out-controls", settings).exit_code == 0
    control = _samples(tmp_path / "out-controls")
    statuses: Counter[object] = Counter()
    wrong = []
    for start in range(0, count, _BATCH):
        folder, output = tmp_path / f"in-{start}", tmp_path / f"out-{start}"
        made = _structured(folder, sources, min(_BATCH, count - start), seed=start)
        rows = _analyse(folder, output, model, limit_s, "--frames-per-class", "0", "--no-identity")
        seen = _samples(output)
        for row in rows:
            name = str(row["recording_id"])
            statuses[row["status"]] += 1
            off = abs(seen.get(name, 0) - control[made[name]])
            if (
                row["status"] == "done"
                and off > 2
                and not _says_so_itself(folder / name, seen[name])
            ):
                wrong.append((name, seen[name], control[made[name]]))
    assert not wrong
    return statuses


def _says_so_itself(path: Path, samples: int) -> bool:
    """Whether the times in a changed file ask for that many samples: then `done` is right."""
    times = _shown_ms(path)
    taken = {int((time_s - times[0]) * 5 + 1e-6) for time_s in times if time_s >= times[0]}
    return abs(len(taken) - samples) <= 2


def test_some_changed_structures(
    tmp_path: Path, model_dir: Path, sample_faces: SampleFaces, workers_closed: None
) -> None:
    statuses = _check_structures(tmp_path, model_dir, sample_faces.images, 8)
    assert sum(statuses.values()) == 8


@pytest.mark.slow
def test_two_hundred_changed_structures(
    tmp_path: Path, model_dir: Path, sample_faces: SampleFaces
) -> None:
    statuses = _check_structures(tmp_path, model_dir, sample_faces.images, 200, 1800)
    assert sum(statuses.values()) == 200
    print(dict(statuses))
