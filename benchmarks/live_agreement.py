"""The mirror beside `poise analyze`: the same frames of recordings, as a camera's pictures.

    python benchmarks/live_agreement.py RECORDING...

Each sampled frame goes through the mirror's engine as a JPEG of at most 960 lines, in order.
Counted are the frames in which both read a face: how many have the same class of the model (of
`p_*`), and the same class against the resting face, for which both are given the same first
seconds.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from poise.analysis.context import AnalysisContext
from poise.analysis.recording import analyse_recording
from poise.analysis.views import Look
from poise.desk.live.engine import MOST_WIDTH_PX, LiveEngine
from poise.labels import display_labels
from poise.settings import Settings
from poise.types import FrameBatch

RESTING_S = (0.2, 3.0)


def compared(path: Path, context: AnalysisContext) -> tuple[int, int, int, int]:
    """Frames that `analyze` reads, that both do, of these with the same class, relative class."""
    settings = context.settings
    with tempfile.TemporaryDirectory() as scratch:
        found = analyse_recording(path, context, Path(scratch), neutral_span_s=RESTING_S)
    frames, labels = found.frames, display_labels(found.labels)
    row_at = {round(float(frames.pts_s[f]), 3): k for k, f in enumerate(frames.usable_frame)}
    valence = found.labels.valence_posterior(frames.posterior)
    engine = LiveEngine(
        context.detector, context.classifier,
        short_side_px=settings.detection_px, smoothing_s=settings.smoothing_s,
    )  # fmt: skip
    engine.rest()
    resting, both, same, relative = True, 0, 0, 0
    look = Look(short_side_px=960)
    _, items = context.decoding.sample(
        path, backend=settings.decoder, rate_hz=settings.sample_rate_hz, short_side_px=960,
        skip_frames=True, view=look.view,
    )  # fmt: skip
    for batch in items:
        if not isinstance(batch, FrameBatch):
            continue
        for image, pts_s in zip(batch.images, batch.pts_s.tolist(), strict=True):
            if resting and pts_s >= RESTING_S[1]:
                resting = bool(engine.rested() is None)
            shrink = min(1.0, MOST_WIDTH_PX / image.shape[1], 960 / image.shape[0])
            small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            held = io.BytesIO()
            Image.fromarray(np.asarray(small)).save(held, "JPEG", quality=85)
            answer, row = engine.see(held.getvalue(), pts_s), row_at.get(round(pts_s, 3))
            if row is None or answer.state != "read":
                continue
            both += 1
            same += int(np.argmax(answer.posterior[:3])) == int(valence[row].argmax())
            read = labels[int(frames.reading[row].argmax())]
            relative += resting or labels[int(np.argmax(answer.reading))] == read
    return len(row_at), both, same, relative


def main() -> None:
    """Compare, and print a line for each recording, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recordings", type=Path, nargs="+")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    quiet = Settings(device="cpu", sound=False, identity=False, frames_per_class=0)
    context = AnalysisContext.start(quiet)
    counts = []
    try:
        for path in parser.parse_args().recordings:
            counts.append(compared(path, context))
            print(f"{path.name}: read {counts[-1][0]}, both {counts[-1][1]}, same class "
                  f"{counts[-1][2]}, same relative class {counts[-1][3]}", flush=True)  # fmt: skip
    finally:
        context.close()
    read, both, same, relative = np.sum(counts, axis=0).tolist()
    print(f"all: read {read}, both {both}, same class {same / both:.4f}, relative "
          f"{relative / both:.4f}")  # fmt: skip


if __name__ == "__main__":
    main()
