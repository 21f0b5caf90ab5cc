"""Calls that somebody else makes, made in this process."""

from __future__ import annotations

import pickle
from pathlib import Path

from poise.batch.workers.calls import Call, Crash, InThisProcess, nothing_more


def _call(number: int) -> Call:
    return Call(abs, (number,), Path("recording"))


def test_a_call_can_be_sent_and_made() -> None:
    assert pickle.loads(pickle.dumps(_call(-3)))() == 3


def test_calls_come_in_their_order_with_their_results() -> None:
    runner = InThisProcess()
    found = list(runner.run([_call(-1), _call(-2)], 5))
    assert [(call.arguments, result) for call, result in found] == [((-1,), 1), ((-2,), 2)]
    assert list(runner.run([], 1)) == [] == list(nothing_more())
    runner.close()


def test_what_comes_later_is_made_as_well() -> None:
    later = [[_call(-2)], [_call(-3), _call(-4)]]
    found = InThisProcess().run([_call(-1)], 1, lambda: later.pop(0) if later else ())
    assert [result for _, result in found] == [1, 2, 3, 4]


def test_a_crash_says_what_can_be_done() -> None:
    crash = Crash("the process that analysed it was killed")
    assert crash.code == "died" and crash.remedy.startswith("Try fewer --jobs")
