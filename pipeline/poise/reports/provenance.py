"""Where a report comes from: versions, model and parameters."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version

from poise import __version__
from poise.expression.model_spec import ModelSpec
from poise.settings import Settings

_OF_ANALYSIS = ("poise", "python", "torch", "av", "decord", "device", "precision", "analysed")


def provenance(
    settings: Settings, spec: ModelSpec, origins: Iterable[Mapping[str, str]] = ()
) -> dict[str, str]:
    """Versions, model and parameters, for the foot of every page.

    Args:
        settings, spec: Of the run.
        origins: What the results were made with, by the processes that made them; without any,
            the versions are those of this process.
    """
    made = [origin for origin in origins if origin]
    told = {
        name: ", ".join(sorted({origin[name] for origin in made if origin.get(name)}))
        for name in _OF_ANALYSIS
    }
    here = {"poise": __version__, "python": platform.python_version(), "torch": version("torch")}
    return {
        **({name: value for name, value in told.items() if value} or here),
        "model": f"{spec.name}: {spec.training.get('summary', spec.architecture)}",
        "model sha256": spec.sha256,
        "parameters": ", ".join(f"{name}={value}" for name, value in settings.analysis().items()),
        "written": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
    }
