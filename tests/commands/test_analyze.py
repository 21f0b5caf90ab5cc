"""`poise analyze`: exit codes, what goes to which stream, settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.kit import Poise


def test_all_done(poise: Poise, recordings: Path, pretended: list[str]) -> None:
    result = poise("analyze", recordings, "-o", "out", "--jobs", 1, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(Path("out") / "index.html")
    assert "2 recordings: 0 done before, 2 to analyse" in result.stderr
    assert "[2/2]" in result.stderr
    assert "2 recordings (2 done)" in result.stderr


def test_again(poise: Poise, recordings: Path, pretended: list[str]) -> None:
    for _ in range(2):
        result = poise("analyze", recordings, "-o", "out", "--jobs", 1)
    assert result.exit_code == 0
    assert "2 done before, 0 to analyse" in result.stderr
    assert len(pretended) == 2
    assert poise("analyze", recordings, "-o", "out", "--jobs", 1, "--force").exit_code == 0
    assert len(pretended) == 4


def test_some_failed(poise: Poise, recordings: Path, pretended: list[str]) -> None:
    (recordings / "torn.mp4").write_bytes(b"bad")
    result = poise("analyze", recordings, "-o", "out", "--jobs", 1)
    assert result.exit_code == 3
    assert "Failed: torn.mp4: cannot be opened. Export it again." in result.stderr
    assert result.stdout.strip() == str(Path("out") / "index.html")


def test_none_succeeded(poise: Poise, tmp_path: Path, pretended: list[str]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "torn.mp4").write_bytes(b"bad")
    assert poise("analyze", "in", "-o", "out", "--jobs", 1).exit_code == 4


def test_none_found(poise: Poise, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    result = poise("analyze", "in", "-o", "out")
    assert result.exit_code == 4
    assert "No recordings found" in result.stderr
    assert result.stdout == ""


def test_strict(poise: Poise, recordings: Path, pretended: list[str]) -> None:
    (recordings / "torn.mp4").write_bytes(b"bad" * 9)
    result = poise("analyze", recordings, "-o", "out", "--jobs", 1, "--strict")
    assert result.exit_code == 1
    assert "Error:" in result.stderr and "cannot be opened" in result.stderr
    assert pretended == ["torn.mp4"]


def test_an_unexpected_failure_shows_its_traceback_only_when_asked(
    poise: Poise, recordings: Path, pretended: list[str]
) -> None:
    (recordings / "odd.mp4").write_bytes(b"odd")
    plain = poise("analyze", recordings, "-o", "out", "--jobs", 1)
    assert "ZeroDivisionError" in plain.stderr and "Traceback" not in plain.output
    asked = poise("analyze", recordings, "-o", "out", "--jobs", 1, "--debug")
    assert "Traceback" in asked.stderr
    assert "Traceback" not in asked.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("analyze",),
        ("analyze", "in"),
        ("analyze", "none", "-o", "out"),
        ("analyze", "in", "-o", "in/reports"),
        ("analyze", "in", "-o", "out", "--sample-rate-hz", "0"),
        ("analyze", "in", "-o", "out", "--sample-rate-hz", "nan"),
        ("analyze", "in", "-o", "out", "--jobs", "1.5"),
        ("analyze", "in", "-o", "out", "--decoder", "vlc"),
        ("analyze", "in", "-o", "out", "--device", "gpu"),
        ("analyze", "in", "-o", "out", "--device", "cuda:99"),
        ("analyze", "in", "-o", "out", "--language", "fr"),
        ("analyze", "in", "-o", "out", "--unknown"),
        ("analyze", "in", "-o", "out", "--settings", "none.toml"),
        ("classify", "in/kim/1.mp4"),
        ("classify", "none.png", "--csv", "out.csv"),
        ("frobnicate",),
    ],
    ids=" ".join,
)
def test_wrong_usage(poise: Poise, recordings: Path, arguments: tuple[str, ...]) -> None:
    result = poise(*arguments)
    assert result.exit_code == 2, result.output
    assert "Error:" in result.stderr
    assert result.stdout == ""
    assert not Path("out").exists()


def test_a_missing_model(poise: Poise, recordings: Path) -> None:
    result = poise("analyze", recordings, "-o", "out", "--model", "none")
    assert result.exit_code == 1
    assert "no model here" in result.stderr and "Traceback" not in result.output


def test_being_stopped_says_that_it_can_go_on(
    poise: Poise, recordings: Path, pretended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object, **_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("poise.analysis.recording.analyse_recording", stop)
    result = poise("analyze", recordings, "-o", "out", "--jobs", 1)
    assert result.exit_code == 130
    assert "Stopped" in result.stderr


def test_json_is_all_that_goes_to_stdout(
    poise: Poise, recordings: Path, pretended: list[str]
) -> None:
    (recordings / "torn.mp4").write_bytes(b"bad")
    result = poise("analyze", recordings, "-o", "out", "--jobs", 1, "--json")
    summary = json.loads(result.stdout)
    assert summary["exit_code"] == result.exit_code == 3
    assert Path(summary["index"]).is_file()
    rows = {row["recording_id"]: row for row in summary["recordings"]}
    assert set(rows) == {"kim/1.mp4", "박.mp4", "torn.mp4"}
    assert rows["kim/1.mp4"]["status"] == "done" and not rows["kim/1.mp4"]["reused"]
    assert sum(rows["kim/1.mp4"]["shares"].values()) == pytest.approx(1)
    assert rows["torn.mp4"]["coverage"] is None
    assert "cannot be opened" in rows["torn.mp4"]["message"]


def test_json_of_nothing(poise: Poise, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    result = poise("analyze", "in", "-o", "out", "--json")
    assert result.exit_code == 4
    assert json.loads(result.stdout)["recordings"] == []


def test_a_dry_run(poise: Poise, recordings: Path, pretended: list[str]) -> None:
    result = poise("analyze", recordings, "-o", "out", "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["to analyse\tkim\tkim/1.mp4", "to analyse\t박\t박.mp4"]
    assert pretended == []


def test_a_dry_run_as_json(poise: Poise, recordings: Path, pretended: list[str]) -> None:
    result = poise("analyze", recordings, "-o", "out", "--dry-run", "--json")
    summary = json.loads(result.stdout)
    assert [row["status"] for row in summary["recordings"]] == ["planned", "planned"]
    assert summary["exit_code"] == result.exit_code == 0


def test_the_settings_file_here_is_read(
    poise: Poise, recordings: Path, pretended: list[str]
) -> None:
    Path("poise.toml").write_text('language = "ko"\njobs = 1\n', encoding="utf-8")
    poise("analyze", recordings, "-o", "out")
    assert 'lang="ko"' in Path("out/index.html").read_text(encoding="utf-8")
    poise("analyze", recordings, "-o", "out", "--language", "en")
    assert 'lang="en"' in Path("out/index.html").read_text(encoding="utf-8")


def test_the_settings_file_that_is_named_is_read_instead(
    poise: Poise, recordings: Path, pretended: list[str]
) -> None:
    Path("poise.toml").write_text("nonsense = 1\n", encoding="utf-8")
    Path("other.toml").write_text("jobs = 1\ncsv_bom = true\n", encoding="utf-8")
    result = poise("analyze", recordings, "-o", "out", "--settings", "other.toml")
    assert result.exit_code == 0, result.output
    assert Path("out/recordings.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    no_bom = poise("analyze", recordings, "-o", "out", "--settings", "other.toml", "--no-csv-bom")
    assert no_bom.exit_code == 0
    assert not Path("out/recordings.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_wrong_settings_file(poise: Poise, recordings: Path) -> None:
    Path("poise.toml").write_text("sample_rate = 3\n", encoding="utf-8")
    result = poise("analyze", recordings, "-o", "out")
    assert result.exit_code == 2
    assert "poise.toml" in result.stderr and "unknown setting 'sample_rate'" in result.stderr


def test_a_wrong_option_is_not_blamed_on_the_file(poise: Poise, recordings: Path) -> None:
    Path("poise.toml").write_text("jobs = 1\n", encoding="utf-8")
    result = poise("analyze", recordings, "-o", "out", "--device", "gpu")
    assert result.exit_code == 2
    assert "poise.toml" not in result.stderr
