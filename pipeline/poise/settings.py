"""Settings: each with its default, bounds and help, once.

The command-line options and the reader of `poise.toml` are made from these fields.

A settings file that somebody named is trusted. One that just lies in the working directory is not:
it may come with the recordings, so it may not name code or files to be used, nor machines to
connect to.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from poise.errors import SettingsError

HEAT_MAPS = ("integrated-grad-cam", "layer-cam", "grad-cam", "occlusion")
"""Ways to make a heat map, see `poise.expression.attribution`; the first is the default."""
SETTINGS_FILE = "poise.toml"
PATHS = ("model", "centre_logo", "templates")  # in a settings file, relative to that file
_NAMED_ONLY = frozenset({*PATHS, "cluster"})
_MAX_FILE_BYTES = 16_000  # what takes tomllib seconds is larger


def _setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
    analysis: bool = False,
) -> Any:
    """A field; `analysis` marks what changes the result of analysing a recording."""
    return field(
        default=default,
        metadata={"help": help, "low": low, "high": high, "choices": choices, "analysis": analysis},
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of an analysis. A value out of bounds raises `SettingsError`."""

    sample_rate_hz: float = _setting(
        5.0, "Sampled frames per second.", low=2.0, high=60, analysis=True
    )
    decoder: str = _setting(
        "auto", "Library that reads recordings.", choices=("auto", "pyav", "decord"), analysis=True
    )
    decode: str = _setting(
        "auto", "Where recordings are decoded: cpu; gpu (whatever it can read); auto: with "
        "networks on a GPU, as many recordings as its engines take, the others on cores.",
        choices=("auto", "cpu", "gpu"),
    )  # fmt: skip
    skip_frames: str = _setting(
        "auto", "Which frames need not be decoded: none, or (auto) those that no other frame "
        "refers to, where samples move by half a sampling interval at most.",
        choices=("auto", "none"), analysis=True,
    )  # fmt: skip
    detection_px: int = _setting(
        360, "Short side of the frames that faces are looked for in.", low=120, high=4320,
        analysis=True,
    )  # fmt: skip
    smoothing_s: float = _setting(
        0.4, "Bandwidth of the smoothing of the timeline, in seconds.", low=0, high=10,
        analysis=True,
    )  # fmt: skip
    min_episode_s: float = _setting(
        0.8, "Shortest episode, in seconds.", low=0, high=60, analysis=True
    )
    baseline: str = _setting(
        "auto", "Resting face that expressions are read against: of a named span, else found in "
        "the recording (auto); of a named span alone (given); none.",
        choices=("auto", "given", "none"), analysis=True,
    )  # fmt: skip
    sound: bool = _setting(
        True, "Listen to the sound, to tell when the candidate speaks.", analysis=True
    )
    frames_per_class: int = _setting(
        2, "Representative frames per class and recording.", low=0, high=12, analysis=True
    )
    heat_map: str = _setting(
        HEAT_MAPS[0], "How the maps over representative frames are made.", choices=HEAT_MAPS,
        analysis=True,
    )  # fmt: skip
    identity: bool = _setting(
        True, "Compare faces to tell the candidate from others, also across recordings; keeps 128 "
        "numbers per person with the results.", analysis=True,
    )  # fmt: skip
    model: str = _setting("", "Directory of the expression model (default: the shipped one).")
    device: str = _setting("auto", "Where networks run: auto, cpu, cuda, cuda:1, mps.")
    gpu_server: str = _setting(
        "auto", "Whether one process computes on the device for all others: auto (on a GPU), "
        "always, never.", choices=("auto", "always", "never"),
    )  # fmt: skip
    batch_size: int = _setting(
        0, "Faces classified at once (0: as many as suit the device).", low=0, high=4096
    )
    jobs: int = _setting(
        0,
        "Recordings analysed at once (0: one per core; 1: in this very process, unwatched).",
        low=0,
        high=1024,
    )
    cluster: str = _setting(
        "", "Address of a Dask scheduler, tcp://HOST:8786, whose workers do the work instead."
    )
    stall_timeout_s: float = _setting(
        120.0, "Seconds without a frame after which a decoder is stopped.", low=0.1, high=86400
    )
    retention_days: int = _setting(
        0, "Days after which results, reports and tables of a recording are purged, at the start "
        "of a run (0: never).", low=0, high=36500,
    )  # fmt: skip
    private: bool = _setting(
        True, "Write files that only you can read; otherwise your umask decides."
    )
    language: str = _setting(
        "en", "Language of the reports; both writes each page twice.", choices=("en", "ko", "both")
    )
    anonymous: bool = _setting(False, "Leave names out of all pages and tables.")
    centre_name: str = _setting("", "Name of the centre, above each page.")
    centre_logo: str = _setting("", "Picture file with the centre's logo.")
    centre_colour: str = _setting("", "Colour of the line above each page, as #rrggbb.")
    centre_note: str = _setting("", "What the centre tells its candidates, in every report.")
    templates: str = _setting(
        "", "Directory whose files replace those of the same name in Poise's templates."
    )
    format: str = _setting("csv", "Format of the tables.", choices=("csv", "parquet"))
    csv_bom: bool = _setting(False, "Begin CSV files with a byte order mark, for Excel.")

    def __post_init__(self) -> None:
        for entry in fields(self):
            _check(entry.name, getattr(self, entry.name), entry.metadata)
        if self.device.split(":")[0] not in ("auto", "cpu", "cuda", "mps"):
            raise SettingsError(
                f"device is {self.device!r}", remedy="Use auto, cpu, cuda, cuda:N or mps."
            )
        if self.centre_colour and not re.fullmatch(r"#[0-9a-fA-F]{6}", self.centre_colour):
            raise SettingsError(
                f"centre_colour is {self.centre_colour!r}", remedy="Write it as #rrggbb."
            )
        if self.centre_logo and not Path(self.centre_logo).is_file():
            raise SettingsError(
                "there is no such picture", remedy="Correct centre_logo.", path=self.centre_logo
            )
        if self.templates and not Path(self.templates).is_dir():
            raise SettingsError(
                "there is no such directory of templates",
                remedy="Correct the setting templates.",
                path=self.templates,
            )

    def with_absolute_paths(self) -> Settings:
        """The same wherever they are used: on a worker, or from another working directory."""
        paths: dict[str, Any] = {name: _absolute(getattr(self, name), Path()) for name in PATHS}
        return replace(self, **paths)

    def analysis(self) -> dict[str, Any]:
        """The settings that change the result of analysing a recording."""
        return {e.name: getattr(self, e.name) for e in fields(self) if e.metadata["analysis"]}


def _check(name: str, value: Any, bounds: Mapping[str, Any]) -> None:
    if bounds["choices"] is not None and value not in bounds["choices"]:
        raise SettingsError(
            f"{name} is {value!r}", remedy=f"Use one of {', '.join(bounds['choices'])}."
        )
    too_low = bounds["low"] is not None and not value >= bounds["low"]
    too_high = bounds["high"] is not None and not value <= bounds["high"]
    if too_low or too_high:
        raise SettingsError(
            f"{name} is {value!r}", remedy=f"Use a value from {bounds['low']} to {bounds['high']}."
        )


def read_settings(
    path: Path | None, given: Mapping[str, Any], *, was_named: bool = True
) -> Settings:
    """Settings from a file, overridden by what was given explicitly.

    Args:
        path: A TOML file with a setting per line, or None. Paths in it are relative to it.
        given: Settings by name; None means not given.
        was_named: Whether somebody named the file; otherwise it was only found, and may set
            neither templates, logo and model nor a cluster.

    Raises:
        SettingsError: If the file cannot be read, or a name or value is wrong.
    """
    values = {} if path is None else _read(path, was_named)
    try:
        settings = Settings(**values)
    except SettingsError as error:
        raise SettingsError(error.cause, remedy=error.remedy, path=path) from error
    return replace(settings, **{k: v for k, v in given.items() if v is not None})


def _read(path: Path, was_named: bool) -> dict[str, Any]:
    """What a settings file says, each value of the setting's type."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES or not path.is_file():
            raise ValueError(f"it is no file of up to {_MAX_FILE_BYTES // 1000} kB")
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(
            f"cannot be read ({error})", remedy="It must be TOML, a setting per line.", path=path
        ) from error
    known = {entry.name: entry for entry in fields(Settings)}
    for name, value in values.items():
        if name not in known:
            raise SettingsError(
                f"unknown setting {name!r}", remedy=f"Known: {', '.join(known)}.", path=path
            )
        if name in _NAMED_ONLY and not was_named:
            raise SettingsError(
                f"sets {name}, which a settings file may only do when it was named",
                remedy=f"If you trust it, give it with --settings {path.name}; otherwise remove "
                "that line.",
                path=path,
            )
        values[name] = _as_type(name, value, type(known[name].default), path)
        if name in PATHS:
            values[name] = _absolute(values[name], path.parent)
    return values


def _absolute(value: str, folder: Path) -> str:
    """A path as seen from a folder; an empty one stays empty."""
    return str((folder / value).absolute()) if value else ""


def _as_type(name: str, value: Any, kind: type, path: Path) -> Any:
    """The value as the setting's type; an int is a float, nothing else is something else."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise SettingsError(
            f"{name} is {value!r}", remedy=f"It must be a {kind.__name__}.", path=path
        )
    return value
