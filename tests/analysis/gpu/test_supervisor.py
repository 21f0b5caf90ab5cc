"""A GPU server that ends, hangs or cannot start: restarted a few times, then given up."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from poise.analysis.context import AnalysisContext
from poise.analysis.gpu.client import RemoteNetworks
from poise.analysis.gpu.protocol import GpuServerGone
from poise.analysis.gpu.supervisor import GpuServerProcess
from poise.settings import Settings
from tests.conftest import SampleFaces
from tests.processes import is_alive, wait_until


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),  # see the test of closing below
        signal.SIGSTOP,
    ],
)
def test_a_server_that_ends_or_hangs_is_replaced(
    model_dir: Path, sample_faces: SampleFaces, number: int
) -> None:
    with GpuServerProcess(Settings(model=str(model_dir)), "cpu", silence_limit_s=6.0) as server:
        remote = RemoteNetworks(server.address)
        before = remote.predict(sample_faces.crops).posterior
        pid = server.pid
        assert pid is not None
        os.kill(pid, number)
        again = remote.predict(sample_faces.crops).posterior
        np.testing.assert_allclose(again, before, atol=1e-3)
        assert server.pid != pid and not is_alive(pid)


def test_a_server_that_cannot_start_is_given_up_with_its_reason(
    tmp_path: Path, model_dir: Path, sample_faces: SampleFaces
) -> None:
    notices: list[str] = []
    started = time.monotonic()
    missing = Settings(model=str(tmp_path / "none"))
    with GpuServerProcess(missing, "cpu", notices.append) as server:
        with pytest.raises(GpuServerGone, match="no model here"):
            RemoteNetworks(server.address)
        assert time.monotonic() - started < 300
        (notice,) = notices
        assert "no model here" in notice and "computed on the processor" in notice
        context = AnalysisContext.start(Settings(model=str(model_dir)), server.address)
        assert len(context.classifier.predict(sample_faces.crops).posterior) == 4
        assert "no model here" in context.notes[0]
        context.close()


def test_closing_at_any_moment_leaves_nobody(model_dir: Path) -> None:
    for wait_s in (0.0, 0.1, 0.5):
        server = GpuServerProcess(Settings(model=str(model_dir)), "cpu")
        time.sleep(wait_s)
        pid = server.pid
        started = time.monotonic()
        server.close()
        assert time.monotonic() - started < 15
        assert server.pid is None
        assert pid is None or not is_alive(pid)


def test_closing_while_it_restarts_leaves_nobody(model_dir: Path) -> None:
    server = GpuServerProcess(Settings(model=str(model_dir)), "cpu")
    wait_until(lambda: server.pid)
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: server.pid != first)
    second = server.pid
    server.close()
    assert server.pid is None and not any(is_alive(p) for p in (first, second) if p)
