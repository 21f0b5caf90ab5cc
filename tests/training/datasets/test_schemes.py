from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from poise.errors import ModelError, SettingsError
from poise.labels import LabelScheme
from poise_training.datasets.aihub import EMOTIONS as AIHUB
from poise_training.datasets.ferplus import EMOTIONS as FERPLUS
from poise_training.datasets.labelled_faces import Dataset, LabelledFace
from poise_training.datasets.schemes import Scheme, apply_scheme, load_scheme, scheme_names

_TABLE = """
name = "mine"
emotions = ["good", "plain", "bad"]
per_class = 2
[valence]
good = "positive"
plain = "neutral"
bad = "negative"
[sources]
happiness = "good"
neutral = "plain"
anger = "bad"
fear = "bad"
"""


def _face(source: str, **votes: float) -> LabelledFace:
    return LabelledFace(source=source, load=lambda: np.zeros((2, 2, 3), np.uint8), votes=votes)


def _dataset(*faces: LabelledFace) -> Dataset:
    return Dataset(name="drawn", faces=list(faces), dropped=[])


@pytest.fixture
def mine(tmp_path: Path) -> Scheme:
    (tmp_path / "mine.toml").write_text(_TABLE)
    return load_scheme(tmp_path / "mine.toml")


def test_shipped_schemes() -> None:
    assert scheme_names() == ["aihub_paper", "aihub_seven", "ferplus"]
    schemes = {name: load_scheme(name) for name in scheme_names()}
    assert all(scheme.labels.name == name for name, scheme in schemes.items())
    assert schemes["ferplus"].labels.emotions == FERPLUS
    assert schemes["ferplus"].labels.apart == ("surprise",)
    assert set(schemes["aihub_seven"].labels.emotions) == set(AIHUB.values())
    assert schemes["aihub_paper"].labels.emotions == ("positive", "neutral", "negative")
    assert schemes["aihub_paper"].per_class == 3000


def test_targets_are_summed_over_sources(mine: Scheme) -> None:
    scheme = Scheme(labels=mine.labels, sources=mine.sources)
    dataset = _dataset(
        _face("a", anger=0.5, fear=0.3, happiness=0.2),
        _face("b", happiness=0.75, surprise=0.25),
        _face("c", plain=1.0),
    )
    targets, faces, dropped = apply_scheme(dataset, scheme, seed=0)
    assert targets.dtype == np.float32
    assert np.allclose(targets, np.array([[0.2, 0, 0.8], [1, 0, 0], [0, 1, 0]]))
    assert [face.source for face in faces] == ["a", "b", "c"]
    assert not dropped


def test_a_leading_emotion_outside_the_scheme_drops_the_face(mine: Scheme) -> None:
    scheme = Scheme(labels=mine.labels, sources=mine.sources)
    dataset = _dataset(_face("a", surprise=0.7, anger=0.3), _face("b", anger=0.5, surprise=0.5))
    targets, faces, dropped = apply_scheme(dataset, scheme, seed=0)
    assert (targets.shape, faces) == ((0, 3), [])
    assert {d.reason for d in dropped} == {"surprise is not in the scheme mine"}


def test_classes_are_balanced_and_so_are_their_sources(mine: Scheme) -> None:
    counts = {"happiness": 9, "neutral": 5, "anger": 7, "fear": 2}
    dataset = _dataset(
        *(
            _face(f"{emotion}{k}", **{emotion: 1.0})
            for emotion, n in counts.items()
            for k in range(n)
        )
    )
    result = apply_scheme(dataset, mine, seed=3)
    kept = Counter(next(iter(face.votes)) for face in result.faces)
    assert kept == {"happiness": 2, "neutral": 2, "anger": 1, "fear": 1}
    assert len(result.dropped) == sum(counts.values()) - 6
    assert {d.reason for d in result.dropped} == {"beyond 2 faces per class"}
    assert len(result.targets) == len(result.faces)

    more = Scheme(labels=mine.labels, sources=mine.sources, per_class=100)
    kept = Counter(next(iter(f.votes)) for f in apply_scheme(dataset, more, seed=3).faces)
    assert kept == {"happiness": 5, "neutral": 5, "anger": 3, "fear": 2}


def test_the_draw_depends_on_the_seed_alone(mine: Scheme) -> None:
    dataset = _dataset(
        *(_face(f"{e}{k}", **{e: 1.0}) for e in ("good", "plain", "bad") for k in range(50))
    )
    drawn = [
        [face.source for face in apply_scheme(dataset, mine, seed).faces] for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_class_without_faces_is_refused(mine: Scheme) -> None:
    with pytest.raises(SettingsError, match="no faces of plain, bad"):
        apply_scheme(_dataset(_face("a", happiness=1.0)), mine, seed=0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('fear = "bad"', 'fear = "worse"'),
        ("per_class = 2", "per_class = 0"),
        ("per_class = 2", "per_class = true"),
        ("per_class = 2", "per_classes = 2"),
        ('name = "mine"', ""),
        ('["good", "plain", "bad"]', '"good"'),
        ('bad = "negative"', 'bad = "unpleasant"'),
        ('bad = "negative"', "bad = 3"),
        ("[valence]", "[valence"),
    ],
)
def test_a_faulty_scheme_is_refused_by_name(tmp_path: Path, old: str, new: str) -> None:
    assert old in _TABLE
    (tmp_path / "faulty.toml").write_text(_TABLE.replace(old, new))
    with pytest.raises(SettingsError, match=r"faulty\.toml") as caught:
        load_scheme(tmp_path / "faulty.toml")
    assert caught.value.remedy


def test_an_unknown_scheme_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="aihub_paper, aihub_seven, ferplus"):
        load_scheme("aihub_six")


def test_sources_must_lead_to_classes(mine: Scheme) -> None:
    labels = LabelScheme.from_json(mine.labels.to_json())
    with pytest.raises(ModelError, match="astray"):
        Scheme(labels=labels, sources={"fear": "astray"})
