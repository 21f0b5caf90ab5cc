"""The made interview: two voices of espeak-ng, who speaks when, and how the mouth follows.

The interviewer is only heard. The candidate's mouth opens with the loudness of the candidate's
own voice, 25 times a second. espeak-ng must be installed (Debian: ``apt install espeak-ng``).
"""

import io
import shutil
import subprocess
import wave
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]

RATE_HZ = 22_050  # of espeak-ng
VOICES = {
    "interviewer": ("-v", "en-gb-x-rp+m3", "-p", "35", "-s", "165"),
    "candidate": ("-v", "en-us+f2", "-p", "55", "-s", "155"),
}
GAIN = {"interviewer": 0.5, "candidate": 0.8}
LOUDNESS_S = 0.05  # over which loudness is measured
TAIL_S = 1.5  # after the last word


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What somebody says after a pause, and what the candidate's face shows meanwhile."""

    speaker: str
    text: str
    pause_s: float = 1.0
    expression: str = "neutral"


TURNS = (
    Turn(speaker="interviewer", text="Good morning. Please tell us something about yourself.",
         pause_s=1.5, expression="positive"),
    Turn(speaker="candidate",
         text="Good morning. I studied mechanical engineering, and for two years I have worked "
         "for a small company that builds pumps."),
    Turn(speaker="interviewer", text="What was the hardest problem that you solved there?",
         pause_s=1.4),
    Turn(speaker="candidate",
         text="Our largest pump kept failing in winter. I measured for three weeks, and found "
         "that a seal was too hard in the cold.", pause_s=1.6),
    Turn(speaker="candidate", text="We changed one part, and it has not failed since.",
         pause_s=0.9),
    Turn(speaker="interviewer", text="Thank you. And what would you like to learn with us?",
         pause_s=1.2, expression="positive"),
    Turn(speaker="candidate",
         text="I would like to learn how large projects are planned, from people who have done "
         "it many times.", pause_s=1.1),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """A turn with its place in time: from the first sound to the last."""

    turn: Turn
    start_s: float
    sound: Sound

    @property
    def end_s(self) -> float:
        """Where the last sound ends."""
        return self.start_s + len(self.sound) / RATE_HZ


def say(turn: Turn) -> Sound:
    """Return the turn's voice, without the silence around it.

    Raises:
        SystemExit: If espeak-ng is not installed.
    """
    if shutil.which("espeak-ng") is None:
        raise SystemExit("The made interview needs espeak-ng (Debian: apt install espeak-ng).")
    command = ["espeak-ng", *VOICES[turn.speaker], "--stdout", turn.text]
    made = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(made)) as file:
        if file.getframerate() != RATE_HZ:
            raise SystemExit(f"espeak-ng speaks at {file.getframerate()} Hz, not at {RATE_HZ}.")
        stored = np.frombuffer(file.readframes(10**9)[: 2 * 10**9], np.int16)
    sound = stored.astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    return GAIN[turn.speaker] * sound[loud[0] : loud[-1] + 1]


def conversation(turns: tuple[Turn, ...] = TURNS) -> tuple[Spoken, ...]:
    """Return all turns, one after the other, on whole hundredths of a second."""
    sounds = [say(turn) for turn in turns]
    lengths = [
        round(turn.pause_s + len(sound) / RATE_HZ + 0.005, 2)
        for turn, sound in zip(turns, sounds, strict=True)
    ]
    ends = accumulate(lengths)
    return tuple(
        Spoken(turn=turn, start_s=round(end - length + turn.pause_s, 2), sound=sound)
        for turn, sound, length, end in zip(turns, sounds, lengths, ends, strict=True)
    )


def mixed(spoken: tuple[Spoken, ...], *, speaker: str = "") -> Sound:
    """Return the sound of all turns, or of one speaker's, from 0 to the end."""
    sound = np.zeros(round((spoken[-1].end_s + TAIL_S) * RATE_HZ), np.float32)
    for part in spoken:
        if speaker in ("", part.turn.speaker):
            first = round(part.start_s * RATE_HZ)
            sound[first : first + len(part.sound)] += part.sound
    return sound


def openings(sound: Sound, rate_hz: float) -> Sound:
    """Return how far the mouth is open at each frame, 0 to 1, from the voice's loudness."""
    half = round(LOUDNESS_S * RATE_HZ)
    energy = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64))])
    centres = np.arange(int(len(sound) / RATE_HZ * rate_hz) + 1) * RATE_HZ / rate_hz
    low = np.clip(np.round(centres).astype(int) - half, 0, len(sound))
    high = np.clip(np.round(centres).astype(int) + half, 0, len(sound))
    loudness = np.sqrt((energy[high] - energy[low]) / (2 * half))
    top = float(np.quantile(loudness[loudness > 1e-3], 0.95)) if (loudness > 1e-3).any() else 1.0
    return np.clip(loudness / top, 0, 1).astype(np.float32) ** np.float32(0.7)
