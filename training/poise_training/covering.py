"""A detector of covered faces: made from clear ones, over which things are drawn.

    python -m poise_training.covering FACES.npz ... --out covering.safetensors

FACES.npz are what `poise-train` leaves of its data (`poise_training.datasets.prepare`). Masks,
hands, microphones, dark glasses and plain things are drawn over mouth or eyes. What must stay clear
is drawn as well: rims of glasses, things beside mouth and eyes, beards, blur, light from one side.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from poise.faces.covering import PARTS, SIDE_PX, CoveringNetwork, as_input
from poise.types import FloatArray, Image
from poise_training.datasets.prepare import PreparedFaces

_EPOCHS, _BATCH, _RATE = 8, 64, 3e-3
_DRAWN_PX = 96  # things are drawn in twice the size, so that their edges are smooth
Points = npt.NDArray[np.floating]


def crops_of(path: Path, split: str) -> tuple[Image, Points]:
    """Gray faces of a split with a margin, uint8 [N, K, K], and the template in their pixels."""
    faces = PreparedFaces.load(path)
    chosen = (faces.split == split) & faces.aligned
    margin = (faces.canvas.shape[1] - faces.frame_px) / 2
    template = faces.template_px * (faces.frame_px / faces.input_px) + margin
    return faces.canvas[chosen], template


def drawn(rng: np.random.Generator, canvas: Image, template: Points) -> tuple[Image, list[int]]:
    """A face from a canvas, uint8 [S, S], perhaps covered, and whether eyes and mouth are."""
    face, points = _shaken(rng, canvas, template)
    truth = [0, 0]
    kind = rng.random()
    if kind < 0.22:
        face, truth[1] = _mask(rng, face, points), 1
    elif kind < 0.32:
        face, truth[1] = _hand(rng, face, points[3:].mean(axis=0), points), 1
    elif kind < 0.40:
        face, truth[1] = _microphone(rng, face, points), 1
    elif kind < 0.46:
        face, truth[1] = _thing(rng, face, points[3:].mean(axis=0), points), 1
    elif kind < 0.56:
        face, truth[0] = _dark_glasses(rng, face, points), 1
    elif kind < 0.61:
        face, truth[0] = _hand(rng, face, points[rng.integers(2)], points), 1
    elif kind < 0.65:
        face, truth[0] = _thing(rng, face, points[:2].mean(axis=0), points), 1
    elif kind < 0.72:
        face = _rims(rng, face, points)
    elif kind < 0.79:
        face = _beside(rng, face, points)
    elif kind < 0.84:
        face = _beard(rng, face, points)
    return _seen(rng, face), truth


def fit(data: list[tuple[Image, Points]], seed: int = 0) -> CoveringNetwork:
    """A network trained on what `drawn` makes of the faces."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network = CoveringNetwork()
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=1e-3)
    count = sum(len(canvases) for canvases, _ in data)
    steps = _EPOCHS * (max(1, count // _BATCH))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    loss_of = nn.BCEWithLogitsLoss()
    for epoch in range(_EPOCHS):
        faces, truth = _made(rng, data)
        losses = []
        for rows in np.array_split(rng.permutation(count), max(1, count // _BATCH)):
            optimiser.zero_grad()
            loss: Tensor = loss_of(network(as_input(faces[rows])), torch.from_numpy(truth[rows]))
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        print(f"epoch {epoch + 1}: {np.mean(losses):.4f}", flush=True)
    return network.eval()


def _made(rng: np.random.Generator, data: list[tuple[Image, Points]]) -> tuple[Image, FloatArray]:
    made = [drawn(rng, canvas, template) for canvases, template in data for canvas in canvases]
    faces, truth = zip(*made, strict=True)
    return np.stack(faces), np.array(truth, np.float32)


def _shaken(rng: np.random.Generator, canvas: Image, template: Points) -> tuple[Image, Points]:
    """The face at twice the size of the network's input, a little moved, turned and scaled."""
    eyes = template[1] - template[0]
    scale = _DRAWN_PX * 0.38 / float(np.linalg.norm(eyes)) * rng.uniform(0.9, 1.12)
    angle = rng.normal(0, 4) * np.pi / 180
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = template.mean(axis=0)
    target = np.array([0.51, 0.6]) * _DRAWN_PX + rng.normal(0, 2.5, 2)
    matrix = np.column_stack([turn, target - turn @ middle])
    points = template @ turn.T + matrix[:, 2]
    face = cv2.warpAffine(canvas, matrix, (_DRAWN_PX, _DRAWN_PX), borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < 0.5:
        face = face[:, ::-1]
        points = np.column_stack([_DRAWN_PX - 1 - points[:, 0], points[:, 1]])[[1, 0, 2, 4, 3]]
    return np.ascontiguousarray(face, np.uint8), np.asarray(points, np.float32)


def _laid(
    rng: np.random.Generator, face: Image, shape: Image, level: float, *, texture: float = 6
) -> Image:
    """A thing of a gray level and a little shading over the face; `shape` is 0 or 255."""
    side = len(face)
    y, x = np.mgrid[:side, :side] / side - 0.5
    slope = rng.normal(0, 25, 2)
    surface = level + slope[0] * x + slope[1] * y
    coarse = rng.normal(0, texture, (6, 6)).astype(np.float32)
    surface = surface + cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    alpha = cv2.GaussianBlur(shape.astype(np.float32) / 255, (0, 0), rng.uniform(0.5, 1.5))
    return np.asarray(np.clip(face * (1 - alpha) + surface * alpha, 0, 255), np.uint8)


def _unit(points: Points) -> float:
    return float(np.linalg.norm(points[1] - points[0]))


def _polygon(side: int, corners: Points) -> Image:
    shape = np.zeros((side, side), np.uint8)
    cv2.fillPoly(shape, [np.rint(corners).astype(np.int32)], 255)
    return shape


def _ellipse(side: int, centre: Points, axes: Points, angle: float) -> Image:
    shape = np.zeros((side, side), np.uint8)
    size = (max(1, round(float(axes[0]))), max(1, round(float(axes[1]))))
    place = (round(float(centre[0])), round(float(centre[1])))
    cv2.ellipse(shape, place, size, angle, 0, 360, 255, -1)
    return shape


def _mask(rng: np.random.Generator, face: Image, points: Points) -> Image:
    unit, nose, mouth = _unit(points), points[2], points[3:].mean(axis=0)
    top = nose[1] - unit * rng.uniform(-0.15, 0.4)  # some wear it below the nose
    bottom = mouth[1] + unit * rng.uniform(0.25, 0.9)
    wide = unit * rng.uniform(0.65, 1.15)
    across = (nose[0] + mouth[0]) / 2
    lift = unit * rng.uniform(0.05, 0.3)
    corners = np.array([
        (across - wide, top + lift), (across - wide * 0.35, top), (across + wide * 0.35, top),
        (across + wide, top + lift), (across + wide * rng.uniform(0.8, 1), bottom - 1.5 * lift),
        (across + wide * 0.45, bottom), (across - wide * 0.45, bottom),
        (across - wide * rng.uniform(0.8, 1), bottom - 1.5 * lift),
    ], np.float32) + rng.normal(0, 0.03 * unit, (8, 2))  # fmt: skip
    level = rng.choice([rng.uniform(150, 250), rng.uniform(10, 80), rng.uniform(10, 250)])
    done = _laid(rng, face, _polygon(len(face), corners), level, texture=rng.uniform(0, 10))
    for k in range(rng.integers(0, 4)):  # pleats
        y = int(top + lift + (k + 1) * (bottom - top - lift) / 4)
        shade = float(np.clip(level + rng.normal(0, 20), 0, 255))
        ends = (int(across - 0.85 * wide), y), (int(across + 0.85 * wide), y)
        cv2.line(done, *ends, shade, 1 + int(rng.random() < 0.4), cv2.LINE_AA)
    if rng.random() < 0.4:  # loops to the ears
        for sign in (-1, 1):
            ends = (
                (int(across + sign * wide), int(top + lift)),
                (int(across + sign * 1.6 * wide), int(top)),
            )
            cv2.line(done, *ends, float(level), 1, cv2.LINE_AA)
    return done


def _hand(rng: np.random.Generator, face: Image, centre: Points, points: Points) -> Image:
    """Fingers side by side, about as bright as the face, over a place."""
    unit = _unit(points)
    level = float(face[int(points[2][1]) % len(face), int(points[2][0]) % len(face)])
    level = float(np.clip(level + rng.normal(-5, 22), 15, 245))
    angle = rng.uniform(0, np.pi)
    along, across = (
        np.array([np.cos(angle), np.sin(angle)]),
        np.array([-np.sin(angle), np.cos(angle)]),
    )
    width, count = unit * rng.uniform(0.1, 0.17), int(rng.integers(3, 6))
    done = face
    middle = centre + rng.normal(0, 0.08 * unit, 2)
    for k in range(count):
        place = middle + across * (k - (count - 1) / 2) * 1.9 * width
        place = place + along * rng.normal(0, 0.15 * unit)
        axes = np.array([unit * rng.uniform(0.45, 0.9), 1.15 * width])
        shape = _ellipse(len(face), place, axes, float(np.degrees(angle)))
        rim = cv2.morphologyEx(shape, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        done = _laid(rng, done, shape, level + rng.normal(0, 5), texture=4)
        done = np.where(rim > 0, done * rng.uniform(0.6, 0.95), done).astype(np.uint8)
    return done


def _microphone(rng: np.random.Generator, face: Image, points: Points) -> Image:
    unit, mouth = _unit(points), points[3:].mean(axis=0)
    centre = mouth + rng.normal(0, 0.08 * unit, 2)
    axes = unit * rng.uniform(0.38, 0.6, 2)
    level = float(rng.choice([rng.uniform(5, 60), rng.uniform(60, 200)], p=[0.75, 0.25]))
    stick = centre + unit * np.array([rng.normal(0, 0.8), 2.5])
    done = face.copy()
    first, second = [int(v) for v in centre], [int(v) for v in stick]
    cv2.line(done, first, second, level, max(2, int(unit * rng.uniform(0.15, 0.4))), cv2.LINE_AA)
    return _laid(rng, done, _ellipse(len(face), centre, axes, 0), level, texture=14)


def _thing(rng: np.random.Generator, face: Image, centre: Points, points: Points) -> Image:
    """A sheet, a cup, a telephone: any level, any angle."""
    unit = _unit(points)
    half = unit * np.array([rng.uniform(0.6, 1.2), rng.uniform(0.3, 0.7)])
    angle = rng.normal(0, 0.3)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half @ turn.T + centre
    return _laid(
        rng, face, _polygon(len(face), corners + rng.normal(0, 0.06 * unit, (4, 2))),
        rng.uniform(5, 250), texture=rng.uniform(0, 25),
    )  # fmt: skip


def _dark_glasses(rng: np.random.Generator, face: Image, points: Points) -> Image:
    unit, done = _unit(points), face
    level = rng.uniform(3, 60)
    half = unit * np.array([rng.uniform(0.33, 0.47), rng.uniform(0.22, 0.38)])
    square = rng.random() < 0.5
    shift = np.array([0, unit * rng.uniform(-0.02, 0.1)])
    for eye in points[:2] + shift:
        if square:
            corners = np.array([(-1, -1), (1, -1), (0.85, 1), (-0.85, 1)]) * half + eye
            shape = _polygon(len(face), corners)
        else:
            shape = _ellipse(len(face), eye, half, 0)
        done = _laid(rng, done, shape, level, texture=rng.uniform(0, 14))
    first, second = ([int(v) for v in eye + shift] for eye in points[:2])
    cv2.line(done, first, second, level, 2, cv2.LINE_AA)
    return done


def _rims(rng: np.random.Generator, face: Image, points: Points) -> Image:
    """Clear glasses: only their rims."""
    unit, done = _unit(points), face.copy()
    level = rng.uniform(5, 120)
    half = unit * np.array([rng.uniform(0.3, 0.45), rng.uniform(0.2, 0.36)])
    for eye in points[:2]:
        place = tuple(int(v) for v in eye + np.array([0, 0.06 * unit]))
        size = tuple(int(v) for v in half)
        cv2.ellipse(done, place, size, 0, 0, 360, level, int(rng.integers(1, 3)), cv2.LINE_AA)
        if rng.random() < 0.3:  # a reflection
            spot = tuple(int(v) for v in eye + rng.normal(0, 0.15 * unit, 2))
            cv2.ellipse(done, spot, (3, 2), 0, 0, 360, 240, -1, cv2.LINE_AA)
    return done


def _beside(rng: np.random.Generator, face: Image, points: Points) -> Image:
    """A thing on forehead, cheek, or below the chin: eyes and mouth stay free."""
    unit, mouth = _unit(points), points[3:].mean(axis=0)
    places = [
        points[:2].mean(axis=0) - np.array([rng.normal(0, 0.4) * unit, 1.1 * unit]),
        points[rng.integers(2)] + np.array([rng.choice([-1, 1]) * 1.2 * unit, 0.5 * unit]),
        mouth + np.array([rng.normal(0, 0.3) * unit, 1.0 * unit]),
    ]
    axes = unit * rng.uniform(0.25, 0.5, 2)
    shape = _ellipse(len(face), places[rng.integers(3)], axes, rng.uniform(0, 180))
    keep = np.zeros_like(shape)
    for point, size in ((points[0], 0.35), (points[1], 0.35), (mouth, 0.5)):
        keep |= _ellipse(len(face), point, unit * np.array([size, 0.6 * size]), 0)
    shape[keep > 0] = 0
    return _laid(rng, face, shape, rng.uniform(5, 250), texture=10)


def _beard(rng: np.random.Generator, face: Image, points: Points) -> Image:
    """Darker around the mouth, the mouth itself free."""
    unit, mouth = _unit(points), points[3:].mean(axis=0)
    around = _ellipse(
        len(face), mouth + np.array([0, 0.15 * unit]), unit * np.array([0.75, 0.6]), 0
    )
    lips = _ellipse(len(face), mouth, unit * np.array([0.45, 0.16]), 0)
    alpha = cv2.GaussianBlur(around.astype(np.float32) / 255, (0, 0), 4)
    alpha = alpha * (1 - cv2.GaussianBlur(lips.astype(np.float32) / 255, (0, 0), 1.5))
    grain = rng.normal(0, 12, face.shape)
    return np.asarray(
        np.clip(face * (1 - alpha * rng.uniform(0.3, 0.75)) + alpha * grain, 0, 255), np.uint8
    )


def _seen(rng: np.random.Generator, face: Image) -> Image:
    """The face as a camera might give it: uint8 [S, S]."""
    side = len(face)
    if rng.random() < 0.3:
        face = np.asarray(cv2.GaussianBlur(face, (0, 0), rng.uniform(0.5, 3)), np.uint8)
    if rng.random() < 0.3:  # light from one side
        angle = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[:side, :side] / side - 0.5
        light = 1 + rng.uniform(0.2, 0.9) * (np.cos(angle) * x + np.sin(angle) * y)
        face = np.asarray(np.clip(face * light, 0, 255), np.uint8)
    small = cv2.resize(face, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    contrast, shift = rng.uniform(0.5, 1.2), rng.uniform(-30, 30)
    small = (small - small.mean()) * contrast + small.mean() + shift
    return np.asarray(
        np.clip(small + rng.normal(0, rng.uniform(0, 4), small.shape), 0, 255), np.uint8
    )


def main() -> None:
    """Train, say how well it does on the test faces, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, nargs="+", help="prepared faces")
    parser.add_argument("--most", type=int, default=12_000, help="faces of each file")
    parser.add_argument("--out", type=Path, required=True, help="file for the weights")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)

    def some(split: str, most: int) -> list[tuple[Image, Points]]:
        read = [crops_of(path, split) for path in given.faces]
        return [(c[rng.permutation(len(c))[:most]], template) for c, template in read]

    network = fit(some("train", given.most))
    faces, truth = _made(rng, some("test", 2000))
    with torch.inference_mode():
        said = torch.sigmoid(network(as_input(faces))).numpy()
    for share in (0.5, 0.7, 0.8, 0.9, 0.95):
        flagged = said > share
        print(f"above {share}:", {
            part: (round(float(flagged[truth[:, k] == 1, k].mean()), 3),
                   round(float(flagged[truth.sum(axis=1) == 0, k].mean()), 4))
            for k, part in enumerate(PARTS)
        })  # fmt: skip
    weights = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, given.out)


if __name__ == "__main__":
    main()
