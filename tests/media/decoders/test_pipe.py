"""Frames through the pipe."""

from __future__ import annotations

import time
from multiprocessing.connection import Pipe
from threading import Thread

import numpy as np
import pytest

from poise.media.decoders.pipe import receive, send
from poise.types import FrameBatch


def test_a_batch_larger_than_the_pipe_arrives_whole_and_what_follows_too() -> None:
    images = np.random.default_rng(0).integers(0, 255, (4, 300, 400, 3), dtype=np.uint8)
    batch = FrameBatch(images=images, frame_index=np.arange(4), pts_s=np.arange(4) / 5, scale=0.5)
    ours, theirs = Pipe()
    with ours, theirs:
        sender = Thread(target=lambda: (send(theirs, batch), theirs.send("end")))
        sender.start()
        arrived, end = receive(ours, 10), receive(ours, 10)
        sender.join()
    assert (arrived.images == images).all()
    assert arrived.pts_s.tolist() == batch.pts_s.tolist()
    assert arrived.scale == 0.5
    assert end == "end"


def test_a_sender_that_goes_in_the_middle_is_noticed() -> None:
    ours, theirs = Pipe()
    between, sender = Pipe()
    with ours, between:
        with theirs, sender:
            send(sender, np.zeros(8, np.uint8))
            theirs.send(between.recv())  # announced; the bytes never come
        with pytest.raises((EOFError, OSError)):
            receive(ours, 10)


def test_a_sender_that_stops_in_the_middle_is_not_waited_for() -> None:
    ours, theirs = Pipe()
    between, sender = Pipe()
    with ours, theirs, between, sender:
        send(sender, np.zeros(8, np.uint8))
        theirs.send(between.recv())  # announced; the bytes never come
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            receive(ours, 0.2)
        assert time.monotonic() - started < 30
