"""How many processes suit a machine, and what is said of too many."""

from __future__ import annotations

import pytest

from poise.batch.workers import capacity


def _machine(monkeypatch: pytest.MonkeyPatch, cores: int, free: float | None) -> None:
    monkeypatch.setattr(capacity, "cores", lambda: cores)
    monkeypatch.setattr(capacity, "available_memory_bytes", lambda: free and int(free))


@pytest.mark.parametrize(
    ("cores", "free", "jobs"), [(4, 100e9, 4), (8, 3.5e9, 3), (2, 1e8, 1), (3, None, 3)]
)
def test_as_many_processes_as_cores_and_memory_allow(
    cores: int, free: float | None, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _machine(monkeypatch, cores, free)
    assert capacity.suitable_jobs() == jobs


def test_too_many_processes_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, 2, 8e9)
    crowded, large = capacity.crowding(40)
    assert "40 processes on 2 cores" in crowded and "44 GB" in crowded
    assert "44 GB" in large and "--jobs 7 would do" in large
    assert capacity.crowding(2) == capacity.crowding(0) == []


def test_memory_that_does_not_suffice_for_few_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, 8, 2.4e9)
    (warning,) = capacity.crowding(4)
    assert "--jobs 2 would do" in warning
