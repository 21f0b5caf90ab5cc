"""Values read back from JSON that may be damaged, or made to do harm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from poise.storage.plain import from_plain


@dataclass(frozen=True)
class Point:
    x: float
    name: str | None = None


@dataclass(frozen=True)
class Shape:
    points: tuple[Point, ...]
    size: tuple[int, int]
    shares: dict[str, float]


def test_dataclasses_tuples_and_unions() -> None:
    plain = {"points": [{"x": 1, "name": "a"}, {"x": 2.5}], "size": [3, 4], "shares": {"a": 0.5}}
    assert from_plain(Shape, plain) == Shape((Point(1, "a"), Point(2.5)), (3, 4), {"a": 0.5})


@pytest.mark.parametrize(
    ("kind", "plain"),
    [(float, float("nan")), (float, float("inf")), (float, "1"), (int, True), (int, 1.0),
     (str, 1), (bool, 0), (tuple[int, int], [1]), (list[int], {"a": 1}), (str | None, 1),
     (Point, {"x": 1, "more": 2}), (Point, {}), (Point, [1]), (dict[str, int], [1])],
)  # fmt: skip
def test_what_does_not_fit_is_refused(kind: Any, plain: Any) -> None:
    with pytest.raises(ValueError, match=r"is no|entries"):
        from_plain(kind, plain)


def test_what_is_refused_is_quoted_in_part_only() -> None:
    with pytest.raises(ValueError, match="is no int") as caught:
        from_plain(int, "x" * 10_000)
    assert len(str(caught.value)) < 100
