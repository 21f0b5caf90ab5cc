"""A handout: one candidate's report with its videos, as a folder or a zip file to take along.

Nothing of anybody else is in it, nothing in it leads out of it, and it needs no installation: the
pages open from a USB stick, and play videos that lie beside them.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from poise.batch.naming import no_candidate, who_is_meant
from poise.batch.outcomes import RunResult
from poise.batch.rerender import recall
from poise.errors import ReportError, SettingsError, VideoError
from poise.expression.model_spec import ModelSpec
from poise.media.decoders.protocol import View
from poise.media.transcode import Job, Transcoder
from poise.reports.candidates import candidate_report
from poise.reports.pages.content import write_candidate_report
from poise.reports.pages.pdf import find_browser, print_pages
from poise.reports.pseudonyms import as_named
from poise.reports.report_types import UNSURE
from poise.statuses import SHOWN, Status
from poise.storage.results.format import StoredResult
from poise.storage.results.outcome import Outcome
from poise.system.atomic_files import not_written, private, sha256, write_whole
from poise.system.file_names import distinct, safe_name
from poise.timeline.timecodes import timecode

ZIP = ".zip"
AROUND_S = 1.0  # before and after what a clip shows
_LEAST_S, _MOST_S = 3.0, 20.0  # of a clip
_DRAFT = ".{name}.{pid}.draft"
Listener = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class HandedVideo:
    """What became of one recording's video.

    Args:
        recording_id: Which recording.
        file: Name of the video in the handout; empty where there is none.
        how: `copied`, `converted`; or why there is none: `missing` (the recording is not where it
            was analysed), `changed` (another file is in its place), `unreadable`, or `unsure` (it
            may show somebody else).
        detail: What could not be read of it, in plain words; empty if nothing.
        clips: How many moments were cut out.
    """

    recording_id: str
    file: str = ""
    how: str
    detail: str = ""
    clips: int = 0


@dataclass(frozen=True, kw_only=True)
class Handout:
    """What was handed out.

    Args:
        path: The folder or zip file.
        candidate_id: Whose it is.
        videos: What became of each recording's video, in the order of the report.
        no_pdf: Why the report is not there as PDF; empty if it is.
    """

    path: Path
    candidate_id: str
    videos: tuple[HandedVideo, ...]
    no_pdf: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether every recording's video is in it."""
        return all(video.file for video in self.videos)


def handout(
    output: Path | str,
    candidate: str,
    target: Path | str | None = None,
    *,
    clips: bool = False,
    listener: Listener = lambda _: None,
    **changed: Any,
) -> Handout:
    """Write what a candidate takes home: report, page of progress, PDF and videos.

    Videos are H.264 of 540 lines with sound; what browsers play as it is, is copied. Where a
    recording is gone, or is no longer the one that was analysed, the page says so. The handout is
    there whole or not at all; only its owner can read it.

    Args:
        output: Directory of the reports.
        candidate: Identifier (the name of the report's directory), or a name that only one
            candidate bears.
        target: Folder, or file that ends in `.zip`; nothing may be there yet. Without it, a folder
            named after the candidate here.
        clips: Cut out each moment that the report shows, as a short video.
        listener: Told what is being made, in words.
        changed: Settings of pages that are to be others now.

    Raises:
        SettingsError: If there is no such candidate, several bear the name, or something lies at
            `target`.
        ReportError: If there are no reports, or something cannot be written.
    """
    result, spec = recall(output, changed)
    shown = [o for o in result.outcomes if o.status in SHOWN]
    wanted = who_is_meant(candidate, (o.recording for o in shown), result.output)
    if wanted is None:
        raise no_candidate(candidate, result.output)
    own = [o for o in shown if o.recording.candidate_id == wanted]
    name = as_named(own, result.settings)[0].recording.candidate_id
    place = Path(target) if target is not None else Path(f"handout {safe_name(name)}")
    _check_place(place, result.output)
    with private(), _draft(place) as draft:
        videos, no_pdf = _fill(draft, own, result, spec, clips, listener)
        _put(draft, place)
    return Handout(path=place, candidate_id=name, videos=videos, no_pdf=no_pdf)


def _check_place(place: Path, output: Path) -> None:
    if place.exists() or place.is_symlink():
        raise SettingsError(
            "is there already", remedy="Name another place, or remove it.", path=place,
            code="handout_there",
        )  # fmt: skip
    if output.resolve() in place.resolve().parents:
        raise SettingsError(
            "lies among the reports", remedy="Name a place outside of them.", path=place,
            code="handout_inside",
        )  # fmt: skip


@contextmanager
def _draft(place: Path) -> Iterator[Path]:
    """A folder beside the place, to fill; it is gone in the end. Drafts of runs that were killed
    go, too."""
    for left in place.parent.glob(_DRAFT.format(name=place.name, pid="*")):
        shutil.rmtree(left, ignore_errors=True)
    draft = place.with_name(_DRAFT.format(name=place.name, pid=os.getpid()))
    try:
        draft.mkdir(parents=True)
        yield draft
    except OSError as error:
        raise not_written(error, place) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put(draft: Path, place: Path) -> None:
    if place.suffix.casefold() != ZIP:
        draft.rename(place)
        return
    top = safe_name(place.stem)

    def pack(file: Path) -> None:
        with zipfile.ZipFile(file, "w", strict_timestamps=False) as archive:
            for path in sorted(draft.rglob("*")):
                if path.is_file():
                    packed = path.suffix in (".html", ".txt")
                    kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
                    archive.write(path, f"{top}/{path.relative_to(draft).as_posix()}", kind)

    write_whole(place, pack)


def _fill(
    draft: Path,
    own: Sequence[Outcome],
    result: RunResult,
    spec: ModelSpec,
    clips: bool,
    listener: Listener,
) -> tuple[tuple[HandedVideo, ...], str]:
    """Write all that belongs to a handout; what became of the videos, and why there is no PDF."""
    named = as_named(own, result.settings)
    report = candidate_report(named, result.settings, spec, draft)
    sources = {n.recording.recording_id: o for n, o in zip(named, own, strict=True)}
    ids = [recording.recording_id for recording in report.recordings]
    stems = distinct(Path(name.rpartition("/")[2]).stem for name in ids)
    with Transcoder() as transcoder:
        videos = [
            HandedVideo(recording_id=shown.recording_id, how=UNSURE)
            if shown.status == UNSURE
            else _video(
                shown.recording_id, sources[shown.recording_id], draft / stem, transcoder, clips,
                listener,
            )
            for shown, stem in zip(report.recordings, stems, strict=True)
        ]  # fmt: skip
    report = replace(
        report,
        recordings=[
            replace(recording, video=quote(video.file), video_gone="" if video.file else video.how)
            for recording, video in zip(report.recordings, videos, strict=True)
        ],
    )
    pages = write_candidate_report(report, draft, result.settings)
    if find_browser() is None:
        return tuple(videos), "no browser that prints to PDF was found: install Chromium"
    listener("printing the report")
    try:
        print_pages(pages)
    except ReportError as error:
        return tuple(videos), error.cause
    return tuple(videos), ""


def _video(
    name: str,
    outcome: Outcome,
    stem: Path,
    transcoder: Transcoder,
    clips: bool,
    listener: Listener,
) -> HandedVideo:
    recording, found = outcome.recording, outcome.result
    if found is None:
        return HandedVideo(recording_id=name, how="unreadable", detail=outcome.message)
    if not recording.path.is_file():
        return HandedVideo(recording_id=name, how="missing")
    view = _view(found)
    listener(f"{name}: making the video")
    try:
        if recording.sha256 and sha256(recording.path) != recording.sha256:
            return HandedVideo(recording_id=name, how="changed")
        may_copy = outcome.status == Status.DONE and view.turn_deg == 0
        made = transcoder.make(Job(source=recording.path, stem=stem, view=view, may_copy=may_copy))
    except OSError as error:
        return HandedVideo(recording_id=name, how="missing", detail=error.strerror or str(error))
    except VideoError as error:
        return HandedVideo(recording_id=name, how="unreadable", detail=error.cause)
    cut = _clips(made.path, found, stem, transcoder) if clips else 0
    how = "copied" if made.copied else "converted"
    return HandedVideo(
        recording_id=name, file=made.path.name, how=how, detail=made.detail, clips=cut
    )


def _view(found: StoredResult) -> View:
    """Which stream was analysed, where there are several, and how far its pictures were turned so
    that faces stand."""
    turned = next((r.values.get("degrees") for r in found.remarks if r.code == "turned"), 0)
    stream = found.info.get("stream") if found.info.get("other_streams") else None
    return View(
        stream=stream if isinstance(stream, int) else None,
        turn_deg=int(turned) if turned in (90, 180, 270) else 0,
    )


def _clips(video: Path, found: StoredResult, stem: Path, transcoder: Transcoder) -> int:
    """Cut out of a video each moment that the report shows; how many there are."""
    folder, made = video.parent / "clips", 0
    shown = [timecode(round(p.pts_s * 1000)).partition(".")[0] for p in found.pictures]
    moments = distinct(moment.replace(":", "-") for moment in shown)  # a second may hold two
    for picture, moment in zip(found.pictures, moments, strict=True):
        around = [
            e for e in found.episodes
            if e.label == picture.label and e.start_s <= picture.pts_s <= e.end_s
        ]  # fmt: skip
        start_s, end_s = _span(picture.pts_s, [(e.start_s, e.end_s) for e in around])
        folder.mkdir(exist_ok=True)
        job = Job(source=video, stem=folder / f"{stem.name} {moment}", span_s=(start_s, end_s))
        try:
            transcoder.make(job)
        except VideoError:
            continue
        made += 1
    return made


def _span(pts_s: float, around: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """From when to when a clip goes: the episode of a moment, and a second around it."""
    start_s, end_s = around[0] if around else (pts_s, pts_s)
    missing_s = max(0.0, _LEAST_S - (end_s - start_s) - 2 * AROUND_S) / 2
    start_s, end_s = start_s - AROUND_S - missing_s, end_s + AROUND_S + missing_s
    if end_s - start_s > _MOST_S:
        start_s = min(max(start_s, pts_s - _MOST_S / 2), end_s - _MOST_S)
        end_s = start_s + _MOST_S
    return max(0.0, start_s), end_s
