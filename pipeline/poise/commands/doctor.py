"""`poise doctor`: what this machine offers, and what is wrong with it."""

from __future__ import annotations

import importlib
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from poise.commands.common import settings_from, settings_options
from poise.errors import PoiseError
from poise.settings import Settings
from poise.system.console import say
from poise.system.exit_codes import ABORTED, exits
from poise.system.platform import available_memory_bytes, cores, memory_bytes


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    subject: str
    text: str
    good: bool = True


def examine(settings: Settings) -> list[Finding]:
    """Look at processor, memory, device, decoders, detector, model and disk."""
    return [
        Finding("python", f"{platform.python_version()} on {platform.platform()}"),
        _memory(),
        *(_try(name, check) for name, check in _CHECKS.items()),
        _try("device", lambda: _device(settings)),
        _try("model", lambda: _model(settings)),
        _disk(),
    ]


def _try(subject: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, check())
    except PoiseError as error:
        return Finding(subject, str(error), good=False)
    except Exception as error:  # a broken library may raise anything; that is what is looked for
        return Finding(subject, f"{type(error).__name__}: {error}", good=False)


def _memory() -> Finding:
    """Cores and memory, and how many recordings are analysed at the same time."""
    total, free = memory_bytes(), available_memory_bytes()
    text = f"{cores()} cores"
    if total is None or free is None:
        return Finding("machine", f"{text}; how much memory there is cannot be told")
    from poise.batch.workers.capacity import PROCESS_BYTES, suitable_jobs

    text += f", {total / 2**30:.1f} GiB of memory, {free / 2**30:.1f} GiB free"
    jobs = suitable_jobs()
    if jobs < cores():
        return Finding("machine", f"{text}: memory for {jobs} at once only", good=False)
    return Finding("machine", f"{text}: {jobs} at once", good=free >= PROCESS_BYTES)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    return Finding("disk", f"{free:.1f} GiB free here", good=free > 1)


def _version(module: str) -> str:
    return str(importlib.import_module(module).__version__)


def _decord() -> str:
    """Its version, or that it can be done without: it has wheels for few systems."""
    import importlib.util

    if importlib.util.find_spec("decord") is None:
        return "not installed (it has no wheels for this system): what PyAV cannot read is not read"
    return _version("decord")


def _detector() -> str:
    import numpy as np

    from poise.faces.detection.detector import FaceDetector

    FaceDetector().detect(np.zeros((1, 120, 160, 3), np.uint8))
    return "MTCNN with facenet-pytorch's weights runs"


def _device(settings: Settings) -> str:
    import torch

    from poise.expression.device import choose_device, computing_type, prefers_int8

    device = choose_device(settings.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"
    kind = str(computing_type(device)).removeprefix("torch.")
    if prefers_int8(device):
        from poise.expression.int8 import trouble

        kind += f"; int8 would be faster, but not with this torch: {trouble()}" if trouble() else (
            " and int8"
        )  # fmt: skip
    return f"{device} ({name}), computing in {kind}"


def _model(settings: Settings) -> str:
    from poise.expression.classifier import ExpressionClassifier

    spec = ExpressionClassifier(
        Path(settings.model) if settings.model else None, device=settings.device
    ).spec
    summary = spec.training.get("summary", spec.architecture)
    return f"{spec.name}: {summary} SHA-256 {spec.sha256[:12]}"


_CHECKS: dict[str, Callable[[], str]] = {
    "torch": lambda: _version("torch"),
    "decoder pyav": lambda: _version("av"),
    "decoder decord": _decord,
    "detector": _detector,
}


@click.command()
@settings_options("model", "device")
@click.option("--bundle", type=click.Path(path_type=Path, dir_okay=False),
              help="Write what a bug report needs to this zip file, without names.")  # fmt: skip
@click.option("--reports", type=click.Path(path_type=Path, file_okay=False),
              help="Directory of reports whose last logs go into the bundle.")  # fmt: skip
def doctor(bundle: Path | None, reports: Path | None, **given: Any) -> None:
    """Say what this machine offers, and what is wrong with it."""

    def run() -> int:
        settings = settings_from(None, given)
        findings = examine(settings)
        if bundle is not None:
            from poise.commands.bug_report import write_bundle

            count = write_bundle(bundle, findings, reports)
            say(f"Written with {count} logs: {bundle}", error=True)
        for finding in findings:
            mark = "ok     " if finding.good else "PROBLEM"
            say(f"{mark}  {finding.subject}: {finding.text}")
        return 0 if all(finding.good for finding in findings) else ABORTED

    exits(run, False)
