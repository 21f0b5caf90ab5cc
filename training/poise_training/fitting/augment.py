"""Augmentation of training faces, in uint8, one face at a time.

Crop and rotation are the paper's; the rest makes a model travel from one data set to another:
light, blur, low resolution, JPEG, noise and occlusion.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from poise.types import Image

_INTER = cv2.INTER_LINEAR


def augment(
    canvas: Image,
    size_px: int,
    frame_px: float,
    rng: np.random.Generator,
    *,
    portrait: float = 0.0,
) -> Image:
    """A random variation of an aligned face.

    Args:
        canvas: uint8 [K, K] gray; the aligned crop lies in its middle with a margin around it.
        size_px: Side S of the result.
        frame_px: Side of the aligned crop within the canvas.
        rng: Source of randomness; the result depends on nothing else.
        portrait: Share of the faces that are lit more evenly, and of those made sharper, as
            portraits are beside small web pictures.

    Returns:
        uint8 [S, S] gray.
    """
    face = _warped(canvas, size_px, frame_px, rng)
    if rng.random() < 0.6:
        face = _relit(face, rng)
    if portrait and rng.random() < portrait:
        face = evened(face, rng)
    if portrait and rng.random() < portrait:
        face = sharpened(face, rng)
    if rng.random() < 0.3:
        face = _coarser(face, rng)
    if rng.random() < 0.25:
        face = np.asarray(cv2.GaussianBlur(face, (0, 0), rng.uniform(0.4, 1.3)), np.uint8)
    if rng.random() < 0.2:
        noise = rng.normal(0, rng.uniform(2, 12), face.shape)
        face = np.clip(face + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        face = _jpeg(face, int(rng.integers(12, 90)))
    if rng.random() < 0.3:
        face = _occluded(face, rng)
    return face


def centre(canvas: Image, size_px: int, frame_px: float) -> Image:
    """The aligned face without variation, uint8 [S, S]."""
    low = round((canvas.shape[0] - frame_px) / 2)
    high = low + round(frame_px)
    face = canvas[low:high, low:high]
    return np.asarray(cv2.resize(face, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8)


def _warped(canvas: Image, size_px: int, frame_px: float, rng: np.random.Generator) -> Image:
    """Rotation, scale, stretch, shift and mirror image in one sampling."""
    angle = math.radians(rng.normal(0, 8))
    scale = size_px / frame_px * math.exp(rng.uniform(-0.18, 0.18))
    stretch = math.exp(rng.normal(0, 0.05))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([mirror * stretch, 1 / stretch])
    middle = np.full(2, (canvas.shape[0] - 1) / 2)
    shift = np.full(2, (size_px - 1) / 2) + rng.normal(0, 0.035, 2) * size_px
    matrix = np.column_stack([linear, shift - linear @ middle])
    return np.asarray(
        cv2.warpAffine(
            canvas, matrix, (size_px, size_px), flags=_INTER, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def _relit(face: Image, rng: np.random.Generator) -> Image:
    """Gamma, contrast, brightness, and a light from one side."""
    value = face.astype(np.float32) / 255
    value = value ** math.exp(rng.normal(0, 0.25))
    mean = value.mean()
    value = (value - mean) * math.exp(rng.normal(0, 0.25)) + mean + rng.normal(0, 0.08)
    if rng.random() < 0.3:
        direction = rng.uniform(0, 2 * math.pi)
        ramp = np.linspace(-1, 1, face.shape[0], dtype=np.float32)
        slope = math.cos(direction) * ramp[None, :] + math.sin(direction) * ramp[:, None]
        value = value * (1 + rng.uniform(0, 0.5) * slope)
    return np.asarray(np.clip(value, 0, 1) * 255, np.uint8)


def evened(face: Image, rng: np.random.Generator) -> Image:
    """Light spread more evenly over the face: some of the slow differences taken away."""
    value = face.astype(np.float32)
    slow = cv2.GaussianBlur(value, (0, 0), 0.15 * face.shape[0], borderType=cv2.BORDER_REPLICATE)
    value -= rng.uniform(0, 0.9) * (slow - slow.mean())
    return np.clip(value, 0, 255).astype(np.uint8)


def sharpened(face: Image, rng: np.random.Generator) -> Image:
    """Fine detail brought out, as a camera's own processing does."""
    value = face.astype(np.float32)
    fine = value - cv2.GaussianBlur(value, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE)
    return np.clip(value + rng.uniform(0, 1.5) * fine, 0, 255).astype(np.uint8)


def _coarser(face: Image, rng: np.random.Generator) -> Image:
    """As if the face had been recorded smaller."""
    side = face.shape[0]
    small = int(side * rng.uniform(0.45, 0.95))
    reduced = cv2.resize(face, (small, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (side, side), interpolation=_INTER), np.uint8)


def _jpeg(face: Image, quality: int) -> Image:
    _, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def _occluded(face: Image, rng: np.random.Generator) -> Image:
    """A rectangle of one gray: a hand, a microphone, hair."""
    side = face.shape[0]
    width, height = (rng.uniform(0.12, 0.4, 2) * side).astype(int)
    x, y = int(rng.integers(0, side - width)), int(rng.integers(0, side - height))
    face = face.copy()
    face[y : y + height, x : x + width] = rng.integers(0, 256)
    return face
