"""The store of results: whole or not at all, and found again by what made them."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import poise.storage.results.store
from poise.errors import ReportError
from poise.expression.model_spec import SHIPPED_MODEL, read_spec
from poise.settings import Settings
from poise.storage.results.format import RESULT_FILE
from poise.storage.results.store import ResultStore
from poise.types import Recording


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    """A store of its own."""
    return ResultStore(tmp_path / "reports")


def _recording(tmp_path: Path, name: str = "a.mp4", data: bytes = b"film") -> Recording:
    path = tmp_path / name
    path.write_bytes(data)
    return Recording(path=path, recording_id=name, candidate_id="a", display_name="a")


def _fill(store: ResultStore, key: str, text: str = "{}") -> None:
    with store.writing(key) as directory:
        (directory / RESULT_FILE).write_text(text, encoding="utf-8")


def test_a_result_is_there_when_it_is_whole(store: ResultStore) -> None:
    assert not store.has("k")
    with store.writing("k") as directory:
        (directory / RESULT_FILE).write_text("{}", encoding="utf-8")
        (directory / "picture.jpg").write_bytes(b"jpeg")
        assert not store.has("k")
    assert store.has("k")
    assert {p.name for p in store.directory("k").iterdir()} == {RESULT_FILE, "picture.jpg"}


def test_what_fails_leaves_nothing(store: ResultStore, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), store.writing("k") as directory:
        (directory / RESULT_FILE).write_text("{}", encoding="utf-8")
        raise RuntimeError
    assert not store.has("k")
    assert not store.directory("k").exists()
    assert not directory.exists()


def test_what_fails_leaves_the_result_before(store: ResultStore) -> None:
    _fill(store, "k", "first")
    with pytest.raises(RuntimeError), store.writing("k"):
        raise RuntimeError
    assert (store.directory("k") / RESULT_FILE).read_text(encoding="utf-8") == "first"


def test_a_result_replaces_the_one_before(store: ResultStore) -> None:
    _fill(store, "k", "first")
    _fill(store, "k", "second")
    assert (store.directory("k") / RESULT_FILE).read_text(encoding="utf-8") == "second"


def test_a_removed_result_is_gone(store: ResultStore) -> None:
    _fill(store, "k")
    store.remove("k")
    store.remove("k")
    assert not store.has("k")


def test_a_process_killed_while_writing_leaves_no_result(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from poise.storage.results.store import ResultStore
store = ResultStore(Path({str(tmp_path / "reports")!r}))
with store.writing("k") as directory:
    (directory / {RESULT_FILE!r}).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    unfinished = tmp_path / "reports" / ".poise" / "unfinished"
    assert any(unfinished.iterdir())
    store = ResultStore(tmp_path / "reports")
    assert not store.has("k")
    assert not any(unfinished.iterdir())


def test_a_new_store_keeps_the_results(store: ResultStore, tmp_path: Path) -> None:
    _fill(store, "k")
    assert ResultStore(tmp_path / "reports").has("k")


def test_an_output_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("", encoding="utf-8")
    with pytest.raises(ReportError, match="cannot be written"):
        ResultStore(tmp_path / "reports")


# What a result is named after


SPEC = read_spec(SHIPPED_MODEL)


def test_the_key_depends_on_input_model_and_settings_that_matter(
    store: ResultStore, tmp_path: Path
) -> None:
    recording = replace(_recording(tmp_path), sha256="1" * 64)
    key = store.key(recording, Settings(), SPEC)
    assert key == store.key(recording, Settings(), SPEC)
    others = [
        store.key(replace(recording, sha256="2" * 64), Settings(), SPEC),
        store.key(recording, Settings(), replace(SPEC, sha256="other")),
        store.key(recording, Settings(sample_rate_hz=4), SPEC),
        store.key(recording, Settings(decoder="decord"), SPEC),
        store.key(recording, Settings(frames_per_class=0), SPEC),
    ]
    assert len({key, *others}) == 6


def test_the_key_depends_on_what_the_model_makes_of_its_weights(
    store: ResultStore, tmp_path: Path
) -> None:
    """Temperature and classes stand in its description, not among the weights."""
    recording = replace(_recording(tmp_path), sha256="1" * 64)
    labels = SPEC.labels
    other_map = replace(labels, valence={**labels.valence, "surprise": "positive"})
    specs = [
        SPEC,
        replace(SPEC, temperature=SPEC.temperature + 0.1),
        replace(SPEC, labels=other_map),
        replace(SPEC, template_px=SPEC.template_px + 1),
        replace(SPEC, grayscale=not SPEC.grayscale),
    ]
    assert len({store.key(recording, Settings(), spec) for spec in specs}) == len(specs)
    told = replace(SPEC, name="other", training={"by": "us"}, metrics={"f1": 1})
    assert store.key(recording, Settings(), told) == store.key(recording, Settings(), SPEC)


def test_the_key_depends_on_what_the_table_says_of_the_content(
    store: ResultStore, tmp_path: Path
) -> None:
    recording = replace(_recording(tmp_path), sha256="1" * 64)
    portrait = tmp_path / "p.jpg"
    portrait.write_bytes(b"one")
    variants = [
        recording,
        replace(recording, neutral_span_s=(0.0, 6.0)),
        replace(recording, neutral_span_s=(0.0, 7.0)),
        replace(recording, portrait=portrait),
    ]
    keys = {store.key(r, Settings(), SPEC) for r in variants}
    portrait.write_bytes(b"two")
    keys.add(store.key(variants[-1], Settings(), SPEC))
    assert len(keys) == 5


def test_recordings_without_a_hash_share_no_key(store: ResultStore, tmp_path: Path) -> None:
    first, second = _recording(tmp_path, "a.mp4"), _recording(tmp_path, "b.mp4")
    assert store.key(first, Settings(), SPEC) != store.key(second, Settings(), SPEC)


def test_the_key_does_not_depend_on_names_and_presentation(
    store: ResultStore, tmp_path: Path
) -> None:
    recording = replace(_recording(tmp_path), sha256="1" * 64)
    renamed = replace(recording, recording_id="b.mp4", candidate_id="b", note="n", pseudonym="p")
    presented = Settings(
        jobs=4, language="ko", format="parquet", csv_bom=True, batch_size=2, stall_timeout_s=9
    )
    assert store.key(recording, Settings(), SPEC) == store.key(renamed, presented, SPEC)


def test_another_version_of_the_analysis_has_other_keys(
    store: ResultStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = replace(_recording(tmp_path), sha256="1" * 64)
    before = store.key(recording, Settings(), SPEC)
    monkeypatch.setattr(poise.storage.results.store, "ANALYSIS_VERSION", 10_000)
    assert store.key(recording, Settings(), SPEC) != before


def test_what_a_run_is_about_is_kept_beside_the_ledger(store: ResultStore) -> None:
    assert store.recall_run() == ({}, {}, "")
    store.remember_run({"language": "ko"}, {"name": "m"}, "/in")
    assert store.recall_run() == ({"language": "ko"}, {"name": "m"}, "/in")
    (store.root / "run.json").write_text("[", encoding="utf-8")
    assert store.recall_run() == ({}, {}, "")


def test_how_much_was_looked_at_is_noted_by_parts(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    assert store.seen("k") == 0.0
    store.note_seen("k", 0, 0.25)
    store.note_seen("k", 1, 0.1)
    store.note_seen("other", 0, 0.9)
    assert ResultStore(tmp_path, read_only=True).seen("k") == pytest.approx(0.35)
    store.note_seen("k", 0, 1.2)
    assert store.seen("k") == 1.0
    store.finish("k")
    assert (store.seen("k"), store.seen("other")) == (0.0, 0.9)


def test_a_draft_that_a_kill_left_beside_a_result_is_swept(store: ResultStore) -> None:
    _fill(store, "k")
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from poise.system.atomic_files import write_whole\n"
        "def killed(draft):\n"
        "    draft.write_text('Kim Minji')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_whole(Path(sys.argv[1]) / 'owners.json', killed)\n"
    )
    place = store.directory("k")
    done = subprocess.run([sys.executable, "-c", program, str(place)], check=False)
    assert done.returncode == -signal.SIGKILL and len(list(place.iterdir())) == 2
    store.sweep()
    assert [path.name for path in place.iterdir()] == [RESULT_FILE]
