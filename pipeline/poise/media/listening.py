"""PyAV reads the sound: 16 kHz, mono, block by block, on the clock of the container.

Used inside the decoding process (`poise.media.decoders.server`) only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard

from poise.media.audio import SAMPLE_RATE_HZ, SoundBlock, SoundEnd
from poise.media.container_types import opened
from poise.media.decoders.streams import MAX_LENGTH_S, OpenedRecording, chosen_sound
from poise.types import FloatArray

BLOCK_S = 20.0
_PIECE = 4 * SAMPLE_RATE_HZ
GAP_S = 0.5  # silence is filled in for shorter holes; after longer ones a new block begins
_TOLERANCE_S = 0.05  # time stamps that differ by less follow each other
_MAX_CHAPTERS, _MAX_TITLE = 1_000, 500
_MAX_DAMAGED = 10_000  # packets
_QUIET = 1e-4  # no sample of a silent track is louder: -80 dB


def listen(path: Path) -> Iterator[SoundBlock | SoundEnd]:
    """The sound of a recording in blocks of `BLOCK_S` seconds at most, and then its end.

    The default sound track is read, else the first. What lies before a player's 0:00 is left
    out, as players do. Damaged packets are skipped; the end says so. Memory does not grow with the
    length of the recording.

    Raises:
        VideoError: If the file cannot be opened as a recording. Sound that cannot be decoded is no
            error: the end says `broken`.
    """
    recording = OpenedRecording(path)
    container = recording.container
    zero_s = recording.zero_s() or 0.0
    with container:
        chapters = _chapters(path, container, zero_s)
        stream = chosen_sound(container)
        if stream is None:
            yield SoundEnd(status="none", chapters=chapters)
            return
        if stream.codec_context is None or recording.sound_protected:
            protected = "its sound is protected against copying (DRM)"
            detail = protected if recording.sound_protected else "its sound is of an unknown codec"
            yield SoundEnd(status="broken", detail=detail, chapters=chapters)
            return
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all  # need not be read from the disk
        for item in _Listening(container, stream, zero_s).blocks():
            yield replace(item, chapters=chapters) if isinstance(item, SoundEnd) else item


def _chapters(
    path: Path, container: InputContainer, zero_s: float
) -> tuple[tuple[float, float, str], ...]:
    """The container's chapters, those of MP4 and QuickTime included, which stand in a track."""
    held = container.chapters()
    if not held and "mov" in container.format.name and _may_hold_chapters(container):
        try:
            with opened(path) as (kind, name):
                options = {"protocol_whitelist": "file", "enable_drefs": "0"}
                with av.open(f"file:{name}", format=kind.demuxer, options=options) as again:
                    held = again.chapters()
        except (av.error.FFmpegError, OSError, ValueError):
            held = []
    return tuple(
        (
            float(chapter["start"] * chapter["time_base"]) - zero_s,
            float(chapter["end"] * chapter["time_base"]) - zero_s,
            str(chapter["metadata"].get("title", ""))[:_MAX_TITLE],
        )
        for chapter in held[:_MAX_CHAPTERS]
        if chapter["time_base"] is not None
    )


def _may_hold_chapters(container: InputContainer) -> bool:
    """Whether there is a track of text with so few samples that they can be chapters."""
    tracks = [s for s in container.streams if s.type in ("data", "subtitle", "unknown", None)]
    return bool(tracks) and all(stream.frames <= _MAX_CHAPTERS for stream in tracks)


class _Listening:
    """One pass over a sound track."""

    def __init__(self, container: InputContainer, stream: AudioStream, zero_s: float) -> None:
        self._container, self._stream, self._zero_s = container, stream, zero_s
        self._damaged = 0
        self._failure = ""
        self._loudest = 0.0

    def blocks(self) -> Iterator[SoundBlock | SoundEnd]:
        waiting: list[FloatArray] = []
        start_s, count, follows = 0.0, 0, False
        for time_s, samples in self._pieces():
            end_s = start_s + count / SAMPLE_RATE_HZ
            off_s = time_s - end_s
            leaps = count > 0 and abs(off_s) > GAP_S
            if count and (leaps or count >= BLOCK_S * SAMPLE_RATE_HZ):
                yield SoundBlock(start_s=start_s, samples=np.concatenate(waiting), follows=follows)
                waiting, count = [], 0
                start_s, follows = end_s, True
            if leaps or (not count and not follows):
                start_s, follows = time_s, False
            elif off_s > _TOLERANCE_S:
                samples = np.concatenate(
                    [np.zeros(round(off_s * SAMPLE_RATE_HZ), np.float32), samples]
                )
            elif off_s < -_TOLERANCE_S:
                samples = samples[round(-off_s * SAMPLE_RATE_HZ) :]
            waiting.append(samples)
            count += len(samples)
        if count:
            yield SoundBlock(start_s=start_s, samples=np.concatenate(waiting), follows=follows)
        yield self._end()

    def _pieces(self) -> Iterator[tuple[float, FloatArray]]:
        """Time and samples of each gapless piece, from a player's 0:00 on."""
        run: _Run | None = None
        for frame in self._frames():
            time_s = self._time(frame, run)
            if time_s > MAX_LENGTH_S:
                self._failure = f"its time stamps leap to {time_s:.0f} s"
                break
            if run is not None and abs(time_s - run.end_s) > _TOLERANCE_S:
                yield from self._heard(run, None)
                run = None
            if run is None:
                run = _Run(time_s)
            try:
                yield from self._heard(run, frame)
            except (av.error.FFmpegError, ValueError):  # what the track holds changes
                yield from self._heard(run, None)
                run = _Run(time_s)
                yield from self._heard(run, frame)
        if run is not None:
            yield from self._heard(run, None)

    def _time(self, frame: AudioFrame, run: _Run | None) -> float:
        base = self._stream.time_base
        if frame.pts is None or base is None:
            return 0.0 if run is None else run.end_s
        return frame.pts * float(base) - self._zero_s

    def _heard(self, run: _Run, frame: AudioFrame | None) -> Iterator[tuple[float, FloatArray]]:
        """What a frame, or the end (None), brings out of a run, less what lies before 0."""
        for start_s, samples in run.push(frame):
            early = max(0, round(-start_s * SAMPLE_RATE_HZ))
            if early < len(samples):
                self._loudest = max(self._loudest, float(np.abs(samples[early:]).max()))
                yield max(0.0, start_s), samples[early:]

    def _frames(self) -> Iterator[AudioFrame]:
        """Decoded frames, past what is damaged."""
        packets = self._container.demux(self._stream)
        while self._damaged <= _MAX_DAMAGED:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                yield from packet.decode()
            except av.error.EOFError:
                return
            except (av.error.FFmpegError, OSError, ValueError) as error:
                self._damaged += 1
                if isinstance(error, av.error.DecoderNotFoundError):
                    self._failure = "its sound is of an unknown codec"
                    return
        self._failure = "its sound is damaged"

    def _end(self) -> SoundEnd:
        if self._loudest == 0.0 and (self._damaged or self._failure):
            return SoundEnd(status="broken", detail=self._failure or "its sound is damaged")
        if self._failure or self._damaged:
            packets = f"{self._damaged} damaged packets of sound were skipped"
            return SoundEnd(status="broken" if self._failure else "heard",
                            detail=self._failure or packets)  # fmt: skip
        return SoundEnd(status="heard" if self._loudest > _QUIET else "silent")


class _Run:
    """Frames that follow each other, on their way through one resampler."""

    def __init__(self, start_s: float) -> None:
        self._start_s = start_s
        self._given_s = 0.0
        self._made = 0
        self._resampler = AudioResampler(
            format="flt", layout="mono", rate=SAMPLE_RATE_HZ, frame_size=_PIECE
        )

    @property
    def end_s(self) -> float:
        """Where the next frame is to begin."""
        return self._start_s + self._given_s

    def push(self, frame: AudioFrame | None) -> list[tuple[float, FloatArray]]:
        """Start and samples of the pieces that a frame, or the end (None), completes.

        Raises:
            av.error.FFmpegError, ValueError: If the frame is of another kind than those before.
        """
        if frame is None:
            if not self._given_s:
                return []
        else:
            frame.pts = None  # samples are counted, nothing else
        resampled = self._resampler.resample(frame)
        if frame is not None:
            self._given_s += frame.samples / frame.sample_rate
        pieces = []
        for made in resampled:
            samples = np.clip(np.nan_to_num(made.to_ndarray().reshape(-1)), -1, 1)
            pieces.append((self._start_s + self._made / SAMPLE_RATE_HZ, samples))
            self._made += len(samples)
        return pieces
