"""A recording, and whom it belongs to, as JSON: in the ledger and beside each stored result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from poise.types import Recording

_TEXTS = ("recording_id", "candidate_id", "display_name", "session_date", "session_time", "note",
          "sha256", "pseudonym")  # fmt: skip


def to_json(recording: Recording) -> dict[str, Any]:
    """Plain form. Names that are no UTF-8 hold lone surrogates: write it as ASCII."""
    plain = asdict(replace(recording, segments=None, notes=None))  # kept beside the result
    plain["path"] = str(recording.path)
    plain["portrait"] = str(recording.portrait) if recording.portrait else None
    return plain


def from_json(plain: Mapping[str, Any]) -> Recording:
    """Inverse of `to_json`.

    Raises:
        ValueError: If it is not what `to_json` gives.
    """
    try:
        span = plain.get("neutral_span_s")
        portrait = plain.get("portrait")
        texts = {name: plain[name] for name in _TEXTS}
        if not all(isinstance(text, str) for text in (*texts.values(), plain["path"])):
            raise TypeError("a text is missing")
        return Recording(
            **texts,
            path=Path(plain["path"]),
            consent=bool(plain["consent"]),
            neutral_span_s=(float(span[0]), float(span[1])) if span else None,
            portrait=Path(portrait) if portrait else None,
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"describes no recording ({error})") from error
