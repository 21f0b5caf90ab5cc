"""What can go wrong, said so that a centre's operator knows what to do.

Every error has a code. Pages and tables say what the code means, in the reader's language
(`error.CODE.cause` and `error.CODE.remedy` in `poise/reports/locales`); the English cause, which
may name files, goes to the log and to the terminal only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar


class PoiseError(Exception):
    """A failure that Poise understands.

    Args:
        cause: What happened, in plain words.
        remedy: What the operator can do about it, one sentence.
        path: The file or directory concerned, if there is one.
        code: Which text pages and tables show; the code of the class if None.
        values: What that text names, by its placeholders; those of pages of the desk may.
    """

    default_code: ClassVar[str] = "internal"

    def __init__(
        self,
        cause: str,
        *,
        remedy: str = "",
        path: Path | str | None = None,
        code: str | None = None,
        values: Mapping[str, object] | None = None,
    ) -> None:
        self.cause = cause
        self.remedy = remedy
        self.path = None if path is None else str(path)
        self.code = code or self.default_code
        self.values = dict(values or {})
        super().__init__(cause, remedy, self.path, self.code)

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        what_to_do = f". {self.remedy}" if self.remedy else ""
        return f"{where}{self.cause}{what_to_do}"

    def to_json(self) -> dict[str, object]:
        """What it was made from, by the names of its arguments; values as text."""
        values = {name: str(value) for name, value in self.values.items()}
        return {"cause": self.cause, "remedy": self.remedy, "path": self.path, "code": self.code,
                "values": values}  # fmt: skip

    def __reduce__(self) -> tuple[object, ...]:
        made_from = (type(self), self.cause, self.remedy, self.path, self.code, self.values)
        return _rebuild, made_from, self.__dict__


def _rebuild(
    kind: type[PoiseError],
    cause: str,
    remedy: str,
    path: str | None,
    code: str,
    values: Mapping[str, object],
) -> PoiseError:
    return kind(cause, remedy=remedy, path=path, code=code, values=values)


class SettingsError(PoiseError):
    """A setting, an option or a path given by the user cannot be used."""

    default_code = "settings"


class VideoError(PoiseError):
    """A recording cannot be read, or only in part."""

    default_code = "unreadable"


class ModelError(PoiseError):
    """An expression model cannot be loaded or does not fit its description."""

    default_code = "model"


class ReportError(PoiseError):
    """A report or a table cannot be written."""

    default_code = "not_written"


class DiskFullError(ReportError):
    """Nothing more can be written, as the disk is full."""

    default_code = "disk_full"


class UnfinishedError(VideoError):
    """A recording is still being written, so that what was read of it is not the whole."""

    default_code = "unfinished"


class DamagedResultError(ReportError):
    """A stored result cannot be read; the recording has to be analysed again."""

    default_code = "damaged_result"
