"""Options made from the settings."""

from __future__ import annotations

from dataclasses import fields

import pytest

from poise.settings import Settings
from tests.commands.kit import Poise


@pytest.mark.parametrize("entry", fields(Settings), ids=lambda e: e.name)
def test_every_setting_is_an_option_of_analyze(poise: Poise, entry: object) -> None:
    name = entry.name  # type: ignore[attr-defined]
    text = " ".join(poise("analyze", "--help").output.split())
    assert f"--{name.replace('_', '-')}" in text
    help_text = entry.metadata["help"]  # type: ignore[attr-defined]
    assert " ".join(help_text.split())[:40] in text


def test_defaults_and_bounds_are_shown(poise: Poise) -> None:
    text = " ".join(poise("analyze", "--help").output.split())
    assert "[default: 5.0]" in text and "2.0<=x<=60" in text
    assert "[auto|pyav|decord]" in text
