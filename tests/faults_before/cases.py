"""The list of cases: each says what it does, and reads one value from what a command wrote."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults_before.sides import Side

Case = Callable[[Side], object]
CASES: dict[str, tuple[str, Case]] = {}


def case(name: str, what: str) -> Callable[[Case], Case]:
    """Enter a function into the list.

    Args:
        name: Of the fault, as `--only` takes it.
        what: What is done, and which value it gives.
    """

    def add(function: Case) -> Case:
        CASES[name] = what, function
        return function

    return add
