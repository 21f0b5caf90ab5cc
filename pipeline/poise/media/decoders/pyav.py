"""PyAV backend: FFmpeg's libraries, one thread, errors caught packet by packet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
from av.video.frame import VideoFrame

from poise.errors import VideoError
from poise.media.container_types import UnreadableError
from poise.media.decoders.position import Position
from poise.media.decoders.protocol import AS_IT_IS, View
from poise.media.decoders.sampling import WHOLE, SampleClock, SampleSpan
from poise.media.decoders.sizes import Collecting, check_size, reduced_size
from poise.media.decoders.skipping import SkippingPlan
from poise.media.decoders.streams import (
    MAX_LENGTH_S,
    REMEDY,
    OpenedRecording,
    check_stream,
    chosen_sound,
)
from poise.media.decoders.upright import Upright
from poise.media.engines.sources import Engine, EngineError, FrameSource, Software
from poise.media.losses import Losses
from poise.remarks import ReadingRemark
from poise.types import FrameBatch, Image, VideoInfo

_DATE_CHARACTERS = 40
_PROBE_S = 1.0
_BACK_S = 0.5  # a frame this much earlier than one before it belongs to another recording
_NEW_S = 1.0  # and one this close to the beginning is the first of it
_MAX_LEAP_S = 3600.0  # from one frame to the next; what leaps further is damaged or made to harm
_EXACT_S = 1e-3  # time stamps that differ by less are one
_MAX_DAMAGED = 10_000


class PyAVDecoder:
    """See `poise.media.decoders.protocol.VideoDecoder`.

    Inside, times count from the first frame; `info.start_offset_s` is added to what leaves.

    Args:
        path, view: See there.
        engine: Makes the frames that are sampled; None: FFmpeg's software, as of all others.
    """

    def __init__(self, path: Path, view: View = AS_IT_IS, engine: Engine | None = None) -> None:
        self.path, self.view, self._engine = path, view, engine
        self.loss, self.span_frames = "", 0
        self._opened = OpenedRecording(path)
        self._losses = Losses(second=self._opened.second_at is not None)
        choice = [stream.index for stream in self._opened.video_streams()]
        self._index = choice[0] if view.stream is None else view.stream
        self._start_s = 0.0
        self._anchor: tuple[float, int] | None = None  # time and index of the last sample
        self._base: int | None = None  # index of the first frame since reading started somewhere
        self._shown_for_s = 0.0
        self._begun_again = False  # what comes then belongs to another recording
        self._attach()
        check_stream(self._stream, path)
        first = self._first_shown()
        if first is None:
            raise VideoError("not a single frame could be read", remedy=REMEDY, path=path)
        self._start_s = float(first.time or 0.0)
        self._picture = Upright(
            first,
            lambda: self._opened.pixel_aspect(self._stream),
            turn_deg=view.turn_deg,
            canvas_px=view.canvas_px,
        )
        check_size(*self._picture.size_px, path)
        self.info = self._describe(tuple(k for k in choice if k != self._index))

    @property
    def remarks(self) -> tuple[ReadingRemark, ...]:
        """See `VideoDecoder.remarks`."""
        found = []
        if (count := self._opened.moving_streams) > 1:
            values = {"count": count, "stream": self._index}
            found.append(ReadingRemark(code="stream_chosen", values=values))
        sounds = [stream.index for stream in self._opened.container.streams.audio]
        heard = chosen_sound(self._opened.container)
        if heard is not None and len(sounds) > 1:
            values = {"count": len(sounds), "number": 1 + sounds.index(heard.index)}
            found.append(ReadingRemark(code="sound_chosen", values=values))
        if not self._opened.edits_followed:
            found.append(ReadingRemark(code="odd_edits"))
        return (*found, *self._picture.remarks)

    @property
    def wanted_canvas_px(self) -> tuple[int, int]:
        """See `VideoDecoder.wanted_canvas_px`."""
        return self._picture.wanted_px

    @property
    def stored_picture(self) -> Upright:
        """How stored frames are laid down."""
        return self._picture

    @property
    def is_likeliest_for_ffmpeg(self) -> bool:
        """Whether FFmpeg itself would choose the stream that is read, and no more than that."""
        if self._opened.second_at is not None:
            return False
        best = self._opened.container.streams.best("video")
        return best is not None and best.index == self._index

    def sample(
        self,
        rate_hz: float,
        short_side_px: int | None,
        *,
        span: SampleSpan = WHOLE,
        skip_frames: bool = False,
    ) -> Iterator[FrameBatch]:
        """See `VideoDecoder.sample`."""
        clock = SampleClock(rate_hz, span)
        harmless = skip_frames and self._skipping_is_harmless(0.5 / rate_hz)
        plan = SkippingPlan(rate_hz) if harmless else None
        size = reduced_size(*self._picture.size_px, short_side_px)
        batch = Collecting(size, size[0] / self._picture.size_px[0])
        last_s = -1.0
        picture = self._picture.picture if self._engine is None else self._picture.of_engine
        for last_s, frame in self._shown(clock, plan, size):
            if not clock.takes(last_s):
                continue
            image = picture(frame, size)
            index = self._counted(last_s, clock)
            batch.add(image, index, last_s + self.info.start_offset_s)
            self._anchor = last_s, index
            if batch.is_full:
                yield batch.taken()
        if batch.times:
            yield batch.taken()
        if last_s < 0:
            raise VideoError("not a single frame could be read", remedy=REMEDY, path=self.path)
        self.span_frames = self._counted(clock.end_s, clock)
        promised_s = self.info.duration_s if span.last is None else None
        end_s = last_s + self._shown_for_s + self.info.start_offset_s
        self.loss = self._losses.describe(end_s, promised_s)

    def fetch(self, pts_s: Sequence[float]) -> Iterator[Image]:
        """See `VideoDecoder.fetch`."""
        for wanted in pts_s:
            found = self._shown_at(wanted - self.info.start_offset_s)
            if found is None:
                raise VideoError(f"no frame at {wanted:.2f} s", remedy=REMEDY, path=self.path)
            yield self._picture.picture(found, self._picture.size_px)

    def _shown(
        self, clock: SampleClock, plan: SkippingPlan | None, size: tuple[int, int]
    ) -> Iterator[tuple[float, VideoFrame]]:
        """Frames of a span with their times, ascending; what a sample needs is decoded.

        Where frames that were not decoded cost a sample, reading goes back to the sample before.
        """
        self._anchor, self._shown_for_s = None, 0.0
        self._start_at(clock.span.first / clock.rate_hz)
        last_s = -1.0
        while True:
            missed_s, newest_s, reached_s = None, -math.inf, -math.inf
            for frame in self._frames(plan=plan, source=self._source(size)):
                time_s = self.time_of(frame)
                if time_s is not None:
                    self._losses.disordered += time_s < newest_s - _EXACT_S
                    newest_s = max(newest_s, time_s)
                if time_s is None or self._begins_again(time_s, reached_s):
                    continue
                if not self._goes_on(time_s, last_s, clock.start_s):
                    reached_s = max(reached_s, min(time_s, last_s))  # read for the second time
                    continue
                missed_s = self._missed(clock, plan, min(time_s, clock.stop_s))
                if missed_s is not None or time_s >= clock.stop_s:
                    break
                self._note_length(frame, time_s - last_s if last_s >= 0 else 0.0)
                last_s = reached_s = time_s
                yield time_s, frame
            else:
                missed_s = self._missed(clock, plan, math.inf)
            if missed_s is None or plan is None:
                return
            plan.decode_all_from(missed_s)
            held = replace(self._losses)
            self._start_at(self._anchor[0] if self._anchor else clock.span.first / clock.rate_hz)
            self._losses = held

    def _source(self, size: tuple[int, int]) -> FrameSource:
        """What makes the frames that are sampled, from where the container stands.

        Raises:
            EngineError: If the engine does not take the recording.
        """
        if self._engine is None:
            return Software(self._stream)
        if self._picture.is_fitted:
            raise EngineError("its frames are fitted into others, which a GPU's decoder cannot do")
        if self._picture.interlaced:
            raise EngineError("it is interlaced, which a GPU's decoder does not say of its frames")
        return self._engine.opened(self._stream, self._picture.orientation.size(*size))

    def _missed(self, clock: SampleClock, plan: SkippingPlan | None, time_s: float) -> float | None:
        """Time of a frame that was not decoded though a sample needs it, before a given time."""
        if plan is None:
            return None
        due_s = self._position.first_from(clock.due_s)
        if due_s is None or due_s >= min(time_s, clock.stop_s):
            return None
        return due_s if plan.is_missed(due_s, time_s) else None

    def _begins_again(self, time_s: float, reached_s: float) -> bool:
        """Whether time has gone back to the beginning, so that another recording has begun."""
        if time_s < reached_s - _BACK_S:
            self._begun_again |= time_s < _NEW_S
            if self._losses.again_s is None:
                self._losses.again_s = reached_s + self.info.start_offset_s
        return self._begun_again

    def _goes_on(self, time_s: float, last_s: float, start_s: float) -> bool:
        """Whether a frame comes after the one before; one that belongs nowhere is a loss."""
        if time_s <= last_s or time_s < -_EXACT_S:
            return False
        if time_s - max(last_s, start_s) <= _MAX_LEAP_S and time_s <= MAX_LENGTH_S:
            return True
        if self._losses.leap_s is None:
            self._losses.leap_s = time_s + self.info.start_offset_s
        return False

    def _note_length(self, frame: VideoFrame, step_s: float) -> None:
        """How long a frame is shown: as its container says, or as the one before it was."""
        said_s = 0.0
        if frame.duration and self._time_base is not None:
            ticks, per_s = self._time_base
            said_s = frame.duration * ticks / per_s
        self._shown_for_s = max(said_s, min(step_s, 1.0 + 2 * self._shown_for_s))

    def _counted(self, time_s: float, clock: SampleClock) -> int:
        """How many frames of the span are shown before a time that was reached."""
        if self._base is None:
            anchor_s, index = self._anchor or (clock.start_s, 0)
            self._base = index - self._position.before(anchor_s)
        return self._base + self._position.before(time_s)

    def _shown_at(self, wanted_s: float) -> VideoFrame | None:
        """The last frame that is not later than a time; None if even the first is.

        Before it, frames that no other frame refers to are not decoded. One of them would be missed
        only where no frame has exactly that time; then all are decoded.
        """
        for skip_before_s in (wanted_s - _EXACT_S, -math.inf):
            self._seek(wanted_s + self._start_s)
            found = self._last_until(wanted_s, skip_before_s)
            if found is None:  # without an index a seek may land too far
                self._rewind()
                found = self._last_until(wanted_s, skip_before_s)
            if found is None or (self.time_of(found) or 0.0) >= wanted_s - _EXACT_S:
                break
        return found

    def _last_until(self, wanted_s: float, skip_before_s: float) -> VideoFrame | None:
        """The last frame from here on that is not later than a time."""
        found = None
        for frame in self._frames(skip_before_s=skip_before_s):
            time_s = self.time_of(frame)
            if time_s is None:
                continue
            if time_s > wanted_s + _EXACT_S:
                break
            found = frame
            if time_s >= wanted_s - _EXACT_S:
                break
        return found

    def time_of(self, frame: VideoFrame) -> float | None:
        """Time of a frame, counted from the first one."""
        return self._seconds(frame.pts)

    def _seconds(self, pts: int | None) -> float | None:
        if pts is None or self._time_base is None:
            return None
        ticks, per_s = self._time_base
        return pts * ticks / per_s - self._start_s

    def _frames(
        self,
        *,
        skip_before_s: float = -math.inf,
        plan: SkippingPlan | None = None,
        source: FrameSource | None = None,
    ) -> Iterator[VideoFrame]:
        """Frames from the current position on; damaged packets are skipped.

        Args:
            skip_before_s: Up to this time frames that no other frame refers to are not decoded.
            plan: Says the same for any time.
            source: What makes them; FFmpeg's software if None.
        """
        source = source or Software(self._stream)
        packets = self._opened.container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                skips = False
                if packet.size:  # the last, empty one only asks for what the decoder holds
                    time_s = self._seconds(packet.pts)
                    self._position.read(time_s)
                    skips = time_s is not None and (
                        time_s < skip_before_s or (plan is not None and plan.skips(time_s))
                    )
                frames = source.decode(packet, skips)
                in_part = any(frame.is_corrupt for frame in frames)
                self._losses.corrupt += in_part
                gap = packet.is_corrupt and not in_part
                self._losses.note_packet(gap=gap, is_key=packet.is_keyframe)
                for frame in frames:
                    self._position.decoded += 1
                    yield frame
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self._losses.damaged += 1
                if self._losses.damaged > _MAX_DAMAGED:
                    return

    def _first_shown(self) -> VideoFrame | None:
        """The first frame that players show: not from before 0, if there are others."""
        first, zero_s = None, min(0.0, self._opened.zero_s() or 0.0) - _EXACT_S
        for frame in self._frames():
            if frame.time is None or frame.time >= zero_s:
                return frame
            first = first or frame
        return first

    def _attach(self) -> None:
        """Take the chosen stream of the container as it was opened, from its beginning."""
        held = {stream.index: stream for stream in self._opened.container.streams.video}
        if self._index not in held or held[self._index].codec_context is None:
            raise UnreadableError("holds no such video stream", remedy=REMEDY, path=self.path)
        self._stream = held[self._index]
        base = self._stream.time_base
        self._time_base = base.as_integer_ratio() if base else None  # fractions are slow
        self._losses.damaged = self._losses.corrupt = 0
        self._losses.gaps = (False, False)
        self._begun_again = False
        self._position = Position()

    def _rewind(self) -> None:
        self._opened.container.close()
        self._opened = OpenedRecording(self.path, self._opened)
        self._attach()
        check_stream(self._stream, self.path)

    def _start_at(self, time_s: float) -> None:
        """Go to a key frame from which the frame at a time can be decoded, or to the beginning."""
        self._base = None
        self._rewind()
        if time_s <= 0:
            return
        self._seek(time_s + self._start_s)
        first = next(self._frames(), None)
        reached_s = None if first is None else self.time_of(first)
        self._rewind()
        if reached_s is not None and reached_s <= time_s:
            self._seek(time_s + self._start_s)

    def _skipping_is_harmless(self, tolerance_s: float) -> bool:
        """Whether decoding reference frames alone is worth trying: `SkippingPlan` watches the rest.

        Judged by the first second: how far reference frames are apart, less the time between
        frames.
        """
        self._rewind()
        times = []
        for frame in self._frames(skip_before_s=math.inf):
            time_s = self.time_of(frame)
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
            self._opened.container.seek(int(pts_s / time_base), stream=self._stream, backward=True)
        except (av.error.FFmpegError, ValueError):
            self._rewind()

    def _describe(self, others: tuple[int, ...]) -> VideoInfo:
        zero_s = self._opened.zero_s()
        offset_s = 0.0 if zero_s is None else self._start_s - zero_s
        if not 0 <= offset_s <= MAX_LENGTH_S:
            offset_s = 0.0
        duration_s = self._opened.duration_s()
        if duration_s is not None and duration_s > MAX_LENGTH_S:
            self._losses.too_long_s, duration_s = duration_s, None
        rate = self._stream.average_rate
        picture = self._picture
        return VideoInfo(
            width_px=picture.size_px[0],
            height_px=picture.size_px[1],
            duration_s=duration_s,
            frame_rate_hz=float(rate) if rate else None,
            rotation_deg=picture.orientation.rotation_deg,
            codec=self._stream.codec_context.name,
            start_offset_s=offset_s,
            mirrored=picture.orientation.mirrored,
            stream=self._index,
            other_streams=others,
            pixel_aspect=float(picture.pixel_aspect),
            created=self._created(),
        )

    def _created(self) -> str:
        """When the recording was made, as the container or the stream says."""
        for said in (self._opened.container.metadata, self._stream.metadata):
            for name in ("com.apple.quicktime.creationdate", "creation_time"):
                if said.get(name):
                    return str(said[name])[:_DATE_CHARACTERS]
        return ""
