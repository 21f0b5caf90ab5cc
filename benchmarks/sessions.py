"""What a neutral baseline is worth: people photographed in one sitting, shown as recordings.

    python benchmarks/sessions.py FACES.zip [--people 8] [--keep FOLDER]

FACES.zip holds `labels.csv` (image, person, emotion) and the pictures below `images/`. Each person
becomes a recording: six seconds of half of their neutral pictures, then every other picture for
1.2 s; in a second one neutral pictures come back between the others until two thirds of the time
are resting. Both are analysed with the resting span named, and without; pictures outside the first
six seconds are scored, surprise apart, once as the model reads them (`p_*`) and once against the
baseline (`rel_p_*`).

Intervals are 95 %, by bootstrap over people. Nobody is trained on these faces.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pandas as pd
from PIL import Image as PillowImage

from poise import Settings, analyze
from poise.labels import VALENCES
from poise.types import FloatArray, Image, IntArray

CLASS_OF = {"happy": 0, "neutral": 1, "angry": 2, "disgust": 2, "fear": 2, "sad": 2, "contempt": 2}
RATE_HZ, PICTURE_S, REST_S = 10, 1.2, 6.0
SIZE, FACE_PX = (640, 480), 300
RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture in a recording: when, what it shows, and whether it is scored."""

    image: str
    emotion: str
    start_s: float
    end_s: float
    scored: bool


def programme(items: Sequence[tuple[str, str]], resting: float) -> list[Shown]:
    """What a person's recording shows, in order.

    Args:
        items: Picture and emotion of each of the person's pictures.
        resting: Share of the time, 0..1, up to which neutral pictures are shown again.
    """
    neutral = [image for image, emotion in items if emotion == "neutral"]
    first = neutral[: max(1, len(neutral) // 2)]
    rest = [item for item in items if item[0] not in first]
    rest.sort(key=lambda item: hashlib.sha256(item[0].encode()).hexdigest())
    shown: list[Shown] = []

    def show(image: str, emotion: str, length_s: float, scored: bool) -> None:
        start_s = shown[-1].end_s if shown else 0.0
        shown.append(
            Shown(image=image, emotion=emotion, start_s=start_s, end_s=start_s + length_s,
                  scored=scored)
        )  # fmt: skip

    for image in first:
        show(image, "neutral", REST_S / len(first), False)
    calm_s, again = REST_S, 0
    for image, emotion in rest:
        show(image, emotion, PICTURE_S, emotion in CLASS_OF)
        calm_s += PICTURE_S * (emotion == "neutral")
        while calm_s < resting * shown[-1].end_s:
            show(neutral[again % len(neutral)], "neutral", PICTURE_S, False)
            again, calm_s = again + 1, calm_s + PICTURE_S
    return shown


def film(faces: zipfile.ZipFile, shown: Sequence[Shown], path: Path) -> None:
    """Encode a recording."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE_HZ)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"crf": "18"}
        for item in shown:
            frame = av.VideoFrame.from_ndarray(_picture(faces.read(f"images/{item.image}")))
            for _ in range(round((item.end_s - item.start_s) * RATE_HZ)):
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _picture(data: bytes) -> Image:
    canvas = PillowImage.new("RGB", SIZE, (128, 128, 128))
    face = PillowImage.open(io.BytesIO(data)).convert("RGB").resize((FACE_PX, FACE_PX))
    canvas.paste(face, ((SIZE[0] - FACE_PX) // 2, (SIZE[1] - FACE_PX) // 2))
    return np.asarray(canvas)


def people(faces: zipfile.ZipFile, most: int) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """People with at least two neutral pictures, and what their pictures show."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(faces.read("labels.csv").decode("utf-8-sig"))):
        found[row["person"]].append((row["image"], row["emotion"]))
    fit = [(p, items) for p, items in sorted(found.items())
           if sum(emotion == "neutral" for _, emotion in items) > 1]  # fmt: skip
    yield from fit[: most or None]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scored pictures: true class int [N], class posteriors float [N, 3], person of each."""

    truth: IntArray
    posterior: FloatArray
    person: np.ndarray

    def macro_f1(self, rows: IntArray | None = None) -> float:
        """Of the three classes, over all pictures or those given."""
        chosen = np.arange(len(self.truth)) if rows is None else rows
        truth, said = self.truth[chosen], self.posterior[chosen].argmax(axis=1)
        hit = [(truth == k) & (said == k) for k in range(3)]
        return float(np.mean([
            2 * hit[k].sum() / max(1, (truth == k).sum() + (said == k).sum()) for k in range(3)
        ]))  # fmt: skip

    def interval(self) -> tuple[float, float]:
        """95 % of the macro-F1, by resampling people."""
        rng = np.random.default_rng(0)
        names = np.unique(self.person)
        of = {name: np.flatnonzero(self.person == name) for name in names}
        drawn = [
            self.macro_f1(np.concatenate([of[n] for n in rng.choice(names, len(names))]))
            for _ in range(RESAMPLES)
        ]
        return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))

    def recall(self, k: int) -> float:
        """Of one class."""
        own = self.truth == k
        return float((self.posterior[own].argmax(axis=1) == k).mean())

    def calibration_error(self) -> float:
        """Expected calibration error over ten bins (Guo et al., arXiv:1706.04599)."""
        sure, right = self.posterior.max(axis=1), self.posterior.argmax(axis=1) == self.truth
        bins = np.minimum((sure * 10).astype(int), 9)
        return float(sum(
            abs(right[bins == b].mean() - sure[bins == b].mean()) * (bins == b).mean()
            for b in np.unique(bins)
        ))  # fmt: skip

    def sure_and_wrong(self) -> float:
        """Share of pictures said with 99 % or more, and wrongly."""
        wrong = self.posterior.argmax(axis=1) != self.truth
        return float((wrong & (self.posterior.max(axis=1) >= 0.99)).mean())


def scored(
    frames: dict[str, pd.DataFrame], shown: dict[str, list[Shown]], prefix: str
) -> tuple[Scores, int]:
    """The sample nearest the middle of each picture, and how many have no usable one."""
    truth, said, person, missing = [], [], [], 0
    columns = [f"{prefix}{name}" for name in VALENCES]
    for name, items in shown.items():
        rows = frames[name]
        for item in items:
            if not item.scored:
                continue
            middle_ms = 500 * (item.start_s + item.end_s)
            row = rows.iloc[int((rows["pts_ms"] - middle_ms).abs().to_numpy(float).argmin())]
            if pd.isna(row[columns[0]]):
                missing += 1
                continue
            truth.append(CLASS_OF[item.emotion])
            said.append([float(row[column]) for column in columns])
            person.append(name)
    return Scores(
        truth=np.array(truth), posterior=np.array(said, np.float32), person=np.array(person)
    ), missing


def main() -> None:
    """Build, analyse, score, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("faces", type=Path, help="zip file of the pictures")
    parser.add_argument("--people", type=int, default=0, help="only the first so many")
    parser.add_argument("--keep", type=Path, help="folder for recordings and reports")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, zipfile.ZipFile(options.faces) as faces:
        folder = options.keep or Path(temporary)
        print("| recordings | reading | n (missing) | macro-F1 | recalls | ECE | sure, wrong |")
        print("|---|---|---|---|---|---|---|")
        for resting in (0.0, 0.65):
            recordings = folder / f"resting-{resting:g}" / "in"
            recordings.mkdir(parents=True, exist_ok=True)
            shown = {}
            for person, items in people(faces, options.people):
                name = f"{person}.mp4"
                shown[name] = programme(items, resting)
                if not (recordings / name).exists():
                    film(faces, shown[name], recordings / name)
            for named in (True, False):
                table = recordings / "candidates.csv"
                table.unlink(missing_ok=True)
                if named:
                    rows = "".join(f"{name},0:00-0:0{REST_S:.0f}\n" for name in shown)
                    table.write_text("recording,neutral_span\n" + rows, encoding="utf-8")
                reports = folder / f"resting-{resting:g}" / ("named" if named else "found")
                done = analyze(recordings, reports, Settings(jobs=1))
                frames = {
                    o.recording.recording_id: o.result.read_frames()
                    for o in done.outcomes if o.result is not None
                }  # fmt: skip
                what = f"{'two thirds' if resting else 'a sixth'} resting"
                for prefix in ("p_", "rel_p_"):
                    if prefix == "p_" and not named:
                        continue
                    found, missing = scored(frames, shown, prefix)
                    low, high = found.interval()
                    recall = " ".join(f"{found.recall(k):.2f}" for k in range(3))
                    how = "model" if prefix == "p_" else ("span named" if named else "automatic")
                    print(
                        f"| {what} | {how} | {len(found.truth)} ({missing}) | "
                        f"{found.macro_f1():.3f} [{low:.3f}, {high:.3f}] | {recall} | "
                        f"{found.calibration_error():.3f} | {found.sure_and_wrong():.3f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
