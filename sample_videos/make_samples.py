"""Make the sample recordings: a portrait that smiles, frowns, blinks and leaves the picture.

Run ``python sample_videos/make_samples.py`` to write the recordings and ``truth.csv`` (what
the face shows and who speaks, when) beside this file, or ``--out DIR`` to write them elsewhere.
The same versions of the libraries give the same files. Needs numpy, scikit-image, opencv and
PyAV, and espeak-ng for the recording with sound.
"""

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer

from interview import RATE_HZ, TAIL_S, Sound, Spoken, conversation, mixed, openings
from portrait import Image, Look, Pose, Puppet

VALENCE = {"positive": 1.0, "neutral": 0.0, "negative": -1.4, "absent": 0.0}
SLIDE_S = 0.8  # time a person takes to come into the picture or to leave it
BLINK_EVERY_S, BLINK_S = 3.3, 0.28
TICKS_PER_S = 600  # the clock of the time stamps: divides into 24, 25, 30 and 60 frames


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of time with one expression; what lies between two segments is transition."""

    start_s: float
    end_s: float
    expression: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """One recording: its file, its picture, and what happens in it.

    path: relative to the output folder; size_px: width and height as a player shows it;
    neck_px, scale: where the candidate sits and how large; frame_ticks: durations of
    the frames, repeated in turn; visitor: when a second person is in the picture;
    quarter_turn: store the pixels lying on their side, with the rotation as metadata;
    spoken: what is said.
    """

    path: str
    size_px: tuple[int, int]
    neck_px: tuple[float, float]
    scale: float
    segments: tuple[Segment, ...]
    frame_ticks: tuple[int, ...] = (24,)
    visitor: tuple[float, float] | None = None
    quarter_turn: bool = False
    spoken: tuple[Spoken, ...] = ()


def segments(*stretches: tuple[float, float, str]) -> tuple[Segment, ...]:
    """Build segments from (start_s, end_s, expression)."""
    return tuple(Segment(start_s=a, end_s=b, expression=name) for a, b, name in stretches)


STORIES = (
    Story(
        path="Sample A/interview 1.mp4",
        size_px=(640, 480),
        neck_px=(320, 304),
        scale=1.45,
        segments=segments(
            (0.0, 2.5, "neutral"),
            (3.0, 5.5, "positive"),
            (6.0, 8.0, "neutral"),
            (8.5, 11.0, "negative"),
            (11.5, 12.2, "neutral"),
            (13.0, 15.0, "absent"),
            (15.8, 16.5, "neutral"),
            (17.0, 19.0, "positive"),
        ),
    ),
    Story(
        path="Sample A/interview 2 two people.mp4",
        size_px=(854, 480),
        neck_px=(410, 304),
        scale=1.45,
        segments=segments(
            (0.0, 3.0, "neutral"),
            (3.5, 6.0, "positive"),
            (6.5, 9.0, "neutral"),
            (9.5, 12.0, "negative"),
            (12.5, 14.0, "neutral"),
        ),
        visitor=(3.0, 10.5),
    ),
    Story(  # variable frame rate: a telephone that drops a frame now and then
        path="표본 B.mp4",
        size_px=(480, 640),
        neck_px=(240, 414),
        scale=1.7,
        segments=segments(
            (0.0, 2.5, "neutral"),
            (3.0, 5.5, "negative"),
            (6.0, 8.0, "neutral"),
            (8.5, 11.0, "positive"),
            (11.5, 13.0, "neutral"),
        ),
        frame_ticks=(20, 20, 20, 20, 30, 20, 20, 40, 20, 20),
        quarter_turn=True,
    ),
)


def interview() -> Story:
    """Return the recording with sound: the candidate's face as the turns tell it."""
    spoken = conversation()
    parts = []
    for part, after in pairwise([*spoken, None]):
        assert part is not None
        end_s = after.start_s - 0.6 if after else part.end_s + TAIL_S
        start_s = parts[-1].end_s + 0.6 if parts else 0.0
        parts.append(Segment(start_s=start_s, end_s=end_s, expression=part.turn.expression))
    return Story(
        path="Sample C/interview with sound.mp4",
        size_px=(640, 480),
        neck_px=(320, 304),
        scale=1.45,
        segments=tuple(parts),
        spoken=spoken,
    )


def smoothstep(x: float) -> float:
    """Rise smoothly from 0 (x <= 0) to 1 (x >= 1)."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def presence(time_s: float, start_s: float, end_s: float) -> float:
    """Return 1 within the stretch and 0 outside, with a smooth slide before and after."""
    return min(
        smoothstep((time_s - start_s) / SLIDE_S + 1), smoothstep((end_s - time_s) / SLIDE_S + 1)
    )


def look_at(time_s: float, story: Story) -> Look:
    """Return the candidate's look at a time: its segment's, or on the way to the next one."""
    valence = VALENCE[story.segments[-1].expression]
    for now, after in pairwise(story.segments):
        if time_s < after.start_s:
            way = smoothstep((time_s - now.end_s) / (after.start_s - now.end_s))
            valence = (1 - way) * VALENCE[now.expression] + way * VALENCE[after.expression]
            break
    since_blink = (time_s - 1.4) % BLINK_EVERY_S
    blink = max(0.0, math.sin(math.pi * since_blink / BLINK_S)) if since_blink < BLINK_S else 0.0
    return Look(valence=valence, blink=min(1.0, 1.2 * blink))


def candidate_pose(time_s: float, story: Story) -> Pose:
    """Return the candidate's pose: a slow sway, and a slide out of the picture when absent."""
    away = max(
        (presence(time_s, s.start_s, s.end_s) for s in story.segments if s.expression == "absent"),
        default=0.0,
    )
    x = story.neck_px[0] + 5 * math.sin(2 * math.pi * time_s / 5.3) + away * story.size_px[0]
    y = story.neck_px[1] + 2.5 * math.sin(2 * math.pi * time_s / 3.7)
    return Pose(
        centre_px=(x, y),
        scale=story.scale * (1 + 0.015 * math.sin(2 * math.pi * time_s / 7.9)),
        tilt_deg=3.5 * math.sin(2 * math.pi * time_s / 6.1 + 0.4) + 3 * away,
        yaw=2.2 * math.sin(2 * math.pi * time_s / 4.3),
        nod=1.2 * math.sin(2 * math.pi * time_s / 2.9),
    )


def visitor_pose(time_s: float, story: Story) -> Pose | None:
    """Return the second person's pose, or None while that person is out of the picture."""
    here = presence(time_s, *story.visitor) if story.visitor else 0.0
    if here == 0:
        return None
    width, height = story.size_px
    return Pose(
        centre_px=(width - 125 + 250 * (1 - here), height - 112),
        scale=0.8,
        tilt_deg=3 * math.sin(2 * math.pi * time_s / 4.7),
        yaw=2 * math.sin(2 * math.pi * time_s / 5.9),
        mirrored=True,
    )


def room(size_px: tuple[int, int]) -> Image:
    """Paint a plain room out of focus: a wall, a bright window, a shelf, a plant; RGB uint8."""
    width, height = size_px
    shade = np.linspace(1.0, 0.86, height, dtype=np.float32)[:, None, None]
    wall = np.repeat(shade * np.array((203, 197, 188), np.float32), width, axis=1).astype(np.uint8)

    def box(left: float, top: float, right: float, bottom: float, colour: tuple[int, ...]) -> None:
        start, end = (
            (int(left * width), int(top * height)),
            (int(right * width), int(bottom * height)),
        )
        cv2.rectangle(wall, start, end, colour, -1)

    box(-0.02, 0.05, 0.20, 0.62, (228, 233, 236))
    box(0.085, 0.05, 0.095, 0.62, (190, 192, 194))
    box(0.80, 0.30, 1.02, 0.34, (150, 128, 106))
    for left, colour in ((0.82, (120, 132, 148)), (0.86, (158, 122, 108)), (0.91, (132, 142, 122))):
        box(left, 0.15, left + 0.03, 0.30, colour)
    for x, y in ((0.87, 0.62), (0.92, 0.56), (0.97, 0.64), (0.93, 0.68)):
        cv2.circle(wall, (int(x * width), int(y * height)), height // 14, (126, 142, 112), -1)
    return np.asarray(cv2.GaussianBlur(wall, (0, 0), height / 60), np.uint8)


def frame_times(story: Story) -> Iterator[int]:
    """Yield the presentation time stamp of each frame, in ticks."""
    now, count = 0, 0
    while now < story.segments[-1].end_s * TICKS_PER_S:
        yield now
        now += story.frame_ticks[count % len(story.frame_ticks)]
        count += 1


def frames(story: Story, candidate: Puppet, visitor: Puppet) -> Iterator[tuple[int, Image]]:
    """Yield (time stamp in ticks, upright RGB picture) for every frame of a recording."""
    background = room(story.size_px)
    rate_hz = TICKS_PER_S / story.frame_ticks[0]
    parted = openings(mixed(story.spoken, speaker="candidate"), rate_hz) if story.spoken else None
    for number, ticks in enumerate(frame_times(story)):
        time_s = ticks / TICKS_PER_S
        picture = background
        second = visitor_pose(time_s, story)
        if second is not None:
            visitor_look = Look(valence=0.9, blink=look_at(time_s + 1.7, story).blink)
            picture = visitor.draw(picture, second, visitor_look)
        look = look_at(time_s, story)
        if parted is not None:
            look = replace(look, opening=float(parted[min(number, len(parted) - 1)]))
        yield ticks, candidate.draw(picture, candidate_pose(time_s, story), look)


def encode(path: Path, story: Story, pictures: Iterator[tuple[int, Image]]) -> None:
    """Write a recording as H.264 in MP4.

    With ``quarter_turn`` the pixels are stored turned a quarter to the left, and the file's
    display matrix tells players to turn them back, as telephones do.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = story.size_px[::-1] if story.quarter_turn else story.size_px
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        rate = Fraction(TICKS_PER_S * len(story.frame_ticks), sum(story.frame_ticks))
        stream = container.add_stream(
            "libx264",
            rate=rate.limit_denominator(1001),
            options={"crf": "27", "preset": "slow", "threads": "1"},
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        if story.quarter_turn:
            stream.set_display_rotation(-90)
        if story.spoken:
            encode_sound(container, mixed(story.spoken))
        for ticks, picture in pictures:
            stored = np.rot90(picture) if story.quarter_turn else picture
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(stored), format="rgb24")
            frame.pts, frame.time_base = ticks, Fraction(1, TICKS_PER_S)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def encode_sound(container: OutputContainer, sound: Sound) -> None:
    """Write a sound as AAC."""
    stream = container.add_stream("aac", rate=RATE_HZ, layout="mono", options={"b": "40000"})
    for start in range(0, len(sound), 1024):
        part = np.pad(sound[start : start + 1024], (0, max(0, start + 1024 - len(sound))))
        frame = av.AudioFrame.from_ndarray(part[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def write_truth(path: Path, stories: Sequence[Story]) -> None:
    """Write what each recording shows: a row for each expression, and for each turn of speech."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("recording", "start_s", "end_s", "expression", "speaker", "text"))
        for story in stories:
            for part in story.segments:
                times = round(part.start_s, 2), round(part.end_s, 2)
                writer.writerow((story.path, *times, part.expression, "", ""))
            for said in story.spoken:
                times = said.start_s, round(said.end_s, 2)
                writer.writerow((story.path, *times, "", said.turn.speaker, said.turn.text))


def main() -> None:
    """Make all recordings and their true timeline."""
    parser = argparse.ArgumentParser(description="Make the sample recordings and truth.csv.")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent, help="output folder (default: this one)"
    )
    out: Path = parser.parse_args().out
    stories = (*STORIES, interview())
    candidate, visitor = Puppet(), Puppet(other_person=True)
    for story in stories:
        path = out / story.path
        encode(path, story, frames(story, candidate, visitor))
        print(f"{story.path}: {path.stat().st_size / 1000:.0f} kB")
    write_truth(out / "truth.csv", stories)


if __name__ == "__main__":
    main()
