"""Poise's face detection beside facenet-pytorch's stock MTCNN, on the same frames.

    python benchmarks/detection.py CLIPS

Poise looks for faces in reduced frames; stock MTCNN (`keep_all=True`, its own thresholds) looks at
the same frames at full size, for faces from 60 px in 1920x1080 on. Faces that stock is sure of
should be found by Poise: a miss is one without a box of Poise's that shares half of their union,
an extra is a box of Poise's without any such face of stock's. A second table shows from which
height on the portrait of the sample recordings is found in a frame of 1920x1080.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from facenet_pytorch import MTCNN

from poise.analysis.context import AnalysisContext
from poise.analysis.crop_file import CropFile
from poise.analysis.observe import next_look, observe
from poise.analysis.people.who import rough_choice
from poise.analysis.views import Look
from poise.batch.intake.discovery import discover
from poise.errors import PoiseError
from poise.faces.boxes import iou
from poise.media.decoders import open_decoder
from poise.settings import Settings
from poise.types import FaceDetections, FloatArray, Image

SAMPLES = Path(__file__).resolve().parent.parent / "sample_videos"
SURE, SAME_FACE_IOU = 0.9, 0.5
SMALLEST_PX = 20.0  # in the reduced frames: 60 px in a frame of 1920x1080
HEIGHTS_PX, FRAME_SIZE, POSITIONS = (40, 50, 60, 80, 120), (1920, 1080), 10


def poise_faces(path: Path, context: AnalysisContext) -> list[tuple[float, FaceDetections]]:
    """Time stamp of every sampled frame, and its faces in full-resolution pixels."""
    look: Look | None = Look(short_side_px=context.settings.detection_px)
    with (
        tempfile.TemporaryDirectory() as folder,
        CropFile(Path(folder), context.spec.input_px) as crops,
    ):
        while look:
            info, seen = observe(path, context, crops, look=look)
            look = next_look(path, context, info, seen, rough_choice(seen))
    found = FaceDetections(
        boxes_xyxy_px=seen.boxes,
        landmarks_px=seen.landmarks,
        detection_confidence=seen.confidence,
        row=seen.frame,
    )
    return [(float(t), found.take(found.row == row)) for row, t in enumerate(seen.pts_s)]


class Stock:
    """facenet-pytorch's MTCNN as it comes.

    Args:
        size: Width and height of the frames.
        settings: Say how far Poise reduces them, and so which faces are too small for it.
    """

    def __init__(self, size: tuple[int, int], settings: Settings) -> None:
        smallest = SMALLEST_PX * max(1.0, min(size) / settings.detection_px)
        self._detector = MTCNN(keep_all=True, min_face_size=round(smallest))

    def detect(self, image: Image) -> FaceDetections:
        """Faces in one frame, uint8 [H, W, 3]."""
        boxes, confidence, landmarks = None, None, None
        if min(image.shape[:2]) >= self._detector.min_face_size:  # it fails on smaller ones
            boxes, confidence, landmarks = self._detector.detect(image, landmarks=True)
        count = 0 if boxes is None else len(boxes)
        return FaceDetections(
            boxes_xyxy_px=np.array(boxes if count else [], np.float32).reshape(count, 4),
            landmarks_px=np.array(landmarks if count else [], np.float32).reshape(count, 5, 2),
            detection_confidence=np.array(confidence if count else [], np.float32),
            row=np.zeros(count, np.int64),
        )


@dataclass
class Comparison:
    """What was counted in the frames of one clip, or of several.

    Args:
        faces: Those that stock is sure of; `unsure` those that it is not.
        missed_px: Heights of the faces that Poise missed.
        iou, landmark_error: Of those that both found; the error is the mean over the landmarks, as
            a share of the distance between the eyes.
    """

    frames: int = 0
    faces: int = 0
    unsure: int = 0
    extras: int = 0
    missed_px: list[float] = field(default_factory=list)
    iou: list[float] = field(default_factory=list)
    landmark_error: list[float] = field(default_factory=list)

    def add_frame(self, stock: FaceDetections, poise: FaceDetections) -> None:
        """Count the faces of one frame."""
        shared = iou(stock.boxes_xyxy_px[:, None], poise.boxes_xyxy_px)
        sure = stock.detection_confidence > SURE
        self.frames += 1
        self.faces += int(sure.sum())
        self.unsure += int((~sure).sum())
        self.extras += int((shared.max(axis=0, initial=0) <= SAME_FACE_IOU).sum())
        for face in np.flatnonzero(sure):
            agreement = float(shared[face].max(initial=0))
            if agreement <= SAME_FACE_IOU:
                top, bottom = stock.boxes_xyxy_px[face, [1, 3]]
                self.missed_px.append(float(bottom - top))
                continue
            right = stock.landmarks_px[face]
            off = np.linalg.norm(poise.landmarks_px[shared[face].argmax()] - right, axis=1)
            self.iou.append(agreement)
            self.landmark_error.append(float(off.mean() / np.linalg.norm(right[1] - right[0])))

    def add(self, other: Comparison) -> None:
        """Count the frames of another clip too."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def row(self) -> dict[str, Any]:
        """The figures of the table; None where there is nothing to measure."""
        return {
            "frames": self.frames,
            "faces": self.faces,
            "misses": len(self.missed_px),
            "extras": self.extras,
            "stock_unsure": self.unsure,
            "iou_median": float(np.median(self.iou)) if self.iou else None,
            "iou_5_percent": float(np.quantile(self.iou, 0.05)) if self.iou else None,
            "landmark_error": float(np.median(self.landmark_error)) if self.iou else None,
            "missed_px": [round(height) for height in self.missed_px],
        }


def compare(path: Path, context: AnalysisContext, most_frames: int) -> Comparison:
    """Both on the same frames of a clip, spread over its length.

    Raises:
        PoiseError: If it cannot be read.
    """
    result = Comparison()
    found = poise_faces(path, context)
    spread = np.linspace(0, len(found) - 1, min(len(found), most_frames)).round().astype(int)
    chosen = [found[k] for k in spread]
    decoder = open_decoder(path, "pyav")
    stock = Stock((decoder.info.width_px, decoder.info.height_px), context.settings)
    images = decoder.fetch([pts_s for pts_s, _ in chosen])
    for (_, faces), image in zip(chosen, images, strict=True):
        result.add_frame(stock.detect(image), faces)
    return result


def small_faces(context: AnalysisContext) -> list[dict[str, Any]]:
    """In how many frames a face of each height is found."""
    sys.path.insert(0, str(SAMPLES))
    from make_samples import room
    from portrait import Look, Pose, Puppet

    puppet, background = Puppet(), room(FRAME_SIZE)
    stock = Stock(FRAME_SIZE, context.settings)

    def drawn(centre: tuple[float, float], scale: float) -> Image:
        return np.asarray(puppet.draw(background, Pose(centre_px=centre, scale=scale), Look()))

    # Where stock sees the face when it is large, in portrait pixels from the neck.
    middle, scale = (960.0, 700.0), 2.0
    seen = stock.detect(drawn(middle, scale)).boxes_xyxy_px[0]
    outline = (seen - np.tile(middle, 2)) / scale
    rows = []
    for height_px in HEIGHTS_PX:
        scale = height_px / (outline[3] - outline[1])
        centres = [(700.0 + 7 * k, 500.0 + 3 * k) for k in range(POSITIONS)]
        images = [drawn(centre, scale) for centre in centres]
        truth = [np.float32(np.tile(centre, 2) + outline * scale) for centre in centres]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "small.mp4")
            encode(path, images, context.settings.sample_rate_hz)
            ours = [faces for _, faces in poise_faces(path, context)]
        theirs = [stock.detect(image) for image in images]
        rows.append({
            "height_px": height_px,
            "frames": len(images),
            "poise": hits(ours, truth),
            "stock": hits(theirs, truth),
        })  # fmt: skip
    return rows


def encode(path: Path, images: list[Image], rate_hz: float) -> None:
    """Write frames as H.264, nearly without loss."""
    with av.open(str(path), "w", format="mp4") as container:
        rate = Fraction(rate_hz).limit_denominator(1000)
        stream = container.add_stream("libx264", rate=rate, options={"crf": "12"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def hits(found: list[FaceDetections], truth: list[FloatArray]) -> int:
    """In how many frames the true box, float32 [4], was found."""
    return sum(
        bool((iou(box, faces.boxes_xyxy_px) > SAME_FACE_IOU).any())
        for faces, box in zip(found, truth, strict=True)
    )


def main() -> None:
    """Compare and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, help="folder of clips")
    parser.add_argument("--frames", type=int, default=40, help="most frames of each clip")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()

    torch.set_num_threads(1)
    context, total = AnalysisContext.start(Settings(device="cpu")), Comparison()
    clips: dict[str, dict[str, Any]] = {}
    print(
        f"{'':<36}{'frames':>7}{'faces':>7}{'misses':>7}{'extras':>7}{'unsure':>7}"
        f"{'IoU':>7}{'5 %':>7}{'points':>8}"
    )
    for recording in discover(given.clips).recordings:
        try:
            result = compare(recording.path, context, given.frames)
        except PoiseError as error:
            print(f"{recording.recording_id[-35:]:<36}{error.cause}")
            continue
        total.add(result)
        clips[recording.recording_id] = result.row()
        show(recording.recording_id, result.row())
    show("all", total.row())
    heights = small_faces(context)
    print(f"\n{'height of the face, px':<36}{'frames':>7}{'Poise':>7}{'stock':>7}")
    for row in heights:
        print(f"{row['height_px']:<36}{row['frames']:>7}{row['poise']:>7}{row['stock']:>7}")
    context.decoding.close()
    if given.json:
        figures = {"clips": clips, "all": total.row(), "small_faces": heights}
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def show(name: str, row: dict[str, Any]) -> None:
    """Print one line of the table."""
    counts = "".join(
        f"{row[k]:>7}" for k in ("frames", "faces", "misses", "extras", "stock_unsure")
    )
    shares = [row[k] for k in ("iou_median", "iou_5_percent", "landmark_error")]
    figures = ["-" if share is None else f"{share:.3f}" for share in shares]
    print(f"{name[-35:]:<36}{counts}{figures[0]:>7}{figures[1]:>7}{figures[2]:>8}", flush=True)


if __name__ == "__main__":
    main()
