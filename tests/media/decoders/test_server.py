"""The decoding process, asked in this one: requests are answered until the other side closes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from poise.errors import VideoError
from poise.media.decoders.pipe import receive
from poise.media.decoders.protocol import AS_IT_IS
from poise.media.decoders.sampling import WHOLE
from poise.media.decoders.server import (
    DescribeRequest,
    FetchRequest,
    SampleEnd,
    SampleRequest,
    serve,
)
from poise.types import FrameBatch, VideoInfo
from tests.clips import number_in


@pytest.fixture
def asking() -> Iterator[Connection]:
    """The other end of a server's pipe; closed, it ends."""
    here, there = Pipe()
    thread = threading.Thread(target=serve, args=(there,), daemon=True)
    thread.start()
    yield here
    here.close()
    thread.join(10)
    assert not thread.is_alive()


def test_requests_are_answered_one_after_the_other(asking: Connection, even: Path) -> None:
    asking.send(DescribeRequest(path=even, backend="pyav", view=AS_IT_IS))
    assert receive(asking, 10).width_px == 64
    asking.send(
        SampleRequest(
            path=even, backend="pyav", rate_hz=5.0, short_side_px=None, span=WHOLE,
            skip_frames=False, view=AS_IT_IS,
        )
    )  # fmt: skip
    said = [receive(asking, 10)]
    while not isinstance(said[-1], SampleEnd):
        said.append(receive(asking, 10))
    assert isinstance(said[0], VideoInfo) and said[-1].loss == ""
    assert all(isinstance(item, FrameBatch) for item in said[1:-1])
    asking.send(FetchRequest(path=even, backend="pyav", pts_s=(0.4,), view=AS_IT_IS))
    assert number_in(receive(asking, 10)) == 10


def test_a_failure_is_an_answer_and_the_next_request_is_answered(
    asking: Connection, even: Path, tmp_path: Path
) -> None:
    asking.send(DescribeRequest(path=tmp_path / "missing.mp4", backend="pyav", view=AS_IT_IS))
    with pytest.raises(VideoError, match="cannot be opened"):
        raise receive(asking, 10)
    asking.send(DescribeRequest(path=even, backend="pyav", view=AS_IT_IS))
    assert receive(asking, 10).width_px == 64
