"""What can go wrong, said so that a centre's operator knows what to do."""

from __future__ import annotations

from pathlib import Path


class PoiseError(Exception):
    """A failure that Poise understands.

    Args:
        cause: What happened, in plain words.
        remedy: What the operator can do about it, one sentence.
        path: The file or directory concerned, if there is one.
    """

    def __init__(self, cause: str, *, remedy: str = "", path: Path | str | None = None) -> None:
        self.cause = cause
        self.remedy = remedy
        self.path = None if path is None else str(path)
        super().__init__(cause, remedy, self.path)

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        what_to_do = f". {self.remedy}" if self.remedy else ""
        return f"{where}{self.cause}{what_to_do}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.cause, self.remedy, self.path), self.__dict__


def _rebuild(kind: type[PoiseError], cause: str, remedy: str, path: str | None) -> PoiseError:
    return kind(cause, remedy=remedy, path=path)


class SettingsError(PoiseError):
    """A setting, an option or a path given by the user cannot be used."""


class VideoError(PoiseError):
    """A recording cannot be read, or only in part."""


class ModelError(PoiseError):
    """An expression model cannot be loaded or does not fit its description."""


class ReportError(PoiseError):
    """A report or a table cannot be written."""


class DiskFullError(ReportError):
    """Nothing more can be written, as the disk is full."""


class UnfinishedError(VideoError):
    """A recording is still being written, so that what was read of it is not the whole."""
