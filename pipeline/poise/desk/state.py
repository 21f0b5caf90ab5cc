"""What the desk knows while it is open: its directories, its language, and who may come in."""

from __future__ import annotations

import hmac
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path

from poise.desk.batches import Batches
from poise.reports.locales import Texts, load_texts
from poise.settings import Settings

TEXTS = "poise.desk.locales"
"""The package of the desk's own texts; they are laid over those of the reports."""
_GB = 1_000_000_000


@dataclass(kw_only=True)
class Desk:
    """An open desk. One per process; all of its routes are made for it.

    Args:
        reports, recordings: The two directories that are read; absolute, without symbolic links.
        port: Where it listens, on 127.0.0.1.
        settings: As the command `poise analyze` would find them here.
        settings_file: Named by the user, and handed on to `poise analyze`; None if there is none.
        language: Of its pages, one of `poise.reports.locales.LANGUAGES`; changed by the reader.
        upload_bytes: Largest recording that it takes.
        spare_bytes: Room on the disk that an upload must leave.

    Attributes:
        secret: What the cookie holds; made anew each time that a desk is opened.
        writing: Held by whoever changes a file below `recordings`.
        batches: Starts and stops them.
    """

    reports: Path
    recordings: Path
    port: int
    settings: Settings = field(default_factory=Settings)
    settings_file: Path | None = None
    language: str = "en"
    upload_bytes: int = 40 * _GB
    spare_bytes: int = 2 * _GB
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    writing: threading.RLock = field(default_factory=threading.RLock, repr=False)
    batches: Batches = field(init=False, repr=False)
    _keys: set[str] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        self.batches = Batches(self.recordings, self.reports, self.settings_file)

    @property
    def cookie(self) -> str:
        """Name of the cookie: cookies are shared by all ports of a host."""
        return f"poise-desk-{self.port}"

    @property
    def texts(self) -> Texts:
        """The texts of its pages, and those of the reports, in its language."""
        return load_texts(self.language, TEXTS)

    def new_key(self) -> str:
        """A key that lets in once."""
        key = secrets.token_urlsafe(32)
        self._keys.add(key)
        return key

    def address(self) -> str:
        """An address that opens the desk once."""
        return f"http://127.0.0.1:{self.port}/?key={self.new_key()}"

    def take_key(self, given: str) -> bool:
        """Whether a key lets in; it does so no more."""
        fitting = [key for key in self._keys if hmac.compare_digest(key.encode(), given.encode())]
        self._keys.difference_update(fitting)
        return bool(fitting)

    def knows(self, given: str) -> bool:
        """Whether that is the secret; compared in constant time."""
        return hmac.compare_digest(self.secret.encode(), given.encode("utf-8", "replace"))
