"""PyAV backend: FFmpeg's libraries, one thread, errors caught packet by packet."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from poise.errors import VideoError
from poise.media.decoders.containers import opened
from poise.media.decoders.protocol import describe_end
from poise.media.decoders.sampling import WHOLE, SampleClock, SampleSpan
from poise.media.decoders.sizes import MAX_PIXELS, check_size, frames_per_batch, reduced_size
from poise.types import FrameBatch, Image, VideoInfo

_PROBE_S = 1.0
_WITHIN = {"enable_drefs": "0", "use_absolute_path": "0"}  # tracks kept in other files
_BACK_S = 0.5  # a frame this much earlier than one before it belongs to another recording
_EXACT_S = 1e-3  # time stamps that differ by less are one
_REMEDY = "Check that it plays in a video player; export it again if it does not."


def open_file(path: Path) -> InputContainer:
    """Open a recording as the container that it begins as, and nothing but that file.

    Raises:
        VideoError: If it is none that is read (`containers.opened`).
        av.error.FFmpegError, OSError: If it cannot be opened.
    """
    with opened(path) as (container, name):
        given = av.open(
            f"file:{name}",
            format=container.demuxer,
            options={
                "protocol_whitelist": "file",
                "format_whitelist": ",".join([container.demuxer, *container.also]),
                **(_WITHIN if container.demuxer == "mov" else {}),
            },
        )
    if not container.is_called(given.format.name):
        given.close()
        raise VideoError("cannot be opened as what it begins as", remedy=_REMEDY, path=path)
    return given


def _bound(stream: VideoStream) -> None:
    """Let FFmpeg refuse frames beyond `MAX_PIXELS`, also where the size changes on the way."""
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}


class PyAVDecoder:
    """See `poise.media.decoders.protocol.VideoDecoder`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.loss, self.span_frames = "", 0
        self._reducer, self._to_rgb = VideoReformatter(), VideoReformatter()
        try:
            self._container = open_file(path)
        except (av.error.FFmpegError, OSError) as error:
            raise VideoError(
                f"cannot be opened as a video ({error.strerror or error})",
                remedy=_REMEDY,
                path=path,
            ) from error
        if not self._container.streams.video:
            raise VideoError("holds no video stream", remedy=_REMEDY, path=path)
        self._stream = self._container.streams.video[0]
        if self._stream.codec_context is None:
            raise VideoError("its pictures are of an unknown codec", remedy=_REMEDY, path=path)
        self._stream.thread_count = 1
        _bound(self._stream)
        self._damaged = 0
        self._position = _Position()
        self._start_s = 0.0
        self._start_s, self._rotation = self._first_frame()
        self.info = self._describe()

    def sample(
        self,
        rate_hz: float,
        short_side_px: int | None,
        *,
        span: SampleSpan = WHOLE,
        skip_frames: bool = False,
    ) -> Iterator[FrameBatch]:
        """See `VideoDecoder.sample`."""
        skips = skip_frames and self._skipping_is_harmless(0.5 / rate_hz)
        self._start_at(span.first / rate_hz)
        if skips:
            self._stream.codec_context.skip_frame = "NONREF"
        clock = SampleClock(rate_hz, span)
        before: int | None = None
        upright = (self.info.width_px, self.info.height_px)
        size = reduced_size(*upright, short_side_px)
        count = frames_per_batch(size)
        scale = size[0] / upright[0]
        images: list[Image] = []
        index: list[int] = []
        times: list[float] = []
        last_s, again_s = -1.0, None
        for frame in self._frames():
            time_s = self._time(frame)
            if time_s is None or time_s <= last_s:
                if again_s is None and time_s is not None and time_s < last_s - _BACK_S:
                    again_s = last_s
                continue
            last_s = time_s
            if time_s >= clock.stop_s:
                break
            if not clock.takes(time_s):
                continue
            if before is None:
                before = self._position.before(clock.start_s)
            images.append(self._upright(frame, size))
            index.append(self._position.before(time_s) - before)
            times.append(last_s)
            if len(images) == count:
                yield _batch(images, index, times, scale)
                images, index, times = [], [], []
        if images:
            yield _batch(images, index, times, scale)
        if last_s < 0:
            raise VideoError("not a single frame could be read", remedy=_REMEDY, path=self.path)
        if before is None:
            before = self._position.before(clock.start_s)
        self.span_frames = self._position.before(clock.end_s) - before
        end_s = self.info.duration_s if span.last is None else None
        self.loss = describe_end(last_s, end_s, self._damaged, again_s)

    def fetch(self, pts_s: Sequence[float]) -> Iterator[Image]:
        """See `VideoDecoder.fetch`."""
        for wanted in pts_s:
            found = self._shown_at(wanted)
            if found is None:
                raise VideoError(f"no frame at {wanted:.2f} s", remedy=_REMEDY, path=self.path)
            yield self._upright(found, (self.info.width_px, self.info.height_px))

    def _shown_at(self, wanted_s: float) -> VideoFrame | None:
        """The last frame that is not later than a time; None if even the first is.

        On the way there frames that no other frame refers to are not decoded. One of them would be
        missed only where no frame has exactly that time; then all are.
        """
        for skip_before_s in (wanted_s - _EXACT_S, -math.inf):
            self._seek(wanted_s + self._start_s)
            found = self._last_until(wanted_s, skip_before_s)
            if found is None:  # without an index a seek may land too far
                self._rewind()
                found = self._last_until(wanted_s, skip_before_s)
            if found is None or (self._time(found) or 0.0) >= wanted_s - _EXACT_S:
                break
        return found

    def _last_until(self, wanted_s: float, skip_before_s: float) -> VideoFrame | None:
        """The last frame from here on that is not later than a time."""
        found = None
        for frame in self._frames(skip_before_s):
            time_s = self._time(frame)
            if time_s is None:
                continue
            if time_s > wanted_s + _EXACT_S:
                break
            found = frame
            if time_s >= wanted_s - _EXACT_S:
                break
        return found

    def _time(self, frame: VideoFrame) -> float | None:
        """Time of a frame, counted from the first one."""
        return self._seconds(frame.pts)

    def _seconds(self, pts: int | None) -> float | None:
        base = self._stream.time_base
        return None if pts is None or base is None else float(pts * base) - self._start_s

    def _frames(self, skip_before_s: float | None = None) -> Iterator[VideoFrame]:
        """Frames from the current position, past what is damaged.

        Args:
            skip_before_s: Up to this time frames that no other frame refers to are not decoded.
        """
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                if packet.size:  # the last, empty one only asks for what the decoder holds
                    time_s = self._seconds(packet.pts)
                    self._position.read(time_s)
                    if skip_before_s is not None:
                        early = time_s is not None and time_s < skip_before_s
                        self._stream.codec_context.skip_frame = "NONREF" if early else "DEFAULT"
                for frame in packet.decode():
                    self._position.decoded += 1
                    yield frame
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self._damaged += 1
                if self._damaged > 10_000:
                    return

    def _rewind(self) -> None:
        self._container.close()
        self._container = open_file(self.path)
        self._stream = self._container.streams.video[0]
        self._stream.thread_count = 1
        _bound(self._stream)
        self._damaged = 0
        self._position = _Position()

    def _start_at(self, time_s: float) -> None:
        """Go to a key frame that is not later, or to the beginning."""
        self._rewind()
        if time_s <= 0:
            return
        self._seek(time_s + self._start_s)
        first = next(self._frames(), None)
        reached_s = None if first is None else self._time(first)
        self._rewind()
        if reached_s is not None and reached_s <= time_s:
            self._seek(time_s + self._start_s)

    def _skipping_is_harmless(self, tolerance_s: float) -> bool:
        """Whether decoding reference frames alone moves a sample by no more than the tolerance.

        Judged by the first second: how far reference frames are apart, less the time between
        frames. A sample then is a later frame than it might be; its time stamp is its own.
        """
        self._rewind()
        self._stream.codec_context.skip_frame = "NONREF"
        times = []
        for frame in self._frames():
            time_s = self._time(frame)
            if time_s is None:
                return False
            times.append(time_s)
            if time_s > _PROBE_S:
                break
        everyone = self._position.times()
        if len(times) < 3 or len(everyone) < 3:
            return False
        between = min(b - a for a, b in pairwise(everyone))
        return max(b - a for a, b in pairwise(times)) - between <= tolerance_s + 1e-3

    def _seek(self, pts_s: float) -> None:
        time_base = self._stream.time_base
        try:
            if time_base is None:
                raise ValueError
            self._container.seek(int(pts_s / time_base), stream=self._stream, backward=True)
        except (av.error.FFmpegError, ValueError):
            self._rewind()

    def _first_frame(self) -> tuple[float, int]:
        """Time stamp of the first frame, and how far it is turned."""
        for frame in self._frames():
            return float(frame.time or 0.0), int(frame.rotation) % 360
        return 0.0, 0

    def _describe(self) -> VideoInfo:
        context = self._stream.codec_context
        width, height = context.width, context.height
        if width <= 0 or height <= 0:
            raise VideoError("the video stream has no picture", remedy=_REMEDY, path=self.path)
        check_size(width, height, self.path)
        if self._rotation in (90, 270):
            width, height = height, width
        duration = None
        if self._stream.duration and self._stream.time_base:
            duration = float(self._stream.duration * self._stream.time_base)
        elif self._container.duration:
            duration = self._container.duration / av.time_base
            if "matroska" in self._container.format.name:  # counts from 0, not from the start
                duration -= self._start_s
        rate = self._stream.average_rate
        return VideoInfo(
            width_px=width,
            height_px=height,
            duration_s=duration,
            frame_rate_hz=float(rate) if rate else None,
            rotation_deg=-self._rotation % 360,
            codec=context.name,
        )

    def _upright(self, frame: VideoFrame, size: tuple[int, int]) -> Image:
        """The frame reduced in FFmpeg's own conversion and turned upright: uint8 [H, W, 3].

        YUV is reduced first and brought to RGB then, half the work of both at once. 4:2:2 is what
        FFmpeg's way to RGB keeps of the colours.
        """
        width, height = size if self._rotation not in (90, 270) else size[::-1]
        if (width, height) != (frame.width, frame.height):
            frame = self._reducer.reformat(
                frame,
                width=width,
                height=height,
                format="yuv422p" if frame.format.name.startswith("yuv") else "rgb24",
                interpolation=Interpolation.AREA,
                threads=1,
            )
        image = self._to_rgb.reformat(frame, format="rgb24", threads=1).to_ndarray()
        if self._rotation:
            image = np.rot90(image, k=self._rotation // 90)
        return np.ascontiguousarray(image, dtype=np.uint8)


class _Position:
    """Where in the stream a frame stands, counting frames that were not decoded, too.

    Frames come out in order of presentation: all that are shown earlier have been read before.
    """

    def __init__(self) -> None:
        self.decoded = 0
        self._ahead: list[float] = []  # a heap: times of packets not yet passed
        self._passed = 0
        self._timed = True

    def read(self, time_s: float | None) -> None:
        """A packet was read; without a time stamp only what is decoded can be counted."""
        if time_s is None:
            self._timed = False
        else:
            heapq.heappush(self._ahead, time_s)

    def before(self, time_s: float) -> int:
        """How many frames since the start of reading are shown before a time that was reached."""
        while self._ahead and self._ahead[0] < time_s - 1e-6:
            heapq.heappop(self._ahead)
            self._passed += 1
        return self._passed if self._timed else self.decoded - 1

    def times(self) -> list[float]:
        """Times of the packets read, in order; empty if one has none."""
        return sorted(self._ahead) if self._timed else []


def _batch(images: list[Image], index: list[int], times: list[float], scale: float) -> FrameBatch:
    return FrameBatch(
        images=np.stack(images),
        frame_index=np.array(index, np.int64),
        pts_s=np.array(times, np.float64),
        scale=scale,
    )
