"""What articulation does to a reading: episodes while neutral people speak, and smiles kept.

    python benchmarks/speech.py make FACES.zip FOLDER [--people 28]
    python benchmarks/speech.py score SPANS.csv NAME=REPORTS ...

`make` lets photographs speak (`talking_faces.py`). FACES.zip holds `labels.csv` (image, emotion,
and person unless that is the image's name up to its number) and the pictures. Each person with two
neutral pictures becomes an interview: a question, an answer, another question, another answer,
neutral all along; and their first picture of each expression a short clip of one sentence, as
actors record them. FOLDER then holds `recordings/` and `spans.csv`.

`score` reads the tables (`frames.csv`, `episodes.csv`) below each REPORTS, made by Poise of any
version, and prints a row for each. SPANS.csv has the columns clip, start_s, end_s, speaking
(`candidate` where the candidate speaks) and expression. An episode of negative or surprise is false
where its peak lies in a span of neutral speech. Recalls are shares of the usable frames in spans of
that expression: of those in an episode of it, and (in brackets) of those labelled so.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from poise.faces.detection.detector import FaceDetector
from poise.faces.photographs import landmarks_in_picture, load_picture
from talking_faces import Shown, film

VALENCE_OF = {
    "happy": "positive", "happiness": "positive", "neutral": "neutral", "surprise": "surprise",
    "angry": "negative", "anger": "negative", "sad": "negative", "sadness": "negative",
    "disgust": "negative", "fear": "negative", "contempt": "negative",
}  # fmt: skip
EXPRESSIONS = ("positive", "negative", "surprise")
FALSE = ("negative", "surprise")
RESAMPLES = 1000


# Made recordings


def people(faces: zipfile.ZipFile) -> dict[str, dict[str, list[str]]]:
    """Pictures of each person by what they show."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in csv.DictReader(io.StringIO(faces.read("labels.csv").decode("utf-8-sig"))):
        person = row.get("person") or re.sub(r"_\d+$", "", PurePosixPath(row["image"]).stem)
        if shows := VALENCE_OF.get(row["emotion"]):
            found[person][shows].append(row["image"])
    return found


def make(source: Path, folder: Path, most: int) -> None:
    """Make the recordings and the table of their spans."""
    recordings = folder / "recordings"
    recordings.mkdir(parents=True, exist_ok=True)
    detector = FaceDetector()
    spans: list[tuple[str, float, float, str, str]] = []
    with zipfile.ZipFile(source) as faces:
        names = {PurePosixPath(name).name: name for name in faces.namelist()}

        def stretch(image: str, expression: str, speaker: str, length_s: float) -> Shown | None:
            picture = load_picture(faces.read(names[PurePosixPath(image).name]))
            landmarks = landmarks_in_picture(picture, detector)
            if landmarks is None:
                return None
            wide = 0.5 + 0.5 * (sum(image.encode()) % 100) / 100
            return Shown(picture=picture, landmarks=landmarks, expression=expression,
                         speaker=speaker, length_s=length_s, wide=wide)  # fmt: skip

        chosen = [(person, shows) for person, shows in sorted(people(faces).items())
                  if len(shows["neutral"]) > 1]  # fmt: skip
        step = max(1, len(chosen) // most)
        for number, (person, shows) in enumerate(chosen[::step][:most]):
            for name, plan in programmes(person, shows):
                parts = [stretch(*part) for part in plan]
                if any(part is None for part in parts):
                    continue
                truth = film([part for part in parts if part], number, recordings / name)
                for start_s, end_s, expression, speaker in truth:
                    spans.append((name, start_s, end_s, speaker, expression))
    with (folder / "spans.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("clip", "start_s", "end_s", "speaking", "expression"))
        writer.writerows(spans)


def programmes(
    person: str, shows: dict[str, list[str]]
) -> Iterator[tuple[str, list[tuple[str, str, str, float]]]]:
    """Recordings of a person: name, and picture, expression, speaker and length of each part."""
    first, second = shows["neutral"][:2]
    yield f"{person}.mp4", [
        (first, "neutral", "interviewer", 4.0), (first, "neutral", "candidate", 12.0),
        (first, "neutral", "", 1.0), (second, "neutral", "interviewer", 4.0),
        (second, "neutral", "candidate", 12.0), (second, "neutral", "", 1.0),
    ]  # fmt: skip
    for expression in ("neutral", *EXPRESSIONS):
        images = shows.get(expression, [])
        for image in images[:1]:
            yield f"{person} {expression}.mp4", [
                (image, expression, "", 0.8), (image, expression, "candidate", 2.4),
                (image, expression, "", 0.8),
            ]  # fmt: skip


# Scores


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Frames and episodes of all recordings below a directory of reports."""

    frames: pd.DataFrame
    episodes: pd.DataFrame

    @classmethod
    def read(cls, reports: Path) -> Tables:
        """Read and join them; tables of earlier versions name the winner `valence`."""
        frames, episodes = (
            pd.concat([pd.read_csv(path, low_memory=False) for path in sorted(reports.rglob(name))])
            for name in ("frames.csv", "episodes.csv")
        )
        if "label" not in frames:
            surprised = frames["emotion"] == "surprise"
            frames["label"] = frames["valence"].where(~surprised, "surprise")
        frames = frames[frames["usable"].astype(str).str.lower() == "true"]
        return cls(frames=frames, episodes=episodes)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a recording's spans of neutral speech hold: minutes, false episodes, their minutes."""

    minutes: float
    episodes: int
    covered: float


def false_episodes(tables: Tables, spans: pd.DataFrame) -> dict[str, Counts]:
    """False episodes of each recording while the candidate speaks neutrally."""
    counts: dict[str, Counts] = {}
    neutral = spans[(spans["speaking"] == "candidate") & (spans["expression"] == "neutral")]
    wrong = tables.episodes[tables.episodes["label"].isin(FALSE)]
    for clip, rows in neutral.groupby("clip"):
        own = wrong[wrong["recording_id"] == clip]
        edges = list(zip(1000 * rows["start_s"], 1000 * rows["end_s"], strict=True))
        peaks = sum(((own["peak_ms"] >= a) & (own["peak_ms"] < b)).sum() for a, b in edges)
        covered = sum(
            (own["end_ms"].clip(upper=b) - own["start_ms"].clip(lower=a)).clip(lower=0).sum()
            for a, b in edges
        )
        minutes = sum(b - a for a, b in edges) / 60_000
        counts[str(clip)] = Counts(
            minutes=minutes, episodes=int(peaks), covered=float(covered) / 60_000
        )
    return counts


def recall(tables: Tables, spans: pd.DataFrame, expression: str) -> tuple[float, float, int]:
    """Shares of the usable frames of its spans: in an episode of it, labelled so; their number."""
    inside, labelled, count = 0, 0, 0
    own = spans[spans["expression"] == expression]
    for row in own.itertuples():
        frames = tables.frames[tables.frames["recording_id"] == row.clip]
        frames = frames[frames["pts_ms"].between(1000 * row.start_s, 1000 * row.end_s - 1)]
        episodes = tables.episodes[(tables.episodes["recording_id"] == row.clip)
                                   & (tables.episodes["label"] == expression)]  # fmt: skip
        pts_ms = frames["pts_ms"].to_numpy()
        held = np.zeros(len(pts_ms), bool)
        for start, end in zip(episodes["start_ms"], episodes["end_ms"], strict=True):
            held |= (pts_ms >= start) & (pts_ms < end)
        inside += int(held.sum())
        labelled += int((frames["label"] == expression).sum())
        count += len(pts_ms)
    return inside / max(1, count), labelled / max(1, count), count


def interval(counts: dict[str, Counts]) -> tuple[float, float]:
    """95 % of the false episodes per minute, by resampling recordings."""
    rng = np.random.default_rng(0)
    minutes = np.array([c.minutes for c in counts.values()])
    episodes = np.array([c.episodes for c in counts.values()])
    drawn = rng.integers(0, len(minutes), (RESAMPLES, len(minutes)))
    rates = episodes[drawn].sum(axis=1) / minutes[drawn].sum(axis=1)
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


def score(table: Path, reports: Sequence[str]) -> None:
    """Print a row for each directory of reports."""
    spans = pd.read_csv(table, keep_default_na=False)
    print("| reports | neutral speech, min | false per min (95 %) | time in them | "
          + " | ".join(f"recall of {name}" for name in EXPRESSIONS) + " |")  # fmt: skip
    print("|---" * (4 + len(EXPRESSIONS)) + "|")
    for entry in reports:
        name, _, folder = entry.rpartition("=")
        tables = Tables.read(Path(folder))
        counts = false_episodes(tables, spans)
        minutes = sum(c.minutes for c in counts.values())
        rate = sum(c.episodes for c in counts.values()) / minutes
        low, high = interval(counts)
        covered = sum(c.covered for c in counts.values()) / minutes
        cells = []
        for expression in EXPRESSIONS:
            inside, labelled, count = recall(tables, spans, expression)
            cells.append(f"{inside:.3f} ({labelled:.3f})" if count else "")
        print(f"| {name or folder} | {minutes:.1f} | {rate:.2f} [{low:.2f}, {high:.2f}] | "
              f"{covered:.1%} | {' | '.join(cells)} |")  # fmt: skip


def main() -> None:
    """Make recordings, or score tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    maker = commands.add_parser("make", help="let photographs speak")
    maker.add_argument("faces", type=Path, help="zip file of the pictures")
    maker.add_argument("folder", type=Path, help="for recordings and their spans")
    maker.add_argument("--people", type=int, default=28, help="at most so many")
    scorer = commands.add_parser("score", help="count false episodes, and smiles kept")
    scorer.add_argument("spans", type=Path, help="what is shown when")
    scorer.add_argument("reports", nargs="+", help="NAME=REPORTS, one for each version of Poise")
    options = parser.parse_args()
    if options.command == "make":
        make(options.faces, options.folder, options.people)
    else:
        score(options.spans, options.reports)


if __name__ == "__main__":
    main()
