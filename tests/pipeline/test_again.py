"""Reports and tables written again from what is stored, without any recording."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from pipeline.again import export, render
from pipeline.captions import webvtt
from pipeline.cli import main
from pipeline.errors import ReportError
from pipeline.locales import Texts
from pipeline.tables import timecode
from pipeline.types import Episode
from tests.conftest import Analysed


@pytest.fixture
def reports(analysed: Analysed, tmp_path: Path) -> Path:
    """A copy of an analysis whose recordings are gone, stripped to what is stored."""
    target = tmp_path / "reports"
    shutil.copytree(analysed.output, target)
    for path in target.iterdir():
        if path.name != ".poise":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return target


def _files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and ".poise" not in path.relative_to(directory).parts
    }


def test_everything_is_written_again(analysed: Analysed, reports: Path) -> None:
    result = render(reports)
    assert result.index == reports / "index.html"
    assert [o.status for o in result.outcomes] == [o.status for o in analysed.result.outcomes]
    before, again = _files(analysed.output), _files(reports)
    assert set(before) == set(again)
    for name in before:
        if name.endswith(".csv"):
            assert before[name] == again[name], name


def test_in_another_language_and_form(reports: Path) -> None:
    result = CliRunner().invoke(
        main, ["report", str(reports), "--language", "ko", "--format", "parquet"]
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(reports / "index.html")
    (page,) = (reports / "Sample A").glob("report.html")
    assert 'lang="ko"' in page.read_text(encoding="utf-8")
    assert (reports / "Sample A" / "frames.parquet").is_file()


def test_tables_of_all_candidates_joined(analysed: Analysed, reports: Path, tmp_path: Path) -> None:
    target = tmp_path / "tables"
    result = CliRunner().invoke(main, ["export", str(reports), "-o", str(target), "--csv-bom"])
    assert result.exit_code == 0, result.output
    assert {path.name for path in target.iterdir()} == {
        "frames.csv", "episodes.csv", "recordings.csv", "data_dictionary.csv", "captions",
    }  # fmt: skip
    frames, recordings = (pd.read_csv(target / f"{name}.csv") for name in ("frames", "recordings"))
    assert (target / "frames.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert set(frames["recording_id"]) == set(recordings["recording_id"])
    assert len(frames) == recordings["sampled_frames"].sum()
    described = pd.read_csv(target / "data_dictionary.csv")
    own = described.loc[described["table"] == "frames", "column"]
    assert own.tolist() == frames.columns.tolist()


def test_a_failed_recording_stays_failed(analysed: Analysed, reports: Path, tmp_path: Path) -> None:
    for result in (reports / ".poise" / "results").iterdir():
        shutil.rmtree(result)
        break
    export(reports, tmp_path / "tables")
    recordings = pd.read_csv(tmp_path / "tables" / "recordings.csv")
    assert len(recordings) == len(analysed.result.outcomes)
    assert recordings["coverage"].isna().sum() == 1


def test_a_directory_without_results(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no reports") as caught:
        render(tmp_path)
    assert "poise analyze" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_captions(analysed: Analysed, reports: Path, tmp_path: Path) -> None:
    export(reports, tmp_path / "tables", language="ko")
    captions = sorted((tmp_path / "tables" / "captions").iterdir())
    assert len(captions) == len(analysed.result.outcomes)
    for path, outcome in zip(captions, analysed.result.outcomes, strict=True):
        assert outcome.result is not None
        header, *cues = path.read_text(encoding="utf-8").split("\n\n")
        assert header == "WEBVTT"
        assert len(cues) == len(outcome.result.episodes) > 0
        number, times, text = cues[0].strip().split("\n")
        start, end = times.split(" --> ")
        assert (number, start) == ("1", timecode(round(outcome.result.episodes[0].start_s * 1000)))
        assert start < end
        assert not text.isascii()


def test_captions_are_text_and_nothing_else() -> None:
    odd = Texts(language="en", entries={"label.positive": "<b>&--></b>"})
    episode = Episode(label="positive", start_s=0.0, end_s=3601.5, peak_s=1.0, mean_posterior=0.9)
    text = webvtt([episode], odd)
    assert "00:00:00.000 --> 01:00:01.500" in text
    assert text.endswith("&lt;b&gt;&amp;--&gt;&lt;/b&gt;\n")
