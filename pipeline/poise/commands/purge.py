"""`poise purge`: every trace of a person goes."""

from __future__ import annotations

from pathlib import Path

import click

from poise.commands.common import debug_option
from poise.system.console import say
from poise.system.exit_codes import ABORTED, exits


@click.command()
@click.argument("reports", type=click.Path(path_type=Path))
@click.argument("candidate")
@debug_option
def purge(reports: Path, candidate: str, debug: bool) -> None:
    """Remove every trace of CANDIDATE from REPORTS, and search for what might be left.

    CANDIDATE is a name as the index shows it, or the name of the report's directory. Recordings,
    and tables exported to other places, are yours to delete.

    Exit codes: 0 nothing is left; 1 something was found, and is named; 2 no such candidate.
    """

    def run() -> int:
        from poise.batch.purge import purge as purge_candidate

        done = purge_candidate(reports, candidate)
        say(
            f"Removed: {done.recordings} recordings, {done.results} results, {done.rows} rows of "
            "the ledger, the report; index and tables are written again."
        )
        say(
            f"Searched {done.searched} files for {done.needles} names, identifiers and hashes: "
            f"found in {len(done.found)}."
        )
        for name in done.unsearchable:
            say(f"Too short to be searched for: {name}", error=True)
        for path in done.found:
            say(f"Not written by Poise, and still names them: {path}", error=True)
        return ABORTED if done.found else 0

    exits(run, debug)
