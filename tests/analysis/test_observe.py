"""Observing a recording: nothing that was seen is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import poise.media.reader
from poise.analysis.context import AnalysisContext
from poise.analysis.recording import analyse_recording
from poise.media.reader import DecodingProcess
from poise.types import Image
from tests.analysis.kit import TIMES
from tests.clips import write_clip


def test_where_reading_breaks_off_the_frames_before_are_not_lost(
    context: AnalysisContext, tmp_path: Path, images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both decoders crash at 3 s, when frames still wait for the next key frame."""
    server = """
import os
import poise.media.decoders.server as server
send = server.send
def sending(connection, item):
    pts_s = getattr(item, "pts_s", None)
    if pts_s is not None and pts_s[-1] > 3.0:
        os._exit(1)
    send(connection, item)
server.send = sending
server.main()
"""
    path = write_clip(tmp_path / "a.mp4", images, TIMES)
    monkeypatch.setattr(poise.media.reader, "SERVER", server)
    with DecodingProcess(stall_timeout_s=60) as crashing:
        analysis = analyse_recording(path, replace(context, decoding=crashing), tmp_path)
    assert len(analysis.frames.pts_s) >= 10
    assert analysis.statistics.coverage == 1
    assert "crashed" in analysis.loss
