"""decord backend: exact access by frame index, rotation applied by the library.

decord 0.6.0 cannot open files that are cut off and may hang for ever while holding the
interpreter's lock; it is used only in a process that can be killed (`poise.media.reader`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from pathlib import Path

import decord
import numpy as np

from poise.errors import VideoError
from poise.media.decoders.containers import opened
from poise.media.decoders.protocol import describe_end
from poise.media.decoders.sampling import WHOLE, SampleClock, SampleSpan
from poise.media.decoders.sizes import frames_per_batch, reduced_size
from poise.types import FrameBatch, Image, TimeArray, VideoInfo

_REMEDY = "Try --decoder pyav, which reads damaged files as far as possible."


class DecordDecoder:
    """See `poise.media.decoders.protocol.VideoDecoder`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.loss, self.span_frames = "", 0
        self._reader = self._open()
        try:
            height, width, channels = self._reader[0].shape
            spans = self._reader.get_frame_timestamp(range(len(self._reader)))
        except (decord.DECORDError, IndexError, RuntimeError) as error:
            raise VideoError(
                "not a single frame could be read by decord", remedy=_REMEDY, path=path
            ) from error
        if channels != 3:
            raise VideoError("decord cannot read frames this small", remedy=_REMEDY, path=path)
        self._pts_s: TimeArray = np.asarray(spans, np.float64)[:, 0]
        if self._pts_s[0] < 0 or (np.diff(self._pts_s) <= 0).any():
            raise VideoError("decord gives no time stamps", remedy=_REMEDY, path=path)
        rate = float(self._reader.get_avg_fps())
        self.info = VideoInfo(
            width_px=width,
            height_px=height,
            duration_s=float(np.max(spans)),
            frame_rate_hz=rate or None,
            rotation_deg=0,
            codec="",
        )

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
        bounds = [clock.start_s, clock.end_s, clock.stop_s]
        first, end, last = np.searchsorted(self._pts_s, bounds).tolist()
        self.span_frames = end - first
        chosen = np.array([i for i in range(first, last) if clock.takes(self._pts_s[i])], np.int64)
        width, height = reduced_size(self.info.width_px, self.info.height_px, short_side_px)
        reader = self._open(width, height)
        last_s, damaged = float(self._pts_s[-1]), 0
        step = frames_per_batch((width, height))
        for part in np.array_split(chosen, range(step, len(chosen), step)):
            images, kept = [], []
            for index in part:
                try:
                    images.append(reader[int(index)].asnumpy())
                    kept.append(index)
                except (decord.DECORDError, RuntimeError):
                    damaged += 1
            if images:
                yield FrameBatch(
                    images=np.stack(images),
                    frame_index=np.array(kept, np.int64) - first,
                    pts_s=self._pts_s[kept],
                    scale=width / self.info.width_px,
                )
        if damaged == len(chosen) > 0:
            raise VideoError("not a single frame could be read", remedy=_REMEDY, path=self.path)
        self.loss = describe_end(last_s, self.info.duration_s, 0)
        if damaged:
            self.loss = f"{damaged} sampled frames could not be read"

    def fetch(self, pts_s: Sequence[float]) -> Iterator[Image]:
        """See `VideoDecoder.fetch`."""
        for wanted in pts_s:
            index = max(0, int(np.searchsorted(self._pts_s, wanted + 1e-3, side="right")) - 1)
            try:
                yield self._reader[index].asnumpy()
            except (decord.DECORDError, RuntimeError) as error:
                raise VideoError(
                    f"no frame at {wanted:.2f} s", remedy=_REMEDY, path=self.path
                ) from error

    def _open(self, width: int = -1, height: int = -1) -> decord.VideoReader:
        try:
            with opened(self.path) as (container, name):
                if not container.is_called(_format_found(name)):
                    raise VideoError(
                        "decord takes it for another kind of file than it begins as",
                        remedy=_REMEDY,
                        path=self.path,
                    )
                return decord.VideoReader(
                    name, ctx=decord.cpu(0), width=width, height=height, num_threads=1
                )
        except (decord.DECORDError, RuntimeError, OSError) as error:
            raise VideoError(
                "cannot be opened as a video by decord", remedy=_REMEDY, path=self.path
            ) from error


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


def _format_found(name: str) -> str | None:
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
