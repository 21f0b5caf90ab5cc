"""Segments that a centre gives: `segments.csv` at the top, or a WebVTT file beside a recording.

A line that cannot be used is left out and told. What is to be left out of a recording is not
guessed: where such a line (`exclude`) cannot be understood, the recording is not analysed, and
whoever analyses one folder, or one file, of a larger collection has the table of that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from poise.errors import SettingsError
from poise.spoken import Segment
from poise.storage.saved_tables import (
    LOST,
    TableFault,
    records,
    table_in,
    table_text,
    wrong_columns,
)
from poise.system.file_names import composed
from poise.timeline.segments import EXCLUDE, SEGMENTS_FILE, given, overlapping, read_webvtt
from poise.types import Recording

_COLUMNS = ("recording", "start", "end", "label")


@dataclass(frozen=True, kw_only=True)
class GivenSegments:
    """What was given.

    Args:
        segments: By recording, in order of their starts.
        faults: What is wrong with it.
        barred: Recordings that must not be analysed for it, and why.
    """

    segments: dict[str, tuple[Segment, ...]] = field(default_factory=dict)
    faults: list[TableFault] = field(default_factory=list)
    barred: dict[str, TableFault] = field(default_factory=dict)


def with_segments(
    root: Path, recordings: Iterable[Recording]
) -> tuple[list[Recording], GivenSegments]:
    """The recordings with what was given for them; `segments.csv` prevails over WebVTT.

    What either of them excludes is excluded.

    Args:
        root: The directory of the recordings, or the one recording.
        recordings: As they were found.

    Raises:
        SettingsError: If `segments.csv` is no such table.
    """
    recordings = list(recordings)
    folder = root if root.is_dir() else root.parent
    path = table_in(folder, SEGMENTS_FILE)
    if path is not None:
        known = {recording.recording_id for recording in recordings}
        table = read_segments(path, known, all_there=root.is_dir())
    else:
        table = _from_above(folder.absolute(), recordings)
    told = [
        replace(r, segments=_together(table.segments.get(r.recording_id, ()), _beside(r, table)))
        for r in recordings
    ]
    return told, table


def _together(in_table: Sequence[Segment], beside: Sequence[Segment]) -> tuple[Segment, ...]:
    """The parts that the table gives, else those beside the recording; all that is excluded."""
    given_parts = ([s for s in of if s.kind != "excluded"] for of in (in_table, beside))
    excluded = [s for s in [*in_table, *beside] if s.kind == "excluded"]
    parts = next(filter(None, given_parts), [])
    return tuple(sorted([*parts, *excluded], key=lambda segment: segment.start_s))


def _from_above(folder: Path, recordings: Sequence[Recording]) -> GivenSegments:
    """What the nearest table of segments above a folder says of recordings below it."""
    for above in folder.parents:
        path = table_in(above, SEGMENTS_FILE)
        if path is None:
            continue
        names = {composed(r.path.relative_to(above).as_posix()): r.recording_id for r in recordings}
        try:
            read = read_segments(path, names, all_there=False)
        except SettingsError:
            continue  # some other table of that name
        return GivenSegments(
            segments={names[name]: segments for name, segments in read.segments.items()},
            faults=[replace(f, recording_id=names.get(f.recording_id, "")) for f in read.faults],
            barred={names[name]: fault for name, fault in read.barred.items()},
        )
    return GivenSegments()


def read_segments(path: Path, known: Collection[str], *, all_there: bool = True) -> GivenSegments:
    """Segments of each recording from a table with the columns recording, start, end, label.

    Times are m:ss, h:mm:ss or seconds. The label `exclude` leaves a stretch out; it may lie
    anywhere. Of parts that overlap none is taken.

    Args:
        path: Of the table, CSV with `,`, `;` or tabs.
        known: Identifiers of the recordings.
        all_there: Whether lines of other recordings are a fault.

    Raises:
        SettingsError: If it is no such table.
    """
    read = records(table_text(path), path)
    header = next(read, None)
    columns = [name.strip().strip("\ufeff").casefold() for name in header.cells] if header else []
    if set(columns) - {*_COLUMNS, ""} or not {"recording", "start", "end"} <= set(columns):
        remedy = f"It needs {', '.join(_COLUMNS[:3])}, and may have label."
        raise wrong_columns(path, columns, _COLUMNS, remedy)
    table = GivenSegments()
    taken: dict[str, list[tuple[int, Segment]]] = {}
    for record in read:
        cells = [cell.strip().strip("\0") for cell in record.cells]
        values = dict.fromkeys(_COLUMNS, "") | dict(zip(columns, cells, strict=False))
        if not any(cells):
            continue
        name = composed(values["recording"].replace("\\", "/").removeprefix("./"))
        fits = record.whole and not any(cells[len(columns) :]) and LOST not in name
        if name not in known and not all_there:
            continue
        try:
            segment = _read(name, values, known, fits=fits)
        except SettingsError as error:
            excludes = name in known and EXCLUDE in {cell.casefold() for cell in cells}
            _tell(table, path, record.line, error, name if name in known else "", bars=excludes)
        else:
            taken.setdefault(name, []).append((record.line, segment))
    for name, rows in taken.items():
        table.segments[name] = _without_overlaps(table, path, name, rows)
    return table


def _read(name: str, values: dict[str, str], known: Collection[str], *, fits: bool) -> Segment:
    if not fits:
        raise SettingsError(
            "does not fit the columns of the table, or cannot be read",
            remedy="Put a text that holds the separator between double quotes, and close them.",
            code="row_unreadable",
        )
    if name not in known:
        raise SettingsError(
            f"names {name!r}, which is not among the recordings" if name else "names no recording",
            remedy="Give the recording's path below the directory, or remove the line.",
            code="row_recording",
        )
    return given(values["start"], values["end"], values["label"])


def _without_overlaps(
    table: GivenSegments, path: Path, name: str, rows: list[tuple[int, Segment]]
) -> tuple[Segment, ...]:
    """The segments in order; of parts that overlap it is not known which is right."""
    pairs = overlapping([segment for _, segment in rows])
    for k, other in pairs.items():
        error = SettingsError(
            f"overlaps line {rows[other][0]}; neither is taken",
            remedy="Segments of a recording may touch, not overlap.",
            code="row_overlap",
        )
        _tell(table, path, rows[k][0], error, name, bars=False)
    wrong = {*pairs, *pairs.values()}
    kept = [segment for k, (_, segment) in enumerate(rows) if k not in wrong]
    return tuple(sorted(kept, key=lambda segment: segment.start_s))


def _tell(
    table: GivenSegments, path: Path, line: int, error: SettingsError, name: str, *, bars: bool
) -> None:
    fault = TableFault(
        table=path.name, line=line, code=error.code, cause=error.cause, remedy=error.remedy,
        recording_id=name, cost=f"{name} is not analysed." if bars else "The line is ignored.",
    )  # fmt: skip
    table.faults.append(fault)
    if bars:
        table.barred.setdefault(name, fault)


def _beside(recording: Recording, table: GivenSegments) -> tuple[Segment, ...]:
    """From a WebVTT file beside a recording; one that cannot be used is told and left out, and
    one that excludes something keeps the recording from being analysed."""
    path, text, name = recording.path.with_suffix(".vtt"), "", recording.recording_id
    if not path.is_file():
        return ()
    try:
        text = table_text(path)
        return read_webvtt(text, str(path))
    except SettingsError as error:
        bars = EXCLUDE in {line.strip().casefold() for line in text.splitlines()}
        fault = TableFault(
            table=path.name, line=0, code="webvtt_excludes" if bars else "webvtt",
            cause=f"cannot be used: {error.cause}", remedy=error.remedy, recording_id=name,
            cost=f"{name} is not analysed." if bars else "The file is ignored.",
        )  # fmt: skip
        table.faults.append(fault)
        if bars:
            table.barred.setdefault(name, fault)
        return ()
