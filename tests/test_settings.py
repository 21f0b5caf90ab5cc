"""Settings: bounds, and the file they are read from."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from poise.errors import SettingsError
from poise.settings import Settings, read_settings

BOUNDED = [entry for entry in fields(Settings) if entry.metadata["low"] is not None]
CHOSEN = [entry for entry in fields(Settings) if entry.metadata["choices"]]


def _file(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "poise.toml"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("entry", BOUNDED, ids=lambda e: e.name)
def test_bounds_are_allowed_and_what_lies_beyond_is_not(entry: Any) -> None:
    for bound in (entry.metadata["low"], entry.metadata["high"]):
        assert getattr(Settings(**{entry.name: bound}), entry.name) == bound
    for beyond in (entry.metadata["low"] - 1, entry.metadata["high"] + 1, float("nan")):
        with pytest.raises(SettingsError, match=entry.name):
            Settings(**{entry.name: beyond})


@pytest.mark.parametrize("entry", CHOSEN, ids=lambda e: e.name)
def test_only_the_choices_are_allowed(entry: Any) -> None:
    for choice in entry.metadata["choices"]:
        Settings(**{entry.name: choice})
    with pytest.raises(SettingsError, match=entry.name) as caught:
        Settings(**{entry.name: "other"})
    assert all(choice in caught.value.remedy for choice in entry.metadata["choices"])


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "mps"])
def test_devices_that_may_exist(device: str) -> None:
    assert Settings(device=device).device == device


@pytest.mark.parametrize("device", ["", "gpu", "CPU", "tpu:0"])
def test_devices_that_cannot_exist(device: str) -> None:
    with pytest.raises(SettingsError, match="device"):
        Settings(device=device)


@pytest.mark.parametrize("entry", fields(Settings), ids=lambda e: e.name)
def test_every_setting_says_what_it_is(entry: Any) -> None:
    assert entry.metadata["help"].endswith(".") or entry.name in ("model", "jobs")


def test_what_changes_the_result_is_told_apart_from_what_does_not() -> None:
    names = set(Settings().analysis())
    assert {"sample_rate_hz", "decoder", "detection_px", "smoothing_s", "min_episode_s"} <= names
    assert not names & {"device", "jobs", "batch_size", "language", "format", "csv_bom"}


def test_no_file_gives_defaults() -> None:
    assert read_settings(None, {}) == Settings()


def test_file(tmp_path: Path) -> None:
    path = _file(tmp_path, 'sample_rate_hz = 2.5\nlanguage = "ko"\ncsv_bom = true\njobs = 3\n')
    expected = Settings(sample_rate_hz=2.5, language="ko", csv_bom=True, jobs=3)
    assert read_settings(path, {}) == expected


def test_what_is_given_overrides_the_file_and_none_does_not(tmp_path: Path) -> None:
    path = _file(tmp_path, "sample_rate_hz = 2.5\njobs = 3\n")
    settings = read_settings(path, {"jobs": 1, "sample_rate_hz": None, "csv_bom": False})
    assert settings == Settings(sample_rate_hz=2.5, jobs=1)


def test_an_int_is_a_float(tmp_path: Path) -> None:
    settings = read_settings(_file(tmp_path, "sample_rate_hz = 4\n"), {})
    assert settings.sample_rate_hz == 4.0
    assert type(settings.sample_rate_hz) is float


def test_an_int_and_a_float_make_the_same_settings(tmp_path: Path) -> None:
    """Otherwise the same recording would be analysed twice."""
    assert Settings(sample_rate_hz=5).analysis() == Settings().analysis()


@pytest.mark.parametrize(
    "line",
    ["jobs = 2.0", "jobs = true", "sample_rate_hz = true", 'sample_rate_hz = "5"', "language = 1",
     "csv_bom = 1", "model = ['a']"],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(SettingsError, match=line.split(" ", maxsplit=1)[0]) as caught:
        read_settings(_file(tmp_path, line), {})
    assert caught.value.path is not None


def test_a_value_out_of_bounds_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="sample_rate_hz is 1000") as caught:
        read_settings(_file(tmp_path, "sample_rate_hz = 1000"), {})
    assert str(caught.value.path).endswith("poise.toml")


def test_an_unknown_setting_is_refused_and_the_known_are_listed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unknown setting 'sample_rate'") as caught:
        read_settings(_file(tmp_path, "sample_rate = 5.0"), {})
    assert "sample_rate_hz" in caught.value.remedy


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = _file(tmp_path, "jobs = 2\n", "utf-8-sig")
    assert read_settings(path, {}).jobs == 2


@pytest.mark.parametrize("text", ["jobs = ", "[[[", "jobs 2", "jobs = 1\njobs = 2"])
def test_a_file_that_is_no_toml(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(_file(tmp_path, text), {})


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(_file(tmp_path, 'model = "모델"', "cp949"), {})


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path / "none.toml", {})


# Files that nobody named, and paths in files


@pytest.mark.parametrize("name", ["templates", "centre_logo", "model", "cluster"])
def test_a_file_that_was_only_found_may_not_name_code_files_or_machines(
    tmp_path: Path, name: str
) -> None:
    path = _file(tmp_path, f'language = "ko"\n{name} = "."\n')
    with pytest.raises(SettingsError, match=f"sets {name}") as caught:
        read_settings(path, {}, was_named=False)
    assert "--settings poise.toml" in caught.value.remedy


def test_a_file_that_was_only_found_may_set_the_rest(tmp_path: Path) -> None:
    path = _file(tmp_path, 'language = "ko"\ncentre_name = "Seoul"\n')
    assert read_settings(path, {}, was_named=False).centre_name == "Seoul"


def test_paths_in_a_file_are_relative_to_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    centre, elsewhere = tmp_path / "centre", tmp_path / "elsewhere"
    for folder in (centre / "ours", elsewhere):
        folder.mkdir(parents=True)
    (centre / "logo.png").write_bytes(b"png")
    path = _file(centre, 'centre_logo = "logo.png"\ntemplates = "ours"\nmodel = "m"\n')
    monkeypatch.chdir(elsewhere)
    settings = read_settings(path, {})
    assert settings.centre_logo == str(centre / "logo.png")
    assert settings.templates == str(centre / "ours")
    assert settings.model == str(centre / "m")


def test_paths_given_on_the_command_line_are_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logo.png").write_bytes(b"png")
    monkeypatch.chdir(tmp_path)
    settings = read_settings(None, {"centre_logo": "logo.png"}).with_absolute_paths()
    assert settings.centre_logo == str(tmp_path / "logo.png")
    assert settings.templates == "" and settings.model == ""


def test_a_pipe_is_no_settings_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "poise.toml")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path / "poise.toml", {})
