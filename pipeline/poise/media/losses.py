"""What of a recording could not be read, in plain words."""

from __future__ import annotations

from dataclasses import dataclass

_LATE_S, _LATE_SHARE = 1.0, 0.001  # sound that outlasts the picture by less is how devices record

JOINED = (
    "another recording begins behind it in the same file, and was not read; make two files of "
    "it, or one with a video editor"
)
_STRAY = 2  # frames out of order that cost no sample worth a word


@dataclass(kw_only=True)
class Losses:
    """What was lost while a recording was read.

    Args:
        damaged: Packets that were skipped.
        corrupt: Packets whose pictures the decoder could make only in part, or that lack a part.
        gaps: Whether FFmpeg has marked the last packet but one, and the last, as lacking a part.
        second: Whether another recording begins behind it in the same file.
        again_s: Where time started again, and frames were left out, if it did.
        leap_s: The first time that no recording reaches, if one was met; its frames were left out.
        disordered: Frames that came after later ones and were left out.
        too_long_s: A length that the container claims and that is not believed.
    """

    damaged: int = 0
    corrupt: int = 0
    gaps: tuple[bool, bool] = (False, False)
    second: bool = False
    again_s: float | None = None
    leap_s: float | None = None
    disordered: int = 0
    too_long_s: float | None = None

    def note_packet(self, *, gap: bool, is_key: bool) -> None:
        """Count what a gap in a stream has torn.

        Its mark stands at the picture before the torn one. Where a key frame follows that, nothing
        is missing: it is how a stream looks that was stored in parts and joined again.

        Args:
            gap: Whether FFmpeg marked this packet, and nothing else tells of it.
            is_key: Whether a key frame begins here.
        """
        before, last = (False, False) if is_key else self.gaps
        self.corrupt += before
        self.gaps = last, gap

    def describe(self, end_s: float, promised_s: float | None) -> str:
        """All losses in one sentence; empty if there are none.

        Args:
            end_s: Where the last picture ends.
            promised_s: Where the recording ends, as the container says, if it does.
        """
        parts = []
        if self.second:
            parts.append(JOINED)
        if self.again_s is not None:
            parts.append(
                f"its time starts again at {self.again_s:.1f} s; frames were left out from there on"
            )
        if self.leap_s is not None:
            parts.append(
                f"its time leaps to {self.leap_s:,.0f} s; frames with such times were left out"
            )
        if self.disordered > _STRAY and self.again_s is None:
            parts.append(f"{self.disordered} frames that come out of order were left out")
        if self.damaged:
            packets = "packet was" if self.damaged == 1 else "packets were"
            parts.append(f"{self.damaged} damaged {packets} skipped")
        if self.corrupt:
            pictures = "picture is" if self.corrupt == 1 else "pictures are"
            parts.append(f"{self.corrupt} {pictures} damaged, and those behind may be wrong, too")
        if self.too_long_s is not None:
            parts.append(f"it claims to last {self.too_long_s:,.0f} s, which is not believed")
        if promised_s is not None and promised_s - end_s > max(_LATE_S, _LATE_SHARE * promised_s):
            parts.append(f"the picture breaks off at {end_s:.1f} s of {promised_s:.1f} s")
        return "; ".join(parts)
