"""Where the time goes: seconds of each stage; how far work has come, and how long it may take."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

LEAST_ALLOWED_S = 1800.0
ALLOWED_PER_SAMPLE_S = 1.0  # some twenty times what a sampled frame takes
_Item = TypeVar("_Item")


class Allowance:
    """How much this process may compute for the recording that it is working on.

    It is told by whoever learns how long the recording is, and asked by whoever has to tell work
    that takes long from work that never ends.

    Attributes:
        seconds: Processor seconds in all.
    """

    def __init__(self) -> None:
        self.seconds = LEAST_ALLOWED_S

    def begin(self) -> None:
        """Another recording, of which nothing is known yet."""
        self.seconds = LEAST_ALLOWED_S

    def for_samples(self, count: float) -> None:
        """So many frames of it will be sampled."""
        self.seconds = LEAST_ALLOWED_S + ALLOWED_PER_SAMPLE_S * count


ALLOWANCE = Allowance()


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
