"""The mirror beside `poise analyze`: the same frames of recordings, as a camera's pictures.

    python benchmarks/live_agreement.py [--rate 15] RECORDING...

Each sampled frame goes through the mirror's engine as a JPEG of at most 960 lines, in order; with
`--rate` also those between them, as a camera gives them. Counted are the sampled frames in which
both read a face: how many have the same class of the model (of `p_*`), the same class against one
resting face (that which `analyze` finds in the first seconds), and no other word: where the
mirror's rule for what it shows, which looks back only, names a class for the readings of both, it
names the same (it may name none for one of them).

As a scale, `analyze` itself is run again with the full cascade in twice as many frames: how many
frames have the same class then, by itself.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import torch
from PIL import Image

from poise.analysis import observe
from poise.analysis.context import AnalysisContext
from poise.analysis.recording import analyse_recording
from poise.analysis.views import Look
from poise.desk.live.cue import NOTHING, Cue
from poise.desk.live.engine import MOST_WIDTH_PX, LiveEngine
from poise.faces.detection.keyframes import PERIOD_S
from poise.labels import display_labels
from poise.settings import Settings
from poise.types import FrameBatch, RecordingAnalysis

RESTING_S = (0.0, 3.0)


@dataclass
class Counts:
    """Frames of recordings.

    Args:
        read: By `analyze`.
        both: By the mirror, too.
        same, relative, word: Of both, with the same class of the model, against the resting face,
            and with no other word.
        again, again_same: Read by `analyze` in both of its runs, and with the same class there.
    """

    read: int = 0
    both: int = 0
    same: int = 0
    relative: int = 0
    word: int = 0
    again: int = 0
    again_same: int = 0

    def add(self, other: Counts) -> None:
        """Count those of another recording as well."""
        for name, number in asdict(other).items():
            setattr(self, name, getattr(self, name) + number)

    def __str__(self) -> str:
        of = "{:.1f} % of {}".format
        both = max(1, self.both)
        told = [f"{name} {of(100 * getattr(self, name) / both, self.both)}"
                for name in ("same", "relative", "word")]  # fmt: skip
        again = of(100 * self.again_same / max(1, self.again), self.again)
        return f"read {self.read}, {', '.join(told)}; analyze again {again}"


def analysed(path: Path, context: AnalysisContext, period_s: float = PERIOD_S) -> RecordingAnalysis:
    """What `analyze` finds in a recording; with the full cascade as often as that."""
    with tempfile.TemporaryDirectory() as scratch, patch.object(observe, "PERIOD_S", period_s):
        return analyse_recording(path, context, Path(scratch), neutral_span_s=RESTING_S)


def classes(found: RecordingAnalysis) -> dict[float, int]:
    """The class of the model in each frame that was read, by its time."""
    best = found.labels.valence_posterior(found.frames.posterior).argmax(axis=1)
    times = found.frames.pts_s[found.frames.usable_frame]
    return dict(zip(times.round(3).tolist(), best.tolist(), strict=True))


def pictures(path: Path, context: AnalysisContext, rate_hz: float) -> Iterator[tuple[float, bytes]]:
    """The frames as a page would send them: time and JPEG."""
    settings = context.settings
    _, items = context.decoding.sample(
        path, backend=settings.decoder, rate_hz=rate_hz, short_side_px=960,
        skip_frames=rate_hz <= settings.sample_rate_hz, view=Look(short_side_px=960).view,
    )  # fmt: skip
    for batch in items:
        if not isinstance(batch, FrameBatch):
            continue
        for image, pts_s in zip(batch.images, batch.pts_s.tolist(), strict=True):
            shrink = min(1.0, MOST_WIDTH_PX / image.shape[1], 960 / image.shape[0])
            small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            held = io.BytesIO()
            Image.fromarray(np.asarray(small)).save(held, "JPEG", quality=85)
            yield pts_s, held.getvalue()


def compared(path: Path, context: AnalysisContext, rate_hz: float) -> Counts:
    """Put a recording through both."""
    settings = context.settings
    found = analysed(path, context)
    frames, labels = found.frames, display_labels(found.labels)
    row_at = {round(float(frames.pts_s[f]), 3): k for k, f in enumerate(frames.usable_frame)}
    once, again = classes(found), classes(analysed(path, context, PERIOD_S / 2))
    cue, own = Cue(settings.smoothing_s), Cue(settings.smoothing_s)
    engine = LiveEngine(
        context.detector, context.classifier,
        short_side_px=settings.detection_px, smoothing_s=settings.smoothing_s,
    )  # fmt: skip
    engine.use(found.baseline)
    counts = Counts(read=len(row_at), again=len(once.keys() & again.keys()))
    counts.again_same = sum(once[t] == again[t] for t in once.keys() & again.keys())
    for pts_s, jpeg in pictures(path, context, rate_hz):
        answer, row = engine.see(jpeg, pts_s), row_at.get(round(pts_s, 3))
        if row is None or answer.state != "read":
            continue
        counts.both += 1
        counts.same += int(np.argmax(answer.posterior[:3])) == once[round(pts_s, 3)]
        read = labels[int(frames.reading[row].argmax())]
        counts.relative += labels[int(np.argmax(answer.reading))] == read
        reading = frames.reading[row]
        shown = {cue.after(np.array(answer.reading), pts_s)[1], own.after(reading, pts_s)[1]}
        counts.word += len(shown - {NOTHING}) < 2
    return counts


def main() -> None:
    """Compare, and print a line for each recording, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recordings", type=Path, nargs="+")
    parser.add_argument("--rate", type=float, default=5.0, help="pictures per second, 5 or more")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    quiet = Settings(device="cpu", sound=False, frames_per_class=0, baseline="given")
    context, counts = AnalysisContext.start(quiet), Counts()
    try:
        for path in arguments.recordings:
            own = compared(path, context, arguments.rate)
            counts.add(own)
            print(f"{path.name}: {own}", flush=True)
    finally:
        context.close()
    print(f"all: {counts}")


if __name__ == "__main__":
    main()
