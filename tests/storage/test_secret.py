"""The secret of a directory of reports."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from poise.errors import ReportError
from poise.storage.secret import keyed, secret_of


def test_it_is_made_once_and_for_its_user_alone(tmp_path: Path) -> None:
    secret = secret_of(tmp_path)
    assert len(secret) == 32 and secret_of(tmp_path) == secret
    (file,) = tmp_path.iterdir()
    if os.name == "posix":
        assert file.stat().st_mode & 0o077 == 0
        file.chmod(0o644)
        secret_of(tmp_path)
        assert file.stat().st_mode & 0o077 == 0


def test_reading_makes_nothing(tmp_path: Path) -> None:
    assert secret_of(tmp_path, read_only=True) != secret_of(tmp_path, read_only=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "00" * 31, "zz" * 32, "\xff"])
def test_a_damaged_one_is_not_replaced(tmp_path: Path, text: str) -> None:
    secret_of(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(text, encoding="latin-1")
    with pytest.raises(ReportError, match="the secret of these reports is damaged"):
        secret_of(tmp_path)
    assert file.read_text(encoding="latin-1") == text


def test_texts_of_different_kinds_never_share_a_code() -> None:
    secret = bytes(32)
    codes = {keyed(secret, kind, text) for kind in ("candidate", "recording") for text in "ab"}
    assert len(codes) == 4 and all(len(code) == 64 for code in codes)
    assert keyed(secret, "candidate", "a") == keyed(secret, "candidate", "a")
    assert keyed(bytes(31) + b"1", "candidate", "a") not in codes
    assert len(keyed(secret, "recording", "\udcff")) == 64  # a name that is no UTF-8
