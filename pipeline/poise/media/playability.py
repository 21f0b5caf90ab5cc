"""Which recordings browsers play as they are: upright, small enough, in codecs they all know."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from poise.media.decoders.streams import OpenedRecording
from poise.types import VideoInfo

_MP4 = ({"h264"}, {"aac", "mp3"})
_WEBM = ({"vp8", "vp9"}, {"opus", "vorbis"})
_PIXELS = {"yuv420p", "yuvj420p"}  # browsers show no other of H.264
_MAX_BOXES = 200


def plays_as_it_is(path: Path, info: VideoInfo, lines: int) -> str:
    """Suffix under which every browser plays a recording as it is; empty where one might not.

    A browser must also seek in it: fragments, and WebM that does not say how long it is, as
    browsers record it, are none of these, nor is what starts late, where they differ on what is
    0:00. The recording must hold nothing beside one picture and one sound, as nobody knows which a
    player takes.

    Args:
        path: The recording.
        info: How it is read.
        lines: Most lines of its short side.

    Raises:
        VideoError: If it cannot be opened.
    """
    upright = not info.rotation_deg and not info.mirrored and info.pixel_aspect == 1
    if not upright or info.duration_s is None or min(info.width_px, info.height_px) > lines:
        return ""
    recording = OpenedRecording(path)
    with recording.container as container, path.open("rb") as file:
        streams = container.streams
        if (
            len(streams.video) != 1
            or len(streams.audio) > 1
            or len(streams.video) + len(streams.audio) != len(streams)
            or streams.video[0].codec_context.pix_fmt not in _PIXELS
            or not recording.edits_followed
            or recording.starts_late
            or any(stream.codec_context is None for stream in streams)
        ):
            return ""
        picture = streams.video[0].codec_context.name
        sound = {stream.codec_context.name for stream in streams.audio}
        head = file.read(64)
        if head[4:8] == b"ftyp" and head[8:12] != b"qt  ":
            known = picture in _MP4[0] and sound <= _MP4[1]
            return ".mp4" if known and not _is_fragmented(file) else ""
        if b"webm" in head:
            return ".webm" if picture in _WEBM[0] and sound <= _WEBM[1] else ""
    return ""


def _is_fragmented(file: IO[bytes]) -> bool:
    """Whether an MP4 comes in fragments, or so many boxes that nobody knows."""
    position = 0
    for _ in range(_MAX_BOXES):
        file.seek(position)
        head = file.read(16)
        if len(head) < 8:
            return False
        size = int.from_bytes(head[:4], "big")
        if head[4:8] == b"moof":
            return True
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < 8:  # 0: to the end of the file
            return size != 0
        position += size
    return True
