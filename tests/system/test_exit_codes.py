"""What a command says and exits with when something goes wrong."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from poise.errors import PoiseError, SettingsError, VideoError
from poise.system import exit_codes
from poise.system.exit_codes import ABORTED, USAGE, exits


@pytest.fixture(autouse=True)
def streams_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command changes the streams and signals of its process, which here is that of the tests."""
    for name in ("guard_streams", "last_words", "hear_no_more"):
        monkeypatch.setattr(exit_codes, name, lambda: None)


def _raising(error: BaseException) -> Callable[[], int]:
    def run() -> int:
        raise error

    return run


@pytest.mark.parametrize("code", [0, 3, 4])
def test_what_went_well_has_the_code_it_returns(code: int) -> None:
    with pytest.raises(SystemExit) as ended:
        exits(lambda: code, debug=False)
    assert ended.value.code == code


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (SettingsError("is unknown", remedy="Name another."), USAGE, "is unknown. Name another."),
        (VideoError("cannot be opened"), ABORTED, "cannot be opened"),
        (PoiseError("ended"), ABORTED, "ended"),
        (KeyboardInterrupt(), 130, "the same command goes on from here"),
        (MemoryError(), ABORTED, "not enough memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), ABORTED, "not enough memory"),
        (RuntimeError("can't start new thread"), ABORTED, "not enough memory"),
    ],
)
def test_what_went_wrong_is_said_and_has_its_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        exits(_raising(error), debug=False)
    assert ended.value.code == code
    told = capsys.readouterr()
    assert said in told.err and "Traceback" not in told.err and told.out == ""


def test_what_nobody_foresaw_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        exits(_raising(ZeroDivisionError()), debug=False)


def test_where_it_came_from_is_shown_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        exits(_raising(VideoError("cannot be opened")), debug=True)
    assert "Traceback" in capsys.readouterr().err
