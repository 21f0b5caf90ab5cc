"""Batches from the desk: `poise analyze` in a process of its own, which outlives the desk.

How a batch stands is read from its ledger and its notes, so that one which was started in a
terminal, or by a desk that has been closed since, is seen as well.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from poise.batch.status import State, look_up
from poise.errors import PoiseError, ReportError, SettingsError
from poise.statuses import Status
from poise.storage.ledger import Entry, Ledger
from poise.storage.results.store import HOUSE, ResultStore
from poise.system.child_process import start_python
from poise.system.directory_lock import Holder, holder, is_held
from poise.system.exit_codes import ABORTED

_PROGRAM = "from poise.commands import main; main(prog_name='poise')"
_LEAST_S = 5.0  # before anything is said of the time that is left


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How the batch stands.

    Args:
        state: Of the last run; None if there was none.
        entries: Its recordings by identifier.
        seen: How much of those in work was looked at, 0..1.
        running: Whether one goes on now, or is about to.
        left_s: How long it still takes, as far as can be told; None if that is not known.
        share: How much is done of what it had to do, 0..1.
        trouble: Why the last one that was started here came to nothing; None if it did not.
        language: Of the reports of the last run; empty if there was none.
    """

    state: State | None
    entries: dict[str, Entry]
    seen: dict[str, float]
    running: bool
    left_s: float | None
    share: float
    trouble: PoiseError | None
    language: str = ""


class Batches:
    """The batches of one pair of directories, one at a time.

    Args:
        recordings, reports: The directories.
        settings_file: For `poise analyze`; None if there is none.
    """

    def __init__(self, recordings: Path, reports: Path, settings_file: Path | None) -> None:
        self._recordings, self._reports, self._settings = recordings, reports, settings_file
        self._process: subprocess.Popen[bytes] | None = None
        self._said: bytes | None = None
        self._starting = threading.Lock()

    @property
    def house(self) -> Path:
        """Where the batch keeps what it needs."""
        return self._reports / HOUSE

    def start(self, language: str) -> None:
        """Start a batch, or go on with the last one.

        Args:
            language: Of the reports.

        Raises:
            SettingsError: If one goes on already.
        """
        with self._starting:
            if self._is_alive() or is_held(self.house):
                raise _goes_on(holder(self.house))
            words = ["analyze", str(self._recordings), "--output", str(self._reports)]
            words += ["--lang", language, "--json"]
            words += ["--settings", str(self._settings)] if self._settings else []
            self._said = None
            self._process = start_python(
                _PROGRAM, *words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, apart=True
            )
            threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def stop(self) -> None:
        """Let the batch end in order: what is done is kept.

        Raises:
            SettingsError: If none goes on, or it is on another machine.
        """
        if self._process is not None and self._is_alive():
            _end(self._process.pid)
            return
        found = holder(self.house) if is_held(self.house) else None
        if found is None:
            raise SettingsError(
                "no batch goes on", remedy="There is nothing to stop.", code="batch_none"
            )
        if found.host != socket.gethostname():
            raise SettingsError(
                f"the batch is {found}", remedy="Stop it on the machine that it was started on.",
                code="batch_elsewhere", values={"host": found.host},
            )  # fmt: skip
        _end(found.pid)

    def standing(self) -> Standing:
        """How the batch stands; changes nothing."""
        try:
            state = look_up(self._reports)
            with Ledger(self.house, read_only=True) as ledger:
                entries = {e.recording.recording_id: e for e in ledger.entries()}
                language = str(ledger.last_run().settings.get("language", ""))
        except (ReportError, SettingsError):
            state, entries, language = None, {}, ""
        running = self._is_alive() or holder(self.house) is not None
        store = ResultStore(self._reports, read_only=True)
        in_work = [
            o.recording.recording_id
            for o in (state.outcomes if state and running else ())
            if o.status == Status.RUNNING
        ]
        seen = {name: store.seen(entries[name].key) for name in in_work if name in entries}
        share, left_s = _left(state, store, entries, seen) if state else (0.0, None)
        return Standing(
            state=state,
            entries=entries,
            seen=seen,
            running=running,
            left_s=left_s if running else None,
            share=share,
            trouble=None if running else self._trouble(),
            language=language,
        )

    def _is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _trouble(self) -> PoiseError | None:
        """What the last batch that was started here said when it ended without doing anything."""
        if self._process is None or self._said is None:
            return None
        try:
            told = json.loads(self._said)
            return PoiseError(**told["error"]) if "error" in told else None
        except (ValueError, TypeError):
            ended = self._process.poll() == ABORTED
            return PoiseError("it ended without a word", code="batch_silent") if ended else None

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Read what a batch says in the end; it may name people, and is kept here alone."""
        assert process.stdout is not None
        with process.stdout as stream:
            self._said = stream.read()
        process.wait()


def _goes_on(found: Holder | None) -> SettingsError:
    """What is said where a batch goes on already."""
    if found is None:
        return SettingsError(
            "a batch goes on already: it is just beginning", remedy="Wait for it, or stop it.",
            code="batch_begins",
        )  # fmt: skip
    return SettingsError(
        f"a batch goes on already: {found}", remedy="Wait for it, or stop it.", code="batch_runs",
        values={"pid": found.pid, "host": found.host},
    )  # fmt: skip


def _end(pid: int) -> None:
    """Ask a batch to end in order."""
    try:
        if sys.platform == "win32":
            os.kill(pid, signal.CTRL_BREAK_EVENT)
        else:
            os.kill(pid, signal.SIGTERM)
    except OSError as error:
        raise PoiseError(
            f"the batch cannot be stopped ({error.strerror or error})",
            remedy="Stop it where it was started, with Ctrl-C.",
            code="batch_unstoppable",
        ) from error


def _left(
    state: State, store: ResultStore, entries: Mapping[str, Entry], seen: Mapping[str, float]
) -> tuple[float, float | None]:
    """How much this run has done of what it had to do, and how long the rest takes at that rate.

    Counted in bytes of the recordings; what was done before the run began does not count.
    """
    done = left = 0.0
    for outcome in state.outcomes:
        name = outcome.recording.recording_id
        if outcome.status in (Status.PENDING, Status.RUNNING):
            size, share = _size(outcome.recording.path), seen.get(name, 0.0)
            done, left = done + size * share, left + size * (1 - share)
        elif name in entries and _made(store, entries[name].key) >= state.started:
            done += _size(outcome.recording.path)
    total = done + left
    spent_s = time.time() - state.started
    if state.ended is not None or not done or spent_s < _LEAST_S:
        return (done / total if total else 0.0), None
    return done / total, left / done * spent_s


def _made(store: ResultStore, key: str) -> float:
    """When a result was made; 0 where there is none."""
    try:
        return store.made(key)
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
