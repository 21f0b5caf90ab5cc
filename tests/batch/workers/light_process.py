"""A worker process that loads nothing: for tests of processes, not of what they do."""

from __future__ import annotations

import os
import signal

from poise.batch.workers import worker_process
from poise.batch.workers.worker import Done, Task, Worker


def main() -> None:
    """See `poise.batch.workers.worker_process.main`; it says four times as often that it lives."""
    worker_process.BEAT_S /= 4
    worker_process.serve(lambda: None)


class Mortal(Worker):
    """A worker that dies of some recordings."""

    def analyse(self, task: Task) -> Done:
        if task.recording.path.read_bytes().startswith(b"deadly"):
            os.kill(os.getpid(), signal.SIGKILL)
        with self.store.writing(task.key) as directory:
            (directory / "result.json").write_text("{}")
        return Done(task=task, seconds=0.1)

    def cut(self, task: Task, count: int) -> None:
        return None
