"""Whether a file holds another recording behind the first: two that were joined end to end.

Players, and FFmpeg, show the first of them without a word, or both as one. Here containers whose
parts say where they end are followed from part to part, and others are searched for a second head.
What holds times alone (MPEG streams, Ogg) shows it where time starts again while it is read; MPEG
video without a container has only the time codes of its groups of pictures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from poise.media.container_claims import ebml_number
from poise.media.container_types import ASF, MATROSKA, Container

_MAX_PARTS = 200_000  # looked at
_BLOCK_BYTES = 2**20
# Heads that no picture or sound holds by chance: behind what ends a recording, or long enough.
_HEADS = {
    "flv": re.compile(rb"FLV\x01[\x00-\x07]\0\0\0\x09\0\0\0\0"),
    "gif": re.compile(rb"(?<=;)GIF8[79]a"),
}
_LONGEST_HEAD = 16
# Of MPEG video (ISO/IEC 13818-2, 6.2.2): a sequence's header; a group's, with hours, minutes,
# seconds and pictures in 25 bits.
_SEQUENCE_OR_GROUP = re.compile(rb"\0\0\x01(?:\xb3|\xb8(.{4}))", re.DOTALL)


def second_recording(kind: Container, name: str) -> int | None:
    """Where in a file another recording begins, in bytes; None where none is found.

    Args:
        kind: What the file begins as.
        name: Under which it can be opened.

    Raises:
        OSError: If it cannot be read.
    """
    with Path(name).open("rb") as file:
        end = file.seek(0, 2)
        if kind.demuxer in _HEADS:
            return _searched(file, _HEADS[kind.demuxer])
        follow = _FOLLOWED.get(kind.demuxer)
        return follow(file, end) if follow else None


def _parts(
    file: IO[bytes], end: int, size_of: Callable[[bytes, int], int]
) -> Iterator[tuple[int, bytes]]:
    """Where the parts at the top of a file begin, and the first bytes of each.

    Args:
        size_of: Bytes of a part by its first 24, and by what is left of the file; 0: not known.
    """
    start = 0
    for _ in range(_MAX_PARTS):
        file.seek(start)
        head = file.read(24)
        if len(head) < 8:
            return
        yield start, head
        size = size_of(head, end - start)
        if size <= 0:
            return
        start += size


def _in_boxes(file: IO[bytes], end: int) -> int | None:
    """MP4 and QuickTime (ISO/IEC 14496-12, 4.2); fragments may bring heads of their own."""

    def size_of(head: bytes, left: int) -> int:
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        return size if size >= 8 else left

    seen = {b"ftyp": 0, b"moov": 0, b"mdat": 0}
    for start, head in _parts(file, end, size_of):
        box = head[4:8]
        if box in (b"moof", b"styp", b"sidx"):
            return None
        if box == b"ftyp" and seen[b"moov"] and seen[b"mdat"]:
            return start
        if box in seen:
            seen[box] += 1
            if seen[b"moov"] > 1 and seen[b"mdat"] > 1:  # old QuickTime files have no `ftyp`
                return start
    return None


def _in_elements(file: IO[bytes], end: int) -> int | None:
    """Matroska and WebM (RFC 8794); a segment whose size is unknown hides what comes."""

    def size_of(head: bytes, left: int) -> int:
        _, length = ebml_number(head, keep_marker=True)
        size, more = ebml_number(head[length:], keep_marker=False)
        unknown = not length or not more or size == (1 << 7 * more) - 1
        return 0 if unknown else length + more + size

    for start, head in _parts(file, end, size_of):
        if start and head.startswith(b"\x1aE\xdf\xa3"):
            return start
    return None


def _in_chunks(file: IO[bytes], end: int) -> int | None:
    """AVI; what goes on beyond its first gigabytes is called AVIX (OpenDML 1.02)."""

    def size_of(head: bytes, left: int) -> int:
        size = int.from_bytes(head[4:8], "little")
        return 8 + size + size % 2 if head[:4] == b"RIFF" and size else 0

    for start, head in _parts(file, end, size_of):
        if start and head[:4] == b"RIFF" and head[8:11] == b"AVI" and head[8:12] != b"AVIX":
            return start
    return None


def _in_objects(file: IO[bytes], end: int) -> int | None:
    """Windows Media (ASF specification, 2.1)."""
    for start, head in _parts(file, end, lambda head, _: int.from_bytes(head[16:24], "little")):
        if start and head.startswith(ASF):
            return start
    return None


def _in_groups(file: IO[bytes], end: int) -> int | None:
    """MPEG video; a time code that always stays the same tells nothing."""
    sequence, first, has_gone_on = None, None, False
    for start, found in _matches(file, _SEQUENCE_OR_GROUP):
        if found[1] is None:
            sequence = start
            continue
        time_code = int.from_bytes(found[1], "big") >> 7
        if first is None:
            first = time_code
        elif time_code > first:
            has_gone_on = True
        elif has_gone_on and sequence and time_code == first:
            return sequence
        sequence = None
    return None


def _searched(file: IO[bytes], pattern: re.Pattern[bytes]) -> int | None:
    """The first place behind the beginning where the pattern is found."""
    return next((start for start, _ in _matches(file, pattern) if start), None)


def _matches(file: IO[bytes], pattern: re.Pattern[bytes]) -> Iterator[tuple[int, re.Match[bytes]]]:
    """All places where a pattern, of `_LONGEST_HEAD` bytes at most, is found."""
    start, before = 0, b""
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        for found in pattern.finditer(before + block):
            if found.end() > len(before):
                yield start - len(before) + found.start(), found
        start += len(block)
        before = (before + block)[-_LONGEST_HEAD:]


_FOLLOWED = {
    "mov": _in_boxes,
    MATROSKA.demuxer: _in_elements,
    "avi": _in_chunks,
    "asf": _in_objects,
    "mpegvideo": _in_groups,
}
