"""Loading modules sooner, by not looking for garbage meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_loading() -> Iterator[None]:
    """Within, no garbage is looked for.

    Modules make hundreds of thousands of objects that stay; to look through them again and again
    takes a seventh of the time that torch takes to load.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
