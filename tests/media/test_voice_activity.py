"""Voices are found where the published network finds them, whatever the blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from poise.errors import VideoError
from poise.media.audio import SAMPLE_RATE_HZ, SoundBlock, SoundEnd
from poise.media.voice_activity import WINDOW, WINDOW_S, VoiceActivity, hear
from poise.types import FloatArray
from tests.sounds import silence, vowels

# What silero_vad.jit of silero-vad 6.2.3 says of every eighth window of `_sound`.
PUBLISHED = (
    0.00167, 0.005431, 0.450912, 0.543478, 0.597887, 0.78429, 0.920004, 0.435984, 0.918757,
    0.127513, 0.883191, 0.31934, 0.877227, 0.733205, 0.230573, 0.023652,
)  # fmt: skip


def _sound() -> FloatArray:
    return np.concatenate([silence(0.5), vowels(3), silence(0.5)])


def _said(sound: FloatArray, pieces: int = 1) -> FloatArray:
    activity = VoiceActivity()
    said = [activity.push(piece) for piece in np.array_split(sound, pieces)]
    return np.concatenate([*said, activity.finish()])


def test_it_says_what_the_published_network_says() -> None:
    assert _said(_sound())[::8] == pytest.approx(PUBLISHED, abs=1e-4)


@pytest.mark.parametrize("pieces", [2, 7, 150])
def test_blocks_make_no_difference(pieces: int) -> None:
    assert _said(_sound(), pieces) == pytest.approx(_said(_sound()), abs=1e-5)


def test_there_is_one_probability_for_each_window_begun() -> None:
    for count in (0, 1, WINDOW - 1, WINDOW, WINDOW + 1):
        assert len(_said(np.zeros(count, np.float32))) == -(-count // WINDOW)


def test_noise_a_tone_and_claps_are_no_voice() -> None:
    chance = np.random.default_rng(0)
    t = np.arange(3 * SAMPLE_RATE_HZ)
    claps = chance.normal(0, 0.2, len(t)) * (t % 2000 < 300)
    for sound in (chance.normal(0, 0.1, len(t)), 0.3 * np.sin(t * 0.17), claps):
        assert _said(sound.astype(np.float32)).max() < 0.3


def _block(start_s: float, samples: FloatArray, *, follows: bool = False) -> SoundBlock:
    return SoundBlock(start_s=start_s, samples=samples, follows=follows)


def test_times_begin_anew_after_a_hole() -> None:
    sound = _sound()
    voice = hear([_block(1, sound), _block(100, sound), SoundEnd(status="heard")])
    half = len(voice.start_s) // 2
    assert voice.start_s[0] == 1
    assert voice.start_s[half] == 100
    assert voice.start_s[1] - voice.start_s[0] == pytest.approx(WINDOW_S)
    assert voice.probability[:half] == pytest.approx(voice.probability[half:], abs=1e-6)
    assert voice.status == "heard"


def test_what_was_heard_before_a_failure_counts() -> None:
    def breaks() -> Iterator[SoundBlock]:
        yield _block(0, _sound())
        raise VideoError("it hung", remedy="")

    voice = hear(breaks())
    assert (voice.status, voice.detail) == ("broken", "it hung")
    assert voice.probability.max() > 0.9


def test_nothing_heard_is_nothing_said() -> None:
    voice = hear([SoundEnd(status="none")])
    assert voice.status == "none"
    assert len(voice.start_s) == len(voice.probability) == 0
