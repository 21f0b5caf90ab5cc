"""What all tests may ask for."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import shutil
import signal
import socket
import sqlite3
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import hypothesis
import pytest
from filelock import FileLock

from tests.process_state import changed, process_state

if TYPE_CHECKING:
    from poise.batch.run import RunResult
    from poise.expression.classifier import ExpressionClassifier
    from poise.faces.detection.detector import FaceDetector
    from poise.media.reader import DecodingProcess
    from poise.settings import Settings
    from poise.types import FaceDetections, Image

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_videos"

# Every process of a run, and a run after it, takes the same modules compiled: to compile all tests
# takes longer than to load torch, and PYTHONDONTWRITEBYTECODE would make each of them do it.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# While modules and tests are collected nothing is thrown away: to look for cycles in all of it,
# again and again, takes as long as the rest. What is there then is not looked at again.
gc.disable()


# They wait, for time limits and processes, longer than all others: begun last, they would be waited
# for alone.
_FIRST = ("tests/batch/workers/", "tests/chaos/", "tests/desk/live/", "tests/system/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that wait long come first."""
    items.sort(key=lambda item: not item.nodeid.startswith(_FIRST))


def pytest_collection_finish() -> None:
    """Cycles are collected again, but for those of what was loaded."""
    gc.freeze()
    gc.enable()


# The same examples each time, and as long as it takes: a run tells about a change, not about luck.
hypothesis.settings.register_profile(
    "house",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("house")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: two more than there are cores, as one test or another always waits."""
    return (os.cpu_count() or 1) + 2


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU where there is none."""
    if item.get_closest_marker("needs_cuda"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")


def shared_dir() -> Path:
    """The folder of data that is not part of the repository; skips the test where it is absent.

    It is named by the environment variable POISE_SHARED, or lies beside the checkout as `shared`.
    """
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("POISE_SHARED") or beside)
    if not (folder / "data").is_dir():
        pytest.skip(f"no folder data in {folder}: set POISE_SHARED to the folder of shared data")
    return folder


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    """A server on this machine, and who has called it."""
    calls: list[str] = []
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, address = server.accept()
            except OSError:
                return
            calls.append(str(address))
            connection.close()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield server.getsockname()[1], calls
    server.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """As `shared_dir`."""
    return shared_dir()


@pytest.fixture(scope="session")
def shared_clips(shared: Path) -> Path:
    """The folder of shared recordings; skips the test where it is absent."""
    if not (shared / "clips").is_dir():
        pytest.skip(f"no folder clips in {shared}")
    return shared / "clips"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Thread pools only get into each other's way on small machines."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    multiprocessing.get_start_method()  # whoever asks first decides it


class _Unsynced(sqlite3.Connection):
    """A database that does not wait for the disk."""

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        return super().execute(statement.replace("synchronous=FULL", "synchronous=OFF"), *values)


@pytest.fixture(scope="session", autouse=True)
def nothing_twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests need not wait for: what another process compiled or drew, and the disk.

    Files are there at once; `fsync`, and that of SQLite, is for power cuts.
    """
    from jinja2 import FileSystemBytecodeCache
    from jinja2.sandbox import SandboxedEnvironment

    from tests.once import share_below

    share_below(_common(tmp_path_factory) / "pictures")
    compiled = _common(tmp_path_factory) / "templates"
    compiled.mkdir(exist_ok=True)
    cache = FileSystemBytecodeCache(str(compiled))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "poise.reports.pages.rendering.SandboxedEnvironment",
            partial(SandboxedEnvironment, bytecode_cache=cache),
        )
        patch.setattr("os.fsync", os.fstat)
        patch.setattr("sqlite3.connect", partial(sqlite3.connect, factory=_Unsynced))
        yield


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases wait for the disk, as they do outside of tests."""
    monkeypatch.setattr("sqlite3.connect", sqlite3.connect.func)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def as_it_was(one_thread: None) -> Iterator[None]:
    """A test that leaves this process other than it was fails; else those after it would."""
    before = process_state()
    yield
    found = changed(before, process_state())
    if found:
        pytest.fail(f"left behind: {found}", pytrace=False)


@pytest.fixture(autouse=True)
def nothing_grows(as_it_was: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a test has just written are all there, and need not be waited for."""
    from poise.storage import fingerprints

    monkeypatch.setattr(fingerprints, "SETTLED_S", 0.0)


@pytest.fixture(autouse=True)
def signals_as_they_were(as_it_was: None) -> Iterator[None]:
    """A command that was stopped hears no more signals; children of this process inherit that."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped model, so that all tests of a session see the same one."""
    from poise.expression.model_spec import SHIPPED_MODEL

    target = tmp_path_factory.mktemp("model") / "poise"
    shutil.copytree(SHIPPED_MODEL, target)
    return target


@pytest.fixture(scope="session")
def classifier(model_dir: Path) -> ExpressionClassifier:
    """The shipped model on the CPU."""
    from poise.expression.classifier import ExpressionClassifier

    return ExpressionClassifier(model_dir, device="cpu")


@pytest.fixture(scope="session")
def detector() -> FaceDetector:
    """MTCNN on the CPU."""
    from poise.faces.detection.detector import FaceDetector

    return FaceDetector()


@pytest.fixture(scope="session")
def decoding() -> Iterator[DecodingProcess]:
    """One process that reads recordings, as in a batch."""
    from poise.media.reader import DecodingProcess

    with DecodingProcess(stall_timeout_s=60) as process:
        yield process


@dataclass(frozen=True)
class SampleFaces:
    """Frames of the first sample recording and the one face that each of them shows.

    Args:
        images: uint8 [4, 480, 640, 3], neutral, positive, neutral, negative.
        times_s: Of the frames.
        faces: One per frame.
        crops: Aligned, uint8 [4, S, S, 3].
    """

    images: Image
    times_s: tuple[float, ...]
    faces: FaceDetections
    crops: Image


@pytest.fixture(scope="session")
def sample_faces(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> SampleFaces:
    """See `SampleFaces`."""

    def made(folder: Path) -> SampleFaces:
        networks = (request.getfixturevalue(name) for name in ("detector", "classifier"))
        return _sample_faces(*networks)

    return made_once(tmp_path_factory, "sample faces", made)


def _sample_faces(detector: FaceDetector, classifier: ExpressionClassifier) -> SampleFaces:
    import numpy as np

    from poise.faces.alignment import align_face
    from poise.types import FaceDetections
    from tests.clips import frames_at

    times_s = (0.6, 4.0, 7.0, 9.6)
    images = frames_at(SAMPLES / "Sample A" / "interview 1.mp4", times_s)
    found = detector.detect(images)
    first = np.unique(found.row, return_index=True)[1]  # the most confident of each frame
    faces = FaceDetections(
        boxes_xyxy_px=found.boxes_xyxy_px[first],
        landmarks_px=found.landmarks_px[first],
        detection_confidence=found.detection_confidence[first],
        row=found.row[first],
    )
    assert faces.row.tolist() == [0, 1, 2, 3]
    spec = classifier.spec
    crops = [
        align_face(image, points, spec.template_px, spec.input_px)
        for image, points in zip(images, faces.landmarks_px, strict=True)
    ]
    return SampleFaces(images, times_s, faces, np.stack(crops))


@dataclass(frozen=True)
class Analysed:
    """One analysis of the sample recordings, whose folder and names are a little harder.

    Args:
        recordings, output: Directories of the run.
        settings: Of the run.
        result: What it returned.
        before: Path to bytes of everything that lay below `recordings`.
    """

    recordings: Path
    output: Path
    settings: Settings
    result: RunResult
    before: dict[str, bytes]


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _common(factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a test run share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


_Made = TypeVar("_Made")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], _Made]) -> _Made:
    """What several processes of a test run share, made in a folder by the first that asks."""
    base = _common(factory)
    folder, kept = base / name, base / f"{name}.pickle"
    with FileLock(f"{folder}.lock"):
        if not kept.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            folder.mkdir()
            kept.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(kept.read_bytes())  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def analysed(
    tmp_path_factory: pytest.TempPathFactory, model_dir: Path, workers_closed: None
) -> Analysed:
    """See `Analysed`; not to be changed by a test, nor run in: other processes read it."""
    return made_once(tmp_path_factory, "analysed", lambda base: _analysed(base, model_dir))


@pytest.fixture
def own_reports(analysed: Analysed, tmp_path: Path) -> Path:
    """A copy of its reports, for a test that runs in them."""
    return Path(shutil.copytree(analysed.output, tmp_path / analysed.output.name))


def _analysed(base: Path, model_dir: Path) -> Analysed:
    from poise.batch.run import analyze
    from poise.settings import Settings

    recordings = base / "녹화 #1 (2026) %20"
    shutil.copytree(SAMPLES / "Sample A", recordings / "Sample A")
    decomposed = unicodedata.normalize("NFD", "표본 B.mp4")
    shutil.copyfile(SAMPLES / "표본 B.mp4", recordings / decomposed)
    (recordings / "notes.txt").write_text("no recording", encoding="utf-8")
    (recordings / ".hidden.mp4").write_bytes(b"no recording either")
    (recordings / "candidates.csv").write_text(
        "recording,display_name,session_date,note\r\n"
        "Sample A/interview 2 two people.mp4,견본 <A> & Co,2026-03-02,second try\r\n"
        "Sample A/interview 1.mp4,견본 <A> & Co,2026-03-01,\r\n",
        encoding="utf-8",
    )
    before = contents(recordings)
    settings = Settings(model=str(model_dir), device="cpu", jobs=1)
    output = base / "보고서 reports"
    result = analyze(recordings, output, settings)
    return Analysed(recordings, output, settings, result, before)


@pytest.fixture(scope="session")
def workers_closed() -> Iterator[None]:
    """Runs in this process keep their networks from one to the next, to load them once."""
    from poise.analysis.context import context_kept

    with context_kept():
        yield
