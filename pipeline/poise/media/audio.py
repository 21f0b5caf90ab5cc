"""The sound of a recording as it leaves the decoding process: blocks of samples, and their end.

`poise.media.listening` reads it, `poise.media.reader.DecodingProcess.listen` asks for it, and
`poise.media.voice_activity` looks for voices in it. Loads no decoder.
"""

from __future__ import annotations

from dataclasses import dataclass

from poise.types import FloatArray

SAMPLE_RATE_HZ = 16_000


@dataclass(frozen=True, kw_only=True)
class SoundBlock:
    """Consecutive samples.

    Args:
        start_s: Time of the first sample from what a player shows as 0:00.
        samples: 16 kHz, mono, -1..1, float32 [N].
        follows: Whether it begins where the block before ended.
    """

    start_s: float
    samples: FloatArray
    follows: bool


@dataclass(frozen=True, kw_only=True)
class SoundEnd:
    """The sound is read.

    Args:
        status: One of `SOUND_STATUSES`.
        detail: What could not be read, in plain words; empty if nothing.
        chapters: Start, end (seconds from there) and title of each chapter.
    """

    status: str
    detail: str = ""
    chapters: tuple[tuple[float, float, str], ...] = ()


SOUND_STATUSES = {
    "heard": "The sound was listened to.",
    "silent": "There is a sound track, but nothing can be heard on it.",
    "none": "The recording holds no sound.",
    "broken": "The sound could not be read, or not to its end.",
    "off": "The sound was not listened to.",
}
