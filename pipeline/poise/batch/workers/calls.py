"""Calls that somebody else makes: what is asked, what comes back, and what runs them here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Call:
    """A function and its arguments; both are sent to another process.

    Args:
        function: Importable there, or a method of an object that can be pickled.
        arguments: Its arguments.
        path: The recording it is about.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    path: Path

    def __call__(self) -> Any:
        """Make the call."""
        return self.function(*self.arguments)


@dataclass(frozen=True)
class Crash:
    """In place of a result: nobody could make the call.

    Args:
        cause: Why, in plain words.
        code: Of the error, as pages show it.
        remedy: What can be done.
    """

    cause: str
    code: str = "died"
    remedy: str = "Try fewer --jobs, or export the recording again."


More = Callable[[], Sequence[Call]]


def nothing_more() -> Sequence[Call]:
    """No further calls."""
    return ()


class Runner(Protocol):
    """Makes calls in parallel."""

    def run(
        self, calls: Sequence[Call], most: int, more: More = nothing_more
    ) -> Generator[tuple[Call, Any], None, None]:
        """Yield each call with its result, or a `Crash`, in the order of completion.

        Args:
            calls: Started in this order.
            most: Calls at the same time, at most.
            more: Asked now and then for further calls.

        Raises:
            PoiseError: If nothing can be run any more.
        """
        ...

    def close(self) -> None:
        """End all processes, whatever they are doing."""
        ...


class InThisProcess:
    """Makes calls one after the other in this very process."""

    def run(
        self, calls: Sequence[Call], most: int, more: More = nothing_more
    ) -> Generator[tuple[Call, Any], None, None]:
        """See `Runner.run`."""
        queue = deque(calls)
        while queue:
            call = queue.popleft()
            yield call, call()
            queue.extend(more())

    def close(self) -> None:
        """Nothing to end."""
