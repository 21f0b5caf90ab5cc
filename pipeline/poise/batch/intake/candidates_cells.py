"""What a cell of `candidates.csv` says: consent, the span in which a face rests, a portrait.

What cannot be understood raises a SettingsError whose cause begins with a verb, for whoever knows
the line.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from poise.errors import SettingsError

_YES = frozenset(["", "yes", "y", "true", "1", "o", "예", "네", "동의", "동의함", "동의합니다"])
_NO = frozenset(
    ["no", "n", "false", "0", "x", "withdrawn", "refused", "declined", "아니오", "아니요", "아뇨",
     "아니", "거부", "거부함", "거절", "철회", "철회함", "미동의", "비동의", "동의안함",
     "동의하지않음", "동의하지않습니다"]
)  # fmt: skip
_MAX_PORTRAIT_BYTES = 50_000_000
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_SPAN = re.compile(r"\s*([\d:.]+)\s*s?\s*[-–—~]\s*([\d:.]+)\s*s?\s*")


def consent_of(value: str) -> bool:
    """Whether somebody agrees; a cell left empty means yes.

    Raises:
        SettingsError: If it is neither yes nor no.
    """
    word = re.sub(r"[\s.!]", "", unicodedata.normalize("NFKC", value).casefold())
    if word not in _YES | _NO:
        raise SettingsError(
            f"has the consent {value!r}",
            remedy="Write yes or no; a line left empty means yes.",
            code="row_consent",
        )
    return word in _YES


def span_of(value: str) -> tuple[float, float] | None:
    """Seconds from - to, written as seconds, m:ss or h:mm:ss; None for an empty cell.

    Raises:
        SettingsError: If it is none, or ends before it starts.
    """
    if not value:
        return None
    match = _SPAN.fullmatch(value)
    span = (_seconds(match[1]), _seconds(match[2])) if match else None
    if span is None or span[0] is None or span[1] is None or not span[0] < span[1]:
        raise SettingsError(
            f"has the neutral_span {value!r}",
            remedy="Write from when to when the face rests, as 0:00-0:06 or, in seconds, 3-9.",
            code="row_span",
        )
    return span[0], span[1]


def portrait_of(value: str, root: Path) -> Path | None:
    """A picture below the directory of the recordings; links are not followed.

    Raises:
        SettingsError: If there is none, or it lies elsewhere.
    """
    if not value:
        return None
    told, given = f"has the portrait {value!r}", Path(value.replace("\\", "/"))
    place = root / given
    inside = not given.is_absolute() and ".." not in given.parts
    steps = [root.joinpath(*given.parts[: k + 1]) for k in range(len(given.parts))]
    if not inside or any(map(os.path.islink, steps)):
        raise SettingsError(
            told + ", which leads out of the directory or over a link",
            remedy="Give the path of a picture below the directory.",
            code="row_portrait",
        )
    try:
        usable = place.is_file() and place.stat().st_size <= _MAX_PORTRAIT_BYTES
        with place.open("rb") as file:
            head = file.read(16)
    except (OSError, ValueError):
        usable, head = False, b""
    if not usable or not head.startswith(_PICTURES):
        raise SettingsError(
            told + ", which is no picture that can be read",
            remedy="Give the path of a JPEG or PNG below the directory.",
            code="row_portrait",
        )
    return place


def _seconds(text: str) -> float | None:
    parts = text.split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    if len(numbers) > 3 or any(n >= 60 for n in numbers[1:]) or "." in "".join(parts[:-1]):
        return None
    total = 0.0
    for number in numbers:
        total = 60 * total + number
    return total
