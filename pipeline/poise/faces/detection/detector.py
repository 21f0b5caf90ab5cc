"""Face detection: MTCNN's cascade, batched over frames.

Source: Zhang et al., Joint Face Detection and Alignment using Multitask Cascaded Convolutional
Networks, IEEE SPL 23(10), 2016 (arXiv:1604.02878). Box arithmetic and thresholds follow
facenet-pytorch, so that its weights see what they were trained on; the pyramid and the crops are
reduced in uint8, the networks run channels-last and over many frames at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from poise.expression.device import to_device
from poise.faces.boxes import part_of_smaller, squared, suppressed
from poise.faces.detection.mtcnn import ONet, PNet, RNet, load_pretrained
from poise.types import FaceDetections, FloatArray, Image, IntArray

MIN_FACE_PX = 24.0  # smaller ones are often found as well
PYRAMID_FACTOR = 0.709
_PNET_CELL_PX, _PNET_STRIDE_PX = 12, 2
# The last is a tenth above facenet-pytorch's: in reduced frames a little more looks like a face.
_PNET_THRESHOLD, _RNET_THRESHOLD, _ONET_THRESHOLD = 0.6, 0.7, 0.8
_LEVEL_PIXELS = 150_000  # at once through the first network, so that its maps stay in the cache
_GPU_CROPS = 256
_RNET_CROPS, _ONET_CROPS = 32, 3  # at once, for the same reason
_RNET_PX, _ONET_PX = 24, 48


class FaceDetector:
    """MTCNN over batches of equally large frames.

    Args:
        device: Where the three networks run.
        max_candidates: Windows per frame that pass from the first network to the second.
    """

    def __init__(self, *, device: str = "cpu", max_candidates: int = 96) -> None:
        self.device = torch.device(device)
        self.max_candidates = max_candidates
        self._pnet = load_pretrained(PNet(), self.device)
        self._rnet = load_pretrained(RNet(), self.device)
        self._onet = load_pretrained(ONet(), self.device)

    @torch.inference_mode()
    def detect(self, images: Image, *, min_face_px: float = MIN_FACE_PX) -> FaceDetections:
        """Find all faces.

        Args:
            images: uint8 [N, H, W, 3] RGB.
            min_face_px: Height of the smallest face looked for, in pixels of these images.

        Returns:
            Faces in pixels of these images, frame by frame, the most confident first.
        """
        try:
            boxes, row = self._propose(images, min_face_px)
        except torch.OutOfMemoryError:
            if len(images) == 1:
                raise
            half = len(images) // 2
            first = self.detect(images[:half], min_face_px=min_face_px)
            second = self.detect(images[half:], min_face_px=min_face_px)
            return FaceDetections.joined([first, replace(second, row=second.row + half)])
        boxes, row = self._filter(images, boxes, row)
        found = refined(images, boxes, row, self.judge)
        keep = found.detection_confidence > _ONET_THRESHOLD
        found = found.take(np.flatnonzero(keep))
        return found.take(_suppress_contained(found))

    def refine(self, images: Image, boxes_xyxy_px: FloatArray, row: IntArray) -> FaceDetections:
        """Let the last network alone correct given boxes and find the landmarks in them.

        Args:
            images: uint8 [N, H, W, 3] RGB.
            boxes_xyxy_px: float32 [M, 4], roughly a face each.
            row: Frame of each box, int64 [M].

        Returns:
            M faces in the order given, whatever their confidence.
        """
        return refined(images, squared(boxes_xyxy_px), row, self.judge)

    @torch.inference_mode()
    def judge(self, windows: Image) -> tuple[FloatArray, ...]:
        """What the last network says of windows, uint8 [M, 48, 48, 3].

        Returns:
            Box regression float32 [M, 4], landmarks [M, 10] (x of five, y of five), confidence [M].
        """
        return self._run(self._onet, windows, _ONET_CROPS)

    def _propose(self, images: Image, min_face_px: float) -> tuple[FloatArray, IntArray]:
        """First stage: P-Net over an image pyramid."""
        height, width = images.shape[1:3]
        windows, corrections, scores, rows = [], [], [], []
        level = images
        for scale in _pyramid(min(height, width), min_face_px):
            # Even sides, for their maps are halved faster.
            size = (round(width * scale / 2) * 2, round(height * scale / 2) * 2)
            # From the level above, which costs half as much as from the picture itself.
            level = np.stack([_resize(image, size) for image in level])
            place, score, row, correction = self._windows_of(level)
            if len(row) == 0:
                continue
            corner = place * _PNET_STRIDE_PX + 1
            step = np.array([width / size[0], height / size[1]])
            low, high = np.floor(corner * step), np.floor((corner + _PNET_CELL_PX - 1) * step)
            window = np.concatenate([low, high], axis=1).astype(np.float32)
            keep = suppressed(window, score, row, 0.5)
            windows.append(window[keep])
            scores.append(score[keep])
            rows.append(row[keep])
            corrections.append(correction[keep])
        if not windows:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
        window, score, row = np.concatenate(windows), np.concatenate(scores), np.concatenate(rows)
        keep = suppressed(window, score, row, 0.7)
        keep = keep[_first_per_group(row[keep], self.max_candidates)]
        extent = np.tile(window[keep, 2:] - window[keep, :2], 2)
        corrected = window[keep] + np.concatenate(corrections)[keep] * extent
        return squared(corrected), row[keep]

    def _windows_of(self, level: Image) -> tuple[IntArray, FloatArray, IntArray, FloatArray]:
        """Where P-Net sees a face.

        Args:
            level: Of the pyramid, uint8 [N, h, w, 3].

        Returns:
            Column and line int64 [M, 2], probability float32 [M], frame int64 [M], and
            correction float32 [M, 4] of each.
        """
        count, height, width = level.shape[:3]
        at_once = count
        if self.device.type == "cpu":
            at_once = max(1, _LEVEL_PIXELS // (height * width))
        found = []
        for start in range(0, count, at_once):
            maps, probability = self._pnet(self._as_input(level[start : start + at_once]))
            row, y, x = (probability >= _PNET_THRESHOLD).nonzero(as_tuple=True)
            correction = self._pnet.correction(maps[row, :, y, x])
            place = torch.stack([x, y], dim=1)
            found.append((place, probability[row, y, x], row + start, correction))
        places, scores, rows, corrections = (
            torch.cat(column).cpu().numpy() for column in zip(*found, strict=True)
        )
        return places, scores, rows, corrections

    def _filter(
        self, images: Image, boxes: FloatArray, row: IntArray
    ) -> tuple[FloatArray, IntArray]:
        """Second stage: R-Net rejects most windows and corrects the rest."""
        boxes, row = _inside(boxes, row, images.shape)
        if len(row) == 0:
            return boxes, row
        regression, score = self._run(self._rnet, _crops(images, boxes, row, _RNET_PX), _RNET_CROPS)
        passed = np.flatnonzero(score > _RNET_THRESHOLD)
        keep = passed[suppressed(boxes[passed], score[passed], row[passed], 0.7)]
        return squared(_corrected(boxes[keep], regression[keep])), row[keep]

    def _as_input(self, images: Image) -> Tensor:
        tensor = to_device(images, self.device).permute(0, 3, 1, 2)
        return tensor.float().sub_(127.5).mul_(1 / 128)

    def _run(self, network: nn.Module, crops: Image, at_once: int) -> tuple[FloatArray, ...]:
        """Outputs for all crops, in batches of one size.

        oneDNN keeps compiled code for every size it has met; few sizes keep memory flat.
        """
        if self.device.type != "cpu":
            at_once = _GPU_CROPS
        count = len(crops)
        filled = np.pad(crops, ((0, -count % at_once), (0, 0), (0, 0), (0, 0)))
        parts = [
            network(self._as_input(filled[start : start + at_once]))
            for start in range(0, len(filled), at_once)
        ]
        return tuple(
            torch.cat(outputs)[:count].cpu().numpy() for outputs in zip(*parts, strict=True)
        )


def refined(
    images: Image,
    windows: FloatArray,
    row: IntArray,
    judge: Callable[[Image], tuple[FloatArray, ...]],
) -> FaceDetections:
    """The cascade's third stage: faces in windows, whatever their confidence.

    Args:
        images: uint8 [N, H, W, 3] RGB.
        windows: Squares, float32 [M, 4], in pixels.
        row: Frame of each, int64 [M].
        judge: See `FaceDetector.judge`, here or in another process.
    """
    if len(row) == 0:
        return FaceDetections.joined([])
    regression, points, score = judge(_crops(images, windows, row, _ONET_PX))
    extent = windows[:, 2:] - windows[:, :2] + 1
    landmarks = np.stack(
        [
            extent[:, :1] * points[:, :5] + windows[:, :1] - 1,
            extent[:, 1:] * points[:, 5:] + windows[:, 1:2] - 1,
        ],
        axis=2,
    )
    return FaceDetections(
        boxes_xyxy_px=_corrected(windows, regression),
        landmarks_px=landmarks,
        detection_confidence=score,
        row=row,
    )


def _pyramid(short_side_px: int, min_face_px: float) -> list[float]:
    scale = _PNET_CELL_PX / min_face_px
    scales = []
    while short_side_px * scale >= _PNET_CELL_PX:
        scales.append(scale)
        scale *= PYRAMID_FACTOR
    return scales


def _resize(image: Image, size: tuple[int, int]) -> Image:
    shrinks = size[0] < image.shape[1]
    return np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR),
        np.uint8,
    )


def _crops(images: Image, boxes: FloatArray, row: IntArray, side_px: int) -> Image:
    """Windows cut out at their visible part, resized to squares: uint8 [M, side, side, 3]."""
    height, width = images.shape[1:3]
    whole = np.trunc(boxes).astype(int)
    x1, y1 = np.clip(whole[:, 0], 1, width - 1) - 1, np.clip(whole[:, 1], 1, height - 1) - 1
    x2 = np.clip(whole[:, 2], x1 + 1, width)
    y2 = np.clip(whole[:, 3], y1 + 1, height)
    crops = np.empty((len(row), side_px, side_px, 3), np.uint8)
    for k, frame in enumerate(row):
        crops[k] = _resize(images[frame, y1[k] : y2[k], x1[k] : x2[k]], (side_px, side_px))
    return crops


def _inside(boxes: FloatArray, row: IntArray, shape: Sequence[int]) -> tuple[FloatArray, IntArray]:
    """Only windows of which some part lies in the picture."""
    height, width = shape[1:3]
    seen = (boxes[:, 2] > 1) & (boxes[:, 3] > 1) & (boxes[:, 0] < width) & (boxes[:, 1] < height)
    seen &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return boxes[seen], row[seen]


def _corrected(window: FloatArray, regression: FloatArray) -> FloatArray:
    extent = np.tile(window[:, 2:] - window[:, :2] + 1, 2)
    return np.asarray(window + regression * extent, np.float32)


def _first_per_group(group: IntArray, count: int) -> IntArray:
    """Positions of the first `count` members of each group, in order of group, then position."""
    order = np.argsort(group, kind="stable")
    start = np.searchsorted(group[order], group[order])
    return order[np.arange(len(group)) - start < count]


def _suppress_contained(faces: FaceDetections) -> IntArray:
    """Keep, frame by frame, boxes that share at most 70 % of the smaller one with a better one."""
    order = np.lexsort((-faces.detection_confidence, faces.row))
    kept: list[int] = []
    for candidate in order:
        same = [k for k in kept if faces.row[k] == faces.row[candidate]]
        boxes = faces.boxes_xyxy_px
        if (part_of_smaller(boxes[candidate], boxes[same], pixel=1.0) <= 0.7).all():
            kept.append(int(candidate))
    return np.array(kept, dtype=np.int64)
