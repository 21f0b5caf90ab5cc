"""What is made once: what a network says of a picture, and pictures that tests draw."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

_shared: list[Path] = []
_Drawn = TypeVar("_Drawn")


def computed_once(patch: pytest.MonkeyPatch, owner: type, name: str) -> None:
    """Let a method that depends on nothing but its arguments answer the same question once.

    Args:
        patch: Undoes it.
        owner: Whose method.
        name: Of the method; it is given arrays, byte for byte the same if it is the same question,
            and what can be a key.
    """
    method = getattr(owner, name)
    answers: dict[object, Any] = {}

    @wraps(method)
    def once(self: object, *given: Any, **named: Any) -> Any:
        key = (self, *map(_key, given), *((word, _key(value)) for word, value in named.items()))
        if key not in answers:
            answers[key] = method(self, *given, **named)
        return deepcopy(answers[key])

    patch.setattr(owner, name, once)


def share_below(folder: Path) -> None:
    """Let all processes that are given the same folder draw each picture once."""
    folder.mkdir(exist_ok=True)
    _shared[:] = [folder]


def drawn_once(key: str, draw: Callable[[], _Drawn]) -> _Drawn:
    """A picture, or who is drawn, that one process of a run makes, and the others find.

    Args:
        key: Says all that it depends on.
        draw: Makes it.
    """
    if not _shared:
        return draw()
    path = _shared[0] / sha256(key.encode()).hexdigest()
    if path.exists():
        return pickle.loads(path.read_bytes())  # type: ignore[no-any-return]
    made = draw()
    draft = path.with_name(f"{os.getpid()} {path.name}")
    draft.write_bytes(pickle.dumps(made))
    draft.replace(path)
    return made


def _key(value: Any) -> object:
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, sha256(np.ascontiguousarray(value)).digest()
    return value
