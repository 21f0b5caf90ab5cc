from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.errors import SettingsError
from poise_training.datasets.ferplus import read_ferplus
from poise_training.datasets.labelled_faces import SPLITS, LabelledFace
from poise_training.datasets.splits import drop_duplicates, pixel_hash, split_faces
from poise_training.files import FileTree


def _face(source: str, person: str | None = None, split: str | None = None) -> LabelledFace:
    return LabelledFace(
        source=source,
        load=lambda: np.zeros((2, 2, 3), np.uint8),
        votes={"neutral": 1.0},
        person=person,
        split=split,
    )


_faces = st.lists(
    st.tuples(st.sampled_from([None, *"abcde"]), st.sampled_from([None, *SPLITS])), max_size=40
).map(lambda pairs: [_face(str(k), *pair) for k, pair in enumerate(pairs)])


@given(faces=_faces, seed=st.integers(0, 5))
@settings(max_examples=200)
def test_every_person_is_in_one_split_and_what_is_stated_is_kept(
    faces: list[LabelledFace], seed: int
) -> None:
    splits = split_faces(faces, seed=seed)
    stated: defaultdict[str | None, set[str | None]] = defaultdict(set)
    given_to: defaultdict[str | None, set[str]] = defaultdict(set)
    for face, split in zip(faces, splits, strict=True):
        assert split in SPLITS
        stated[face.person].add(face.split)
        given_to[face.person].add(split)
        if face.person is None and face.split is not None:
            assert split == face.split
    for person, has in given_to.items():
        if person is None:
            continue
        assert len(has) == 1
        first = next((s for s in ("test", "validation", "train") if s in stated[person]), None)
        assert first is None or has == {first}


@given(
    pictures=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(SPLITS))),
    unseen=st.booleans(),
)
@settings(max_examples=200)
def test_each_picture_stays_at_most_once(pictures: list[tuple[str, str]], unseen: bool) -> None:
    hashes, splits = [p[0] for p in pictures], [p[1] for p in pictures]
    keep, reasons = drop_duplicates(hashes, splits, unseen_test=unseen)
    assert keep.tolist() == [reason is None for reason in reasons]
    kept = [picture for picture, stays in zip(pictures, keep, strict=True) if stays]
    assert len({digest for digest, _ in kept}) == len(kept)
    for digest in set(hashes):
        sides = {split for other, split in pictures if other == digest}
        first = next(s for s in ("test", "validation", "train") if s in sides)
        lost = unseen and first == "test" and len(sides) > 1
        assert [split for other, split in kept if other == digest] == ([] if lost else [first])


def test_shares_are_met_and_the_order_of_faces_is_of_no_matter() -> None:
    faces = [_face(f"{k}") for k in range(1000)]
    splits = split_faces(faces, seed=4)
    assert Counter(splits) == {"train": 800, "validation": 100, "test": 100}
    assert split_faces(faces[::-1], seed=4) == splits[::-1]
    assert split_faces(faces, seed=5) != splits
    assert set(split_faces(faces, seed=4, shares=(0.5, 0.5, 0.0))) == {"train", "validation"}


def test_persons_of_many_pictures_meet_the_shares_roughly() -> None:
    faces = [_face(f"{p}/{k}", person=str(p)) for p in range(200) for k in range(1 + p % 20)]
    counts = Counter(split_faces(faces, seed=0))
    assert counts["train"] / len(faces) == pytest.approx(0.8, abs=0.01)
    assert counts["test"] / len(faces) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.2), (1.2, -0.1, -0.1)])
def test_shares_that_make_no_whole_are_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(SettingsError, match="sum to 1"):
        split_faces([_face("a")], seed=0, shares=shares)


def test_unknown_splits_are_refused() -> None:
    with pytest.raises(SettingsError, match="train, validation, test"):
        split_faces([_face("a", split="holdout")], seed=0)
    with pytest.raises(SettingsError, match="train, validation, test"):
        drop_duplicates(["0"], ["holdout"])


def test_reasons_say_where_the_other_one_is() -> None:
    splits = ["train", "validation", "test", "test", "train", "train"]
    keep, reasons = drop_duplicates(list("aaaabb"), splits)
    assert keep.tolist() == [False, False, True, False, True, False]
    assert reasons == [
        "the same picture in test",
        "the same picture in test",
        None,
        "the same picture twice in test",
        None,
        "the same picture twice in train",
    ]
    _, reasons = drop_duplicates(list("aaaabb"), splits, unseen_test=True)
    assert reasons[2] == "the same picture in train and validation"


def test_pixel_hash_knows_the_shape() -> None:
    flat, tall = np.zeros((2, 8, 3), np.uint8), np.zeros((8, 2, 3), np.uint8)
    assert pixel_hash(flat) == pixel_hash(flat.copy()) != pixel_hash(tall)


@pytest.mark.slow
def test_ferplus_without_leaks(shared: Path) -> None:
    """The counts of faces are those by which models are compared on FER+."""
    dataset = read_ferplus(FileTree(shared / "data" / "ferplus.zip"))
    hashes = [pixel_hash(face.load()) for face in dataset.faces]
    splits = split_faces(dataset.faces, seed=0)

    def majorities(*, unseen_test: bool) -> Counter[str | None]:
        keep, _ = drop_duplicates(hashes, splits, unseen_test=unseen_test)
        kept = zip(dataset.faces, splits, keep, strict=True)
        return Counter(face.majority for face, split, stays in kept if stays and split == "test")

    ours, unseen = majorities(unseen_test=False), majorities(unseen_test=True)
    assert (ours.total() - ours[None], ours["surprise"]) == (2715, 335)
    assert (unseen.total() - unseen[None], unseen["surprise"]) == (2487, 237)
