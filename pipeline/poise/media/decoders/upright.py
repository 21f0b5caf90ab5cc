"""Pictures as a person sees them: turned, mirrored, with square pixels, all of one size."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from poise.media.decoders.dynamic_range import HLG, PQ, to_standard
from poise.remarks import ReadingRemark
from poise.types import Image

_ODD = 0.05  # share of a display matrix beside quarter turns and mirrors that nobody sees
_MAX_ASPECT = 4.0  # of one pixel; what claims more is not believed
_SAME_SHAPE = 0.01  # relative difference of two aspect ratios that nobody sees
_UNSPECIFIED = 2  # FFmpeg's number for a colour matrix, a transfer curve, or primaries


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to lay a picture down: quarter turns, mirrored or not.

    A pixel at (x, y) goes to (a * x + c * y, b * x + d * y), the origin moved so that all of the
    picture stays visible; x to the right, y down. Exactly two of the four are not 0.
    """

    a: int = 1
    b: int = 0
    c: int = 0
    d: int = 1

    @classmethod
    def turned(cls, degrees: int) -> Orientation:
        """Turned clockwise by a multiple of 90 degrees."""
        cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[degrees // 90 % 4]
        return cls(cosine, sine, -sine, cosine)

    @classmethod
    def of_matrix(cls, matrix: Sequence[float]) -> tuple[Orientation, bool]:
        """The way that a display matrix (a, b, c, d) comes closest to, and whether that is it."""
        a, b, c, d = matrix
        straight, across = min(abs(a), abs(d)), min(abs(b), abs(c))
        most = max(straight, across)
        if most <= 0:
            return cls(), not any(matrix)
        if straight >= across:
            beside = max(abs(b), abs(c))
            return cls(_sign(a), 0, 0, _sign(d)), beside <= _ODD * most
        beside = max(abs(a), abs(d))
        return cls(0, _sign(b), _sign(c), 0), beside <= _ODD * most

    @property
    def swaps_sides(self) -> bool:
        """Whether width becomes height."""
        return self.a == 0

    @property
    def mirrored(self) -> bool:
        """Whether no turn alone does it."""
        return self.a * self.d - self.b * self.c < 0

    @property
    def rotation_deg(self) -> int:
        """Clockwise turn: 0, 90, 180 or 270; of a mirrored picture, after it was mirrored."""
        a, b = (-self.a, -self.b) if self.mirrored else (self.a, self.b)
        return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[a, b]

    @property
    def inverse(self) -> Orientation:
        """What undoes it."""
        return Orientation(self.a, self.c, self.b, self.d)

    def then(self, other: Orientation) -> Orientation:
        """First this, then another."""
        return Orientation(
            other.a * self.a + other.c * self.b,
            other.b * self.a + other.d * self.b,
            other.a * self.c + other.c * self.d,
            other.b * self.c + other.d * self.d,
        )

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of a picture that was laid down so."""
        return (height, width) if self.swaps_sides else (width, height)

    def apply(self, image: Image) -> Image:
        """A view of the picture, uint8 [H, W, 3] or, with sides swapped, [W, H, 3]."""
        if self.swaps_sides:
            image = image.transpose(1, 0, 2)
        return image[:: self.b + self.d, :: self.a + self.c]


def _sign(value: float) -> int:
    return -1 if value < 0 else 1


def display_matrix(frame: VideoFrame) -> tuple[float, float, float, float] | None:
    """The upper left part (a, b, c, d) of a frame's display matrix, if it has one.

    `frame.side_data` would be kept by the frame, and keep it: its pixels would lie there until
    Python collects its garbage, hundreds of megabytes on.
    """
    held: Any = SideDataContainer(frame)  # type: ignore[call-arg]  # its annotation is wrong
    found = [bytes(data) for data in held if data.type == SideDataType.DISPLAYMATRIX]
    if not found or len(found[0]) < 36:
        return None
    a, b, _, c, d, *_ = struct.unpack("=9i", found[0][:36])
    return a / 65536, b / 65536, c / 65536, d / 65536


def square_size(width: int, height: int, pixel_aspect: Fraction | float) -> tuple[int, int]:
    """Size of a picture once its pixels are square; it only grows.

    Args:
        width, height: As stored.
        pixel_aspect: Width of a pixel divided by its height.
    """
    if pixel_aspect >= 1:
        return max(1, round(width * pixel_aspect)), height
    return width, max(1, round(height / pixel_aspect))


def believed_aspect(claimed: Fraction | None) -> tuple[Fraction, bool]:
    """A pixel's aspect ratio, and whether what is claimed is believed."""
    if claimed is None or claimed <= 0:
        return Fraction(1), True
    if not 1 / _MAX_ASPECT <= claimed <= _MAX_ASPECT:
        return Fraction(1), False
    return claimed, True


class Upright:
    """Brings frames of a recording upright, whatever their kind, into pictures of one size.

    Args:
        first: The first frame.
        pixel_aspect: Asked at each frame: width of a pixel divided by its height, as claimed.
        turn_deg: Clockwise turn beyond what the recording itself asks for.
        canvas_px: Width and height that all pictures are fitted into; None takes the first
            frame's.

    Attributes:
        orientation: Of the first frame, the turn that was asked for included.
        pixel_aspect: What is believed, of the first frame.
        rotation_seen_deg: Clockwise turn that FFmpeg reads from its display matrix.
        size_px: Width and height of full-resolution pictures.
        is_fitted: Whether the first frame is smaller, or of another shape.
        wanted_px: The smallest `size_px` in which no frame seen so far would lose detail.
        odd: Whether a display matrix was met that is neither quarter turns nor mirrors.
        recoloured: Whether a frame's colours were of a kind that cannot be converted exactly.
        interlaced: Whether a frame was interlaced; of such frames one field is taken, as two show a
            face that moves at two places at once.
    """

    def __init__(
        self,
        first: VideoFrame,
        pixel_aspect: Callable[[], Fraction | None],
        *,
        turn_deg: int = 0,
        canvas_px: tuple[int, int] | None = None,
    ) -> None:
        self._reducer, self._to_rgb, self._fields = (
            VideoReformatter(),
            VideoReformatter(),
            _Fields(),
        )
        self.interlaced = bool(first.interlaced_frame)
        self._claimed_aspect = pixel_aspect
        self.pixel_aspect, self._aspect_believed = believed_aspect(pixel_aspect())
        self._turn = Orientation.turned(turn_deg)
        self._own = Orientation.turned(0)
        self._sizes = 0
        self._last_size = (0, 0)
        self.odd = self.recoloured = False
        self.rotation_seen_deg = -int(first.rotation) % 360
        self.orientation = self._orientation(first)
        self.size_px: tuple[int, int] = canvas_px or (0, 0)
        self.wanted_px: tuple[int, int] = self.size_px
        own = self._own_size(first)
        self.size_px = self.wanted_px = canvas_px or own
        self.is_fitted = self.size_px != own

    @property
    def remarks(self) -> tuple[ReadingRemark, ...]:
        """What was met and could not be undone, or was not believed."""
        found = []
        if self.odd:
            found.append(ReadingRemark(code="odd_matrix"))
        if not self._aspect_believed:
            found.append(ReadingRemark(code="odd_pixels"))
        if self.recoloured:
            found.append(ReadingRemark(code="odd_colours"))
        if self.interlaced:
            found.append(ReadingRemark(code="interlaced"))
        if self._sizes > 1:
            found.append(ReadingRemark(code="sizes_change"))
        return tuple(found)

    def picture(self, frame: VideoFrame, size: tuple[int, int]) -> Image:
        """The frame upright, uint8 [H, W, 3].

        Frames of another shape than `size_px` are fitted into it, black around them. YUV is
        reduced first and brought to RGB then, half the work of both at once; 4:2:2 is what
        FFmpeg's way to RGB keeps of the colours.

        Args:
            frame: As decoded.
            size: Width and height of the picture, `size_px` or reduced from it.
        """
        orientation = self._orientation(frame)
        own = self._own_size(frame)
        inner = _fitted(own, self.size_px, size)
        width, height = orientation.size(*inner)
        image = orientation.apply(self._rgb(frame, width, height))
        if inner == size:
            return np.ascontiguousarray(image, dtype=np.uint8)
        left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
        whole = np.zeros((size[1], size[0], 3), np.uint8)
        whole[top : top + inner[1], left : left + inner[0]] = image
        return whole

    def of_engine(self, frame: VideoFrame, size: tuple[int, int]) -> Image:
        """As `picture`, of a frame that an engine may have reduced, and that says nothing of how it
        lies: as the first one, which software has decoded."""
        image = self._rgb(frame, *self.orientation.size(*size))
        return np.ascontiguousarray(self.orientation.apply(image), dtype=np.uint8)

    def _orientation(self, frame: VideoFrame) -> Orientation:
        matrix = display_matrix(frame)
        if matrix is not None:  # it holds until another comes
            self._own, exact = Orientation.of_matrix(matrix)
            self.odd |= not exact
        return self._own.then(self._turn)

    def _own_size(self, frame: VideoFrame) -> tuple[int, int]:
        """Size of the frame's picture in full resolution; it may widen `wanted_px`."""
        aspect, believed = believed_aspect(self._claimed_aspect())
        self._aspect_believed &= believed
        square = square_size(frame.width, frame.height, aspect)
        own = self._orientation(frame).size(*square)
        if own != self._last_size:
            self._last_size = own
            self._sizes += 1
            if self._sizes > 1:
                width, height = self.wanted_px
                self.wanted_px = max(width, own[0]), max(height, own[1])
        return own

    def _rgb(self, frame: VideoFrame, width: int, height: int) -> Image:
        curve, primaries = int(frame.color_trc), int(frame.color_primaries)
        image = self._as_named(frame, width, height)
        if curve not in (PQ, HLG):
            return image
        self.recoloured = True
        return to_standard(image, curve, primaries)

    def _as_named(self, frame: VideoFrame, width: int, height: int) -> Image:
        try:
            return self._converted(frame, width, height)
        except (av.error.FFmpegError, OSError, ValueError):
            # A matrix, curve or primaries that FFmpeg names but cannot convert from.
            frame.colorspace = frame.color_trc = frame.color_primaries = _UNSPECIFIED
            image = self._converted(frame, width, height)
            self.recoloured = True
            return image

    def _converted(self, frame: VideoFrame, width: int, height: int) -> Image:
        way = Interpolation.AREA
        if frame.interlaced_frame and frame.height > 1:
            self.interlaced = True
            frame = self._fields.first(frame)
            if height > frame.height:
                way = Interpolation.BILINEAR
        if (width, height) != (frame.width, frame.height):
            frame = self._reducer.reformat(
                frame,
                width=width,
                height=height,
                format="yuv422p" if frame.format.name.startswith("yuv") else "rgb24",
                interpolation=way,
                threads=1,
            )
        image = self._to_rgb.reformat(frame, format="rgb24", threads=1).to_ndarray()
        return np.asarray(image, np.uint8)


class _Fields:
    """Takes one field of interlaced frames: every other line, without copying them."""

    def __init__(self) -> None:
        self._graph: Any = None
        self._kind: tuple[object, ...] = ()

    def first(self, frame: VideoFrame) -> VideoFrame:
        """The upper field, of half the height."""
        kind = (frame.width, frame.height, frame.format.name)
        if kind != self._kind:
            self._graph, self._kind = av.filter.Graph(), kind
            base = frame.time_base or Fraction(1, 25)
            source = self._graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=base
            )
            field = self._graph.add("field", "type=top")
            sink = self._graph.add("buffersink")
            source.link_to(field)
            field.link_to(sink)
            self._graph.configure()
        self._graph.push(frame)
        taken: VideoFrame = self._graph.pull()
        return taken


def _fitted(
    own: tuple[int, int], whole: tuple[int, int], reduced: tuple[int, int]
) -> tuple[int, int]:
    """Size of a picture fitted into a reduced canvas.

    Args:
        own: Of the picture.
        whole, reduced: Of the canvas, in full and as it is wanted.
    """
    if abs(own[0] * whole[1] - own[1] * whole[0]) <= _SAME_SHAPE * own[0] * whole[1]:
        return reduced
    factor = min(reduced[0] / own[0], reduced[1] / own[1])
    return (
        min(reduced[0], max(1, round(own[0] * factor))),
        min(reduced[1], max(1, round(own[1] * factor))),
    )
