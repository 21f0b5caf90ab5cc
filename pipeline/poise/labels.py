"""Label schemes: which emotion classes a model knows, and the valence class of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from poise.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

POSITIVE, NEUTRAL, NEGATIVE = "positive", "neutral", "negative"
VALENCES: tuple[str, str, str] = (POSITIVE, NEUTRAL, NEGATIVE)
APART = "apart"
_MOST_LETTERS = 64
CLEAR, FAIRLY_CLEAR = 0.80, 0.60  # least posterior of what is said to be clear, fairly clear
QUALITY_FLAGS = ("too_small", "blurred", "dark", "turned_away", "cut_off", "covered", "still")


def display_class(label: str) -> str:
    """The valence class that a label is, or `apart` for an emotion that has none."""
    return label if label in VALENCES else APART


def clearness(posterior: float) -> str:
    """How clearly an expression is seen, as a word: `clear`, `fair` or `hard` (to tell).

    Args:
        posterior: Of the expression among all of `display_labels`, 0..1.
    """
    return "clear" if posterior >= CLEAR else "fair" if posterior >= FAIRLY_CLEAR else "hard"


@dataclass(frozen=True, kw_only=True)
class LabelScheme:
    """Emotion classes in the order of the logits, and how they map to valence.

    Args:
        name: Short name of the scheme, for provenance.
        emotions: Emotion classes, in the order of the network's outputs.
        valence: Valence class of each emotion; an emotion without one (surprise) is absent.

    Raises:
        ModelError: If a valence class is unknown or has no emotion, or a name is no plain word:
            names stand in tables, pages and file names.
    """

    name: str
    emotions: tuple[str, ...]
    valence: Mapping[str, str]

    def __post_init__(self) -> None:
        for name in (self.name, *self.emotions, *self.valence):
            if not _is_plain(name):
                raise ModelError(
                    f"{ascii(name)[:80]} cannot be the name of an expression",
                    remedy=f"Use a word of at most {_MOST_LETTERS} letters that begins with none "
                    "of = + - @ and holds no semicolon and nothing invisible.",
                )
        unknown = set(self.valence) - set(self.emotions)
        wrong = set(self.valence.values()) - set(VALENCES)
        missing = set(VALENCES) - set(self.valence.values())
        twice = len(set(self.emotions)) != len(self.emotions) or set(self.apart) & set(VALENCES)
        if unknown or wrong or missing or twice:
            raise ModelError(
                f"label scheme {self.name!r} is inconsistent (emotions {self.emotions}, "
                f"valence {dict(self.valence)})",
                remedy="Each valence class needs at least one emotion, each emotion one line.",
            )

    @property
    def apart(self) -> tuple[str, ...]:
        """Emotions that have no valence and are reported apart."""
        return tuple(e for e in self.emotions if e not in self.valence)

    @property
    def valence_matrix(self) -> npt.NDArray[np.float32]:
        """Membership of each emotion in each valence class, float32 [C, 3] of 0 and 1."""
        import numpy as np

        return np.array(
            [[float(self.valence.get(e) == v) for v in VALENCES] for e in self.emotions],
            dtype=np.float32,
        )

    @property
    def group_matrix(self) -> npt.NDArray[np.float32]:
        """Membership of each emotion in `VALENCES` and in `apart`, float32 [C, 3 + A]."""
        import numpy as np

        apart = [[float(e == own) for own in self.apart] for e in self.emotions]
        return np.column_stack([self.valence_matrix, np.array(apart, np.float32)])

    def valence_posterior(self, posterior: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Posterior of the valence classes, given that the expression has a valence.

        Args:
            posterior: Emotion posteriors, float [M, C], rows sum to 1.

        Returns:
            float32 [M, 3] in the order of `VALENCES`; rows sum to 1.
        """
        import numpy as np

        joint = np.asarray(posterior, dtype=np.float32) @ self.valence_matrix
        return np.asarray(joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-12), np.float32)

    def to_json(self) -> dict[str, Any]:
        """Plain form for the model artefact."""
        return {"name": self.name, "emotions": list(self.emotions), "valence": dict(self.valence)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> LabelScheme:
        """Inverse of `to_json`; also reads the tables of `poise_training/schemes/*.toml`."""
        try:
            emotions, valence = plain["emotions"], plain["valence"]
            if isinstance(emotions, str) or not isinstance(valence, Mapping):
                raise TypeError
            return cls(name=plain["name"], emotions=tuple(emotions), valence=dict(valence))
        except KeyError as error:
            raise ModelError(
                f"label scheme lacks {error}", remedy="It needs name, emotions and valence."
            ) from error
        except TypeError as error:
            raise ModelError(
                "label scheme is not made of a name, a list of emotions and their valence classes",
                remedy="Write it as poise_training/schemes does.",
            ) from error


def _is_plain(name: object) -> bool:
    """Whether a name can stand in a table, on a page and in a file name as it is."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= _MOST_LETTERS
        and name.isprintable()
        and name == name.strip()
        and name[0] not in "=+-@＝＋－＠"
        and ";" not in name
    )


def display_labels(scheme: LabelScheme) -> tuple[str, ...]:
    """The valence classes, then the emotions without valence."""
    return (*VALENCES, *scheme.apart)


def members(scheme: LabelScheme, label: str) -> list[int]:
    """Columns of the emotions that make up one of `display_labels`."""
    return [k for k, e in enumerate(scheme.emotions) if scheme.valence.get(e, e) == label]


def display_posterior(
    scheme: LabelScheme, emotion: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Posterior of each of `display_labels`, float32 [K, L]; rows sum to 1."""
    import numpy as np

    apart = [scheme.emotions.index(name) for name in scheme.apart]
    joint = np.asarray(emotion) @ scheme.valence_matrix
    return np.concatenate([joint, np.asarray(emotion)[:, apart]], axis=1).astype(np.float32)
