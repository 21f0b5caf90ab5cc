"""`python -m tests.faults_before OLD`: run the cases, and print the table."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from tests.faults_before.cases import CASES, Case
from tests.faults_before.inputs import kept
from tests.faults_before.sides import Side, old_and_new

SECTIONS = (
    "times", "picture", "loss", "tables", "forgetting", "commands", "pages", "let_in", "by_hand",
    "at_a_moment", "cluster", "browser",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path, help="a checkout of 6f2cd69")
    parser.add_argument("--only", nargs="*", help="names of cases")
    given = parser.parse_args()
    for section in SECTIONS:
        import_module(f"tests.faults_before.{section}")
    try:
        _print_table(old_and_new(given.old, kept()), given.only or list(CASES))
    finally:
        shutil.rmtree(kept())


def _print_table(sides: dict[str, Side], names: Sequence[str]) -> None:
    print("| line | what | on 6f2cd69 | now |\n|---|---|---|---|")
    for name in names:
        what, function = CASES[name]
        values = []
        for which, side in sides.items():
            folder = kept() / name.replace(" ", "-") / which
            folder.mkdir(parents=True)
            values.append(_value(function, replace(side, folder=folder)))
        print(f"| {name} | {what} | {' | '.join(values)} |", flush=True)


def _value(function: Case, side: Side) -> str:
    try:
        return str(function(side))
    except Exception as error:  # a value that cannot be had is told, the others go on
        return f"({type(error).__name__}: {error})"[:120].replace("\n", " ")


if __name__ == "__main__":
    main()
