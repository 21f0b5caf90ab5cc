"""Poise: apparent facial expression in recorded practice interviews, from video to report.

    from poise import Settings, analyze

    result = analyze("recordings", "reports", Settings(language="ko"))
    for outcome in result.outcomes:
        if outcome.result:
            print(outcome.recording.recording_id, outcome.result.read_frames().shape)

What the commands do, notebooks can do as well: `analyze`, `render` (`poise report`), `handout`,
`export`, `classify`, `status`, `purge`. Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poise.batch.forgetting.purge import Purged, purge
    from poise.batch.handout import HandedVideo, Handout, handout
    from poise.batch.outcomes import Listener, Plan, RunResult
    from poise.batch.photographs import Counts
    from poise.batch.photographs import classify_pictures as classify
    from poise.batch.rerender import export, render
    from poise.batch.run import analyze
    from poise.batch.status import State
    from poise.batch.status import look_up as status
    from poise.errors import (
        DamagedResultError,
        DiskFullError,
        ModelError,
        PoiseError,
        ReportError,
        SettingsError,
        UnfinishedError,
        VideoError,
    )
    from poise.settings import Settings
    from poise.statuses import Status
    from poise.storage.results.format import StoredResult
    from poise.storage.results.outcome import Outcome

__version__ = "0.1.0"

_HOME = {
    "Counts": ("batch.photographs", "Counts"),
    "DamagedResultError": ("errors", "DamagedResultError"),
    "DiskFullError": ("errors", "DiskFullError"),
    "HandedVideo": ("batch.handout", "HandedVideo"),
    "Handout": ("batch.handout", "Handout"),
    "Listener": ("batch.outcomes", "Listener"),
    "ModelError": ("errors", "ModelError"),
    "Outcome": ("storage.results.outcome", "Outcome"),
    "Plan": ("batch.outcomes", "Plan"),
    "PoiseError": ("errors", "PoiseError"),
    "Purged": ("batch.forgetting.purge", "Purged"),
    "ReportError": ("errors", "ReportError"),
    "RunResult": ("batch.outcomes", "RunResult"),
    "Settings": ("settings", "Settings"),
    "SettingsError": ("errors", "SettingsError"),
    "State": ("batch.status", "State"),
    "Status": ("statuses", "Status"),
    "StoredResult": ("storage.results.format", "StoredResult"),
    "UnfinishedError": ("errors", "UnfinishedError"),
    "VideoError": ("errors", "VideoError"),
    "analyze": ("batch.run", "analyze"),
    "classify": ("batch.photographs", "classify_pictures"),
    "export": ("batch.rerender", "export"),
    "handout": ("batch.handout", "handout"),
    "purge": ("batch.forgetting.purge", "purge"),
    "render": ("batch.rerender", "render"),
    "status": ("batch.status", "look_up"),
}

__all__ = [
    "Counts",
    "DamagedResultError",
    "DiskFullError",
    "HandedVideo",
    "Handout",
    "Listener",
    "ModelError",
    "Outcome",
    "Plan",
    "PoiseError",
    "Purged",
    "ReportError",
    "RunResult",
    "Settings",
    "SettingsError",
    "State",
    "Status",
    "StoredResult",
    "UnfinishedError",
    "VideoError",
    "__version__",
    "analyze",
    "classify",
    "export",
    "handout",
    "purge",
    "render",
    "status",
]


def __getattr__(name: str) -> Any:
    """Import on first use: the command must not wait for torch to print its help."""
    if name in _HOME:
        from importlib import import_module

        module, symbol = _HOME[name]
        return getattr(import_module(f"poise.{module}"), symbol)
    raise AttributeError(f"module 'poise' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
