"""What is done with which recording: what is known, what is new, what is the same twice."""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from poise.analysis import recording
from poise.batch.outcomes import Listener, Plan
from poise.batch.rerender import render
from poise.batch.run import analyze
from poise.settings import Settings
from poise.storage import fingerprints
from tests.batch.kit import Pretended, Run, read_table, write_recordings
from tests.clips import copy


def test_what_is_done_is_not_done_again(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    write_recordings(tmp_path / "in", a=b"1", b=b"22")
    analyse_here()
    assert sorted(pretended.seen) == ["a.mp4", "b.mp4"]
    write_recordings(tmp_path / "in", c=b"333")
    result = analyse_here()
    assert pretended.seen[2:] == ["c.mp4"]
    assert [o.reused for o in result.outcomes] == [True, True, False]


def test_a_renamed_recording_is_not_analysed_again(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    write_recordings(tmp_path / "in", a=b"1")
    analyse_here()
    (tmp_path / "in" / "a.mp4").rename(tmp_path / "in" / "z.mp4")
    result = analyse_here()
    assert len(pretended.seen) == 1
    assert (tmp_path / "out" / "z" / "report.html").is_file()
    assert result.outcomes[0].recording.candidate_id == "z"


def test_a_changed_recording_is_analysed_again(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    write_recordings(tmp_path / "in", a=b"1")
    analyse_here()
    write_recordings(tmp_path / "in", a=b"other")
    analyse_here()
    assert len(pretended.seen) == 2


def test_force_does_everything_again(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    write_recordings(tmp_path / "in", a=b"1", b=b"22")
    analyse_here()
    result = analyse_here(force=True)
    assert len(pretended.seen) == 4
    assert not any(o.reused for o in result.outcomes)


def test_what_failed_is_tried_again(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    write_recordings(tmp_path / "in", a=b"bad", b=b"2")
    analyse_here()
    analyse_here()
    assert sorted(pretended.seen) == ["a.mp4", "a.mp4", "b.mp4"]


def test_the_largest_files_come_first(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    write_recordings(tmp_path / "in", a=b"1", b=b"1" * 9, c=b"1" * 4)
    result = analyse_here()
    assert pretended.seen == ["b.mp4", "c.mp4", "a.mp4"]
    assert [o.recording.recording_id for o in result.outcomes] == ["a.mp4", "b.mp4", "c.mp4"]


def test_twins_are_analysed_once_and_reported_twice(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    write_recordings(tmp_path / "in", kim__1=b"same", lee__1=b"same", lee__2=b"other")
    result = analyse_here()
    assert sorted(pretended.seen) == ["1.mp4", "2.mp4"]
    assert [o.status for o in result.outcomes] == ["done"] * 3
    for candidate in ("kim", "lee"):
        frames = read_table(tmp_path / "out" / candidate / "frames.csv")
        assert f"{candidate}/1.mp4" in set(frames["recording_id"])


def test_a_file_that_a_candidate_has_twice_stands_once(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    """Whichever is left later stands for itself; pages and tables never count a result twice."""
    (tmp_path / "in" / "kim").mkdir(parents=True)
    for name, content in (("a (1)", b"same"), ("a", b"same"), ("b", b"other")):
        (tmp_path / "in" / "kim" / f"{name}.mp4").write_bytes(content)
    out = tmp_path / "out"
    for again in (False, True):
        result = analyse_here()
        assert {o.recording.recording_id: str(o.status) for o in result.outcomes} == {
            "kim/a (1).mp4": "duplicate", "kim/a.mp4": "done", "kim/b.mp4": "done",
        }  # fmt: skip
        assert result.exit_code == 0 and len(pretended.seen) == 2, again
    table = read_table(out / "recordings.csv").set_index("recording_id")
    assert table["status"].to_dict() == {
        "kim/a (1).mp4": "duplicate", "kim/a.mp4": "done", "kim/b.mp4": "done",
    }  # fmt: skip
    assert table["coverage"].isna().to_dict()["kim/a (1).mp4"]
    assert set(read_table(out / "kim" / "frames.csv")["recording_id"]) == {
        "kim/a.mp4", "kim/b.mp4",
    }  # fmt: skip
    assert "a (1).mp4" not in (out / "kim" / "report.html").read_text(encoding="utf-8")
    assert "a (1).mp4" in (out / "index.html").read_text(encoding="utf-8")
    before = (out / "recordings.csv").read_bytes()
    assert [str(o.status) for o in render(out).outcomes] == ["duplicate", "done", "done"]
    assert (out / "recordings.csv").read_bytes() == before
    (tmp_path / "in" / "kim" / "a.mp4").unlink()
    assert [str(o.status) for o in analyse_here().outcomes] == ["done", "done"]
    assert "a (1).mp4" in (out / "kim" / "report.html").read_text(encoding="utf-8")
    assert len(pretended.seen) == 2


def test_twins_that_fail_fail_both(tmp_path: Path, analyse_here: Run) -> None:
    write_recordings(tmp_path / "in", a=b"bad", b=b"bad")
    assert [o.status for o in analyse_here().outcomes] == ["failed", "failed"]


def test_the_twin_of_a_recording_that_changes_while_it_is_read_is_there(
    tmp_path: Path, pretended: Pretended, analyse_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_recordings(tmp_path / "in", a=b"1", b=b"1")
    unchanged = recording.analyse_recording

    def changing(path: Path, *rest: object, **more: object) -> object:
        if not pretended.seen:
            path.write_bytes(b"22")
        return unchanged(path, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(recording, "analyse_recording", changing)
    result = analyse_here()
    assert [o.status for o in result.outcomes] == ["done", "done"]
    assert sorted(read_table(tmp_path / "out" / "recordings.csv")["recording_id"]) == [
        "a.mp4", "b.mp4",
    ]  # fmt: skip
    assert len(pretended.seen) == 3  # the twin that did not change, and the other one once more


def test_one_of_twins_known_from_before(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    write_recordings(tmp_path / "in", a=b"same")
    analyse_here()
    write_recordings(tmp_path / "in", b=b"same")
    assert [o.reused for o in analyse_here().outcomes] == [True, True]
    assert pretended.seen == ["a.mp4"]


def test_both_unicode_forms_of_a_name_are_both_reported(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    name = "김철수"
    for k, form in enumerate(("NFC", "NFD")):
        path = tmp_path / "in" / f"{unicodedata.normalize(form, name)}.mp4"  # type: ignore[arg-type]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * (k + 1))
    result = analyse_here()
    assert len(pretended.seen) == len(result.outcomes) == 2
    assert len({o.recording.recording_id for o in result.outcomes}) == 2


def test_a_name_in_another_encoding_does_not_stop_the_batch(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    write_recordings(tmp_path / "in", a=b"1")
    odd = tmp_path / "in" / os.fsdecode("김철수.mp4".encode("cp949"))
    odd.write_bytes(b"22")
    assert [o.status for o in analyse_here().outcomes] == ["done", "done"]


def test_the_plan_is_told_once_also_where_all_may_still_be_growing(
    tmp_path: Path, pretended: Pretended, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "SETTLED_S", 1.0)
    write_recordings(tmp_path / "in", a=b"1", b=b"22")
    for name in ("a.mp4", "b.mp4"):
        os.utime(tmp_path / "in" / name, (time.time() + 0.9,) * 2)
    plans: list[Plan] = []
    analyze(tmp_path / "in", tmp_path / "out", settings, listener=Listener(planned=plans.append))
    assert sorted(pretended.seen) == ["a.mp4", "b.mp4"]
    assert [(plan.pending, plan.bytes_to_read, plan.jobs) for plan in plans] == [(2, 3, 1)]


def test_a_recording_that_vanishes_is_one_failure(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    write_recordings(tmp_path / "in", a=b"1", b=b"22")

    def vanish(plan: Plan) -> None:
        (tmp_path / "in" / "b.mp4").unlink()

    result = analyze(tmp_path / "in", tmp_path / "out", settings, listener=Listener(planned=vanish))
    assert [o.status for o in result.outcomes] == ["done", "failed"]


def test_a_recording_that_vanishes_while_hashes_are_made_is_one_failure(
    tmp_path: Path, pretended: Pretended, analyse_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_recordings(tmp_path / "in", a=b"1", b=b"22")
    hash_of = fingerprints.hash_of

    def vanish(path: Path, stopped: Callable[[], bool]) -> str:
        (tmp_path / "in" / "b.mp4").unlink(missing_ok=True)
        return hash_of(path, stopped)

    monkeypatch.setattr(fingerprints, "hash_of", vanish)
    assert [o.status for o in analyse_here().outcomes] == ["done", "failed"]


def test_a_copy_of_a_recording_elsewhere_is_known(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    write_recordings(tmp_path / "in", a=b"1")
    analyze(tmp_path / "in", tmp_path / "out", settings)
    copy(tmp_path / "in" / "a.mp4", tmp_path / "other" / "b.mp4")
    result = analyze(tmp_path / "other", tmp_path / "out", settings)
    assert result.outcomes[0].reused
