"""What a command says and exits with when something goes wrong; for `poise` and `poise-train`."""

from __future__ import annotations

import errno
import signal
import sys
import traceback
from collections.abc import Callable

from poise.errors import PoiseError, SettingsError
from poise.system.console import guard_streams, last_words, say, say_json
from poise.system.interrupts import hear_no_more

ABORTED, USAGE = 1, 2
_SIGNALLED = 128  # and the number of the signal
_NO_MEMORY = ("cannot allocate memory", "failed to map segment", "can't start new thread")


def exits(run: Callable[[], int], debug: bool, as_json: bool = False) -> None:
    """Run, say what went wrong, and exit with the code that belongs to it.

    Args:
        run: Returns the exit code of what went well.
        debug: Whether to show where an error came from.
        as_json: Whether to print an error to standard output, too, as JSON.
    """
    guard_streams()
    try:
        code = run()
    except SettingsError as error:
        code = _say(error, USAGE, debug, as_json)
    except PoiseError as error:
        code = _say(error, ABORTED, debug, as_json)
    except KeyboardInterrupt as stopped:
        say("Stopped. What is done is kept: the same command goes on from here.", error=True)
        code = _SIGNALLED + getattr(stopped, "number", signal.SIGINT)
        hear_no_more()  # from here on nothing else changes the code
    except (MemoryError, ImportError, OSError, RuntimeError) as error:
        if not _lacks_memory(error):
            raise
        code = _say(
            PoiseError(
                "there is not enough memory, or a limit on it (ulimit -v) is too low",
                remedy="Close other programs, lift the limit, or try --jobs 1.",
                code="memory",
            ),
            ABORTED,
            debug,
            as_json,
        )
    last_words()
    sys.exit(code)


def _lacks_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return any(words in str(error).lower() for words in _NO_MEMORY)


def _say(error: PoiseError, code: int, debug: bool, as_json: bool) -> int:
    if debug:
        traceback.print_exc()
    say(f"Error: {error}", error=True)
    if as_json:
        say_json({"error": error.to_json()})
    return code
