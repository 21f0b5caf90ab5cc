"""What several commands have in common: options made from the settings, and how counts are said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from poise.settings import SETTINGS_FILE, Settings, read_settings

debug_option = click.option("--debug", is_flag=True, help="Show where an error came from.")

_Command = TypeVar("_Command", bound=Callable[..., Any])


def settings_options(*names: str) -> Callable[[_Command], _Command]:
    """An option for each setting (of those named, or all), as `Settings` declares it."""

    def decorate(command: _Command) -> _Command:
        for entry in reversed(fields(Settings)):
            if names and entry.name not in names:
                continue
            option, bounds = "--" + entry.name.replace("_", "-"), entry.metadata
            names_of_it = ("--lang", option) if entry.name == "language" else (option,)
            kind: Any = type(entry.default)
            if kind is bool:
                command = click.option(f"{option}/--no-{option[2:]}", entry.name, default=None,
                                       help=bounds["help"])(command)  # fmt: skip
                continue
            if bounds["choices"]:
                kind = click.Choice(bounds["choices"])
            elif bounds["low"] is not None:
                span = click.IntRange if kind is int else click.FloatRange
                kind = span(bounds["low"], bounds["high"])
            shown = "" if entry.default == "" else f"  [default: {entry.default}]"
            command = click.option(*names_of_it, entry.name, type=kind, default=None,
                                   help=bounds["help"] + shown)(command)  # fmt: skip
        return command

    return decorate


def settings_from(file: Path | None, given: dict[str, Any]) -> Settings:
    """Settings of a file, or of `poise.toml` here if there is one, under the options given."""
    if file is None and Path(SETTINGS_FILE).is_file():
        return read_settings(Path(SETTINGS_FILE), given, was_named=False)
    return read_settings(file, given)


def only_given(options: dict[str, Any]) -> dict[str, Any]:
    """Options that were given on the command line."""
    return {name: value for name, value in options.items() if value is not None}


def counted(counts: dict[str, int]) -> str:
    """How many recordings have which status, in words."""
    return ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items())
