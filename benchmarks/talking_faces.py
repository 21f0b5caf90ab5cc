"""Photographs of faces made to speak: the mouth of each opens, closes and narrows with a voice.

What the rest of the face shows stays what the photograph shows, so that whatever a reading of it
does while the mouth moves comes from the mouth. The lips are parted along the darkest line between
the corners that MTCNN finds; the jaw follows; behind the lips it is dark, with teeth above. How far
they part follows the loudness of the voice, 25 times a second, and how narrow the mouth is follows
how dark the voice sounds (rounded vowels are low). Voices are espeak-ng's (Debian: `espeak-ng`).
"""

from __future__ import annotations

import io
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from poise.types import FloatArray, Image

RATE_HZ, SOUND_HZ = 25, 22_050
SIZE, FACE_PX = (640, 360), 300
_WINDOW = 1102  # samples over which loudness is measured: 50 ms
_WIDEST = 0.55  # parting of the lips, in half widths of the mouth, of the loudest sounds
_NARROWEST, _DRAWN_IN = 0.25, 0.12  # shares of its width that a mouth loses: rounded, wide open
_UP = 0.25  # of the parting is the upper lip's
_STRAY = 900.0  # gray levels that a lip line half a half width away must be darker by, times 4
_LEVELS = 16, 4  # of opening and narrowing that are drawn
_SENTENCES = (
    "For two years I have worked on a team that plans deliveries for a food company.",
    "We usually meet on Monday morning and write down what has to be done until Friday.",
    "My part was to talk with the shops about how much they would need in the coming month.",
    "When a road was closed we had to move the whole plan to the other depot within an hour.",
    "Before that I studied economics, and wrote about the price of bread in small towns.",
    "The report was read by about forty people, and most of what it proposed was done.",
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A stretch of a recording: a photograph, and whose voice is heard.

    Args:
        picture: Upright RGB, uint8 [S, S, 3].
        landmarks: Of its face, float32 [5, 2] in its pixels.
        expression: What the photograph shows.
        speaker: `candidate`, `interviewer` or empty.
        length_s: How long it is shown.
        wide: How far this person opens the mouth, about 1.
    """

    picture: Image
    landmarks: FloatArray
    expression: str
    speaker: str
    length_s: float
    wide: float = 1.0


def voice(speaker: str, number: int, length_s: float) -> FloatArray:
    """Speech of about that length without the silence around it, float32 at `SOUND_HZ`."""
    options = {
        "interviewer": ("-v", "en-gb-x-rp+m3", "-p", "35", "-s", "165"),
        "candidate": ("-v", "en-us+f2" if number % 2 else "en-us+m2", "-p", "50", "-s", "150"),
    }[speaker]
    parts: list[FloatArray] = []
    while sum(map(len, parts)) < length_s * SOUND_HZ:
        text = _SENTENCES[(number + len(parts)) % len(_SENTENCES)]
        made = subprocess.run(
            ["espeak-ng", *options, "--stdout", text], capture_output=True, check=True
        ).stdout
        with wave.open(io.BytesIO(made)) as file:
            stored = np.frombuffer(file.readframes(10**9)[: 2 * 10**9], np.int16)
        sound = stored.astype(np.float32) / 32768
        loud = np.flatnonzero(np.abs(sound) > 0.01)
        parts.append(sound[loud[0] : loud[-1] + 1])
    return np.concatenate(parts)[: round(length_s * SOUND_HZ)] * np.float32(0.7)


def mouth_of(sound: FloatArray, frames: int) -> tuple[FloatArray, FloatArray]:
    """How far the mouth is open, and how narrow, at each frame: float32 [frames], 0 to 1."""
    loud, dark = np.zeros(frames, np.float32), np.zeros(frames, np.float32)
    for k in range(frames):
        middle = round(k * SOUND_HZ / RATE_HZ)
        part = sound[max(0, middle - _WINDOW // 2) : middle + _WINDOW // 2]
        if len(part) < 64:
            continue
        loud[k] = float(np.sqrt(np.mean(part**2)))
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
        hertz = np.fft.rfftfreq(len(part), 1 / SOUND_HZ)
        voiced = (hertz > 200) & (hertz < 3000)
        centre = float((power * hertz)[voiced].sum() / max(power[voiced].sum(), 1e-9))
        dark[k] = np.clip((900 - centre) / 500, 0, 1) * (loud[k] > 0.01)
    top = float(np.quantile(loud[loud > 1e-3], 0.95)) if (loud > 1e-3).any() else 1.0
    return np.clip(loud / top, 0, 1) ** np.float32(0.7), dark


def lip_line(picture: Image, landmarks: FloatArray) -> float:
    """How far below the line between its corners the middle of the mouth is, in half widths."""
    left, right = landmarks[3], landmarks[4]
    half = max(1.0, float(np.linalg.norm(right - left)) / 2)
    along = (right - left) / (2 * half)
    down = np.array([-along[1], along[0]], np.float32)
    gray = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 0.08 * half)
    v = np.linspace(-0.2, 0.4, 31, dtype=np.float32)
    u = np.linspace(-0.35, 0.35, 9, dtype=np.float32)
    points = (left + right) / 2 + half * (u[:, None, None] * along + v[:, None] * down)
    seen = cv2.remap(gray, points[..., 0].astype(np.float32), points[..., 1].astype(np.float32),
                     cv2.INTER_LINEAR)  # fmt: skip
    return float(v[int((seen.mean(axis=0) + _STRAY * v**2).argmin())])


def speaking_face(
    picture: Image, landmarks: FloatArray, line: float, opening: float, narrow: float
) -> Image:
    """The photograph with its mouth open and narrowed, each 0 to 1, and the jaw along with it."""
    left, right = landmarks[3], landmarks[4]
    half = max(1.0, float(np.linalg.norm(right - left)) / 2)
    along = (right - left) / (2 * half)
    down = np.array([-along[1], along[0]], np.float32)
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    dx, dy = x - (left[0] + right[0]) / 2, y - (left[1] + right[1]) / 2
    u = (dx * along[0] + dy * along[1]) / half
    v = (dx * down[0] + dy * down[1]) / half
    near = np.exp(-((v / 0.9) ** 2)) * np.clip((2.4 - np.abs(u)) / 1.4, 0, 1)
    wider = u * (1 + near * (1 / (1 - _NARROWEST * narrow - _DRAWN_IN * opening) - 1))
    lips = np.clip(1 - wider**2, 0, 1) ** 0.65
    gap = _WIDEST * opening * lips
    edge = line * np.clip(1 - wider**2, 0, 1)
    top, bottom = edge - _UP * gap, edge + (1 - _UP) * gap
    jaw = (1 - _UP) * _WIDEST * opening * np.exp(-((u / 1.2) ** 2))
    above = np.clip((v - (edge - 0.8)) / 0.68, 0, 1)
    source = np.where(v <= top, v + _UP * gap * above, v)
    fall = np.clip((v - bottom) / 0.5, 0, 1)
    fade = np.clip((2.8 - v) / 1.6, 0, 1)
    lower = (1 - _UP) * gap
    moved = ((1 - fall) * lower + fall * np.maximum(jaw, lower)) * fade
    source = np.where(v >= bottom, np.maximum(v - moved, edge), source)
    inside = np.clip(np.minimum(v - top, bottom - v) * half + 0.5, 0, 1) * (gap > 0.01)
    source = np.where((v > top) & (v < bottom), edge, source)
    sx = (left[0] + right[0]) / 2 + half * (wider * along[0] + source * down[0])
    sy = (left[1] + right[1]) / 2 + half * (wider * along[1] + source * down[1])
    bent = cv2.remap(picture, sx.astype(np.float32), sy.astype(np.float32), cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REPLICATE).astype(np.float32)  # fmt: skip
    light = float(np.median(picture[picture.shape[0] // 3 : -picture.shape[0] // 3])) / 150
    depth = (v - top) / np.maximum(gap, 1e-3)
    teeth = np.clip((0.35 - depth) / 0.1, 0, 1) * np.clip(3 * opening - 0.3, 0, 1)
    dark = np.array((62, 30, 30), np.float32) * light
    white = np.array((185, 178, 168), np.float32) * light
    mouth = dark + (0.8 * teeth * np.clip(1.2 - np.abs(wider) * 1.3, 0, 1))[..., None] * (
        white - dark
    )
    result = bent + (0.95 * inside)[..., None] * (mouth - bent)
    return np.asarray(np.clip(result, 0, 255), np.uint8)


def film(
    shown: list[Shown], number: int, path: Path, *, silent: bool = False
) -> list[tuple[float, float, str, str]]:
    """Encode a recording; returns start, end, expression and speaker of each stretch.

    Args:
        shown: Its stretches.
        number: Which voice, and where among the sentences it begins.
        path: Where to write it.
        silent: Whether nothing is on its sound track, as of a microphone that is off.
    """
    truth: list[tuple[float, float, str, str]] = []
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE_HZ)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.options = {"crf": "20", "preset": "veryfast", "threads": "1"}
        audio = container.add_stream("aac", rate=SOUND_HZ, layout="mono")
        sounds: list[FloatArray] = []
        ticks, begun_s = 0, 0.0
        for part, item in enumerate(shown):
            frames = round(item.length_s * RATE_HZ)
            sound: FloatArray = np.zeros(round(frames / RATE_HZ * SOUND_HZ), np.float32)
            if item.speaker:
                spoken = voice(item.speaker, number + part, item.length_s)
                sound[: len(spoken)] = spoken[: len(sound)]
            sounds.append(sound)
            opening, narrow = mouth_of(sound, frames)
            if item.speaker != "candidate":
                opening[:] = narrow[:] = 0
            line = lip_line(item.picture, item.landmarks)
            steps = [
                np.round(np.clip(values, 0, 1) * levels).astype(int)
                for values, levels in zip((item.wide * opening, narrow), _LEVELS, strict=True)
            ]
            drawn: dict[tuple[int, int], Image] = {}
            for step in zip(*(values.tolist() for values in steps), strict=True):
                if step not in drawn:
                    open_by, narrow_by = (a / b for a, b in zip(step, _LEVELS, strict=True))
                    drawn[step] = speaking_face(
                        item.picture, item.landmarks, line, open_by, narrow_by
                    )
                face = drawn[step]
                picture = av.VideoFrame.from_ndarray(_placed(face, ticks / RATE_HZ))
                picture.pts = ticks
                container.mux(video.encode(picture))
                ticks += 1
            end_s = begun_s + frames / RATE_HZ
            truth.append((begun_s, end_s, item.expression, item.speaker))
            begun_s = end_s
        heard = np.concatenate(sounds)
        _encode_sound(container, audio, np.zeros_like(heard) if silent else heard)
        container.mux(video.encode(None))
    return truth


def _placed(face: Image, time_s: float) -> Image:
    """The face in a plain room, never quite still."""
    scale = FACE_PX / face.shape[0] * (1 + 0.015 * np.sin(time_s / 1.3))
    dx = (SIZE[0] - FACE_PX) / 2 + 4 * np.sin(time_s / 0.9)
    dy = (SIZE[1] - FACE_PX) / 2 + 2 * np.sin(time_s / 0.6)
    angle = np.radians(1.5 * np.sin(time_s / 1.1))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array(face.shape[:2][::-1]) / 2
    offset = np.array([dx, dy]) + FACE_PX / 2 - turn @ middle
    onto = np.column_stack([turn, offset])
    return np.asarray(cv2.warpAffine(face, onto, SIZE, borderValue=(128, 128, 128)), np.uint8)


def _encode_sound(
    container: av.container.OutputContainer, stream: av.AudioStream, sound: npt.NDArray[np.float32]
) -> None:
    for start in range(0, len(sound), 1024):
        part = np.pad(sound[start : start + 1024], (0, max(0, start + 1024 - len(sound))))
        frame = av.AudioFrame.from_ndarray(part[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SOUND_HZ, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
