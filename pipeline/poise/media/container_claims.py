"""What a container claims, counted before FFmpeg believes it, and whether it is protected.

FFmpeg sets up a stream for every track, an entry for every sample and a chapter for every mark that
a header names, and goes through all samples for every entry of an edit list: a header of a few
kilobytes may cost gigabytes, or minutes. Here only the sizes of boxes and elements are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from poise.media.container_types import Container, UnreadableError

MAX_STREAMS = 100
_MAX_EDITS = 64  # phones write one or two, editors a few dozen
_MAX_CHAPTERS = 5_000
_MAX_SAMPLES = 20_000_000  # of a track: 46 hours at 120 frames per second
_MAX_STEPS = 200_000  # boxes or elements looked at
_REMEDY = "Export it again, with its picture and its sound alone."
_INSIDE = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"))
# What tracks are called that are encrypted (ISO/IEC 14496-12, 8.12; Apple), by what they hold.
_PROTECTED = {b"encv": "pictures", b"drmi": "pictures", b"enca": "sound", b"drms": "sound"}
_ENCODINGS, _ENCODING, _ENCRYPTION = 0x6D80, 0x6240, 0x5035
_SEGMENT, _TRACKS, _TRACK = 0x18538067, 0x1654AE6B, 0xAE
_CHAPTERS, _EDITION, _CHAPTER = 0x1043A770, 0x45B9, 0xB6
_WITHIN = {_SEGMENT, _TRACKS, _TRACK, _ENCODINGS, _ENCODING, _CHAPTERS, _EDITION, _CHAPTER}


@dataclass(kw_only=True)
class Claims:
    """What a container claims to hold, as far as it was looked at.

    Args:
        streams, chapters: Their numbers.
        edits: Entries of the longest edit list.
        samples: Of the track that has most.
        fragmented: Whether an MP4 says that it comes in fragments.
        protected: What of it is encrypted: `pictures`, `sound`; in Matroska both are `pictures`.
    """

    streams: int = 0
    chapters: int = 0
    edits: int = 0
    samples: int = 0
    fragmented: bool = False
    protected: set[str] = field(default_factory=set)

    @property
    def edits_followed(self) -> bool:
        """Whether the edit list is short enough to be followed."""
        return self.edits <= _MAX_EDITS


def check_claims(kind: Container, name: str, path: Path) -> Claims:
    """Count what a container claims.

    Args:
        kind: What it begins as.
        name: Under which it can be opened.
        path: Of the recording, for errors.

    Raises:
        UnreadableError: If it claims more than any recording holds, or its pictures are encrypted.
        OSError: If it cannot be read.
    """
    claims = Claims()
    with Path(name).open("rb") as file:
        end = file.seek(0, 2)
        steps = iter(range(_MAX_STEPS))
        if kind.demuxer == "mov":
            _count_boxes(file, 0, end, claims, steps)
        elif kind.demuxer == "matroska":
            _count_elements(file, 0, end, claims, steps)
    for what, count, most in (
        ("tracks", claims.streams, MAX_STREAMS),
        ("chapters", claims.chapters, _MAX_CHAPTERS),
        ("frames", claims.samples, _MAX_SAMPLES),
    ):
        if count > most:
            raise UnreadableError(
                f"claims to hold more than {most} {what}", remedy=_REMEDY, path=path
            )
    if "pictures" in claims.protected:
        raise UnreadableError(
            "is protected against copying (DRM)",
            remedy="Export it without protection, or ask whoever made it for a copy without.",
            path=path,
            code="protected",
        )
    return claims


def _count_boxes(
    file: IO[bytes], start: int, end: int, claims: Claims, steps: Iterator[int]
) -> None:
    """Count in the boxes of ISO media files (ISO/IEC 14496-12, 4.2)."""
    while start + 8 <= end and next(steps, None) is not None:
        file.seek(start)
        head = file.read(16)
        size, kind, body = int.from_bytes(head[:4], "big"), head[4:8], start + 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), start + 16
        elif size == 0:
            size = end - start
        if size < 8:
            return
        if kind in _INSIDE:
            claims.streams += kind == b"trak"
            if claims.streams > MAX_STREAMS:
                return
            _count_boxes(file, body, min(start + size, end), claims, steps)
        elif kind == b"mvex":
            claims.fragmented = True
        elif kind == b"stsd":
            file.seek(body + 12)  # version, count, and the size of the first entry
            if what := _PROTECTED.get(file.read(4)):
                claims.protected.add(what)
        elif kind in (b"elst", b"stsz"):
            file.seek(body)
            values = [int.from_bytes(file.read(4), "big") for _ in range(3)]
            if kind == b"elst":
                claims.edits = max(claims.edits, values[1])
            elif values[1] != 1:  # sound's samples of one byte are no entries
                claims.samples = max(claims.samples, values[2])
        start += size


def _count_elements(
    file: IO[bytes], start: int, end: int, claims: Claims, steps: Iterator[int]
) -> None:
    """Count in the elements of Matroska (RFC 8794, RFC 9559)."""
    while start < end and next(steps, None) is not None:
        file.seek(start)
        head = file.read(12)
        name, length = ebml_number(head, keep_marker=True)
        size, more = ebml_number(head[length:], keep_marker=False)
        if not length or not more:
            return
        start += length + more
        unknown = size == (1 << 7 * more) - 1
        claims.streams += name == _TRACK
        claims.chapters += name == _CHAPTER
        if name == _ENCRYPTION:
            claims.protected.add("pictures")
        if claims.streams > MAX_STREAMS or claims.chapters > _MAX_CHAPTERS:
            return
        if name in _WITHIN:
            inner_end = end if unknown else min(start + size, end)
            _count_elements(file, start, inner_end, claims, steps)
        if unknown:
            return
        start += size


def ebml_number(data: bytes, *, keep_marker: bool) -> tuple[int, int]:
    """An EBML number of variable length, and its bytes: 0 where there is none."""
    if not data or data[0] == 0:
        return 0, 0
    length = 9 - data[0].bit_length()
    if len(data) < length:
        return 0, 0
    value = int.from_bytes(data[:length], "big")
    return (value if keep_marker else value & ((1 << 7 * length) - 1)), length
