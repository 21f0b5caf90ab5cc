"""`poise desk`: Poise in a browser of this machine."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from poise.commands.common import debug_option, settings_from
from poise.errors import SettingsError
from poise.reports.locales import LANGUAGES
from poise.settings import SETTINGS_FILE
from poise.system.console import say
from poise.system.exit_codes import exits


@click.command()
@click.argument("reports", type=click.Path(path_type=Path), required=False)
@click.option("--recordings", type=click.Path(path_type=Path),
              help="Directory of the recordings.  [default: that of the last run, or else "
                   "recordings beside REPORTS]")  # fmt: skip
@click.option("--settings", "settings_file", type=click.Path(path_type=Path, dir_okay=False),
              help=f"TOML file with settings.  [default: {SETTINGS_FILE}]")  # fmt: skip
@click.option("--lang", "language", type=click.Choice(LANGUAGES), default=None,
              help="Language of the desk.  [default: that of the settings]")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=0,
              help="Where it listens, on this machine.  [default: 0, a free one]")  # fmt: skip
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@debug_option
def desk(
    reports: Path | None,
    recordings: Path | None,
    settings_file: Path | None,
    language: str | None,
    port: int,
    no_browser: bool,
    debug: bool,
) -> None:
    """Open Poise in a browser: add recordings, analyse them, open reports, practise.

    REPORTS is Poise/reports in your home directory if it is not given. What runs here stays on this
    machine, and a batch that was started goes on when the desk is closed.
    """

    def run() -> int:
        settings = settings_from(settings_file, {})
        try:
            from poise.desk.opening import open_desk
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "poise":
                raise
            raise SettingsError(
                f"the desk needs {error.name}, which is not installed",
                remedy="Install it: pip install 'poise[desk]'.",
            ) from error

        def opened(address: str) -> None:
            say(address)
            if not no_browser:
                webbrowser.open(address)

        say("Enter: a new address. Ctrl-C: close the desk; an analysis goes on.", error=True)
        open_desk(reports, recordings, settings, settings_file, language, port, opened)
        return 0

    exits(run, debug)
