"""Where the time goes: seconds of waiting for, or working in, each stage; how far work has come."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

_Item = TypeVar("_Item")


class StageTiming:
    """Adds up wall seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - started

    def timing(
        self, stage: str, items: Iterable[_Item], *, inner: str | None = None
    ) -> Iterator[_Item]:
        """The same items; the time until each comes counts for the stage.

        Args:
            stage: What makes the items.
            items: An iterator.
            inner: A stage that the items are made from, whose time is its own.
        """
        iterator = iter(items)
        while True:
            started = time.perf_counter()
            before = self.seconds[inner] if inner else 0.0
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                spent = time.perf_counter() - started
                self.seconds[stage] += spent - (self.seconds[inner] - before if inner else 0.0)
            yield item
            del item  # it may be large, and the next one is on its way


class Progress:
    """How far a piece of work has come, told to whoever looks on, once a second at most.

    Attributes:
        tell: Is told the share that is done, 0..1.
    """

    def __init__(self) -> None:
        self.tell: Callable[[float], object] | None = None
        self._told = 0.0

    def __call__(self, share: float) -> None:
        """Say how far it has come."""
        now = time.monotonic()
        if self.tell is not None and now - self._told >= 1.0:
            self._told = now
            self.tell(share)
