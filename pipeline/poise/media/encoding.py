"""Videos for browsers: upright H.264 with AAC in MP4, made in a process of its own.

Used inside the encoding process only; `poise.media.transcode` speaks to it. Its 0:00 is what a
player shows as 0:00 of the recording, so that what was measured of the recording fits the video.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from heapq import merge
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.stream import Discard
from av.video.frame import PictureType

from poise.errors import PoiseError, VideoError
from poise.media.decoders.pyav import PyAVDecoder
from poise.media.decoders.sampling import WHOLE, SampleSpan
from poise.media.decoders.server import limit_memory
from poise.media.decoders.streams import MAX_LENGTH_S, OpenedRecording, chosen_sound
from poise.media.playability import plays_as_it_is
from poise.media.transcode import Job, Made, Progress
from poise.system.atomic_files import is_full, not_written
from poise.system.child_process import channel_to_parent
from poise.types import Image

MAX_RATE_HZ = 60.0  # frames of faster recordings are left out
LINES = 540  # of the short side
_KEY_FRAMES_S = 2.0  # so far a seek has to decode at most
_CLOCK = Fraction(1, 90_000)
_SOUND_HZ, _SOUND_BITS = 48_000, 128_000
_MAX_LEAP_S = 3600.0  # sound that leaps further is damaged, or made to harm
_CHUNK_BYTES = 4_000_000
_REPORT_S = 0.5
Tell = Callable[[float], None]


def carry_out(job: Job, tell: Tell) -> Made:
    """Make what a job asks for.

    Args:
        job: See there.
        tell: Called with the seconds that were written, now and then.

    Raises:
        VideoError: If the recording cannot be read.
        OSError: If the video cannot be written.
    """
    decoder = PyAVDecoder(job.source, job.view)
    suffix = plays_as_it_is(job.source, decoder.info, LINES) if job.may_copy else ""
    if suffix:
        target = job.stem.with_name(job.stem.name + suffix)
        _copy(job.source, target, tell)
        return Made(path=target, copied=True)
    target = job.stem.with_name(job.stem.name + ".mp4")
    start_s, end_s = job.span_s or (0.0, math.inf)
    with av.open(f"file:{target}", "w", format="mp4", options={"movflags": "+faststart"}) as out:
        first_s = max(0.0, decoder.info.start_offset_s - start_s)
        sound = _Sound(job.source, start_s, end_s, first_s)
        _encode(out, _pictures(decoder, start_s, end_s), sound, tell)
    return Made(path=target, detail=decoder.loss)


def _copy(source: Path, target: Path, tell: Tell) -> None:
    with source.open("rb") as from_file, target.open("wb") as to_file:
        while chunk := from_file.read(_CHUNK_BYTES):
            to_file.write(chunk)
            tell(0.0)


def _pictures(decoder: PyAVDecoder, start_s: float, end_s: float) -> Iterator[tuple[float, Image]]:
    """Time from the start of the span, and picture, of each frame; the first one is shown from 0
    on, as there is nothing else to show."""
    rate_hz = min(MAX_RATE_HZ, max(1.0, 2 * (decoder.info.frame_rate_hz or MAX_RATE_HZ)))
    offset_s = decoder.info.start_offset_s
    span = WHOLE
    if start_s > 0 or end_s < math.inf:
        last = max(1, math.ceil((end_s - offset_s) * rate_hz))
        first = min(last - 1, max(0, math.floor((start_s - offset_s) * rate_hz)))
        span = SampleSpan(first=first, last=last)
    is_first = True
    for batch in decoder.sample(rate_hz, LINES, span=span):
        for time_s, image in zip(batch.pts_s, batch.images, strict=True):
            yield (0.0 if is_first else float(time_s) - start_s), image
            is_first = False


def _encode(
    out: OutputContainer, pictures: Iterator[tuple[float, Image]], sound: _Sound, tell: Tell
) -> None:
    """Write pictures and sound as they follow each other in time."""
    first = next(pictures)
    video = _video_track(out, first[1])
    heard = sound.frames()
    first_heard = next(heard, None)
    track: Any = None
    if first_heard is not None:
        track = out.add_stream("aac", rate=_SOUND_HZ, layout="stereo")
        track.codec_context.bit_rate = _SOUND_BITS
        heard = chain([first_heard], heard)
    last_pts, key_pts = -1, -math.inf
    items: Iterator[tuple[float, Any]] = merge(heard, chain([first], pictures), key=itemgetter(0))
    for time_s, item in items:
        tell(time_s)
        if isinstance(item, AudioFrame):
            out.mux(track.encode(item))
            continue
        pts = round(time_s / _CLOCK)
        if pts <= last_pts:
            continue
        frame = av.VideoFrame.from_ndarray(item, format="rgb24").reformat(
            video.width, video.height, "yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
        )
        frame.pts, frame.time_base, last_pts = pts, _CLOCK, pts
        if (pts - key_pts) * _CLOCK >= _KEY_FRAMES_S:
            frame.pict_type, key_pts = PictureType.I, pts
        out.mux(video.encode(frame))
    for ended in filter(None, (video, track)):
        out.mux(ended.encode())


def _video_track(out: OutputContainer, image: Image) -> Any:
    """H.264 for pictures of that size, its sides even."""
    track = out.add_stream("libx264", rate=30, options={"preset": "veryfast", "crf": "23"})
    height, width = (max(2, side // 2 * 2) for side in image.shape[:2])
    context: Any = track.codec_context
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    track.time_base = context.time_base = _CLOCK
    context.color_range, context.colorspace = 1, 1  # MPEG's range, BT.709
    context.color_primaries, context.color_trc = 1, 1
    return track


class _Sound:
    """The sound of a recording, or of a span of it, without holes: 48 kHz, stereo.

    It begins when it is first heard; from there on silence fills what is missing. What lies before
    the start is left out. Sound that cannot be read ends it, as pictures alone are worth having.

    Args:
        path: The recording.
        start_s, end_s: The span, from what a player shows as 0:00.
        first_s: When its first picture is shown, from its start.
    """

    def __init__(self, path: Path, start_s: float, end_s: float, first_s: float) -> None:
        self._path, self._start_s, self._end_s = path, start_s, end_s
        self._first_s = first_s
        self._graph: Any = None
        self._kind: tuple[object, ...] = ()
        self._made = 0  # samples

    def frames(self) -> Iterator[tuple[float, AudioFrame]]:
        """Frames of sound with their times from the start of the span."""
        recording = OpenedRecording(self._path)
        with recording.container as container:
            stream = chosen_sound(container)
            if stream is None or stream.codec_context is None or stream.time_base is None:
                return
            for other in container.streams:
                if other.index != stream.index:
                    other.discard = Discard.all
            zero_s = (recording.zero_s() or 0.0) + self._start_s
            if self._start_s > 1:
                with suppress(av.error.FFmpegError):
                    container.seek(
                        int((zero_s - 1) / stream.time_base), stream=stream, backward=True
                    )
            yield from self._filtered(_decoded(container.demux(stream)), zero_s)

    def _filtered(
        self, decoded: Iterator[AudioFrame], zero_s: float
    ) -> Iterator[tuple[float, AudioFrame]]:
        expected_s: float | None = None
        for frame in decoded:
            if frame.time is None or frame.time_base is None:
                continue
            time_s = frame.time - zero_s
            if time_s > min(self._end_s - self._start_s, MAX_LENGTH_S):
                break
            length_s = frame.samples / frame.sample_rate
            if time_s + length_s <= 0:
                continue
            due_s = expected_s or 0.0
            latest_s = self._first_s if expected_s is None else expected_s
            if not due_s - _MAX_LEAP_S <= time_s <= latest_s + _MAX_LEAP_S:
                continue
            if expected_s is not None and time_s + length_s <= expected_s:
                continue  # again what was heard already
            if expected_s is None:
                self._made = max(0, round(time_s * _SOUND_HZ))
            expected_s = time_s + length_s
            try:
                yield from self._through(frame, time_s)
            except (av.error.FFmpegError, ValueError):
                self._graph = None
        if self._graph is not None:
            with suppress(av.error.FFmpegError, ValueError):
                self._graph.push(None)
                yield from self._pulled()

    def _through(self, frame: AudioFrame, time_s: float) -> Iterator[tuple[float, AudioFrame]]:
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._graph is None or kind != self._kind:
            self._graph, self._kind = _graph(frame, self._made), kind
        frame.pts, frame.time_base = (
            round(time_s * frame.sample_rate),
            Fraction(1, frame.sample_rate),
        )
        self._graph.push(frame)
        yield from self._pulled()

    def _pulled(self) -> Iterator[tuple[float, AudioFrame]]:
        while True:
            try:
                made = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            made.pts, made.time_base = self._made, Fraction(1, _SOUND_HZ)
            yield self._made / _SOUND_HZ, made
            self._made += made.samples


def _graph(frame: AudioFrame, made: int) -> Any:
    """A filter that resamples, and keeps sound on its time stamps with silence or cuts.

    Args:
        frame: The first that is to go through it.
        made: Samples that went out before.
    """
    first_pts = round(made * frame.sample_rate / _SOUND_HZ)  # libswresample counts what comes in
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        format=frame.format.name,
        sample_rate=frame.sample_rate,
        layout=frame.layout.name,
        time_base=Fraction(1, frame.sample_rate),
    )
    steps = [
        graph.add("aresample", f"{_SOUND_HZ}:async=1:first_pts={first_pts}"),
        graph.add("aformat", "sample_fmts=fltp:channel_layouts=stereo"),
        graph.add("abuffersink"),
    ]
    for step in steps:
        source.link_to(step)
        source = step
    graph.configure()
    return graph


def _decoded(packets: Iterator[Any]) -> Iterator[AudioFrame]:
    """Frames, past what is damaged."""
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.DecoderNotFoundError:
            return
        except (av.error.FFmpegError, OSError, ValueError):
            continue


def main() -> None:
    """Serve the parent's channel: a `Job` is answered by `Progress` and then `Made` or an error."""
    limit_memory()
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    channel = channel_to_parent()
    while True:
        try:
            job = channel.recv()
        except (EOFError, OSError):
            return
        told = time.monotonic()

        def tell(seconds: float) -> None:
            nonlocal told
            if time.monotonic() - told > _REPORT_S:
                channel.send(Progress(seconds=seconds))
                told = time.monotonic()

        try:
            channel.send(carry_out(job, tell))
        except PoiseError as error:
            channel.send(error)
        except Exception as error:  # the one that asked must hear of it, whatever it is
            if isinstance(error, OSError) and is_full(error):
                channel.send(not_written(error, job.stem))
                continue
            cause = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            channel.send(
                VideoError(
                    f"no video for browsers could be made of it ({cause})",
                    remedy="Check that it plays, and that the disk has room.",
                    path=job.source,
                )
            )
