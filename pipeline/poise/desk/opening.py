"""Opening a desk: its directories, its lock, its socket, and what ends it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

from poise.desk.serving import listen, server_of
from poise.desk.state import Desk
from poise.errors import ReportError, SettingsError
from poise.reports.locales import LANGUAGES
from poise.settings import Settings
from poise.storage.ledger import Ledger
from poise.storage.results.store import HOUSE
from poise.system.atomic_files import not_written, private
from poise.system.directory_lock import held, holder

_LOCKED = "desk"  # below .poise: the desk's own lock, beside that of a batch


def open_desk(
    reports: Path | None,
    recordings: Path | None,
    settings: Settings,
    settings_file: Path | None,
    language: str | None,
    port: int,
    opened: Callable[[str], object],
) -> None:
    """Open a desk and serve it until it is stopped.

    Args:
        reports: Made if absent; `Poise/reports` in the user's home if None.
        recordings: Made if absent; that of the last run, or `recordings` beside `reports`, if None.
        settings, settings_file: For the batches that are started.
        language: Of the pages; that of the settings if None.
        port: 0 for a free one.
        opened: Told the address that lets in once, when it may be called; and a new one whenever a
            line is entered in the terminal, if there is one.

    Raises:
        SettingsError: If a directory or the port cannot be used, or another desk is open there.
        ReportError: If nothing can be written there.
    """
    target = (reports or Path.home() / "Poise" / "reports").absolute()
    source = (recordings or recordings_of(target)).absolute()
    with private(settings.private):
        for folder in (target, source):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise not_written(error, folder) from error
        target, source = target.resolve(), source.resolve()
        if target == source or target in source.parents or source in target.parents:
            raise SettingsError(
                "the reports must not lie among the recordings, nor these among the reports",
                remedy="Give two directories beside each other.", path=target,
                code="reports_inside",
            )  # fmt: skip
        lock = target / HOUSE / _LOCKED
        try:
            with held(lock):
                _serve(target, source, settings, settings_file, language, port, opened)
        except SettingsError as error:
            if holder(lock) is None:
                raise
            raise SettingsError(
                f"a desk is open already: {holder(lock)}",
                remedy="Use that one, or end it with Ctrl-C where it was started.", path=target,
            ) from error  # fmt: skip


def _serve(
    reports: Path,
    recordings: Path,
    settings: Settings,
    settings_file: Path | None,
    language: str | None,
    port: int,
    opened: Callable[[str], object],
) -> None:
    try:
        listening = listen(port)
    except OSError as error:
        raise SettingsError(
            f"port {port} cannot be used ({error.strerror or error})",
            remedy="Give another one with --port, or none.",
        ) from error
    with listening:
        own = settings.language if settings.language in LANGUAGES else LANGUAGES[0]
        desk = Desk(
            reports=reports,
            recordings=recordings,
            port=listening.getsockname()[1],
            settings=settings,
            settings_file=settings_file,
            language=language or own,
        )
        server = server_of(desk)
        opened(desk.address())
        if sys.stdin is not None and sys.stdin.isatty():
            threading.Thread(target=_again, args=(desk, opened), daemon=True).start()
        server.run(sockets=[listening])


def _again(desk: Desk, opened: Callable[[str], object]) -> None:
    """A new address for each line that is entered where the desk was started."""
    for _ in sys.stdin:
        opened(desk.address())


def recordings_of(reports: Path) -> Path:
    """Where the recordings of the last run lie, or are to lie."""
    beside = reports.parent / "recordings"
    try:
        with Ledger(reports / HOUSE, read_only=True) as ledger:
            root = Path(ledger.last_run().root)
    except (ReportError, SettingsError):
        return beside
    return root if root.is_dir() else beside
