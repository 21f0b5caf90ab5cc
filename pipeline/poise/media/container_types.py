"""Which container a file is, by its first bytes, asked before any decoder is given it.

FFmpeg, which all decoders use, takes a file for whatever fits its bytes or its name best, also for
a playlist or a manifest, and then opens what that names: another person's recording, or an address.
So a file is read only if it begins as one of the containers below; a decoder is to take it for that
one and nothing else; and it is handed over under a name that says nothing (`opened`).
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from poise.errors import VideoError
from poise.system.platform import open_without_waiting, read_at

PROBED_BYTES = 2**20  # that FFmpeg looks at before it decides
_SYNCS = range(3, 6)  # packets that must begin as they should: at least and at most
DESCRIPTORS = "/proc/self/fd"  # not /dev/fd: there what opens a file again may share its position
_BOXES = frozenset(
    b"ftyp moov mdat wide free skip pnot udta uuid styp sidx moof junk prfl PICT".split()
)
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
# What FFmpeg looks for up to the first zero byte, and what other players read as lists.
_LISTS = re.compile(
    rb"#extm3u|#ext-x-|ffconcat|<mpd|<smil\b|<smoothstreamingmedia|<playlist|<asx\b|<\?wpl"
    rb"|\[playlist\]|\[reference\]|# vobsub index|rtsptext|(?:rtsp|rtmp|mms|https?|file)://"
    rb"|^\s*file\s+[\"']|^v=0\s",
    re.MULTILINE,
)
_SESSION = re.compile(rb"(?:^|\n)\r?c=IN IP")  # FFmpeg looks for this beyond zero bytes, too


class UnreadableError(VideoError):
    """A file that is no recording, or one that no decoder is to be given."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """A kind of file that is read.

    Args:
        demuxer: FFmpeg's name of what reads it.
        also: Further names of FFmpeg's for the same kind.
    """

    demuxer: str
    also: frozenset[str] = frozenset()

    def is_called(self, format_name: str | None) -> bool:
        """Whether FFmpeg means this kind by the name, or the names, of a format."""
        names = set((format_name or "").split(","))
        return bool(names & {self.demuxer, *self.also})


_MOV = Container(demuxer="mov")
MATROSKA = Container(demuxer="matroska")
_AVI = Container(demuxer="avi")
_FLV = Container(demuxer="flv", also=frozenset({"live_flv"}))
TRANSPORT_STREAM = Container(demuxer="mpegts")
_PROGRAM_STREAM = Container(demuxer="mpeg")
_MPEG_VIDEO = Container(demuxer="mpegvideo")
_WINDOWS_MEDIA = Container(demuxer="asf")
_GIF = Container(demuxer="gif")
_MXF = Container(demuxer="mxf")
_OGG = Container(demuxer="ogg")
_MAGIC = (
    (b"\x1aE\xdf\xa3", MATROSKA),
    (b"FLV\x01", _FLV),
    (b"\0\0\x01\xba", _PROGRAM_STREAM),
    (b"\0\0\x01\xb3", _MPEG_VIDEO),
    (ASF, _WINDOWS_MEDIA),
    (b"\x06\x0e+4\x02\x05\x01\x01\r\x01\x02\x01\x01\x02", _MXF),
    (b"OggS\0", _OGG),
    (b"GIF87a", _GIF),
    (b"GIF89a", _GIF),
)


def container_of(path: Path) -> Container | None:
    """The container that a file begins as, whatever its name.

    Read are MP4 and QuickTime, Matroska and WebM, AVI, Flash, MPEG transport and program streams
    (DVD's among them), MPEG video, Windows Media, GIF, MXF and Ogg. A file that names others is
    none of these. Cheap: a kilobyte of most files is read, and no decoder is loaded.

    Returns:
        None if it is none of those that are read, no regular file, or cannot be read.
    """
    try:
        descriptor = open_without_waiting(path)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            begun = begun_as(read_at(descriptor, 1024, 0))
            if begun is None or names_others(read_at(descriptor, PROBED_BYTES, 0)):
                return None
            return begun
        finally:
            os.close(descriptor)
    except OSError:
        return None


def begun_as(head: bytes) -> Container | None:
    """The container that bytes begin as.

    Args:
        head: The first bytes of a file, a kilobyte at least unless the file is shorter.

    Returns:
        None if it is none of those that are read.
    """
    for magic, container in _MAGIC:
        if head.startswith(magic):
            return container
    if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX", b"AVI\x19"):
        return _AVI
    size = int.from_bytes(head[:4], "big")
    if head[4:8] in _BOXES and (size in (0, 1) or size >= 8):
        return _MOV
    # Plain, with a time stamp before each packet, with check bytes behind.
    for spacing, first in ((188, 0), (192, 4), (204, 0)):
        syncs = head[first : first + spacing * _SYNCS.stop : spacing][: _SYNCS.stop - 1]
        if len(syncs) >= _SYNCS.start and set(syncs) == {0x47}:
            return TRANSPORT_STREAM
    return None


def names_others(head: bytes) -> bool:
    """Whether a file could be taken for a list or a description that names other files.

    Args:
        head: Its first `PROBED_BYTES`, or all of it.
    """
    text = head[: head.find(b"\0")] if b"\0" in head else head
    return bool(_LISTS.search(text.lower()) or (b"c=IN IP" in head and _SESSION.search(head)))


@contextmanager
def opened(path: Path) -> Iterator[tuple[Container, str]]:
    """A recording for a decoder to open, and nothing but that file.

    Yields:
        What it is to be opened as, and an absolute path without suffix or pattern under which it
        can be opened meanwhile; on Linux that is the very file that was looked at, even if another
        has taken its place.

    Raises:
        UnreadableError: If it is not one of the containers that are read, names other files, or
            cannot be opened.
    """
    with ExitStack() as stack:
        try:
            descriptor = open_without_waiting(path)
            stack.callback(os.close, descriptor)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _refusal("is not a file", path)
            head = read_at(descriptor, PROBED_BYTES, 0)
        except OSError as error:
            raise UnreadableError(
                f"cannot be opened as a video ({error.strerror})",
                remedy="Check that the file is there and may be read.",
                path=path,
            ) from error
        if not head:
            raise _refusal("is empty", path)
        if names_others(head):
            raise UnreadableError(
                "is a playlist or description that names other files, not a recording",
                remedy="Put the recording itself there, as a video file of its own.",
                path=path,
            )
        container = begun_as(head)
        if container is None:
            raise _refusal("is not a kind of recording that Poise reads", path)
        yield container, _neutral_name(path, descriptor, stack)


def _neutral_name(path: Path, descriptor: int, stack: ExitStack) -> str:
    """Another name of an open file: by its descriptor or, where Linux is not, by a link."""
    name = Path(DESCRIPTORS, str(descriptor))
    if name.exists():
        return str(name)
    link = Path(stack.enter_context(tempfile.TemporaryDirectory()), "recording")
    link.symlink_to(path.resolve())
    return str(link)


def _refusal(cause: str, path: Path) -> UnreadableError:
    return UnreadableError(
        cause,
        remedy="Check that it plays in a video player, and export it again, as MP4 for example.",
        path=path,
    )
