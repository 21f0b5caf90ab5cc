"""Heat maps: does what they call decisive decide? Several methods on the same faces, in one run.

    python benchmarks/explanation.py FERPLUS [--sessions FACES]

FERPLUS is the folder or zip of FER+, FACES one of other faces with a `labels.csv`. Of each, faces
are drawn that the model reads right (three classes and surprise). A map is judged by deletion: its
hottest pixels are blurred until no expression is left there (a standard deviation of a sixth of the
face), and the posterior of the class must fall; with only the hottest kept, it must not
(Petsiuk et al., arXiv:1806.07421). Deletion and insertion are the areas under the two curves. As
blurring is also what two of the methods learn from, the fall is measured once more with the pixels
replaced by their mean gray. Random places and a blob in the middle of the face are the floor.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from poise.expression import attribution
from poise.expression.artefact import load_model
from poise.expression.classifier import ExpressionClassifier, normalise
from poise.expression.heatmap import (
    confirmed_region,
    energy_shares,
    within_face,
    without_regions,
)
from poise.expression.model_spec import SHIPPED_MODEL
from poise.faces.detection.detector import FaceDetector
from poise.faces.photographs import align_pictures
from poise.labels import NEUTRAL, display_labels, display_posterior, members
from poise.settings import HEAT_MAPS
from poise.types import FloatArray, Image
from poise_training.datasets.locate import batches
from poise_training.datasets.recipe import DataSource
from poise_training.evaluation.testset import collect, recipe_for, scheme_for

CURVE = np.linspace(0, 1, 6)
MIRRORED = 60  # faces that are also seen in the mirror
SHOWN = "as shown in reports"
OCCLUSION = "occlusion, 36 places"
FEW, SLOW = 20, ("Score-CAM", "Ablation-CAM")  # these take seconds for each face
SCORES = 32  # masks at once


@dataclass(frozen=True)
class Faces:
    """Aligned crops uint8 [N, S, S, 3] that the model reads right, the class of each, and the
    distance of the eyes in the pictures, float32 [N]."""

    crops: Image
    labels: list[str]
    eye_px: FloatArray

    def first(self, count: int) -> Faces:
        """The first of them, at most so many."""
        return Faces(self.crops[:count], self.labels[:count], self.eye_px[:count])


class Judge:
    """What the model says, and its network in float32.

    Args:
        directory: The model artefact.
    """

    def __init__(self, directory: Path) -> None:
        self.classifier = ExpressionClassifier(directory, device="cpu")
        self.spec = self.classifier.spec
        self.labels = display_labels(self.spec.labels)
        self.network, _ = load_model(directory)
        self.network.requires_grad_(False)

    def posterior(self, crops: Image, labels: list[str], eye_px: FloatArray) -> FloatArray:
        """Of the class of each face, float32 [N]."""
        said = self.classifier.predict(crops, mirrored=False, eye_px=eye_px).posterior
        columns = [self.labels.index(label) for label in labels]
        return display_posterior(self.spec.labels, said)[np.arange(len(crops)), columns]

    def tensor(self, crops: Image) -> torch.Tensor:
        """Normalised crops."""
        return normalise(np.ascontiguousarray(crops), self.spec, torch.device("cpu"))


Method = Callable[[Judge, Image, str], FloatArray]
"""From faces uint8 [N, S, S, 3] of one class to maps [N, h, w]."""


def by_layer(rule: str, behind: str) -> Method:
    """Grad-CAM, HiResCAM or LayerCAM behind a layer."""

    def method(judge: Judge, crops: Image, label: str) -> FloatArray:
        early, late = attribution.cut(judge.network, behind)
        with torch.no_grad():
            maps = early(judge.tensor(crops))
        gradient = attribution.gradient(late, maps, members(judge.spec.labels, label))
        if rule == "Grad-CAM":
            gradient = gradient.mean(dim=(2, 3), keepdim=True)
        if rule == "LayerCAM":
            gradient = gradient.clamp(min=0)
        return (gradient * maps).sum(dim=1).clamp(min=0).numpy()

    return method


def integrated(behind: str, steps: int = 3) -> Method:
    """Integrated Grad-CAM with HiResCAM's weights behind a layer."""

    def method(judge: Judge, crops: Image, label: str) -> FloatArray:
        return attribution.integrated_grad_cam(
            judge.network,
            judge.tensor(crops),
            judge.tensor(attribution.blurred(crops)),
            members(judge.spec.labels, label),
            behind=behind,
            steps=steps,
        ).numpy()

    return method


def mixed(*methods: Method) -> Method:
    """The product's root of several maps, each divided by its peak."""

    def method(judge: Judge, crops: Image, label: str) -> FloatArray:
        total = np.ones((len(crops), judge.spec.input_px, judge.spec.input_px), np.float32)
        for one in methods:
            fine = attribution.smoothed(one(judge, crops, label), judge.spec.input_px)
            total *= fine / np.maximum(fine.max(axis=(1, 2), keepdims=True), 1e-9)
        return total ** (1 / len(methods))

    return method


def score_cam(behind: str) -> Method:
    """Score-CAM (Wang et al., arXiv:1910.01279): each map is a mask, its weight what is left."""

    def method(judge: Judge, crops: Image, label: str) -> FloatArray:
        early, _ = attribution.cut(judge.network, behind)
        with torch.no_grad():
            maps = early(judge.tensor(crops)).numpy()
        columns = members(judge.spec.labels, label)
        result = []
        for crop, flat, own in zip(crops, attribution.blurred(crops), maps, strict=True):
            alive = own[own.max(axis=(1, 2)) > own.min(axis=(1, 2))]
            low = alive.min(axis=(1, 2), keepdims=True)
            unit = (alive - low) / (alive.max(axis=(1, 2), keepdims=True) - low)
            mask = attribution.smoothed(unit, len(crop)).clip(0, 1)[..., None]
            tried = np.rint(crop * mask + flat * (1 - mask)).astype(np.uint8)
            weight = _odds(judge, tried, columns) - _odds(judge, flat[None], columns)
            result.append(np.einsum("k,khw->hw", np.exp(weight - weight.max()), alive))
        return np.maximum(np.stack(result), 0).astype(np.float32)

    return method


def ablation_cam(behind: str) -> Method:
    """Ablation-CAM (Desai and Ramaswamy, WACV 2020): a map's weight is the fall without it."""

    def method(judge: Judge, crops: Image, label: str) -> FloatArray:
        early, late = attribution.cut(judge.network, behind)
        columns = members(judge.spec.labels, label)
        result = []
        with torch.no_grad():
            for maps in early(judge.tensor(crops)):
                alive = torch.nonzero(maps.amax(dim=(1, 2)) > 0)[:, 0]
                plain = attribution.log_odds(late(maps[None]), columns)
                weight = []
                for part in alive.split(SCORES):
                    without = maps.repeat(len(part), 1, 1, 1)
                    without[torch.arange(len(part)), part] = 0
                    weight.append(plain - attribution.log_odds(late(without), columns))
                cam = torch.einsum("k,khw->hw", torch.cat(weight), maps[alive])
                result.append(cam.clamp(min=0).numpy())
        return np.stack(result)

    return method


def shipped(name: str) -> Method:
    """What `ExpressionClassifier.explain` gives, which is mirrored already."""
    return lambda judge, crops, label: judge.classifier.explain(crops, label, name)


def as_shown(judge: Judge, crops: Image, label: str) -> FloatArray:
    """The default map within the oval and above a quarter of its peak; the rest breaks ties."""
    cams = judge.classifier.explain(crops, label)
    template_px = judge.spec.template_px
    return np.stack([within_face(cam, template_px) + 1e-6 * cam / cam.max() for cam in cams])


def at_random(judge: Judge, crops: Image, label: str) -> FloatArray:
    """Noise as smooth as a map."""
    return np.random.default_rng(0).random((len(crops), 12, 12)).astype(np.float32)


def blob(judge: Judge, crops: Image, label: str) -> FloatArray:
    """The middle of the face, the same for all."""
    side = crops.shape[1]
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return np.tile(np.exp(-(x**2 + y**2) / side**2), (len(crops), 1, 1)).astype(np.float32)


METHODS: dict[str, tuple[Method, bool]] = {  # and whether it is mirrored here
    "random places": (at_random, False),
    "blob in the middle": (blob, False),
    "Grad-CAM, last maps, closed form": (shipped("grad-cam"), False),
    "Grad-CAM, relu4_2": (by_layer("Grad-CAM", "relu4_2"), True),
    "Grad-CAM, relu3_3": (by_layer("Grad-CAM", "relu3_3"), True),
    "HiResCAM, relu3_3": (by_layer("HiResCAM", "relu3_3"), True),
    "LayerCAM, relu4_2": (by_layer("LayerCAM", "relu4_2"), True),
    "LayerCAM, pool3": (by_layer("LayerCAM", "pool3"), True),
    "LayerCAM, relu3_3, one look": (by_layer("LayerCAM", "relu3_3"), False),
    "LayerCAM, relu3_3": (shipped("layer-cam"), False),
    "LayerCAM, relu3_3 and pool3 and relu4_2": (
        mixed(*(by_layer("LayerCAM", layer) for layer in ("relu3_3", "pool3", "relu4_2"))), True,
    ),
    "Ablation-CAM, relu3_3": (ablation_cam("relu3_3"), True),
    "Score-CAM, relu3_3": (score_cam("relu3_3"), True),
    "Integrated Grad-CAM, pool3": (integrated("pool3"), True),
    "Integrated Grad-CAM, relu3_3": (integrated("relu3_3"), True),
    "Integrated Grad-CAM, pool2": (integrated("pool2"), True),
    "Integrated Grad-CAM, relu2_2, one look": (integrated("relu2_2"), False),
    "Integrated Grad-CAM, relu2_2, 8 steps": (integrated("relu2_2", 8), True),
    "Integrated Grad-CAM, relu2_2": (shipped(HEAT_MAPS[0]), False),
    SHOWN: (as_shown, False),
    OCCLUSION: (shipped("occlusion"), False),
}  # fmt: skip


def read_faces(source: DataSource, judge: Judge, count: int) -> Faces:
    """Faces of a data set, drawn from those that the model reads right."""
    test = collect(recipe_for(source, scheme_for(judge.spec)))
    order = np.random.default_rng(0).permutation(len(test.faces))[: 3 * count]
    pictures = [
        picture
        for batch in batches([test.faces[k] for k in order])
        for _, picture in batch
        if not isinstance(picture, str)
    ]
    template_px, side = judge.spec.template_px, judge.spec.input_px
    crops, _, eye_px = align_pictures(pictures, FaceDetector(), template_px, side, cropped=True)
    said = judge.classifier.predict(crops, mirrored=False, eye_px=eye_px).posterior
    best = display_posterior(judge.spec.labels, said).argmax(axis=1)
    valence = judge.spec.labels.valence
    true = [valence.get(test.classes[k], test.classes[k]) for k in order]
    right = [k for k, column in enumerate(best) if judge.labels[column] == true[k]][:count]
    return Faces(crops[right], [true[k] for k in right], eye_px[right])


def maps_of(method: Method, mirrored: bool, judge: Judge, crops: Image, label: str) -> FloatArray:
    """Maps of faces of one class at the size of the crop, with the mirrored face's if asked."""
    side = judge.spec.input_px
    fine = _fine(method(judge, crops, label), side)
    if mirrored:
        other = _fine(method(judge, crops[:, :, ::-1], label), side)
        fine = (fine + other[:, :, ::-1]) / 2
    return fine


def judged(method: Method, mirrored: bool, judge: Judge, faces: Faces) -> dict[str, FloatArray]:
    """Figures of each face, float32 [N] by name, and the maps, float32 [N, S, S].

    Agreement with the mirrored face's map is that of the first faces only.
    """
    maps = np.empty(faces.crops.shape[:3], np.float32)
    agreement = np.full(len(maps), np.nan, np.float32)
    started = time.process_time()
    for label, rows in _by_label(faces):
        for part in np.array_split(rows, max(1, len(rows) // 8)):
            maps[part] = maps_of(method, mirrored, judge, faces.crops[part], label)
    spent = time.process_time() - started
    for label, rows in _by_label(faces):
        some = rows[rows < MIRRORED]
        if len(some):
            other = maps_of(method, mirrored, judge, faces.crops[some][:, :, ::-1], label)
            agreement[some] = _agreement(maps[some], other[:, :, ::-1])
    flat = attribution.blurred(faces.crops)
    gray = np.broadcast_to(faces.crops.mean(axis=(1, 2), keepdims=True), flat.shape)
    place = (-maps).reshape(len(maps), -1).argsort(axis=1, kind="stable").argsort(axis=1)
    place = place.reshape(maps.shape) / maps[0].size

    def seen(share: float, inside: Image, outside: Image) -> FloatArray:
        mixture = np.where((place < share)[..., None], inside, outside)
        return judge.posterior(mixture, faces.labels, faces.eye_px)

    plain, blank = seen(0, flat, faces.crops), seen(0, faces.crops, flat)
    deletion = [seen(share, flat, faces.crops) for share in CURVE[1:-1]]
    insertion = [seen(share, faces.crops, flat) for share in CURVE[1:-1]]
    return {
        "maps": maps,
        "tenth": plain - seen(0.1, flat, faces.crops),
        "fifth": plain - deletion[0],
        "three tenths": plain - seen(0.3, flat, faces.crops),
        "only three tenths": plain - seen(0.3, faces.crops, flat),
        "fifth, gray": plain - seen(0.2, gray.astype(np.uint8), faces.crops),
        "deletion": np.trapezoid([plain, *deletion, blank], CURVE, axis=0),
        "insertion": np.trapezoid([blank, *insertion, plain], CURVE, axis=0),
        "mirrored": agreement,
        "ms": np.full(len(maps), 1000 * spent / len(maps), np.float32),
    }


def regions_of(judge: Judge, faces: Faces) -> dict[str, dict[str, int]]:
    """How often deletion confirms which region, by class."""
    counts: dict[str, dict[str, int]] = {}
    template_px = judge.spec.template_px
    for label, rows in _by_label(faces):
        if label == NEUTRAL:
            continue
        cams = judge.classifier.explain(faces.crops[rows], label)
        for k, cam in zip(rows, cams, strict=True):
            crop = faces.crops[k]
            deleted = without_regions(crop, template_px)
            tried = np.stack([crop, *deleted.values()])
            own_px = np.full(len(tried), faces.eye_px[k], np.float32)
            said = judge.posterior(tried, [label] * len(tried), own_px).tolist()
            energy = energy_shares(within_face(cam, template_px), template_px)
            name = confirmed_region(energy, said[0], dict(zip(deleted, said[1:], strict=True)))
            own = counts.setdefault(label, {})
            own[name or "none"] = own.get(name or "none", 0) + 1
    return counts


def table(title: str, judge: Judge, faces: Faces, names: list[str]) -> dict[str, dict[str, float]]:
    """Measure and print a row per method."""
    columns = ["tenth", "fifth", "three tenths", "only three tenths", "fifth, gray", "deletion",
               "insertion", "occlusion", "mirrored", "ms"]  # fmt: skip
    print(f"\n{title}: {len(faces.crops)} faces")
    print(f"| map | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    by_occlusion = judged(*METHODS[OCCLUSION], judge, faces)
    rows: dict[str, dict[str, float]] = {}
    for name in names:
        method, mirrored = METHODS[name]
        some = faces.first(FEW) if name.startswith(SLOW) else faces
        own = by_occlusion if name == OCCLUSION else judged(method, mirrored, judge, some)
        figures = {n: v for n, v in own.items() if n != "maps"}
        figures["occlusion"] = _agreement(own["maps"], by_occlusion["maps"][: len(some.crops)])
        row = {c: float(np.nanmedian(v) if c == "occlusion" else np.nanmean(v))
               for c, v in figures.items()}  # fmt: skip
        for label in judge.labels:
            chosen = [k for k, one in enumerate(some.labels) if one == label]
            if chosen:
                row[f"fifth, {label}"] = float(own["fifth"][chosen].mean())
        rows[name] = row
        said = [f"{row[c]:.0f}" if c == "ms" else f"{row[c]:.2f}" for c in columns]
        count = "" if some is faces else f" ({len(some.crops)} faces)"
        print(f"| {name}{count} | {' | '.join(said)} |", flush=True)
    return rows


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ferplus", help="folder or zip of FER+")
    parser.add_argument("--sessions", help="folder or zip of other faces, with labels.csv")
    parser.add_argument("--faces", type=int, default=300, help="of each data set")
    parser.add_argument(
        "--methods", help="only those that this regular expression finds", default=""
    )
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL, help="model artefact")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()

    torch.set_num_threads(1)
    judge = Judge(given.model)
    sources = {"FER+": DataSource(kind="ferplus", path=given.ferplus)}
    if given.sessions:
        sources["Development set"] = DataSource(kind="csv", path=given.sessions)
    names = [name for name in METHODS if re.search(given.methods, name)]
    figures = {}
    for title, source in sources.items():
        faces = read_faces(source, judge, given.faces)
        rows = table(title, judge, faces, names)
        regions = regions_of(judge, faces)
        print(f"regions that deletion confirms: {regions}", flush=True)
        figures[title] = {"rows": rows, "regions": regions}
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _by_label(faces: Faces) -> list[tuple[str, np.ndarray]]:
    labels = np.array(faces.labels)
    return [(label, np.flatnonzero(labels == label)) for label in dict.fromkeys(faces.labels)]


def _fine(maps: FloatArray, side: int) -> FloatArray:
    """The maps at the size of the crop; those that have it are as they are to be."""
    return maps if maps.shape[1] == side else attribution.smoothed(maps, side)


def _odds(judge: Judge, crops: Image, columns: list[int]) -> FloatArray:
    logits = judge.classifier.predict(crops, mirrored=False).logits
    return attribution.log_odds(torch.from_numpy(logits), columns).numpy()


def _agreement(a: FloatArray, b: FloatArray) -> FloatArray:
    """Correlation of each two maps, float32 [N]; NaN where one is flat."""
    a, b = (m.reshape(len(m), -1).astype(np.float64) for m in (a, b))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    size = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / np.where(size > 0, size, np.nan), np.float32)


if __name__ == "__main__":
    main()
