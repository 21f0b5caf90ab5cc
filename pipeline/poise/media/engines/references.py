"""Whether other frames refer to a frame, read from the head of its packet (H.264 and HEVC)."""

from __future__ import annotations

_H264_SLICES = (1, 2, 3, 4, 5)
_HEVC_SLICES = range(32)
_HEVC_NEVER_REFERRED_TO = (0, 2, 4, 6, 8, 10, 12, 14)  # sub-layer non-reference, Table 7-1


def length_size_of(extradata: bytes | None, codec: str) -> int | None:
    """Bytes of the length before each unit, as `avcC` and `hvcC` have it; None where units begin
    otherwise."""
    if not extradata or extradata[0] != 1:  # a start code: not from MP4, QuickTime or Matroska
        return None
    place = {"h264": 4, "hevc": 21}.get(codec)
    if place is None or len(extradata) <= place:
        return None
    return (extradata[place] & 3) + 1


def is_referred_to(data: memoryview, codec: str, length_size: int | None) -> bool:
    """Whether a frame may be needed for others; True where that cannot be told.

    H.264 (ITU-T H.264, 7.4.1) says so with `nal_ref_idc`, HEVC (H.265, Table 7-1) with the type of
    the unit. FFmpeg's `skip_frame nonref` leaves out the same.

    Args:
        data: Of a packet.
        codec: FFmpeg's name of the codec.
        length_size: See `length_size_of`.
    """
    if length_size is None or codec not in ("h264", "hevc"):
        return True
    place = 0
    while place + length_size < len(data):
        length = int.from_bytes(data[place : place + length_size], "big")
        head = data[place + length_size]
        if codec == "h264":
            if head & 0x1F in _H264_SLICES:
                return bool(head & 0x60)
        elif (kind := head >> 1 & 0x3F) in _HEVC_SLICES:
            return kind not in _HEVC_NEVER_REFERRED_TO
        place += length_size + length
    return True
