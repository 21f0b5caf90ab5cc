"""`poise report`: pages and tables again, from stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from poise.commands.common import debug_option, only_given, settings_options
from poise.system.console import say
from poise.system.exit_codes import exits

_LOOKS = ("language", "anonymous", "centre_name", "centre_logo", "centre_colour", "centre_note",
          "templates")  # fmt: skip


@click.command()
@click.argument("reports", type=click.Path(path_type=Path))
@settings_options(*_LOOKS, "format", "csv_bom")
@click.option("--pdf", is_flag=True, help="Print each report to PDF as well, with Chromium.")
@debug_option
def report(reports: Path, pdf: bool, debug: bool, **given: Any) -> None:
    """Write all reports, the index and the tables in REPORTS again, from stored results.

    No recording is read: this takes seconds, and works when they are gone. Settings are those of
    the last run unless others are given.
    """

    def run() -> int:
        from poise.batch.rerender import render

        result = render(reports, pdf=pdf, **only_given(given))
        say(result.index)
        return 0

    exits(run, debug)
