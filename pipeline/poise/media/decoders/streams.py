"""Opening a container, and choosing which of its video streams is the recording."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from poise.errors import VideoError
from poise.media.container_claims import MAX_STREAMS, check_claims
from poise.media.container_types import Container, UnreadableError, opened
from poise.media.decoders.sizes import MAX_PIXELS, check_size
from poise.media.joined import second_recording

REMEDY = "Check that it plays in a video player; export it again if it does not."
_NO_RECORDING = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_WITHIN = {"enable_drefs": "0", "use_absolute_path": "0"}  # tracks kept in other files
_LEAST_LENGTH = 0.5  # of the longest stream: what is shorter is a preview
_ESTIMATED = ("mpegvideo",)  # containers whose length FFmpeg only guesses from the bit rate
_LATE_S = 0.1  # what nobody sees
_FROM_ZERO = ("mov", "matroska", "ogg")  # containers that browsers play
_WITHOUT_ASPECT = ("mpegts", "mpeg", "mpegvideo")  # containers that say nothing of pixels
MAX_LENGTH_S = 48 * 3600.0  # what claims to be longer is not believed


class OpenedRecording:
    """A container, opened as what it begins as, and nothing but that file.

    Of two recordings that were joined end to end the first is read.

    Args:
        path: The recording.
        before: The same as it was opened before: what was searched for then is known.

    Attributes:
        container: PyAV's.
        second_at: Where in the file another recording begins, in bytes; None if there is none.
        edits_followed: Whether the container's edit list, if it has one, is followed.
        sound_protected: Whether its sound is encrypted, so that nobody can hear it.

    Raises:
        VideoError: If it is none that is read, or cannot be opened.
    """

    def __init__(self, path: Path, before: OpenedRecording | None = None) -> None:
        self.path = path
        try:
            with opened(path) as (kind, name):
                claims = check_claims(kind, name, path)
                self.edits_followed = claims.edits_followed
                self.sound_protected = "sound" in claims.protected
                self.second_at: int | None = (
                    before.second_at if before else second_recording(kind, name)
                )
                self.container = _open(kind, name, claims.edits_followed, self.second_at)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            cause = getattr(error, "strerror", None) or error
            raise VideoError(
                f"cannot be opened as a video ({cause})", remedy=REMEDY, path=path
            ) from error
        if not kind.is_called(self.container.format.name):
            self.container.close()
            raise UnreadableError("cannot be opened as what it begins as", remedy=REMEDY, path=path)
        self._kind, self._fragmented = kind, claims.fragmented

    def video_streams(self) -> list[VideoStream]:
        """Streams that could be the recording, the likeliest first.

        Cover pictures, thumbnails and previews, which last less than half as long as another
        stream, are none; then the default stream comes first, then the longest, then the largest.

        Raises:
            UnreadableError: If there is none.
        """
        held = self.container.streams.video
        moving = [stream for stream in held if not stream.disposition & _NO_RECORDING]
        known = [stream for stream in moving if stream.codec_context is not None]
        if not moving:
            raise UnreadableError("holds no video stream", remedy=REMEDY, path=self.path)
        if not known:
            raise UnreadableError(
                "its pictures are of an unknown codec", remedy=REMEDY, path=self.path
            )
        lengths = [self._length_s(stream) for stream in known]
        longest_s = max((length_s for length_s in lengths if length_s is not None), default=0.0)
        lasting = [
            stream for stream, length_s in zip(known, lengths, strict=True)
            if length_s is None or length_s >= _LEAST_LENGTH * longest_s
        ]  # fmt: skip
        return sorted(lasting, key=self._rank)

    @property
    def moving_streams(self) -> int:
        """How many video streams it holds, cover pictures and thumbnails left out."""
        held = self.container.streams.video
        return sum(not stream.disposition & _NO_RECORDING for stream in held)

    def duration_s(self) -> float | None:
        """Time from what a player shows as 0:00 to the end of the longest stream, as it claims."""
        duration = self.container.duration
        if not duration or self._kind.demuxer in _ESTIMATED:
            return None
        seconds = duration / av.time_base
        if self._kind.demuxer in _FROM_ZERO:
            if not self._duration_from_zero:
                seconds += max(0.0, self._first_s)
            seconds -= self.zero_s() or 0.0
        return seconds if seconds > 0 else None

    def zero_s(self) -> float | None:
        """Time stamp that a player shows as 0:00; None where nothing says when it starts.

        Of what browsers play (MP4 and QuickTime, Matroska and WebM, Ogg) it is the container's own
        0, also where nothing starts there, as in a cut from a live stream: so Chromium counts, in
        which links of a report lead to their moments. It shows no picture from before 0. Players
        that show what comes first as 0:00 (mpv, VLC) differ by that much.

        Of other containers, whose time stamps may start anywhere, and where time starts as late as
        no recording lasts (some count from 1970), it is where the first of sound and pictures
        starts; sound from before 0 is what its codec needs beforehand, and is left out.
        """
        streams = [*self.container.streams.video, *self.container.streams.audio]
        starts = [
            float(stream.start_time * stream.time_base) for stream in streams
            if stream.start_time is not None and stream.time_base is not None
            and not stream.disposition & _NO_RECORDING
        ]  # fmt: skip
        if self._kind.demuxer in _FROM_ZERO and min(starts, default=0.0) <= MAX_LENGTH_S:
            return 0.0
        if not starts:
            return None
        pictures = [
            float(stream.start_time * stream.time_base)
            for stream in self.container.streams.video
            if stream.start_time is not None and stream.time_base is not None
        ]
        return max(min(starts), min([0.0, *pictures]))

    @property
    def starts_late(self) -> bool:
        """Whether nothing at all starts at a container's 0, so that players differ on what is 0:00
        and may not reach the end."""
        return self._kind.demuxer in _FROM_ZERO and self._first_s > _LATE_S

    @property
    def _first_s(self) -> float:
        """Time stamp of whatever comes first in the container."""
        return (self.container.start_time or 0) / av.time_base

    @property
    def _duration_from_zero(self) -> bool:
        """Whether what a container says of its length counts from its 0, not from what comes first.

        So does Matroska, and MP4 in fragments, each of which says where it stands; of Ogg it
        depends on the codec, and what may be too short does no harm.
        """
        return self._kind.demuxer in ("matroska", "ogg") or self._fragmented

    def pixel_aspect(self, stream: VideoStream) -> Fraction | None:
        """Width of a pixel divided by its height, as the container claims; in those that do not,
        as the codec claims where it stands, as it may change on the way."""
        if self._kind.demuxer in _WITHOUT_ASPECT:
            return stream.codec_context.sample_aspect_ratio
        return stream.sample_aspect_ratio

    def _rank(self, stream: VideoStream) -> tuple[bool, float, int, int]:
        context = stream.codec_context
        return (
            not stream.disposition & Disposition.default,
            -(self._length_s(stream) or 0.0),
            -context.width * context.height,
            stream.index,
        )

    @staticmethod
    def _length_s(stream: VideoStream) -> float | None:
        """Length of a stream, as the container claims."""
        own_s = _seconds_in(stream.metadata.get("DURATION", ""))  # Matroska's own word
        if own_s is None and stream.duration and stream.duration > 0 and stream.time_base:
            return float(stream.duration * stream.time_base)
        return own_s


def chosen_sound(container: InputContainer) -> AudioStream | None:
    """The sound track that is listened to: the default one, else the first; None without any."""
    streams = container.streams.audio
    marked = [stream for stream in streams if stream.disposition & Disposition.default]
    return next(iter([*marked, *streams]), None)


def check_stream(stream: VideoStream, path: Path) -> tuple[int, int]:
    """Width and height of a stream's stored frames; one that a decoder can be given.

    Raises:
        UnreadableError: If it has no picture, or frames that would take too much memory.
    """
    context = stream.codec_context
    if context.width <= 0 or context.height <= 0:
        raise UnreadableError("the video stream has no picture", remedy=REMEDY, path=path)
    check_size(context.width, context.height, path)
    stream.thread_count = 1
    # FFmpeg refuses larger frames, also where the size changes later.
    context.options = {"max_pixels": str(MAX_PIXELS)}
    return context.width, context.height


def _open(kind: Container, name: str, edits_followed: bool, end_at: int | None) -> InputContainer:
    options = {
        "protocol_whitelist": "file" if end_at is None else "file,subfile",
        "format_whitelist": ",".join([kind.demuxer, *kind.also]),
        "max_streams": str(MAX_STREAMS),
        "max_pixels": str(MAX_PIXELS),  # of frames decoded while the container is probed
    }
    if kind.demuxer == "mov":
        options |= _WITHIN | {"ignore_chapters": "1"}
        if not edits_followed:
            options |= {"ignore_editlist": "1"}
    part = "" if end_at is None else f"subfile,,start,0,end,{end_at},,:"
    return av.open(f"{part}file:{name}", format=kind.demuxer, options=options)


def _seconds_in(text: str) -> float | None:
    """Seconds of a duration as Matroska's tags write it: HH:MM:SS.fraction."""
    try:
        hours, minutes, seconds = text.split(":")
        length_s = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None
    return length_s if 0 <= length_s < math.inf else None
