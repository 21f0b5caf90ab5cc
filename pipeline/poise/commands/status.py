"""`poise status`: where the last batch stands."""

from __future__ import annotations

from pathlib import Path

import click

from poise.commands.common import counted, debug_option
from poise.system.console import say, say_json
from poise.system.exit_codes import exits


@click.command()
@click.argument("reports", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@debug_option
def status(reports: Path, as_json: bool, debug: bool) -> None:
    """Say what is done, failed, pending and running of the last batch in REPORTS.

    Nothing is changed, also while the batch goes on.
    """

    def run() -> int:
        from poise.batch.status import look_up

        state = look_up(reports)
        if as_json:
            say_json(state.to_json())
            return 0
        say(f"{len(state.outcomes)} recordings: {counted(state.counts())}.")
        say(state.in_words())
        for outcome in state.outcomes:
            if outcome.status not in ("done", "pending"):
                told = f": {outcome.message}" if outcome.message else ""
                say(f"{outcome.status}\t{outcome.recording.recording_id}{told}")
        return 0

    exits(run, debug)
