"""Where a batch stands, from its ledger alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poise.batch.status import look_up
from poise.errors import ReportError
from poise.statuses import Status
from poise.storage.ledger import Entry, Ledger
from poise.storage.results.store import HOUSE, ResultStore
from poise.system.directory_lock import held
from poise.types import Recording


def _entry(name: str, status: Status, message: str = "") -> Entry:
    recording = Recording(path=Path(name), recording_id=name, candidate_id=name, display_name=name)
    return Entry(recording=recording, key=f"key-{name}", status=status, message=message)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A run over three recordings that has not come to its end."""
    house = ResultStore(tmp_path).root
    with Ledger(house) as ledger:
        entries = [_entry("a", Status.DONE), _entry("b", Status.FAILED, "is empty"),
                   _entry("c", Status.PENDING)]  # fmt: skip
        ledger.plan({}, {}, entries)
        ledger.record(entries)
    return house


def test_it_says_what_is_done_and_that_the_run_was_stopped(tmp_path: Path, house: Path) -> None:
    state = look_up(tmp_path)
    assert state.counts() == {"done": 1, "failed": 1, "pending": 1}
    assert state.holder is None and state.ended is None
    assert "was stopped before its end" in state.in_words()
    plain = json.loads(json.dumps(state.to_json()))
    assert plain["recordings"][1] == {
        "recording_id": "b", "candidate_id": "b", "status": "failed", "message": "is empty",
    }  # fmt: skip
    assert plain["running"] is None


def test_what_is_begun_runs_while_somebody_works(tmp_path: Path, house: Path) -> None:
    ResultStore(tmp_path).begin("key-c")
    assert look_up(tmp_path).counts()["pending"] == 1
    with held(house):
        state = look_up(tmp_path)
    assert state.counts() == {"done": 1, "failed": 1, "running": 1}
    assert state.in_words().startswith("A run goes on: ")


def test_a_run_that_has_ended(tmp_path: Path, house: Path) -> None:
    with Ledger(house) as ledger:
        ledger.end()
    assert look_up(tmp_path).in_words() == "The last run came to its end."


def test_nothing_to_go_by_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="holds no reports"):
        look_up(tmp_path)
    assert not (tmp_path / HOUSE).exists()
