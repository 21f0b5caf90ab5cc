"""A worker process that loads nothing: for tests of processes, not of what they do."""

from __future__ import annotations

from poise.batch.workers.worker_process import serve


def main() -> None:
    """See `poise.batch.workers.worker_process.main`."""
    serve(lambda: None)
