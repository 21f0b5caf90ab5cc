"""The secret of a directory of reports: with it, and only with it, codes can be told from names.

Pseudonyms and the marks of people who were forgotten are keyed hashes (HMAC-SHA256): whoever sees
them cannot find the names by trying a list of names.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from poise.errors import ReportError
from poise.system.atomic_files import not_written, private, write_whole

_SECRET_FILE = "secret"
_BYTES = 32


def secret_of(house: Path, *, read_only: bool = False) -> bytes:
    """The secret kept in a directory `.poise`, for its user alone; made at first.

    Args:
        house: The directory; it must be there.
        read_only: Whether nothing may be made; without a secret a passing one is returned.

    Raises:
        ReportError: If it cannot be read or made, or is damaged.
    """
    path = house / _SECRET_FILE
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        fresh = secrets.token_bytes(_BYTES)
        if not read_only:
            with private():
                write_whole(path, lambda draft: draft.write_text(fresh.hex(), encoding="ascii"))
        return fresh
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            raise not_written(error, path) from error
        raise _damaged(path) from error
    try:
        secret = bytes.fromhex(text)
    except ValueError as error:
        raise _damaged(path) from error
    if len(secret) != _BYTES:
        raise _damaged(path)
    with suppress(OSError):  # another user's --no-private run must not have opened it
        if path.stat().st_mode & 0o077:
            os.chmod(path, 0o600)  # noqa: PTH101
    return secret


def keyed(secret: bytes, kind: str, text: str) -> str:
    """A keyed hash of a text, 64 hexadecimal digits; texts of different kinds never share one."""
    message = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def _damaged(path: Path) -> ReportError:
    return ReportError(
        "the secret of these reports is damaged",
        remedy="Restore it from a backup. If you delete it, codes in place of names change, and "
        "who was purged is no longer known.",
        path=path,
        code="secret_damaged",
    )
