"""Voice activity: how likely each 32 ms of sound hold a voice, by the network of Silero VAD."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from poise.errors import VideoError
from poise.media.audio import SAMPLE_RATE_HZ, SoundBlock, SoundEnd
from poise.types import FloatArray, TimeArray

WINDOW = 512  # samples that one probability stands for
WINDOW_S = WINDOW / SAMPLE_RATE_HZ
_CONTEXT = 64  # samples before a window that are given with it
_FOURIER, _HOP, _BINS = 256, 128, 129
_AT_ONCE = 512  # windows
_WEIGHTS = Path(__file__).with_name("models") / "silero_vad" / "weights.safetensors"


class _Network(nn.Module):
    """Short-time spectrum, four convolutions, an LSTM, and one sigmoid for each window."""

    def __init__(self) -> None:
        super().__init__()
        self.stft = nn.Conv1d(1, 2 * _BINS, _FOURIER, stride=_HOP, bias=False)
        self.encoder = nn.ModuleList(
            nn.Conv1d(given, made, 3, stride=stride, padding=1)
            for given, made, stride in ((_BINS, 128, 1), (128, 64, 2), (64, 64, 2), (64, 128, 1))
        )
        self.lstm = nn.LSTM(128, 128)
        self.output = nn.Conv1d(128, 1, 1)

    def features(self, windows: Tensor) -> Tensor:
        """What the LSTM is given: [N, 128] of windows with their context, [N, 576]."""
        x = functional.pad(windows, (0, _CONTEXT), "reflect").unsqueeze(1)
        x = self.stft(x)
        x = (x[:, :_BINS].square() + x[:, _BINS:].square()).sqrt()
        for convolution in self.encoder:
            x = functional.relu(convolution(x))
        return x.squeeze(-1)


@cache
def _network() -> _Network:
    network = _Network()
    network.load_state_dict(load_file(_WEIGHTS))
    return network.eval()


@dataclass(frozen=True, kw_only=True)
class Voice:
    """Where a recording holds a voice.

    Args:
        start_s: When each window of `WINDOW_S` begins, from a player's 0:00, ascending,
            float64 [W].
        probability: Of a voice in it, 0..1, float32 [W].
        status: One of `poise.media.audio.SOUND_STATUSES`.
        detail: What could not be read of the sound, in plain words; empty if nothing.
        chapters: As in `poise.media.audio.SoundEnd`.
    """

    start_s: TimeArray
    probability: FloatArray
    status: str
    detail: str = ""
    chapters: tuple[tuple[float, float, str], ...] = ()


def hear(items: Iterable[SoundBlock | SoundEnd]) -> Voice:
    """Look for voices in a sound while it is read; what was heard before a failure counts.

    Args:
        items: Of `poise.media.reader.DecodingProcess.listen`.
    """
    times: list[TimeArray] = [np.zeros(0, np.float64)]
    probabilities: list[FloatArray] = [np.zeros(0, np.float32)]
    status, detail = "broken", "its sound ends without an end"
    chapters: tuple[tuple[float, float, str], ...] = ()
    activity, begun_s, count = VoiceActivity(), 0.0, 0

    def add(new: FloatArray) -> None:
        nonlocal count
        windows = np.arange(count, count + len(new), dtype=np.float64)
        times.append(begun_s + WINDOW_S * windows)
        probabilities.append(new)
        count += len(new)

    try:
        for item in items:
            if isinstance(item, SoundEnd):
                status, detail, chapters = item.status, item.detail, item.chapters
                break
            if not item.follows:
                add(activity.finish())
                activity, begun_s, count = VoiceActivity(), item.start_s, 0
            add(activity.push(item.samples))
    except VideoError as error:
        status, detail = "broken", error.cause
    add(activity.finish())
    start_s = np.concatenate(times)
    order = np.argsort(start_s, kind="stable")  # where time starts again
    return Voice(
        start_s=start_s[order],
        probability=np.concatenate(probabilities)[order],
        status=status,
        detail=detail,
        chapters=chapters,
    )


class VoiceActivity:
    """The probability of a voice in each window of a sound that arrives block by block.

    The network is Silero VAD's (`models/silero_vad/README.md`), and so are its values: the state of
    the LSTM passes from block to block, so that it does not matter where blocks begin.

    Source: Silero Team, Silero VAD, https://github.com/snakers4/silero-vad, release 6.2.
    """

    def __init__(self) -> None:
        self._waiting = np.zeros(_CONTEXT, np.float32)  # context, then what fills no window yet
        self._state: tuple[Tensor, Tensor] | None = None

    def push(self, samples: FloatArray) -> FloatArray:
        """The windows that a block completes.

        Args:
            samples: What follows in the sound, 16 kHz, -1..1, float32 [N].

        Returns:
            Probability of a voice in each, 0..1, float32 [W].
        """
        sound = np.concatenate([self._waiting, samples])
        count = (len(sound) - _CONTEXT) // WINDOW
        self._waiting = sound[count * WINDOW :]
        if count == 0:
            return np.zeros(0, np.float32)
        windows = torch.from_numpy(sound).unfold(0, _CONTEXT + WINDOW, WINDOW)[:count]
        network = _network()
        with torch.inference_mode():
            features = torch.cat(
                [network.features(windows[k : k + _AT_ONCE]) for k in range(0, count, _AT_ONCE)]
            )
            hidden, self._state = network.lstm(features, self._state)
            voice = torch.sigmoid(network.output(functional.relu(hidden).T))
        return np.asarray(voice[0].numpy(), np.float32)

    def finish(self) -> FloatArray:
        """The last window, filled up with silence; nothing where no sample is left."""
        left = len(self._waiting) - _CONTEXT
        if left == 0:
            return np.zeros(0, np.float32)
        return self.push(np.zeros(WINDOW - left, np.float32))
