"""`poise purge`: every trace of a person goes."""

from __future__ import annotations

from pathlib import Path

import click

from poise.commands.common import debug_option
from poise.system.console import say
from poise.system.exit_codes import ABORTED, USAGE, exits


@click.command()
@click.argument("reports", type=click.Path(path_type=Path))
@click.argument("candidate")
@click.option("--undo", is_flag=True,
              help="Let a candidate who was purged be analysed again.")  # fmt: skip
@debug_option
def purge(reports: Path, candidate: str, undo: bool, debug: bool) -> None:
    """Remove every trace of CANDIDATE from REPORTS, and search for what might be left.

    CANDIDATE is the identifier, which is the name of the report's directory, or a name that only
    one candidate bears. A mark that names nobody keeps later runs from bringing the person back
    where recordings still lie (--force does not change that, --undo does). Recordings, handouts,
    and tables exported to other places, are yours to delete.

    Exit codes: 0 nothing is left; 1 something was found, and is named, or index and tables could
    not be written again; 2 no such candidate, or several of that name.
    """

    def run() -> int:
        if undo:
            return _undo(reports, candidate)
        from poise.batch.forgetting.purge import purge as purge_candidate

        done = purge_candidate(reports, candidate)
        searched = done.searched
        say(
            f"Removed: {done.recordings} recordings, {done.results} results, {done.rows} rows of "
            "the ledger, the report; index and tables are written again."
        )
        if done.of_nobody:
            say(f"Of the results {done.of_nobody} did not say whose they were.", error=True)
        say(
            f"Searched {searched.files} files, {searched.size:,} bytes, the ledger and the logs "
            f"among them, for {searched.needles} names, identifiers and hashes and for "
            f"{searched.pictures} pictures and other files of the results: "
            f"found in {len(done.found)}."
        )
        for name in searched.unsearchable:
            say(f"Too short to be searched for: {name}", error=True)
        for path in done.found:
            say(f"Not written by Poise, and still holds a trace: {path}", error=True)
        for path in done.remaining:
            say(f"Still there, and yours to delete: {path}", error=True)
        say("Handouts and exported tables lie elsewhere: what was given out is yours to ask back.")
        if done.problem:
            say(f"Error: index and tables are removed, as {done.problem}", error=True)
        return ABORTED if done.found or done.problem else 0

    exits(run, debug)


def _undo(reports: Path, candidate: str) -> int:
    from poise.batch.forgetting.purge import remember

    if remember(reports, candidate):
        say(f"{candidate} is analysed again from the next run on.")
        return 0
    say(f"Error: no candidate {candidate!r} was purged from {reports}.", error=True)
    return USAGE
