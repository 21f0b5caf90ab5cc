"""What turns packets into frames: FFmpeg's software, or a GPU's decoding engine (NVDEC).

Both leave out frames that no other frame refers to where they are told to, and both give frames
the time stamps of the packets that they were made from. An engine may also reduce them on its way.
Whatever an engine cannot do is an `EngineError`; the recording is then read by software.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from poise.errors import VideoError
from poise.media.engines.references import is_referred_to, length_size_of

CUVID: Mapping[str, str] = MappingProxyType(
    {"h264": "h264_cuvid", "hevc": "hevc_cuvid", "vp9": "vp9_cuvid", "av1": "av1_cuvid"}
)
"""FFmpeg's names of NVIDIA's decoders, by codec."""
_EIGHT_BITS = frozenset({"yuv420p", "yuvj420p"})
_TEN_BITS = frozenset({"yuv420p10le"})  # of H.264 no engine before Blackwell takes them
_MAX_PENDING = 64  # packets for which no frame came; none of these codecs reorders so many


class EngineError(VideoError):
    """A decoding engine is not there, or cannot read a recording."""


class FrameSource(Protocol):
    """Makes frames of packets."""

    def decode(self, packet: Packet[VideoStream], skips: bool) -> Sequence[VideoFrame]:
        """Frames that are ready; of the last, empty packet all that are left.

        Args:
            packet: The next one of the stream.
            skips: Whether it may be left out if no other frame refers to it.

        Raises:
            av.error.FFmpegError: If the packet is damaged.
            EngineError: If this source cannot go on.
        """
        ...


class Software:
    """FFmpeg's own decoder, one thread.

    Args:
        stream: Of an opened container.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._context = stream.codec_context
        self._skipping: bool | None = None

    def decode(self, packet: Packet[VideoStream], skips: bool) -> Sequence[VideoFrame]:
        """See `FrameSource`."""
        if packet.size and skips != self._skipping:
            self._context.skip_frame, self._skipping = ("NONREF" if skips else "DEFAULT"), skips
        return packet.decode()  # type: ignore[return-value]


@dataclass(frozen=True)
class Engine:
    """A kind of decoding engine.

    Args:
        decoders: FFmpeg's names of its decoders, by codec.
        gpu: Number of the GPU; None: it is none.
    """

    decoders: Mapping[str, str]
    gpu: int | None = None

    def opened(self, stream: VideoStream, size: tuple[int, int]) -> EngineFrames:
        """A source of frames of that width and height.

        Raises:
            EngineError: If there is no such engine, or it does not take such streams.
        """
        told = stream.codec_context
        takes = _EIGHT_BITS if told.name in ("h264", "mjpeg") else _EIGHT_BITS | _TEN_BITS
        name = self.decoders.get(_codec_of(told))
        if name is None or told.pix_fmt not in takes:
            raise EngineError(f"the GPU does not decode {told.name} in {told.pix_fmt}")
        try:
            context = av.CodecContext.create(name, "r")
            assert isinstance(context, VideoCodecContext)
            context.extradata = told.extradata
            context.width, context.height = told.width, told.height
            if self.gpu is not None:
                context.options = {"resize": f"{size[0]}x{size[1]}", "gpu": str(self.gpu)}
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise EngineError(f"the GPU's decoder cannot be opened ({error})") from error
        return EngineFrames(context, told.name, length_size_of(told.extradata, told.name))


class EngineFrames:
    """Frames made by an engine; their time stamps are those of the packets, in order.

    Args:
        context: Its decoder.
        codec: FFmpeg's name of the codec.
        length_size: Bytes of the lengths before units of H.264 and HEVC; None: unknown.
    """

    def __init__(self, context: VideoCodecContext, codec: str, length_size: int | None) -> None:
        self._context, self._codec, self._length_size = context, codec, length_size
        self._pending: list[int] = []  # a heap: time stamps of packets without a frame so far
        self._coded_size: tuple[int, int] | None = None
        self.dropped = 0

    def decode(self, packet: Packet[VideoStream], skips: bool) -> Sequence[VideoFrame]:
        """See `FrameSource`."""
        if packet.size:
            if skips and not is_referred_to(memoryview(packet), self._codec, self._length_size):
                self.dropped += 1
                return ()
            if packet.pts is None:
                raise EngineError("packets have no time stamps, which the GPU's decoder needs")
            heapq.heappush(self._pending, packet.pts)
        try:
            frames = self._context.decode(packet if packet.size else None)
        except av.error.EOFError:
            return ()
        except av.error.InvalidDataError:  # damaged: as software meets it
            raise
        except (av.error.FFmpegError, OSError) as error:
            raise EngineError(f"the GPU's decoder failed ({error})") from error
        if len(self._pending) > _MAX_PENDING + len(frames):
            raise EngineError("the GPU's decoder gives no frames")
        return [self._timed(frame) for frame in frames]

    def _timed(self, frame: VideoFrame) -> VideoFrame:
        """The frame with the time stamp of its packet.

        Frames come in order of presentation: a frame is of the earliest packet that has none yet.
        Of packets that are passed over nothing came: they were damaged, or the second field of a
        frame.
        """
        coded = self._context.coded_width, self._context.coded_height
        if self._coded_size not in (None, coded):
            raise EngineError("its frames change their size, which the GPU's decoder would hide")
        self._coded_size = coded
        if frame.pts is None:
            if not self._pending:
                raise EngineError("the GPU's decoder gives more frames than there are")
            frame.pts = heapq.heappop(self._pending)
            return frame
        while self._pending and self._pending[0] < frame.pts:
            heapq.heappop(self._pending)
        if not self._pending or self._pending[0] != frame.pts:
            raise EngineError("the GPU's decoder gives a time stamp that no packet has")
        heapq.heappop(self._pending)
        return frame


def _codec_of(context: VideoCodecContext) -> str:
    """The codec's own name, whichever decoder was chosen for it."""
    return {"libdav1d": "av1", "libvpx-vp9": "vp9"}.get(context.name, context.name)
