"""A video that browsers play, made of a recording in a process that can be killed.

What browsers play as it is, is copied; all else becomes H.264 of 540 lines with AAC in MP4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poise.errors import PoiseError, VideoError
from poise.media.decoders.pipe import receive
from poise.media.decoders.protocol import AS_IT_IS, View
from poise.system.child_process import ChildProcess


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be made.

    Args:
        source: The recording.
        stem: Path of the video without its suffix, which depends on how it is made.
        view: Which stream of the recording, and which way up.
        span_s: From when to when, in seconds from what a player shows as 0:00; None: all of it.
        may_copy: Whether it is copied where browsers play it as it is.
    """

    source: Path
    stem: Path
    view: View = field(default_factory=lambda: AS_IT_IS)
    span_s: tuple[float, float] | None = None
    may_copy: bool = False


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How many seconds of the video are written."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made.

    Args:
        path: The video.
        copied: Whether it is a copy of the recording.
        detail: What of the recording could not be read, in plain words; empty if nothing.
    """

    path: Path
    copied: bool = False
    detail: str = ""


class Transcoder:
    """The encoding process, started when first needed and again after it was killed.

    Args:
        stall_timeout_s: How long it may take without progress before it is killed.
    """

    def __init__(self, *, stall_timeout_s: float = 60.0) -> None:
        self._patience_s = stall_timeout_s
        self._child: ChildProcess | None = None

    def make(self, job: Job, progress: Callable[[float], None] = lambda _: None) -> Made:
        """Make a video; nothing is left of one that fails.

        Args:
            job: What is to be made.
            progress: Told now and then how many seconds are written.

        Raises:
            VideoError: If the recording cannot be read or the video not be written, or making it
                hung or crashed.
        """
        try:
            return self._make(job, progress)
        except BaseException:
            for suffix in (".mp4", ".webm"):
                job.stem.with_name(job.stem.name + suffix).unlink(missing_ok=True)
            raise

    def _make(self, job: Job, progress: Callable[[float], None]) -> Made:
        self._child = self._child or ChildProcess("poise.media.encoding")
        try:
            connection: Any = self._child.connection
            connection.send(job)
            while isinstance(answer := receive(connection, self._patience_s), Progress):
                progress(answer.seconds)
        except TimeoutError:
            self.close()
            raise _stopped(f"made no progress for {self._patience_s:.0f} s", job) from None
        except (EOFError, OSError) as error:
            self.close()
            raise _stopped("crashed", job) from error
        except BaseException:
            self.close()
            raise
        if isinstance(answer, PoiseError):
            raise answer
        assert isinstance(answer, Made)
        return answer

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def __enter__(self) -> Transcoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _stopped(how: str, job: Job) -> VideoError:
    return VideoError(
        f"what makes its video for browsers {how} and was stopped",
        remedy="Export the recording again, as MP4 (H.264).",
        path=job.source,
    )
