"""Marks of people who were forgotten, so that the next run does not bring them back.

A mark is made of keyed hashes: of the candidate's identifier and of the bytes of each recording.
It names nobody, and says nothing to whoever has not got the secret.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from poise.errors import ReportError
from poise.storage.secret import keyed, secret_of
from poise.system.atomic_files import private, write_text
from poise.types import Recording

_MARKS_FILE = "forgotten.json"


@dataclass(frozen=True)
class _Mark:
    """Of one person: a hash of the identifier, and of the bytes of recordings."""

    candidate: str
    recordings: frozenset[str]


class Forgotten:
    """Who was forgotten below a directory of reports.

    Args:
        house: The directory `.poise`.
        read_only: Whether nothing may be made or changed.

    Raises:
        ReportError: If the marks are damaged, or were made with another secret.
    """

    def __init__(self, house: Path, *, read_only: bool = False) -> None:
        self._path = house / _MARKS_FILE
        self._marks: list[_Mark] = []
        self._secret = secret_of(house, read_only=read_only) if house.is_dir() else b""
        if self._path.exists():
            self._read()

    def __len__(self) -> int:
        return len(self._marks)

    def knows(self, recording: Recording) -> bool:
        """Whether a recording is of somebody who was forgotten: by its candidate or its bytes."""
        return self.knows_candidate(recording.candidate_id) or (
            bool(recording.sha256)
            and any(self._bytes(recording.sha256) in mark.recordings for mark in self._marks)
        )

    def knows_candidate(self, candidate_id: str) -> bool:
        """Whether a candidate of that identifier was forgotten."""
        code = self._candidate(candidate_id)
        return any(mark.candidate == code for mark in self._marks)

    def add(self, candidate_ids: Iterable[str], hashes: Iterable[str]) -> None:
        """Mark a person, on the disk when this returns.

        Args:
            candidate_ids: Under which the person was known.
            hashes: SHA-256 of the recordings that are of this person alone.
        """
        codes = frozenset(self._bytes(h) for h in hashes if h)
        for candidate in sorted(set(candidate_ids)):
            code = self._candidate(candidate)
            before = [m for m in self._marks if m.candidate == code]
            joined = codes.union(*(m.recordings for m in before))
            self._marks = [m for m in self._marks if m.candidate != code]
            self._marks.append(_Mark(code, joined))
        self._write()

    def remove(self, candidate_id: str) -> bool:
        """Take the mark of a person away; whether there was one.

        Marks of the same recordings under an earlier identifier go too.
        """
        code = self._candidate(candidate_id)
        own = [mark for mark in self._marks if mark.candidate == code]
        recordings = frozenset[str]().union(*(mark.recordings for mark in own))
        left = [m for m in self._marks if m not in own and not m.recordings & recordings]
        changed = len(left) < len(self._marks)
        if changed:
            self._marks = left
            self._write()
        return changed

    def _candidate(self, candidate_id: str) -> str:
        return keyed(self._secret, "forgotten candidate", candidate_id.casefold())

    def _bytes(self, sha256: str) -> str:
        return keyed(self._secret, "forgotten recording", sha256)

    def _check(self) -> str:
        return keyed(self._secret, "forgotten", "")

    def _read(self) -> None:
        try:
            plain = json.loads(self._path.read_text(encoding="utf-8"))
            marks = [
                _Mark(str(mark["candidate"]), frozenset(map(str, mark["recordings"])))
                for mark in plain["marks"]
            ]
            made_with = plain["made_with"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._unusable("cannot be read") from error
        if made_with != self._check():
            raise self._unusable("was made with another secret")
        self._marks = marks

    def _unusable(self, why: str) -> ReportError:
        return ReportError(
            f"the list of people who were purged {why}",
            remedy="Restore it and the file secret beside it from a backup. If you delete it, "
            "people who were purged are analysed again where their recordings still lie.",
            path=self._path,
            code="purged_unknown",
        )

    def _write(self) -> None:
        plain = {
            "made_with": self._check(),
            "marks": [
                {"candidate": mark.candidate, "recordings": sorted(mark.recordings)}
                for mark in self._marks
            ],
        }
        with private():
            write_text(json.dumps(plain, indent=1), self._path)
