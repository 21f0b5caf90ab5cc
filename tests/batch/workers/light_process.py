"""A worker process that loads nothing: for tests of processes, not of what they do."""

from __future__ import annotations

from poise.batch.workers import worker_process


def main() -> None:
    """See `poise.batch.workers.worker_process.main`; it says four times as often that it lives."""
    worker_process.BEAT_S /= 4
    worker_process.serve(lambda: None)
