"""Segments that a centre gives: `segments.csv` at the top, or a WebVTT file beside a recording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from poise.errors import SettingsError
from poise.spoken import Segment
from poise.storage.saved_tables import table_in, table_text
from poise.system.file_names import composed
from poise.timeline.segments import SEGMENTS_FILE, read_table, read_webvtt
from poise.types import Recording


def with_segments(root: Path, recordings: Iterable[Recording]) -> list[Recording]:
    """The recordings with what was given for them; `segments.csv` prevails over WebVTT.

    Args:
        root: The directory of the recordings, or the one recording.
        recordings: As they were found.

    Raises:
        SettingsError: If a file cannot be used; it names the line and the value.
    """
    recordings = list(recordings)
    top = root if root.is_dir() else root.parent
    table: dict[str, tuple[Segment, ...]] = {}
    path = table_in(top, SEGMENTS_FILE)
    if path is not None:
        known = {recording.recording_id for recording in recordings}
        for name, segments in read_table(table_text(path), str(path)).items():
            given = composed(name.replace("\\", "/").removeprefix("./"))
            if given in known:
                table[given] = segments
            elif root.is_dir():
                raise SettingsError(
                    f"names {name!r}, which is not among the recordings",
                    remedy="Give each recording's path below the directory, or remove its lines.",
                    path=path,
                    code="table_unknown",
                    values={"name": name},
                )
    return [
        replace(r, segments=table[r.recording_id] if r.recording_id in table else _beside(r.path))
        for r in recordings
    ]


def _beside(recording: Path) -> tuple[Segment, ...]:
    path = recording.with_suffix(".vtt")
    return read_webvtt(table_text(path), str(path)) if path.is_file() else ()
