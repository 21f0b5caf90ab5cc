"""What a command says and exits with when something goes wrong; for `poise` and `poise-train`."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable

from poise.errors import PoiseError, SettingsError
from poise.system.interrupts import hear_no_more

ABORTED, USAGE = 1, 2
_SIGNALLED = 128  # and the number of the signal


def exits(run: Callable[[], int], debug: bool) -> None:
    """Run, say what went wrong, and exit with the code that belongs to it.

    Args:
        run: Returns the exit code of what went well.
        debug: Whether to show where an error came from.
    """
    try:
        code = run()
    except SettingsError as error:
        code = _say(error, USAGE, debug)
    except PoiseError as error:
        code = _say(error, ABORTED, debug)
    except KeyboardInterrupt as stopped:
        print("Stopped. What is done is kept: the same command goes on from here.", file=sys.stderr)
        code = _SIGNALLED + getattr(stopped, "number", signal.SIGINT)
        hear_no_more()  # on the way out nothing else changes the code
    sys.exit(code)


def _say(error: PoiseError, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"Error: {error}", file=sys.stderr)
    return code
