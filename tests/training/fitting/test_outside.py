from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from poise.errors import ModelError, SettingsError
from poise.labels import LabelScheme
from poise.types import FloatArray, Image
from poise_training.datasets.options import OutsideTeacher
from poise_training.fitting.outside import Network, OutsideTeachers, outside_network, tflite_network

LABELS = LabelScheme(
    name="four",
    emotions=("neutral", "happiness", "surprise", "sadness", "anger"),
    valence={
        "neutral": "neutral",
        "happiness": "positive",
        "sadness": "negative",
        "anger": "negative",
    },
)
THEIR_EMOTIONS = ("happiness", "sadness", "neutral", "surprise")
NEUTRAL, HAPPINESS, SURPRISE, SADNESS, ANGER = range(5)


def teacher(**changes: object) -> OutsideTeacher:
    return OutsideTeacher(
        **{"path": "other.tflite", "emotions": THEIR_EMOTIONS, "weight": 0.5, **changes}  # type: ignore[arg-type]
    )


def by_light(faces: Image) -> FloatArray:
    """Dark faces are sad to this network, light ones neutral."""
    dark = 1 - faces.mean(axis=(1, 2)) / 255
    rest = np.full(len(faces), 0.05)
    said = np.column_stack([rest, 0.1 + 0.8 * dark, 0.9 - 0.8 * dark, rest]) / 1.1
    return said.astype(np.float32)


@pytest.fixture
def faces() -> Image:
    light = np.linspace(20, 235, 40).astype(np.uint8)
    return np.broadcast_to(light[:, None, None], (40, 48, 48)).copy()


@pytest.fixture
def targets() -> FloatArray:
    shares = np.random.default_rng(0).dirichlet([3, 2, 1, 2, 1], 40)
    return shares.astype(np.float32)


def test_the_order_is_taken_over_and_how_frequent_each_class_is_stays(
    faces: Image, targets: FloatArray
) -> None:
    flat = np.broadcast_to(targets.mean(axis=0), targets.shape).astype(np.float32)
    moved = OutsideTeachers([(teacher(), by_light)], LABELS, faces, flat)(faces, flat)
    negative = moved[:, SADNESS] + moved[:, ANGER]
    assert (np.diff(negative) < 0).all()  # the darker the more negative
    assert negative[0] > 1.5 * negative[-1]
    assert np.allclose(moved.sum(axis=1), 1, atol=1e-5)
    groups = LABELS.group_matrix
    assert np.allclose((moved @ groups).mean(axis=0), (flat @ groups).mean(axis=0), atol=0.002)


def test_emotions_of_one_class_keep_their_proportions(faces: Image, targets: FloatArray) -> None:
    moved = OutsideTeachers([(teacher(), by_light)], LABELS, faces, targets)(faces, targets)
    clear = (targets > 0.01).all(axis=1)
    before = targets[clear, SADNESS] / targets[clear, ANGER]
    assert np.allclose(moved[clear, SADNESS] / moved[clear, ANGER], before, rtol=1e-3)


def test_the_target_is_multiplied_by_the_posterior_to_the_power_of_the_weight(
    faces: Image, targets: FloatArray
) -> None:
    asked = OutsideTeachers([(teacher(weight=0.7), by_light)], LABELS, faces, targets)
    same = np.repeat(targets[:1], 2, axis=0)
    moved = asked(faces[[0, -1]], same)
    odds = np.log(moved[:, SADNESS] / moved[:, NEUTRAL])
    said = by_light(faces[[0, -1]])
    theirs = np.log(said[:, 1] / said[:, 2])
    assert odds[0] - odds[1] == pytest.approx(0.7 * (theirs[0] - theirs[1]), abs=1e-3)


def test_two_teachers_who_disagree_leave_the_targets(faces: Image, targets: FloatArray) -> None:
    def against(faces: Image) -> FloatArray:
        return by_light(255 - faces)

    networks: list[tuple[OutsideTeacher, Network]] = [(teacher(), by_light), (teacher(), against)]
    odds = []
    for pair in (networks, networks[:1]):
        moved = OutsideTeachers(pair, LABELS, faces, targets)(faces[[2, -3]], targets[[5, 5]])
        odds.append(abs(np.diff(np.log(moved[:, SADNESS] / moved[:, NEUTRAL]))[0]))
    assert odds[0] < 0.1 * odds[1]


def test_below_the_least_target_faces_have_no_order_of_their_own(faces: Image) -> None:
    shares = np.geomspace(1e-5, 1e-3, 10)
    targets = np.zeros((10, len(LABELS.emotions)), np.float32)
    targets[:, SADNESS], targets[:, HAPPINESS], targets[:, SURPRISE] = shares, 0.1, 0.1
    targets[:, NEUTRAL] = 0.8 - shares
    same = np.repeat(faces[20:21], 10, axis=0)
    ordered = []
    for least in (0.004, 1e-6):
        asked = OutsideTeachers([(teacher(), by_light)], LABELS, same, targets, least)
        sad = asked(same, targets)[:, SADNESS]
        ordered.append(sad[-1] / sad[0])
    assert ordered[0] == pytest.approx(1, rel=0.01)
    assert ordered[1] == pytest.approx(100, rel=0.05)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"emotions": ("happiness", "sorrow", "neutral", "surprise")}, "no sorrow"),
        ({"emotions": ("happiness", "sadness", "neutral", "anger")}, "no emotion of one"),
        ({"emotions": (*THEIR_EMOTIONS, "anger")}, "gives 4 posteriors"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(
    faces: Image, targets: FloatArray, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as raised:
        OutsideTeachers([(teacher(**changes), by_light)], LABELS, faces, targets)
    assert raised.value.remedy


STAND_IN = """
from pathlib import Path

import numpy as np

class Interpreter:
    def __init__(self, path, num_threads):
        if Path(path).read_text() != "network":
            raise ValueError("no flatbuffer")
    def allocate_tensors(self):
        pass
    def get_input_details(self):
        return [{"index": 3, "shape": np.array([1, 20, 10, 3], np.int32)}]
    def get_output_details(self):
        return [{"index": 7}]
    def set_tensor(self, index, values):
        assert index == 3 and values.shape == (1, 20, 10, 3) and values.dtype == np.float32
        self.seen = values
    def invoke(self):
        self.out = np.array([[self.seen.min(), self.seen.max()]], np.float32)
    def get_tensor(self, index):
        assert index == 7
        return self.out
"""


@pytest.fixture
def interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of the name that takes and gives what the real one does."""
    package = tmp_path / "packages" / "ai_edge_litert"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "interpreter.py").write_text(STAND_IN)
    for name in ("ai_edge_litert", "ai_edge_litert.interpreter"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path / "packages")


@pytest.mark.usefixtures("interpreter")
def test_a_network_sees_the_face_in_its_own_size_and_range(tmp_path: Path) -> None:
    path = tmp_path / "other.tflite"
    path.write_text("network")
    face = np.repeat(np.linspace(0, 255, 48).astype(np.uint8)[None], 48, axis=0)
    low, high = tflite_network(path, -1.0)(face[None])[0]
    assert -1 <= low < -0.9 and 0.9 < high <= 1
    low, high = tflite_network(path, 0.0)(face[None])[0]
    assert 0 <= low < 0.1 and 0.9 < high <= 1


@pytest.mark.usefixtures("interpreter")
def test_the_file_says_which_kind_of_network_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.tflite"
    path.write_text("network")
    assert outside_network(path, 0.0)(np.zeros((2, 48, 48), np.uint8)).shape == (2, 2)
    with pytest.raises(ModelError, match=r"TensorFlow\.js"):
        outside_network(tmp_path / "weights_manifest.json", 0.0)


@pytest.mark.usefixtures("interpreter")
def test_what_is_no_network_is_said(tmp_path: Path) -> None:
    path = tmp_path / "other.tflite"
    path.write_text("else")
    with pytest.raises(ModelError, match="no flatbuffer"):
        tflite_network(path, 0.0)


def test_without_the_interpreter_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(SettingsError, match="not installed") as raised:
        tflite_network(tmp_path / "other.tflite", 0.0)
    assert "pip install ai-edge-litert" in str(raised.value.remedy)
