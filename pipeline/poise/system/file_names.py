"""Names that every file system, URL and shell takes."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable

_NAME_BYTES = 120
_OF_WINDOWS = {"con", "prn", "aux", "nul"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"
}  # devices, also with a suffix behind them
_RESERVED = frozenset({*_OF_WINDOWS, "index", "candidates", "recordings", "data_dictionary"})


def safe_name(name: str) -> str:
    """A name that every file system takes, as close to the given one as can be.

    Letters and digits of every script stay; what a file system, a URL or a shell might stumble
    over becomes `_`.
    """
    cleaned = re.sub(r"[^\w\-. ()]+", "_", composed(name)).strip(" ._")
    cleaned = re.sub(r"\s+", " ", cleaned)
    cleaned = cleaned.encode()[:_NAME_BYTES].decode(errors="ignore").rstrip(" ._")
    if not cleaned or cleaned.casefold().split(".")[0].rstrip() in _RESERVED:
        cleaned = f"candidate_{cleaned}".rstrip("_")
    return cleaned


def composed(name: str) -> str:
    """In composed form; a name that is no UTF-8 is read as from a Korean zip file."""
    try:
        name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(name).decode("cp949", errors="replace")
    return unicodedata.normalize("NFC", name)


def distinct(names: Iterable[str]) -> list[str]:
    """The names as `safe_name` makes them; those that would meet get a number.

    Also where a file system takes capitals and small letters for the same.
    """
    taken: set[str] = set()
    made = []
    for whole in names:
        base = name = safe_name(whole)
        number = 2
        while name.casefold() in taken:
            name = f"{base} ({number})"
            number += 1
        taken.add(name.casefold())
        made.append(name)
    return made
