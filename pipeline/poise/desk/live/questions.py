"""Questions to practise with: those that come with Poise, or a centre's own.

A file `questions.toml` at the top of RECORDINGS replaces those that come with Poise. It holds
`[[sets]]`, each with a `language` (en, ko), a `title` and a list of `questions`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

from poise.batch.intake.discovery import QUESTIONS_FILE
from poise.errors import SettingsError
from poise.system.inside import open_inside

MOST_SETS, MOST_QUESTIONS, MOST_LETTERS = 40, 60, 300
_MAX_BYTES = 256_000


@dataclass(frozen=True, kw_only=True)
class QuestionSet:
    """Questions that are asked one after the other.

    Args:
        language: Of the questions, BCP 47.
        title: What it is called where it is chosen.
        questions: In their order.
    """

    language: str
    title: str
    questions: tuple[str, ...]

    @property
    def mark(self) -> str:
        """What tells it from any other, also once the file was changed."""
        return sha256("\n".join(self.questions).encode()).hexdigest()[:16]


def question_sets(recordings: Path, language: str) -> list[QuestionSet]:
    """The sets, those of a language first.

    Args:
        recordings: The directory of the recordings, where a centre's own may lie.
        language: Of the reader.

    Raises:
        SettingsError: If the centre's own cannot be used; it says why.
    """
    path: Path | None = recordings / QUESTIONS_FILE
    try:
        with open_inside(recordings, [QUESTIONS_FILE]) as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raw, path = resources.files("poise.desk.live").joinpath(QUESTIONS_FILE).read_bytes(), None
    except (OSError, ValueError) as error:
        raise SettingsError(
            "cannot be read", remedy="Make it a plain file that can be read, or remove it.",
            path=path, code="questions_closed",
        ) from error  # fmt: skip
    sets = read_sets(raw, path)
    return sorted(sets, key=lambda one: one.language != language)


def read_sets(raw: bytes, path: Path | None = None) -> list[QuestionSet]:
    """Sets from a file's bytes.

    Raises:
        SettingsError: If they are no such file.
    """
    try:
        if len(raw) > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES // 1000} kB")
        plain = tomllib.loads(raw.decode("utf-8-sig")).get("sets", [])
        if not isinstance(plain, list) or not 0 < len(plain) <= MOST_SETS:
            raise ValueError(f"it needs 1 to {MOST_SETS} [[sets]]")
        return [_set(one) for one in plain]
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"cannot be used ({error})",
            remedy="Write [[sets]] with language, title and questions, as text.",
            path=path,
            code="questions_wrong",
            values={"why": error},
        ) from error


def _set(plain: Any) -> QuestionSet:
    if not isinstance(plain, dict):
        raise ValueError("a set is no table")
    questions = plain.get("questions")
    if not isinstance(questions, list) or not 0 < len(questions) <= MOST_QUESTIONS:
        raise ValueError(f"a set needs 1 to {MOST_QUESTIONS} questions")
    return QuestionSet(
        language=_text(plain.get("language"), "language"),
        title=_text(plain.get("title"), "title"),
        questions=tuple(_text(question, "question") for question in questions),
    )


def _text(value: object, what: str) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text or len(text) > MOST_LETTERS or not text.isprintable():
        raise ValueError(f"a {what} is no text of up to {MOST_LETTERS} letters")
    return text
