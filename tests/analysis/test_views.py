"""How a recording is looked at: the stream with a face, the right way up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from av.stream import Disposition

from poise.types import Image
from tests.analysis.kit import TIMES, Analyse, assert_as_the_control, codes_of
from tests.clips import write_clip
from tests.media.decoders.test_upright import with_matrix


def test_a_mirrored_recording(analyse: Analyse, tmp_path: Path, images: list[Image]) -> None:
    stored = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    path = with_matrix(write_clip(tmp_path / "a.mp4", stored, TIMES), (-1, 0, 0, 1))
    analysis = analyse(path)
    assert_as_the_control(analysis)
    assert analysis.info.mirrored


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_picture_that_lies_without_a_word_is_turned_and_that_is_said(
    analyse: Analyse, tmp_path: Path, images: list[Image], turn: int
) -> None:
    stored = [np.ascontiguousarray(np.rot90(image, turn)) for image in images]
    analysis = analyse(write_clip(tmp_path / "a.mp4", stored, TIMES))
    assert_as_the_control(analysis)
    (remark,) = analysis.remarks
    assert (remark.code, remark.values["degrees"]) == ("turned", 90 * turn)
    assert (analysis.info.width_px, analysis.info.height_px) == (320, 240)


def test_the_stream_with_a_face_is_read(
    analyse: Analyse, tmp_path: Path, images: list[Image]
) -> None:
    """A shared screen comes first, lasts as long, and is the default."""
    import av

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for disposition in (Disposition.default, Disposition(0)):
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            stream.disposition = disposition
            streams.append(stream)
        white = np.full_like(images[0], 255)
        for image in images:
            for stream, shown in zip(streams, (white, image), strict=True):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        for stream in streams:
            container.mux(stream.encode())
    analysis = analyse(path)
    assert_as_the_control(analysis)
    assert analysis.info.stream == 1
    assert codes_of(analysis) == ["stream_chosen"]
