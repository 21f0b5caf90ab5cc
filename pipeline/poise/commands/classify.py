"""`poise classify`: posteriors for pictures of faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from poise.commands.common import debug_option, settings_from, settings_options
from poise.system.console import say
from poise.system.exit_codes import exits
from poise.system.quick_loading import quick_loading


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), required=True,
              help="Table to write.")  # fmt: skip
@click.option("--cropped", is_flag=True, help="The pictures are already cropped to the face.")
@settings_options("model", "device", "batch_size", "csv_bom", "private")
@debug_option
def classify(
    images: tuple[Path, ...], csv_file: Path, cropped: bool, debug: bool, **given: Any
) -> None:
    """Classify faces in pictures or directories of them.

    Writes one row per picture: path, posteriors of valence and emotion classes, the label and the
    emotion they lead to, whether a face was found, and an error where a picture cannot be read.
    """

    def run() -> int:
        settings = settings_from(None, given)
        with quick_loading():
            from poise.batch.photographs import classify_pictures

        counts = classify_pictures(images, csv_file, cropped=cropped, settings=settings)
        say(
            f"{counts.pictures} pictures: {counts.without_face} without a face found, "
            f"{counts.unreadable} unreadable.",
            error=True,
        )
        say(csv_file)
        if counts.unreadable == counts.pictures:
            return 4
        return 3 if counts.unreadable else 0

    exits(run, debug)
