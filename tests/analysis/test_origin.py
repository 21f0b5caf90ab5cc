"""What a result was made with."""

from __future__ import annotations

import datetime
from types import SimpleNamespace

import torch

from poise import __version__
from poise.analysis.origin import origin_of
from tests.factories import IDLE_CONTEXT


def test_it_says_what_this_process_knows() -> None:
    told = SimpleNamespace(device_name="cpu (test)", precision="bfloat16")
    context = SimpleNamespace(**{**vars(IDLE_CONTEXT), "classifier": told})
    origin = origin_of(context)  # type: ignore[arg-type]
    assert origin["poise"] == __version__ and torch.__version__.startswith(origin["torch"])
    assert (origin["device"], origin["precision"]) == ("cpu (test)", "bfloat16")
    assert (origin["sample_rate_hz"], origin["smoothing_s"]) == ("5.0", "0.4")
    made = datetime.datetime.fromisoformat(origin["analysed"])
    assert abs(made - datetime.datetime.now().astimezone()) < datetime.timedelta(minutes=5)


def test_what_is_not_known_is_left_out() -> None:
    told = SimpleNamespace(device_name="", precision="")
    context = SimpleNamespace(**{**vars(IDLE_CONTEXT), "classifier": told})
    origin = origin_of(context)  # type: ignore[arg-type]
    assert "device" not in origin and "precision" not in origin
    assert all(isinstance(value, str) and value for value in origin.values())
