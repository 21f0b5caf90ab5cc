"""What can be unusual about how a recording is read, without being a loss; said in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

REMARKS = {
    "odd_matrix": "its display matrix is neither quarter turns nor mirrors; the nearest of these "
    "was used",
    "odd_pixels": "the shape it claims for its pixels is not believed; they were taken for square",
    "odd_colours": "its colours are of a kind that can only be converted approximately",
    "interlaced": "its pictures are interlaced, two half pictures in one; of each, one was read",
    "sizes_change": "its picture changes size; all frames were fitted into one",
    "odd_edits": "its edit list is too long to be followed; times are those of the stored frames",
    "stream_chosen": "it holds {count} video streams; stream {stream} was read",
    "sound_chosen": "it holds {count} sound tracks; only number {number} is listened to",
    "turned": "its picture was turned clockwise by {degrees} degrees, as faces stand upright then",
    "other_decoder": "{decoder}: {cause}; {other} read it from {from_s} s on",
    "uncertain_face": "for {total_s} s it shows a face that may be the candidate's or another's; "
    "these were left out",
    "unheard": "for {total_s} s the candidate's mouth moves as in speaking, but no voice is heard; "
    "the microphone may have been off",
    "rest_unused": "from {start_s} s to {end_s} s, named for the resting face, too little of one "
    "is seen: it was not used",
    "sparse": "it shows a picture only every {interval_s} s; what is shorter may be missed",
    "no_picture": "it shows no picture from {start_s} s to {end_s} s",
    "more_without_picture": "it shows no picture in {count} more places, {total_s} s in all",
}


@dataclass(frozen=True, kw_only=True)
class ReadingRemark:
    """Something unusual about how a recording was read, which is not a loss.

    Args:
        code: One of `REMARKS`, for texts in other languages.
        values: What its text mentions; times in seconds.
    """

    code: str
    values: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """In plain English."""
        said = {
            name: f"{value:.1f}" if isinstance(value, float) else value
            for name, value in self.values.items()
        }
        return REMARKS[self.code].format(**said)
