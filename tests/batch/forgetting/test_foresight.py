"""What a purge would remove, counted before anything is removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.batch.forgetting.foresight import foresee
from poise.batch.forgetting.purge import purge
from poise.errors import ReportError
from tests.batch.forgetting.kit import KIM, Run
from tests.conftest import contents


def test_what_is_foreseen_is_what_goes(tmp_path: Path, run: Run) -> None:
    run()
    out = tmp_path / "out"
    before = contents(out)
    seen = foresee(out, KIM)
    assert contents(out) == before
    assert seen.recordings == (f"{KIM}/1.mp4", f"{KIM}/shared.mp4")
    assert f"{KIM}/report.html" in seen.files
    assert sorted(path.name for path in seen.remaining) == ["1.mp4", "shared.mp4"]
    done = purge(out, KIM)
    assert (done.recordings, done.results) == (len(seen.recordings), seen.results)
    assert not set(seen.files) & set(contents(out))


def test_of_nobody_nothing_goes_and_without_a_run_that_is_said(tmp_path: Path, run: Run) -> None:
    with pytest.raises(ReportError, match="holds no reports"):
        foresee(tmp_path / "out", KIM)
    run()
    nobody = foresee(tmp_path / "out", "Nobody")
    assert (nobody.recordings, nobody.results, nobody.files, nobody.remaining) == ((), 0, (), ())
