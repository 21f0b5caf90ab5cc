"""A recording, and whom it belongs to, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from poise.storage.results.recording_json import from_json, to_json
from poise.types import Recording

WHOLE = Recording(
    path=Path("in/김/1.mp4"), recording_id="김/1.mp4", candidate_id="김", display_name="김 <A>",
    session_date="2026-11-20", session_time="09:30", note="second try", consent=True,
    neutral_span_s=(1.0, 2.5), portrait=Path("in/portrait.jpg"), sha256="a" * 64,
    pseudonym="candidate-1/recording-2",
)  # fmt: skip


def test_it_comes_back_as_it_was() -> None:
    for recording in (
        WHOLE,
        Recording(path=Path("a\udcff.mp4"), recording_id="a", candidate_id="a", display_name="a"),
    ):
        assert from_json(json.loads(json.dumps(to_json(recording)))) == recording


@pytest.mark.parametrize(
    "changed",
    [{"path": 1}, {"candidate_id": None}, {"neutral_span_s": [1.0]}, {"neutral_span_s": ["a", 2]},
     {"portrait": 3}],
)  # fmt: skip
def test_what_it_does_not_give_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"describes no recording|could not convert"):
        from_json({**to_json(WHOLE), **changed})
    with pytest.raises(ValueError, match="describes no recording"):
        from_json({})
