"""decord backend: exact access by frame index.

What the container says, how frames are laid down and where time starts is PyAV's word, so that both
backends give the same. decord 0.6.0 cannot open files that are cut off, loses the first pictures of
transport streams, and may hang for ever while holding the interpreter's lock; it is used only in a
process that can be killed (`poise.media.reader`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from pathlib import Path

import decord
import numpy as np

from poise.errors import VideoError
from poise.media.container_types import opened
from poise.media.decoders.pyav import PyAVDecoder
from poise.media.decoders.sampling import WHOLE, SampleClock, SampleSpan
from poise.media.decoders.sizes import frames_per_batch, reduced_size
from poise.media.decoders.upright import Orientation
from poise.media.losses import Losses
from poise.remarks import ReadingRemark
from poise.types import FloatArray, FrameBatch, Image, TimeArray

_MAX_PIXELS = 4096 * 2304  # of a frame; decord took 5.8 GB for frames of 8192 x 8192
_GLIMPSE_PX = 64  # side of the frames that are compared with PyAV's
_SAME_PICTURE = 30.0  # mean difference of gray levels, of 255
_REMEDY = "Try --decoder pyav, which reads damaged files as far as possible."


class DecordDecoder:
    """See `poise.media.decoders.protocol.VideoDecoder`.

    Args:
        path: The recording.
        reference: The same, opened by PyAV.

    Raises:
        VideoError: If decord cannot open it, or would read something else of it.
    """

    def __init__(self, path: Path, reference: PyAVDecoder) -> None:
        self.path = path
        self.loss, self.span_frames = "", 0
        self.info = reference.info
        self._reference, self._picture = reference, reference.stored_picture
        with opened(path) as (container, _):
            loses_frames = container.demuxer == "mpegts"  # the first of them, without a word
        other = self._picture.is_fitted or self._picture.interlaced
        faithful = reference.is_likeliest_for_ffmpeg and not other
        if loses_frames or not faithful or self.info.width_px * self.info.height_px > _MAX_PIXELS:
            raise VideoError("decord cannot read it faithfully", remedy=_REMEDY, path=path)
        self._reader = opened_reader(path, _GLIMPSE_PX, _GLIMPSE_PX)  # it keeps frames waiting
        try:
            channels = self._reader[0].shape[2]
            spans = self._reader.get_frame_timestamp(range(len(self._reader)))
        except (decord.DECORDError, IndexError, RuntimeError) as error:
            raise VideoError(
                "not a single frame could be read by decord", remedy=_REMEDY, path=path
            ) from error
        if channels != 3:
            raise VideoError("decord cannot read frames this small", remedy=_REMEDY, path=path)
        times: TimeArray = np.asarray(spans, np.float64)
        if times[0, 0] < 0 or (np.diff(times[:, 0]) <= 0).any():
            raise VideoError("decord gives no time stamps", remedy=_REMEDY, path=path)
        self._pts_s = times[:, 0] - times[0, 0] + self.info.start_offset_s
        self._end_s = float(times.max() - times[0, 0]) + self.info.start_offset_s
        self._fix = self._found_orientation(self._reader[0].asnumpy())

    @property
    def remarks(self) -> tuple[ReadingRemark, ...]:
        """See `VideoDecoder.remarks`."""
        return self._reference.remarks

    @property
    def wanted_canvas_px(self) -> tuple[int, int]:
        """See `VideoDecoder.wanted_canvas_px`; decord brings all frames to the first one's size."""
        return self._picture.size_px

    def sample(
        self,
        rate_hz: float,
        short_side_px: int | None,
        *,
        span: SampleSpan = WHOLE,
        skip_frames: bool = False,
    ) -> Iterator[FrameBatch]:
        """See `VideoDecoder.sample`; decord cannot skip frames."""
        clock = SampleClock(rate_hz, span)
        pts_s = self._pts_s - self.info.start_offset_s
        bounds = [clock.start_s, clock.end_s, clock.stop_s]
        first, end, last = np.searchsorted(pts_s, bounds).tolist()
        self.span_frames = end - first
        chosen = np.array([i for i in range(first, last) if clock.takes(pts_s[i])], np.int64)
        size = reduced_size(self.info.width_px, self.info.height_px, short_side_px)
        reader = opened_reader(self.path, *self._fix.size(*size))
        damaged = 0
        step = frames_per_batch(size)
        for part in np.array_split(chosen, range(step, len(chosen), step)):
            images, kept = [], []
            for index in part:
                try:
                    images.append(self._fix.apply(reader[int(index)].asnumpy()))
                    kept.append(index)
                except (decord.DECORDError, RuntimeError):
                    damaged += 1
            if images:
                yield FrameBatch(
                    images=np.stack(images),
                    frame_index=np.array(kept, np.int64) - first,
                    pts_s=self._pts_s[kept],
                    scale=size[0] / self.info.width_px,
                )
        if damaged == len(chosen) > 0:
            raise VideoError("not a single frame could be read", remedy=_REMEDY, path=self.path)
        promised_s = self.info.duration_s if span.last is None else None
        self.loss = Losses().describe(self._end_s + self._interval_s(), promised_s)
        if damaged:
            self.loss = f"{damaged} sampled frames could not be read"

    def fetch(self, pts_s: Sequence[float]) -> Iterator[Image]:
        """See `VideoDecoder.fetch`."""
        size = self.info.width_px, self.info.height_px
        reader = opened_reader(self.path, *self._fix.size(*size))
        for wanted in pts_s:
            index = max(0, int(np.searchsorted(self._pts_s, wanted + 1e-3, side="right")) - 1)
            try:
                yield np.ascontiguousarray(self._fix.apply(reader[index].asnumpy()))
            except (decord.DECORDError, RuntimeError) as error:
                raise VideoError(
                    f"no frame at {wanted:.2f} s", remedy=_REMEDY, path=self.path
                ) from error

    def _interval_s(self) -> float:
        """How long the last frame is shown, where its container does not say."""
        return float(np.diff(self._pts_s[-2:]).sum())

    def _found_orientation(self, first: Image) -> Orientation:
        """What brings decord's frames to those of PyAV, which mirrors and turns as it should.

        decord knows turns, but not of all containers, and takes mirrors for turns.

        Raises:
            VideoError: If decord shows something else.
        """
        expected = _small(next(self._reference.fetch([self.info.start_offset_s])))
        laid_down = self._picture.orientation
        turned = Orientation.turned(self._picture.rotation_seen_deg)
        ways = (turned.inverse.then(laid_down), laid_down)
        differences = [float(np.abs(_small(way.apply(first)) - expected).mean()) for way in ways]
        best = int(np.argmin(differences))
        if differences[best] > _SAME_PICTURE:
            raise VideoError("decord shows other frames than PyAV", remedy=_REMEDY, path=self.path)
        return ways[best]


def opened_reader(path: Path, width: int = -1, height: int = -1) -> decord.VideoReader:
    """decord's reader of a recording, and of nothing but that file.

    Args:
        path: The recording.
        width, height: Of the frames, once decord has turned them; as they are by default.

    Raises:
        VideoError: If decord cannot open it, or takes it for something else than it begins as.
    """
    try:
        with opened(path) as (container, name):
            if not container.is_called(format_found(name)):
                raise VideoError(
                    "decord takes it for another kind of file than it begins as",
                    remedy=_REMEDY,
                    path=path,
                )
            return decord.VideoReader(
                name, ctx=decord.cpu(0), width=width, height=height, num_threads=1
            )
    except (decord.DECORDError, RuntimeError, OSError) as error:
        raise VideoError(
            "cannot be opened as a video by decord", remedy=_REMEDY, path=path
        ) from error


def _small(image: Image) -> FloatArray:
    """Means of blocks, float32 [8, 8], of a picture of at least that size or repeated pixels."""
    gray = image.mean(axis=2, dtype=np.float32)
    rows = [part.mean(axis=0) for part in np.array_split(gray, 8)] if len(gray) >= 8 else [*gray]
    columns = [
        part.mean(axis=1) for part in np.array_split(np.stack(rows), min(8, gray.shape[1]), axis=1)
    ]
    return np.stack(columns)


class _ProbeData(ctypes.Structure):
    """FFmpeg's AVProbeData."""

    _fields_ = (
        ("filename", ctypes.c_char_p),
        ("buf", ctypes.c_void_p),
        ("buf_size", ctypes.c_int),
        ("mime_type", ctypes.c_char_p),
    )


class _InputFormat(ctypes.Structure):
    """The beginning of FFmpeg's AVInputFormat, alike in all its versions."""

    _fields_ = (("name", ctypes.c_char_p),)


def format_found(name: str) -> str | None:
    """The format that decord will take a file for, as decord cannot be told one.

    Its own FFmpeg is asked by the functions, in the order, and with the limits with which
    `avformat_open_input` chooses: first by name alone, then by name and content.

    Returns:
        FFmpeg's name of it; None if there is none, or if this decord's FFmpeg cannot be asked.
    """
    try:
        library = decord._ffi.base._LIB  # finds what it depends on, too
        by_name, by_content = library.av_probe_input_format2, library.av_probe_input_buffer2
        open_, close = library.avio_open, library.avio_closep
    except AttributeError:
        return None
    by_name.restype = ctypes.POINTER(_InputFormat)
    asked = _ProbeData(filename=name.encode())
    found = by_name(ctypes.byref(asked), 0, ctypes.byref(ctypes.c_int(25)))  # AVPROBE_SCORE_RETRY
    if not found:
        source = ctypes.c_void_p()
        if open_(ctypes.byref(source), asked.filename, 1) < 0:  # AVIO_FLAG_READ
            return None
        found = ctypes.POINTER(_InputFormat)()
        by_content(source, ctypes.byref(found), asked.filename, None, 0, 0)
        close(ctypes.byref(source))
    return found.contents.name.decode() if found else None
