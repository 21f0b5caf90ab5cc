"""Listening to a recording: whatever is wrong with the sound, the rest of the analysis goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from poise.analysis.listen import listen
from poise.media.audio import SoundBlock, SoundEnd
from poise.settings import Settings

NOBODY: dict[str, Any] = {
    "crops": None, "pts_s": np.arange(10) * 0.2, "face_frame": np.zeros(0, np.int64),
    "face_crop": np.zeros(0, np.int64), "track_id": np.zeros(0, np.int64),
}  # fmt: skip

SILENCE = SoundBlock(start_s=0.0, samples=np.zeros(320_000, np.float32), follows=False)


def _context(items: list[object], *, sound: bool = True) -> Any:
    def said(path: Path) -> Iterator[object]:
        for item in items:
            if isinstance(item, Exception):
                raise item
            yield item

    return SimpleNamespace(
        settings=replace(Settings(), sound=sound), decoding=SimpleNamespace(listen=said)
    )


def test_sound_that_is_not_wanted_is_not_asked_for() -> None:
    heard = listen(Path("a"), _context([OSError()], sound=False), **NOBODY)
    assert (heard.sound.status, heard.speaking) == ("off", None)


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("odd"), ValueError("no")])
def test_sound_that_cannot_be_heard_is_said(error: Exception) -> None:
    heard = listen(Path("a"), _context([error]), **NOBODY)
    assert (heard.sound.status, heard.speaking) == ("broken", None)
    assert str(error) in heard.sound.detail


def test_without_sound_the_chapters_stay() -> None:
    end = SoundEnd(status="none", chapters=((0.0, 5.0, "one"),))
    heard = listen(Path("a"), _context([end]), **NOBODY)
    assert (heard.sound.status, heard.sound.chapters, heard.speaking) == (
        "none",
        end.chapters,
        None,
    )


def test_where_nobody_speaks_there_are_no_turns() -> None:
    heard = listen(Path("a"), _context([SILENCE, SoundEnd(status="heard")]), **NOBODY)
    assert (heard.sound.status, heard.sound.turns, heard.sound.unheard) == ("heard", (), ())
    assert heard.speaking is not None and (heard.speaking == 0).all()


@pytest.mark.parametrize(
    ("items", "sound"),
    [
        ([SoundEnd(status="none")], True),
        ([SoundEnd(status="none")], False),
        ([SILENCE, SoundEnd(status="silent")], True),
        ([SILENCE, SoundEnd(status="heard")], True),
    ],
    ids=["no track", "not listened to", "a dead track", "noise"],
)
def test_without_a_voice_the_mouth_alone_says_when_it_may_speak(
    items: list[object], sound: bool
) -> None:
    rng = np.random.default_rng(0)
    still = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    talking = [rng.integers(0, 256, (48, 48, 3), dtype=np.uint8) for _ in range(30)]
    crops = [still] * 30 + talking + [still] * 30
    seen = {
        "crops": SimpleNamespace(read=lambda rows: np.stack([crops[row] for row in rows])),
        "pts_s": np.arange(90) * 0.2, "face_frame": np.arange(90), "face_crop": np.arange(90),
        "track_id": np.zeros(90, np.int64),
    }  # fmt: skip
    heard = listen(Path("a"), _context(items, sound=sound), **seen)
    assert heard.sound.turns == () and (heard.speaking is None) is (heard.sound.status != "heard")
    turns = heard.sound.unheard
    assert turns and heard.sound.spoken == turns
    assert (turns[0].start_s, turns[-1].end_s) == pytest.approx((6.0, 12.0), abs=0.8)
