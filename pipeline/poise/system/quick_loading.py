"""Loading what computes, sooner: without looking for garbage, and torch without its tracing part"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

# The shapes of all operators' results, in Python, for tensors without values: what torch's compiler
# and exporter ask for. torch loads them last, and nothing that it loads before needs them.
TRACING = "torch._meta_registrations"


class _Later(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._leave()
        return getattr(import_module(self.__name__), name)

    def _leave(self) -> None:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


@contextmanager
def not_collecting() -> Iterator[None]:
    """Within, no garbage is looked for.

    Modules make hundreds of thousands of objects that stay; to look through them again and again
    takes a seventh of the time that torch takes to load, and a third of what its compiler takes.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def quick_loading() -> Iterator[None]:
    """As `not_collecting`, and torch is loaded without its tracing part, a quarter of its time.

    For processes that run nothing but this package: `torch.compile` and `torch.export` are not to
    be asked for where torch was loaded within. Where it is loaded already, it stays as it is.
    """
    later = _Later(TRACING)
    if "torch" not in sys.modules:
        sys.modules[TRACING] = later
    try:
        with not_collecting():
            yield
    finally:
        later._leave()
