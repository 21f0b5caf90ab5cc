"""What articulation does to a reading: episodes while neutral people speak, and smiles kept.

    python benchmarks/speech.py make FACES.zip FOLDER [--people 28] [--silent]
    python benchmarks/speech.py score SPANS.csv NAME=REPORTS ...
    python benchmarks/speech.py draw FACES.zip FOLDER [--people 30]
    python benchmarks/speech.py mixed NAME=CLASSIFIED.csv ...

`make` lets photographs speak (`talking_faces.py`). FACES.zip holds `labels.csv` (image, emotion,
and person unless that is the image's name up to its number) and the pictures. Each person with two
neutral pictures becomes an interview: a question, an answer, another question, another answer,
neutral all along; and their first picture of each expression a short clip of one sentence, as
actors record them. With `--silent` their sound tracks hold nothing, as of microphones that were
off. FOLDER then holds `recordings/` and `spans.csv`.

`score` reads the tables (`frames.csv`, `episodes.csv`) below each REPORTS, made by Poise of any
version, and prints a row for each. SPANS.csv has the columns clip, start_s, end_s, speaking
(`candidate` where the candidate speaks) and expression. An episode of negative or surprise is false
where its peak lies in a span of neutral speech. Recalls are shares of the usable frames in spans of
that expression: of those in an episode of it, and (in brackets) of those labelled so.

`draw` takes photographs of people of whom there are 14 neutral ones, as of those who are
photographed while they speak. Each version of Poise reads them (`poise classify FOLDER --csv
CLASSIFIED.csv`), and `mixed` lays each person's out in time, in a drawn order, five readings a
second, each photograph for 0.4 or 0.8 s: mouths of real speakers, though not the order in which
they move. Episodes are made by the rules of this version; its own tables are read as if the person
listened, and as if the person spoke, against the resting face that is found in them.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from poise import Settings
from poise.faces.detection.detector import FaceDetector
from poise.faces.photographs import landmarks_in_picture, load_picture
from poise.timeline.articulation import SYLLABLES_S, while_speaking
from poise.timeline.baseline import against, find_baseline, resting_odds
from poise.timeline.episodes import find_episodes
from poise.timeline.smoothing import smooth
from poise.types import FloatArray
from talking_faces import Shown, film

VALENCE_OF = {
    "happy": "positive", "happiness": "positive", "neutral": "neutral", "surprise": "surprise",
    "angry": "negative", "anger": "negative", "sad": "negative", "sadness": "negative",
    "disgust": "negative", "fear": "negative", "contempt": "negative",
}  # fmt: skip
LABELS = ("positive", "neutral", "negative", "surprise")
EXPRESSIONS = ("positive", "negative", "surprise")
FALSE = ("negative", "surprise")
RESAMPLES = 1000
NEUTRAL, SMILING = 14, 6  # photographs of a person
ROUNDS, STEP_S = 8, 0.2
SETTINGS = Settings()


# Made recordings


def people(faces: zipfile.ZipFile) -> dict[str, dict[str, list[str]]]:
    """Pictures of each person by what they show."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in csv.DictReader(io.StringIO(faces.read("labels.csv").decode("utf-8-sig"))):
        person = row.get("person") or re.sub(r"_\d+$", "", PurePosixPath(row["image"]).stem)
        if shows := VALENCE_OF.get(row["emotion"]):
            found[person][shows].append(row["image"])
    return found


def make(source: Path, folder: Path, most: int, *, silent: bool = False) -> None:
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
                truth = film(
                    [part for part in parts if part], number, recordings / name, silent=silent
                )
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


# Photographs in a drawn order


def draw(source: Path, folder: Path, most: int) -> None:
    """Copy photographs of people of whom there are many, named `expression person number`."""
    folder.mkdir(parents=True, exist_ok=True)

    def order(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    with zipfile.ZipFile(source) as faces:
        names = {PurePosixPath(name).name: name for name in faces.namelist()}
        many = {p: shows for p, shows in people(faces).items() if len(shows["neutral"]) >= NEUTRAL}
        for person in sorted(many, key=order)[:most]:
            for expression, count in (("neutral", NEUTRAL), ("positive", SMILING)):
                chosen = sorted(many[person][expression], key=order)[:count]
                for number, image in enumerate(chosen, start=1):
                    data = faces.read(names[PurePosixPath(image).name])
                    (folder / f"{expression} {person} {number}.jpg").write_bytes(data)


def classified(path: Path) -> pd.DataFrame:
    """What `poise classify` of any version says: posteriors of `LABELS`, person, expression."""
    rows = pd.read_csv(path)
    rows = rows[rows["face_found"].astype(str).str.lower() == "true"].reset_index(drop=True)
    apart = rows["emotion_p_surprise" if "label" in rows else "p_surprise"]
    said = pd.DataFrame({f: rows[f"p_{f}"] * (1 - apart) for f in LABELS[:3]} | {LABELS[3]: apart})
    named = rows["path"].str.extract(r"([a-z]+) ([^/]*) \d+\.jpg$")
    return said.assign(expression=named[0], person=named[1], own="label" in rows)


def laid_out(posterior: FloatArray, seed: int, each: int, way: str) -> Counts:
    """False episodes of one person's neutral photographs in a drawn order.

    Args:
        posterior: Of the photographs, float32 [N, 4].
        seed: Of the order.
        each: Readings of each photograph.
        way: `before`, `listening` or `speaking`.
    """
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(len(posterior)) for _ in range(ROUNDS)])
    reading = np.repeat(posterior[rows], each, axis=0)
    pts_s = np.arange(len(reading)) * STEP_S
    bandwidth_s = SYLLABLES_S if way == "speaking" else SETTINGS.smoothing_s
    if way != "before":
        baseline = find_baseline(pts_s, *resting_odds(reading), mode="auto")
        reading = against(baseline, reading)
        spoken = np.full(len(pts_s), way == "speaking")
        reading = while_speaking(reading, spoken, baseline.threshold)
    found = find_episodes(
        pts_s, smooth(pts_s, reading, bandwidth_s), LABELS,
        interval_s=STEP_S, min_duration_s=SETTINGS.min_episode_s,
    )  # fmt: skip
    wrong = [episode.duration_s / 60 for episode in found if episode.label in FALSE]
    return Counts(minutes=len(pts_s) * STEP_S / 60, episodes=len(wrong), covered=sum(wrong))


def mixed(tables: Sequence[str]) -> None:
    """Print a row for each version and way of reading."""
    print("| photographs of real speakers | minutes | false per min (95 %), each 0.4 s "
          "| the same, each 0.8 s | smiles |\n|---|---|---|---|---|")  # fmt: skip
    for entry in tables:
        name, _, path = entry.rpartition("=")
        said = classified(Path(path))
        smiling = said[said["expression"] == "positive"][list(LABELS)].to_numpy(np.float32)
        neutral = said[said["expression"] == "neutral"]
        for way in ("listening", "speaking") if said["own"].all() else ("before",):
            kept = smiling
            if way == "speaking":
                kept = while_speaking(smiling, np.ones(len(smiling), np.bool_))
            cells, minutes = [], []
            for each in (2, 4):
                counts = {
                    str(person): laid_out(own[list(LABELS)].to_numpy(np.float32), seed, each, way)
                    for seed, (person, own) in enumerate(neutral.groupby("person"))
                }
                minutes.append(sum(c.minutes for c in counts.values()))
                rate = sum(c.episodes for c in counts.values()) / minutes[-1]
                low, high = interval(counts)
                cells.append(f"{rate:.2f} [{low:.2f}, {high:.2f}]")
            smiles = (kept.argmax(axis=1) == 0).mean()
            print(f"| {name}, {way} | {minutes[0]:.0f}, {minutes[1]:.0f} | {cells[0]} | {cells[1]} "
                  f"| {smiles:.3f} |")  # fmt: skip


def main() -> None:
    """Make recordings, or score tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    maker = commands.add_parser("make", help="let photographs speak")
    maker.add_argument("faces", type=Path, help="zip file of the pictures")
    maker.add_argument("folder", type=Path, help="for recordings and their spans")
    maker.add_argument("--people", type=int, default=28, help="at most so many")
    maker.add_argument("--silent", action="store_true", help="with nothing on the sound tracks")
    scorer = commands.add_parser("score", help="count false episodes, and smiles kept")
    scorer.add_argument("spans", type=Path, help="what is shown when")
    scorer.add_argument("reports", nargs="+", help="NAME=REPORTS, one for each version of Poise")
    drawer = commands.add_parser("draw", help="take photographs of people who may be speaking")
    drawer.add_argument("faces", type=Path, help="zip file of the pictures")
    drawer.add_argument("folder", type=Path, help="for the photographs")
    drawer.add_argument("--people", type=int, default=30, help="at most so many")
    mixer = commands.add_parser("mixed", help="lay classified photographs out in time")
    mixer.add_argument("tables", nargs="+", help="NAME=CLASSIFIED.csv, one for each version")
    options = parser.parse_args()
    if options.command == "make":
        make(options.faces, options.folder, options.people, silent=options.silent)
    elif options.command == "draw":
        draw(options.faces, options.folder, options.people)
    elif options.command == "mixed":
        mixed(options.tables)
    else:
        score(options.spans, options.reports)


if __name__ == "__main__":
    main()
