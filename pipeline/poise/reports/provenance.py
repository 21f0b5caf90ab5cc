"""Where a report comes from: versions, model and parameters."""

from __future__ import annotations

import datetime
import platform
from importlib.metadata import version

from poise import __version__
from poise.expression.model_spec import ModelSpec
from poise.settings import Settings


def provenance(settings: Settings, spec: ModelSpec) -> dict[str, str]:
    """Versions, model and parameters, for the foot of every page."""
    return {
        "poise": __version__,
        "python": platform.python_version(),
        "torch": version("torch"),
        "model": f"{spec.name}: {spec.training.get('summary', spec.architecture)}",
        "model sha256": spec.sha256,
        "parameters": ", ".join(f"{name}={value}" for name, value in settings.analysis().items()),
        "written": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
    }
