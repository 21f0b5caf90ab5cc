"""`poise analyze`: a whole batch, from recordings to reports."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from poise.commands.common import counted, debug_option, settings_from, settings_options
from poise.settings import SETTINGS_FILE
from poise.system.console import one_line, say, say_json
from poise.system.exit_codes import exits
from poise.system.interrupts import listening

if TYPE_CHECKING:
    from poise.batch.outcomes import Plan, RunResult
    from poise.storage.results.outcome import Outcome

_NAMED = 5  # of what was left aside for one reason
_TOLD = ("done", "partial", "failed")


@click.command()
@click.argument("recordings", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True,
              help="Directory of the reports; outside of RECORDINGS.")  # fmt: skip
@click.option("--settings", "settings_file", type=click.Path(path_type=Path, dir_okay=False),
              help=f"TOML file with settings.  [default: {SETTINGS_FILE}]")  # fmt: skip
@settings_options()
@click.option("--force", is_flag=True, help="Analyse also what is done.")
@click.option("--strict", is_flag=True, help="Stop at the first recording that fails.")
@click.option("--dry-run", is_flag=True, help="Only list what would be done.")
@click.option("--wait", is_flag=True, help="Wait for another run into the same directory.")
@click.option("--json", "as_json", is_flag=True, help="Print a summary, or the error, as JSON.")
@debug_option
def analyze(
    recordings: Path,
    output: Path,
    settings_file: Path | None,
    force: bool,
    strict: bool,
    dry_run: bool,
    wait: bool,
    as_json: bool,
    debug: bool,
    **given: Any,
) -> None:
    """Analyse all recordings below RECORDINGS and write reports and tables.

    What an earlier run has done, with the same settings and model, is not done again.

    Exit codes: 0 all done; 1 stopped or internal error; 2 wrong usage or settings; 3 some
    recordings failed, the rest is written; 4 none succeeded or none found; 130 or 143 stopped by
    Ctrl-C or SIGTERM.
    """

    def run() -> int:
        settings = settings_from(settings_file, given)
        from poise.batch.outcomes import Listener
        from poise.batch.run import analyze as analyze_batch

        display = _Display()
        try:
            with listening():
                result = analyze_batch(
                    recordings,
                    output,
                    settings,
                    force=force,
                    strict=strict,
                    dry_run=dry_run,
                    wait=wait,
                    debug=debug,
                    listener=Listener(
                        planned=display.planned, finished=display.finished, noticed=display.noticed
                    ),
                )
        finally:
            display.close()
        _conclude(result, recordings, as_json, debug)
        return 0 if dry_run and result.outcomes else result.exit_code

    exits(run, debug, as_json)


def _up_to(jobs: int) -> str:
    return {0: "", 1: " with one process"}.get(jobs, f" with up to {jobs} processes")


class _Display:
    """Progress on standard error: a bar on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._plan: Plan | None = None
        self._done = 0

    def planned(self, plan: Plan) -> None:
        self._plan = plan
        withheld = f"{plan.withheld} not to be analysed, " if plan.withheld else ""
        say(
            f"{plan.recordings} recordings: {plan.reused} done before, {withheld}"
            f"{plan.pending} to analyse ({plan.bytes_to_read / 1e6:.0f} MB) "
            f"on {plan.device}{_up_to(plan.jobs)}.",
            error=True,
        )
        if sys.stderr.isatty() and plan.bytes_to_read:
            self._bar = click.progressbar(
                length=plan.bytes_to_read, file=sys.stderr, show_eta=True, show_percent=True,
                item_show_func=lambda name: name,
            )  # fmt: skip
            self._bar.__enter__()

    def finished(self, outcome: Outcome) -> None:
        if outcome.reused or outcome.status not in _TOLD or self._plan is None:
            return
        if outcome.status == "failed" and outcome.error is None:
            return  # a line of a table bars it: that was told, and it is not counted
        self._done += 1
        recording = outcome.recording
        length_s = outcome.result.length_s if outcome.result else 0.0
        rate = f", {length_s / outcome.seconds:.1f}x real time" if outcome.seconds else ""
        if outcome.status == "failed":
            rate = f": {outcome.message}"
        elif outcome.message:
            rate += f": {outcome.message}"
        if self._bar is not None:
            self._bar.update(_size(recording.path), one_line(recording.recording_id + rate))
            return
        total = self._plan.pending
        say(
            f"[{self._done}/{total}] {recording.recording_id}: {outcome.status} "
            f"in {outcome.seconds:.1f} s{rate}",
            error=True,
        )

    def noticed(self, text: str) -> None:
        say(text, error=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it has gone
        return 0


def _conclude(result: RunResult, recordings: Path, as_json: bool, debug: bool) -> None:
    """The result on stdout, what failed on stderr."""
    for outcome in result.outcomes:
        if outcome.status == "failed":
            say(f"Failed: {outcome.recording.recording_id}: {outcome.message}", error=True)
            for note in getattr(outcome.error, "__notes__", []) if debug else []:
                for line in note.splitlines():
                    say(line, error=True)
    unsure = _unsure(result)
    if unsure:
        say(
            f"Not sure who is shown in {len(unsure)} recordings ({', '.join(unsure)}): see the "
            "index; a portrait in candidates.csv decides.",
            error=True,
        )
    if result.problem:
        say(f"Error: {result.problem}", error=True)
    if not result.outcomes:
        say(f"No recordings found below {recordings}.", error=True)
    if as_json:
        say_json(_summary(result, unsure))
        return
    _tell_of_left_aside(result)
    if result.index is None and not result.problem:
        for outcome in result.outcomes:
            what = "done before" if outcome.reused else "to analyse"
            what = what if outcome.status == "planned" else outcome.status
            recording = outcome.recording
            say(f"{what}\t{recording.candidate_id}\t{recording.recording_id}")
        return
    say(
        f"{len(result.outcomes)} recordings ({counted(result.counts())}) "
        f"in {result.seconds:.1f} s.",
        error=True,
    )
    if result.index:
        say(result.index)


def _tell_of_left_aside(result: RunResult) -> None:
    """What lies among the recordings and was not analysed: how much of it, why, and what to do."""
    from poise.reports.left_aside import of_table
    from poise.reports.locales import load_texts

    texts = load_texts("en").entries
    codes = [left.code for left in result.left_aside if not of_table(left.code)]  # these were told
    for code in dict.fromkeys(codes):
        names = [left.name for left in result.left_aside if left.code == code and left.name]
        shown = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        say(
            f"Left aside: {codes.count(code)}. {texts.get(f'error.{code}.cause', code)} "
            f"{texts.get(f'error.{code}.remedy', '')}{' (' + shown + ')' if shown else ''}",
            error=True,
        )


def _unsure(result: RunResult) -> dict[str, str]:
    """Why it is not sure whom a recording shows, by recording."""
    from poise.reports.pages.unsure import doubt_codes

    return doubt_codes(result.outcomes)


def _summary(result: RunResult, unsure: dict[str, str]) -> dict[str, Any]:
    return {
        "output": str(result.output),
        "index": str(result.index) if result.index else None,
        "exit_code": result.exit_code,
        **({"error": result.problem.to_json()} if result.problem else {}),
        "seconds": round(result.seconds, 3),
        "left_aside": [{"name": left.name, "code": left.code} for left in result.left_aside],
        "recordings": [
            {
                "recording_id": outcome.recording.recording_id,
                "candidate_id": outcome.recording.candidate_id,
                "status": outcome.status,
                "message": outcome.message,
                "unsure_who": unsure.get(outcome.recording.recording_id),
                "reused": outcome.reused,
                "seconds": round(outcome.seconds, 3),
                "coverage": outcome.result.statistics.coverage if outcome.result else None,
                "shares": outcome.result.statistics.shares if outcome.result else None,
            }
            for outcome in result.outcomes
        ],
    }
