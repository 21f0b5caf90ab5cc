"""`poise status`, from the command line."""

from __future__ import annotations

import json

from tests.commands.kit import Poise
from tests.conftest import Analysed


def test_it_says_where_the_batch_stands(poise: Poise, analysed: Analysed) -> None:
    said = poise("status", analysed.output)
    assert said.exit_code == 0
    assert said.output.splitlines()[:2] == [
        "3 recordings: 3 done.", "The last run came to its end.",
    ]  # fmt: skip
    plain = json.loads(poise("status", analysed.output, "--json").stdout)
    assert plain["counts"] == {"done": 3} and len(plain["recordings"]) == 3


def test_without_a_run_there_is_nothing_to_say(poise: Poise) -> None:
    said = poise("status", ".")
    assert said.exit_code == 1 and "holds no reports" in said.output
