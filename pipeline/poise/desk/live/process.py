"""The engine in a process of its own: the server stays responsive and small, whatever comes.

A picture that makes a decoder crash, or a network that hangs, ends that process and not the desk;
torch and its memory come with the first visitor and go with the last.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from poise.expression.model_spec import SHIPPED_MODEL, read_spec
from poise.settings import Settings
from poise.system.child_process import ChildProcess, channel_to_parent
from poise.system.quick_loading import quick_loading
from poise.types import Baseline

START_S, ANSWER_S = 300.0, 20.0  # after which it is given up


class EngineGone(Exception):
    """The engine has ended, hangs, or cannot be loaded."""


class EngineProcess:
    """The engine of one visitor. Calls block, and are made one at a time.

    It ends with the thread that makes it.

    Args:
        settings: Of the desk: model, device, size of the frames, smoothing.
    """

    def __init__(self, settings: Settings) -> None:
        self._child = ChildProcess(__name__)
        self._settings = settings

    @property
    def pid(self) -> int:
        """Its process identifier."""
        return self._child.pid

    def load(self) -> list[str]:
        """Load the networks, which takes seconds; the labels of all that it will answer.

        Raises:
            EngineGone: If they cannot be loaded.
        """
        return list(self._asked("load", self._settings, limit_s=START_S)["labels"])

    def see(self, jpeg: bytes, time_s: float) -> dict[str, Any]:
        """What is seen in a picture, as `engine.Answer.to_json`; `refused` where it is none.

        Raises:
            EngineGone: If no answer comes.
        """
        return self._asked("see", jpeg, time_s)

    def rest(self) -> dict[str, Any]:
        """See `LiveEngine.rest`."""
        return self._asked("rest")

    def rested(self) -> dict[str, Any]:
        """See `LiveEngine.rested`: the baseline, by the names of its fields."""
        return self._asked("rested")

    def use(self, baseline: Baseline) -> dict[str, Any]:
        """See `LiveEngine.use`."""
        return self._asked("use", baseline)

    def end(self) -> None:
        """Kill it."""
        self._child.end()

    def _asked(self, what: str, *values: object, limit_s: float = ANSWER_S) -> dict[str, Any]:
        try:
            self._child.connection.send((what, values))
            if not self._child.connection.poll(limit_s):
                raise EngineGone(f"no answer within {limit_s:.0f} s")
            answer: dict[str, Any] = self._child.connection.recv()
        except (OSError, EOFError) as error:
            raise EngineGone("it has ended") from error
        if "failed" in answer:
            raise EngineGone(answer["failed"])
        return answer


def main() -> None:
    """The child: answer what the parent asks until nobody asks any more."""
    parent = channel_to_parent()
    with suppress(EOFError, OSError):
        try:
            answers = _Answers(*parent.recv()[1])
            parent.send({"labels": answers.engine.labels})
            while True:
                what, values = parent.recv()
                parent.send(getattr(answers, what)(*values))
        except (EOFError, OSError):
            raise
        except Exception as error:
            parent.send({"failed": f"{type(error).__name__}: {error}"})


class _Answers:
    """What the child answers, by the name of the question."""

    def __init__(self, settings: Settings) -> None:
        read_spec(Path(settings.model or SHIPPED_MODEL))  # what is wrong is said before torch loads

        with quick_loading():
            from poise.desk.live.engine import started_engine

        self.engine = started_engine(settings)

    def see(self, jpeg: bytes, time_s: float) -> dict[str, Any]:
        from poise.desk.live.engine import PictureRefused

        began = time.perf_counter()
        try:
            answer = self.engine.see(jpeg, time_s).to_json()
        except PictureRefused as error:
            return {"state": "refused", "why": str(error)}
        return answer | {"spent_ms": round(1000 * (time.perf_counter() - began), 1)}

    def rest(self) -> dict[str, Any]:
        self.engine.rest()
        return {}

    def rested(self) -> dict[str, Any]:
        return vars(self.engine.rested())

    def use(self, baseline: Baseline) -> dict[str, Any]:
        self.engine.use(baseline)
        return vars(baseline)
