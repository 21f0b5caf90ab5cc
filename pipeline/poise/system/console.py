"""Messages to a terminal, a file or a pipe: losing one never stops a run, and none controls it."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from typing import Any

from poise.system.platform import open_standard_streams

_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # turns the direction of writing
_CONTROLS = re.compile(rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_DIRECTION}]")
_NOT_FOR_JSON = re.compile(rf"[\x7f-\x9f\ud800-\udfff{_DIRECTION}]")
_LINE_ENDS = re.compile(r"[\n\r\u2028\u2029]")
_OF_PROGRESS_BARS = re.compile("(\x1b\\[\\?25[lh]|\x1b\\[K)")


class _Lossy(io.RawIOBase):
    """A descriptor; what cannot be written to it any more is dropped.

    Args:
        raw: The stream that writes to it.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        left = view
        while left:
            try:
                count = self._raw.write(left)
            except (OSError, ValueError):  # the reader has gone, the disk is full, it is closed
                break
            if not count:
                break
            left = left[count:]
        return len(view)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()


class _Console(io.TextIOWrapper):
    """Text in which no control character reaches a terminal but those of a progress bar."""

    def write(self, text: str) -> int:
        if self.isatty():
            pieces = _OF_PROGRESS_BARS.split(text)
            pieces[::2] = map(_escaped, pieces[::2])
            super().write("".join(pieces))
        else:
            super().write(_escaped(text))
        return len(text)


def guard_streams() -> None:
    """Let standard output and standard error lose text rather than raise, in any encoding.

    Closed descriptors are pointed at the null device. Streams that are no longer those of the
    process, as in notebooks and tests, are left alone.
    """
    open_standard_streams()
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if isinstance(stream, _Console):
            continue
        if stream is None:
            raw: Any = io.FileIO(number, "w", closefd=False)
            encoding = "utf-8"
        else:
            try:
                if stream.fileno() != number:
                    continue
                raw = getattr(stream.buffer, "raw", stream.buffer)  # it has none if unbuffered
                encoding = stream.encoding
            except (OSError, ValueError, AttributeError):
                continue
        guarded = io.BufferedWriter(_Lossy(raw))
        setattr(sys, name, _Console(guarded, encoding=encoding, errors="backslashreplace",
                                    line_buffering=True))  # fmt: skip


def one_line(text: object) -> str:
    """A text as one harmless line, whatever names are in it."""
    return _LINE_ENDS.sub(lambda found: _code(found.group()), _escaped(str(text)))


def say(text: object = "", *, error: bool = False) -> None:
    """Print a line to standard output or standard error; names in it cannot break it."""
    print(one_line(text), file=sys.stderr if error else sys.stdout, flush=True)


def say_json(value: object) -> None:
    """Print a value as JSON; what a terminal might obey or an encoding lack is escaped in it."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = _NOT_FOR_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:  # a backslash and x, as streams have it, would not be JSON
        text = json.dumps(value, indent=1)
    print(text, flush=True)


def _escaped(text: str) -> str:
    return _CONTROLS.sub(lambda found: _code(found.group()), text)


def _code(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def last_words() -> None:
    """Flush both streams, so that nothing can fail while the interpreter ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1 if stream is sys.stdout else 2)
