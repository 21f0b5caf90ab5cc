"""Codes in the place of names."""

from __future__ import annotations

from pathlib import Path

from poise.reports.pseudonyms import anonymous, with_pseudonym
from poise.storage.secret import keyed, secret_of
from poise.types import Recording


def _recording(candidate: str = "Kim", sha256: str = "a" * 64) -> Recording:
    return Recording(
        path=Path("1.mp4"), recording_id=f"{candidate}/1.mp4", candidate_id=candidate,
        display_name=candidate, sha256=sha256,
    )  # fmt: skip


def test_codes_are_long_keyed_and_the_same_in_every_run(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = secret_of(tmp_path / "one"), secret_of(tmp_path / "two")
    assert one == secret_of(tmp_path / "one") != two
    assert (tmp_path / "one" / "secret").stat().st_mode & 0o777 == 0o600
    codes = [anonymous(with_pseudonym(_recording(), s)).candidate_id for s in (one, one, two)]
    assert codes[0] == codes[1] != codes[2]
    assert len(codes[0].removeprefix("candidate-")) * 4 >= 64
    assert keyed(one, "a", "x") != keyed(one, "b", "x")
