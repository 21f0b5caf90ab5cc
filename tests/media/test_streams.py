"""Opening a container, and the choice of its video stream."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.errors import VideoError
from poise.media.reader import DecodingProcess
from tests.media.kit import BACKENDS


def test_an_unknown_codec_is_told(decoding: DecodingProcess, tmp_path: Path, even: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(even.read_bytes().replace(b"avc1", b"zzq1"))
    for backend in BACKENDS:
        with pytest.raises(VideoError, match="unknown codec"):
            decoding.describe(path, backend=backend)
