"""`poise export`: the tables of all candidates joined, for analysts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from poise.commands.common import debug_option, only_given, settings_options
from poise.system.console import say
from poise.system.exit_codes import exits


@click.command()
@click.argument("reports", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True,
              help="Directory of the tables.")  # fmt: skip
@settings_options("format", "csv_bom", "language", "anonymous")
@debug_option
def export(reports: Path, output: Path, debug: bool, **given: Any) -> None:
    """Write the tables of all candidates in REPORTS joined: frames, episodes, recordings.

    For analysts; a data dictionary comes with them, and the episodes of each recording as WebVTT
    captions for video players. No recording is read.
    """

    def run() -> int:
        from poise.batch.rerender import export as export_tables

        export_tables(reports, output, **only_given(given))
        say(output)
        return 0

    exits(run, debug)
