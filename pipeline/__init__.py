"""Poise: apparent facial expression in recorded practice interviews, from video to report.

`analyze` runs a whole batch, as the command `poise analyze` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.run import RunResult, analyze
    from pipeline.settings import Settings

__version__ = "0.1.0"
__all__ = ["RunResult", "Settings", "__version__", "analyze"]

_HOME = {"RunResult": "run", "analyze": "run", "Settings": "settings"}


def __getattr__(name: str) -> Any:
    """Import on first use: the command line must not wait for torch to print its help."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"pipeline.{_HOME[name]}"), name)
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
