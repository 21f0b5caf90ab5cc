"""`poise handout`: a candidate's report with its videos, to take along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from poise.commands.common import debug_option, only_given, settings_options
from poise.system.console import say
from poise.system.exit_codes import exits

_INCOMPLETE = 3
_WHY = {
    "missing": "is no longer where it was analysed",
    "changed": "is no longer the file that was analysed",
    "unreadable": "cannot be read",
    "unsure": "may show somebody else: see the index",
}


@click.command()
@click.argument("reports", type=click.Path(path_type=Path))
@click.argument("candidate")
@click.option("-o", "--output", type=click.Path(path_type=Path),
              help="Folder, or file that ends in .zip; nothing may be there yet.  "
              "[default: “handout CANDIDATE” here]")  # fmt: skip
@click.option("--clips", is_flag=True, help="Each moment of the report as a short video, too.")
@settings_options("language", "centre_name", "centre_logo", "centre_colour", "centre_note",
                  "templates")  # fmt: skip
@debug_option
def handout(
    reports: Path, candidate: str, output: Path | None, clips: bool, debug: bool, **given: Any
) -> None:
    """Write what CANDIDATE takes home: report, progress, PDF, and videos that browsers play.

    CANDIDATE is the identifier, which is the name of the report's directory, or a name that only
    one candidate bears. Nothing of other candidates is in it, and it opens from a USB stick. It
    lies outside of REPORTS: poise purge does not find it.

    Exit codes: 0 all is there; 2 no such candidate, or several of that name; 3 a video is missing,
    and is named.
    """

    def run() -> int:
        from poise.batch.handout import handout as hand_out

        done = hand_out(
            reports,
            candidate,
            output,
            clips=clips,
            listener=lambda words: say(words, error=True),
            **only_given(given),
        )
        for video in done.videos:
            told = f": {video.detail}" if video.detail else ""
            if not video.file:
                say(f"No video: {video.recording_id} {_WHY[video.how]}{told}", error=True)
            elif told:
                say(f"Read in part: {video.recording_id}{told}", error=True)
        if done.no_pdf:
            say(f"No PDF: {done.no_pdf}", error=True)
        there = [video for video in done.videos if video.file]
        copied = sum(video.how == "copied" for video in there)
        cut = sum(video.clips for video in there)
        say(
            f"Handed out: {len(there)} of {len(done.videos)} videos ({copied} as they are)"
            + (f", {cut} clips" if clips else ""),
            error=True,
        )
        say(done.path)
        return 0 if done.is_complete else _INCOMPLETE

    exits(run, debug)
