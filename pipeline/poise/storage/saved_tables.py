"""Tables that people keep beside their recordings, however a spreadsheet has saved them."""

from __future__ import annotations

import stat
from pathlib import Path

from poise.errors import SettingsError

_MAX_BYTES = 16_000_000
_HEADER_BYTES = 100  # names of columns at least


def table_in(folder: Path, name: str) -> Path | None:
    """A file of that name, in capitals or not; None if there is none."""
    try:
        files = sorted(path for path in folder.iterdir() if path.name.casefold() == name)
    except OSError:
        return None
    return next((path for path in files if path.is_file()), None)


def table_text(path: Path) -> str:
    """The text of a table: UTF-8, UTF-16 with or without its mark, or Korean (CP949).

    Raises:
        SettingsError: If it cannot be read, is too large, or is a spreadsheet itself.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            raise SettingsError(
                f"is larger than {_MAX_BYTES // 1_000_000} MB, or not a file",
                remedy="It must be a table, saved as CSV.",
                path=path,
                code="table_large",
            )
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"cannot be read ({error.strerror or error})",
            remedy="Give yourself permission to read it.",
            path=path,
            code="table_closed",
        ) from error
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise SettingsError(
            "is a spreadsheet, not CSV", remedy="Save it as CSV, with the same name.", path=path,
            code="table_spreadsheet",
        )  # fmt: skip
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    for first, encoding in ((0, "utf-16-be"), (1, "utf-16-le")):  # without a mark
        half = raw[first:_HEADER_BYTES:2]
        if half.count(0) > len(half) / 3:
            return raw.decode(encoding, errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp949", errors="replace")  # Excel in Korea


def separator_of(text: str) -> str:
    """What stands between the names of the columns: European Excel writes semicolons."""
    return max(",;\t|", key=(text.splitlines() or [""])[0].count)
