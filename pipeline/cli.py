"""The command `poise`. Alone knows Click; maps errors to exit codes; imports the rest lazily."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline import __version__
from pipeline.exits import ABORTED, exits
from pipeline.settings import SETTINGS_FILE, Settings, read_settings
from pipeline.signals import listening

if TYPE_CHECKING:
    from pipeline.assemble import Outcome
    from pipeline.batch import Plan, RunResult

_LOOKS = ("language", "anonymous", "centre_name", "centre_logo", "centre_colour", "centre_note",
          "templates")  # fmt: skip
_TOLD = ("done", "partial", "failed")
_STATUSES = (*_TOLD, "not_consented", "expired", "running", "pending")
_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="poise")
def main() -> None:
    """Poise shows people how they come across in recorded practice interviews.

    It reads recordings, follows the candidate's face, and reports its apparent expression over
    time: never what a person felt, and no score.
    """


def _settings_options(*names: str) -> Callable[[_Command], _Command]:
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


def _settings_from(file: Path | None, given: dict[str, Any]) -> Settings:
    if file is None and Path(SETTINGS_FILE).is_file():
        file = Path(SETTINGS_FILE)
    return read_settings(file, given)


@main.command()
@click.argument("recordings", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True,
              help="Directory of the reports; outside of RECORDINGS.")  # fmt: skip
@click.option("--settings", "settings_file", type=click.Path(path_type=Path, dir_okay=False),
              help=f"TOML file with settings.  [default: {SETTINGS_FILE}]")  # fmt: skip
@_settings_options()
@click.option("--force", is_flag=True, help="Analyse also what is done.")
@click.option("--strict", is_flag=True, help="Stop at the first recording that fails.")
@click.option("--dry-run", is_flag=True, help="Only list what would be done.")
@click.option("--wait", is_flag=True, help="Wait for another run into the same directory.")
@click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON.")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
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
        settings = _settings_from(settings_file, given)
        from pipeline.batch import Listener
        from pipeline.run import analyze as analyze_batch

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

    exits(run, debug)


def _up_to(jobs: int) -> str:
    return {0: "", 1: " with one process"}.get(jobs, f" with up to {jobs} processes")


class _Display:
    """Progress on stderr: a bar on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._plan: Plan | None = None
        self._done = 0

    def planned(self, plan: Plan) -> None:
        self._plan = plan
        withheld = f"{plan.withheld} not to be analysed, " if plan.withheld else ""
        click.echo(
            f"{plan.recordings} recordings: {plan.reused} done before, {withheld}"
            f"{plan.pending} to analyse ({plan.bytes_to_read / 1e6:.0f} MB) "
            f"on {plan.device}{_up_to(plan.jobs)}.",
            err=True,
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
        self._done += 1
        recording = outcome.recording
        length_s = outcome.result.statistics.duration_s if outcome.result else 0.0
        rate = f", {length_s / outcome.seconds:.1f}x real time" if outcome.seconds else ""
        if outcome.status == "failed":
            rate = f": {outcome.message}"
        elif outcome.message:
            rate += f": {outcome.message}"
        if self._bar is not None:
            self._bar.update(_size(recording.path), recording.recording_id + rate)
            return
        total = self._plan.pending
        click.echo(
            f"[{self._done}/{total}] {recording.recording_id}: {outcome.status} "
            f"in {outcome.seconds:.1f} s{rate}",
            err=True,
        )

    def noticed(self, text: str) -> None:
        click.echo(text, err=True)

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
            click.echo(f"Failed: {outcome.recording.recording_id}: {outcome.message}", err=True)
            for note in getattr(outcome.error, "__notes__", []) if debug else []:
                click.echo(note, err=True)
    if result.problem:
        click.echo(f"Error: {result.problem}", err=True)
    if not result.outcomes:
        click.echo(f"No recordings found below {recordings}.", err=True)
    if as_json:
        click.echo(json.dumps(_summary(result), ensure_ascii=False, indent=1))
        return
    if result.index is None and not result.problem:
        for outcome in result.outcomes:
            what = "done before" if outcome.reused else "to analyse"
            what = what if outcome.status == "planned" else outcome.status
            recording = outcome.recording
            click.echo(f"{what}\t{recording.candidate_id}\t{recording.recording_id}")
        return
    counts = {s: result.count(s) for s in _STATUSES}
    click.echo(
        f"{len(result.outcomes)} recordings ({_said(counts)}) in {result.seconds:.1f} s.", err=True
    )
    if result.index:
        click.echo(str(result.index))


def _said(counts: dict[str, int]) -> str:
    return ", ".join(
        f"{count} {status.replace('_', ' ')}" for status, count in counts.items() if count
    )


def _summary(result: RunResult) -> dict[str, Any]:
    return {
        "output": str(result.output),
        "index": str(result.index) if result.index else None,
        "exit_code": result.exit_code,
        "seconds": round(result.seconds, 3),
        "recordings": [
            {
                "recording_id": outcome.recording.recording_id,
                "candidate_id": outcome.recording.candidate_id,
                "status": outcome.status,
                "message": outcome.message,
                "reused": outcome.reused,
                "seconds": round(outcome.seconds, 3),
                "coverage": outcome.result.statistics.coverage if outcome.result else None,
                "shares": outcome.result.statistics.shares if outcome.result else None,
            }
            for outcome in result.outcomes
        ],
    }


@main.command()
@click.argument("reports", type=click.Path(path_type=Path))
@_settings_options(*_LOOKS, "format", "csv_bom")
@click.option("--pdf", is_flag=True, help="Print each report to PDF as well, with Chromium.")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def report(reports: Path, pdf: bool, debug: bool, **given: Any) -> None:
    """Write all reports, the index and the tables in REPORTS again, from stored results.

    No recording is read: this takes seconds, and works when they are gone. Settings are those of
    the last run unless others are given.
    """

    def run() -> int:
        from pipeline.again import render

        result = render(reports, pdf=pdf, **_given(given))
        click.echo(str(result.index))
        return 0

    exits(run, debug)


@main.command()
@click.argument("reports", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True,
              help="Directory of the tables.")  # fmt: skip
@_settings_options("format", "csv_bom", "language", "anonymous")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def export(reports: Path, output: Path, debug: bool, **given: Any) -> None:
    """Write the tables of all candidates in REPORTS joined: frames, episodes, recordings.

    For analysts; a data dictionary comes with them, and the episodes of each recording as WebVTT
    captions for video players. No recording is read.
    """

    def run() -> int:
        from pipeline.again import export as export_tables

        export_tables(reports, output, **_given(given))
        click.echo(str(output))
        return 0

    exits(run, debug)


@main.command()
@click.argument("reports", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def status(reports: Path, as_json: bool, debug: bool) -> None:
    """Say what is done, failed, pending and running of the last batch in REPORTS.

    Nothing is changed, also while the batch goes on.
    """

    def run() -> int:
        from pipeline.again import look_up

        state = look_up(reports)
        if as_json:
            click.echo(json.dumps(state.to_json(), ensure_ascii=False, indent=1))
            return 0
        counts = state.counts()
        click.echo(
            f"{len(state.outcomes)} recordings: {_said({s: counts.get(s, 0) for s in _STATUSES})}."
        )
        click.echo(state.in_words())
        for outcome in state.outcomes:
            if outcome.status not in ("done", "pending"):
                told = f": {outcome.message}" if outcome.message else ""
                click.echo(f"{outcome.status}\t{outcome.recording.recording_id}{told}")
        return 0

    exits(run, debug)


@main.command()
@click.argument("reports", type=click.Path(path_type=Path))
@click.argument("candidate")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def purge(reports: Path, candidate: str, debug: bool) -> None:
    """Remove every trace of CANDIDATE from REPORTS, and search for what might be left.

    CANDIDATE is a name as the index shows it, or the name of the report's directory. Recordings,
    and tables exported to other places, are yours to delete.

    Exit codes: 0 nothing is left; 1 something was found, and is named; 2 no such candidate.
    """

    def run() -> int:
        from pipeline.purge import purge as purge_candidate

        done = purge_candidate(reports, candidate)
        click.echo(
            f"Removed: {done.recordings} recordings, {done.results} results, {done.rows} rows of "
            "the ledger, the report; index and tables are written again."
        )
        click.echo(
            f"Searched {done.searched} files for {done.needles} names, identifiers and hashes: "
            f"found in {len(done.found)}."
        )
        for name in done.unsearchable:
            click.echo(f"Too short to be searched for: {name}", err=True)
        for path in done.found:
            click.echo(f"Not written by Poise, and still names them: {path}", err=True)
        return ABORTED if done.found else 0

    exits(run, debug)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


@main.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), required=True,
              help="Table to write.")  # fmt: skip
@click.option("--cropped", is_flag=True, help="The pictures are already cropped to the face.")
@_settings_options("model", "device", "batch_size", "csv_bom")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def classify(
    images: tuple[Path, ...], csv_file: Path, cropped: bool, debug: bool, **given: Any
) -> None:
    """Classify faces in pictures or directories of them.

    Writes one row per picture: path, posteriors of valence and emotion classes, valence, emotion,
    whether a face was found, and an error where a picture cannot be read.
    """

    def run() -> int:
        settings = _settings_from(None, given)
        from pipeline.stills import classify_pictures

        counts = classify_pictures(images, csv_file, cropped=cropped, settings=settings)
        click.echo(
            f"{counts.pictures} pictures: {counts.without_face} without a face found, "
            f"{counts.unreadable} unreadable.",
            err=True,
        )
        click.echo(str(csv_file))
        if counts.unreadable == counts.pictures:
            return 4
        return 3 if counts.unreadable else 0

    exits(run, debug)


@main.command()
@_settings_options("model", "device")
@click.option("--bundle", type=click.Path(path_type=Path, dir_okay=False),
              help="Write what a bug report needs to this zip file, without names.")  # fmt: skip
@click.option("--reports", type=click.Path(path_type=Path, file_okay=False),
              help="Directory of reports whose last logs go into the bundle.")  # fmt: skip
def doctor(bundle: Path | None, reports: Path | None, **given: Any) -> None:
    """Say what this machine offers, and what is wrong with it."""

    def run() -> int:
        settings = _settings_from(None, given)
        from pipeline.doctor import examine

        findings = examine(settings)
        if bundle is not None:
            from pipeline.bundle import write_bundle

            count = write_bundle(bundle, findings, reports)
            click.echo(f"Written with {count} logs: {bundle}", err=True)
        for finding in findings:
            mark = "ok     " if finding.good else "PROBLEM"
            click.echo(f"{mark}  {finding.subject}: {finding.text}")
        return 0 if all(finding.good for finding in findings) else ABORTED

    exits(run, False)


if __name__ == "__main__":
    main()
