"""Whom a name means: an identifier, or a name that only one candidate bears."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from poise.errors import SettingsError
from poise.types import Recording


def who_is_meant(candidate: str, known: Iterable[Recording], output: Path) -> str | None:
    """Identifier of the candidate that is meant; None where nobody is called so.

    Args:
        candidate: An identifier, or a display name.
        known: Recordings of all candidates.
        output: Directory of the reports, for errors.

    Raises:
        SettingsError: If several bear the name; it names their identifiers.
    """
    wanted = unicodedata.normalize("NFC", candidate)
    recordings = list(known)
    if wanted in {r.candidate_id for r in recordings}:
        return wanted
    bearers = sorted({r.candidate_id for r in recordings if r.display_name == wanted})
    if len(bearers) > 1:
        raise SettingsError(
            f"{len(bearers)} candidates are called {candidate!r}",
            remedy=f"Give the identifier of the one who is meant: {', '.join(bearers)}.",
            path=output,
            code="candidate_ambiguous",
            values={"name": candidate, "identifiers": ", ".join(bearers)},
        )
    return bearers[0] if bearers else None


def no_candidate(candidate: str, output: Path) -> SettingsError:
    """The error for a name that nobody bears."""
    return SettingsError(
        f"there is no candidate {candidate!r}",
        remedy="Give the name as the index shows it, or that of the report's directory.",
        path=output,
        code="candidate_unknown",
        values={"name": candidate},
    )
