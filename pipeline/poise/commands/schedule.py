"""`poise schedule`: what starts a batch every night, printed for systemd, cron or Windows."""

from __future__ import annotations

import sys
from dataclasses import fields
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import click

from poise.commands.common import debug_option, only_given, settings_options
from poise.settings import Settings, read_settings
from poise.system.console import say
from poise.system.exit_codes import exits

_HERE = {"win32": ("windows",), "linux": ("systemd", "cron")}


@click.command()
@click.argument("recordings", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True,
              help="Directory of the reports; outside of RECORDINGS.")  # fmt: skip
@click.option("--at", type=click.DateTime(["%H:%M"]), default="22:00", show_default=True,
              help="When it begins, local time.")  # fmt: skip
@click.option("--for", "kinds", multiple=True, type=click.Choice(["systemd", "cron", "windows"]),
              help="What starts it; may be repeated.  [default: what this system has]")  # fmt: skip
@click.option("--settings", "settings_file", type=click.Path(path_type=Path, dir_okay=False),
              help="TOML file with settings.")  # fmt: skip
@settings_options()
@debug_option
def schedule(
    recordings: Path,
    output: Path,
    at: datetime,
    kinds: tuple[str, ...],
    settings_file: Path | None,
    debug: bool,
    **given: Any,
) -> None:
    """Print what starts `poise analyze RECORDINGS -o OUTPUT` every night.

    Options of `poise analyze` are taken over. Nothing is installed: each text says where it goes.
    """

    def run() -> int:
        settings = read_settings(settings_file, given).with_absolute_paths()
        command = [sys.executable, "-m", "poise", "analyze", str(recordings.absolute())]
        command += ["-o", str(output.absolute())]
        if settings_file:
            command += ["--settings", str(settings_file.absolute())]
        command += _options(settings, given)
        for kind in kinds or _HERE.get(sys.platform, ("cron",)):
            for text in _texts(kind, command, at.time()):
                for line in text.splitlines():
                    say(line)
                if kind == "systemd":
                    say()
        return 0

    exits(run, debug)


def _options(settings: Settings, given: dict[str, Any]) -> list[str]:
    """What was given, as options of `poise analyze`; paths are absolute."""
    options = []
    for name in (entry.name for entry in fields(Settings) if entry.name in only_given(given)):
        option, value = name.replace("_", "-"), getattr(settings, name)
        if isinstance(value, bool):
            options.append(f"--{option}" if value else f"--no-{option}")
        else:
            options.append(f"--{option}={value}")
    return options


def _texts(kind: str, command: list[str], at: time) -> tuple[str, ...]:
    from poise.system.schedules import cron_line, systemd_units, windows_task

    if kind == "systemd":
        return systemd_units(command, at)
    if kind == "cron":
        return (cron_line(command, at),)
    now = datetime.now()
    tonight = datetime.combine(now.date(), at)
    return (windows_task(command, tonight if tonight > now else tonight + timedelta(days=1)),)
