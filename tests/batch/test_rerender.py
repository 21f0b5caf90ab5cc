"""Reports and tables written again from what is stored, without any recording."""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest
from click.testing import CliRunner

from poise.batch import rerender
from poise.batch.rerender import export, render
from poise.batch.run import analyze
from poise.commands import main
from poise.errors import ReportError
from poise.reports.pages.content import rehearse
from poise.settings import Settings
from poise.timeline.timecodes import timecode
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


def test_many_candidates_are_written_in_several_processes(
    analysed: Analysed, reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rerender, "CANDIDATES_EACH", 1)
    render(reports, jobs=2)
    before, again = _files(analysed.output), _files(reports)
    assert set(before) == set(again)
    for name in before:
        if name.endswith(".csv"):
            assert before[name] == again[name], name
    assert (reports / "Sample A" / "report.html").stat().st_mode & 0o777 == 0o600


def test_in_another_language_and_form(reports: Path) -> None:
    result = CliRunner().invoke(
        main, ["report", str(reports), "--language", "ko", "--format", "parquet"]
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(reports / "index.html")
    (page,) = (reports / "Sample A").glob("report.html")
    assert 'lang="ko"' in page.read_text(encoding="utf-8")
    assert (reports / "Sample A" / "frames.parquet").is_file()


def test_the_next_run_writes_in_its_own_language_again(
    analysed: Analysed, own_reports: Path
) -> None:
    render(own_reports, language="ko", csv_bom=True)
    analyze(analysed.recordings, own_reports, analysed.settings)
    assert 'lang="en"' in (own_reports / "Sample A" / "report.html").read_text(encoding="utf-8")
    assert not (own_reports / "Sample A" / "frames.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_tables_of_all_candidates_joined(analysed: Analysed, reports: Path, tmp_path: Path) -> None:
    target = tmp_path / "tables"
    result = CliRunner().invoke(main, ["export", str(reports), "-o", str(target), "--csv-bom"])
    assert result.exit_code == 0, result.output
    assert {path.name for path in target.iterdir()} == {
        "frames.csv", "posteriors.csv", "episodes.csv", "segments.csv", "recordings.csv",
        "data_dictionary.csv",
        "captions",
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
    captions = sorted((tmp_path / "tables" / "captions").glob("*.vtt"))
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


def test_an_anonymous_export_leaves_no_file_of_an_earlier_one(
    reports: Path, tmp_path: Path
) -> None:
    export(reports, tmp_path / "t", format="parquet")
    export(reports, tmp_path / "t", anonymous=True)
    files = [path for path in (tmp_path / "t").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".csv", ".vtt", ".eaf"}
    for path in files:
        assert not re.search("Sample|interview|표본|견본", path.name + path.read_text("utf-8"))


def test_rows_instead_of_columns(reports: Path, tmp_path: Path) -> None:
    export(reports, tmp_path / "tables")
    tidy = pd.read_csv(tmp_path / "tables" / "posteriors.csv")
    frames = pd.read_csv(tmp_path / "tables" / "frames.csv")
    usable = frames[frames["usable"]]
    assert tidy.columns.tolist() == ["recording_id", "pts_ms", "kind", "class", "posterior"]
    wide = tidy[tidy["kind"] == "valence"].pivot_table(
        index=["recording_id", "pts_ms"], columns="class", values="posterior"
    )
    assert len(wide) == len(usable) > 0
    assert wide.sum(axis=1).to_numpy() == pytest.approx(1, abs=0.001)
    first = usable.set_index(["recording_id", "pts_ms"])
    assert (wide["positive"] == first["p_positive"].reindex(wide.index)).all()
    described = pd.read_csv(tmp_path / "tables" / "data_dictionary.csv")
    assert set(described["table"]) == {
        "frames", "episodes", "segments", "recordings", "posteriors",
    }  # fmt: skip


def test_both_languages_and_back_to_one(reports: Path) -> None:
    render(reports, language="both")
    for name, language in (("report.html", "en"), ("report.ko.html", "ko")):
        page = (reports / "Sample A" / name).read_text(encoding="utf-8")
        assert f'<html lang="{language}">' in page
    assert 'href="index.ko.html"' in (reports / "index.html").read_text(encoding="utf-8")
    korean = (reports / "index.ko.html").read_text(encoding="utf-8")
    assert "/report.ko.html" in korean and 'hreflang="en"' in korean
    render(reports, language="ko")
    assert not list(reports.rglob("*.ko.html"))


def test_a_centre_has_its_own_look(reports: Path, tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    own = tmp_path / "own"
    own.mkdir()
    (own / "style.css").write_text("body { color: rebeccapurple; }")
    render(
        reports,
        centre_name="명동 <Centre>",
        centre_logo=str(logo),
        centre_colour="#7a1f5c",
        centre_note="First.\n\nSecond & last.",
        templates=str(own),
    )
    page = (reports / "Sample A" / "report.html").read_text(encoding="utf-8")
    assert "명동 &lt;Centre&gt;" in page and "data:image/svg+xml;base64," in page
    assert "--brand: #7a1f5c" in page and "<p>Second &amp; last.</p>" in page
    assert "rebeccapurple" in page and ".masthead" not in page


@pytest.mark.parametrize("text", ["{% block", "{{ nothing_of_that_name }}"])
def test_a_wrong_template_is_found_before_the_work(tmp_path: Path, text: str) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "report.html").write_text(text)
    with pytest.raises(ReportError, match=r"template.*Correct it"):
        rehearse(Settings(templates=str(tmp_path / "own")))


def test_names_can_be_left_out(reports: Path, tmp_path: Path) -> None:
    render(reports)
    assert (reports / "Sample A" / "report.html").is_file()
    render(reports, anonymous=True)
    export(reports, tmp_path / "tables", anonymous=True)
    assert not (reports / "Sample A").exists()
    assert len(list(reports.glob("candidate-*/report.html"))) == 2
    written = [p for top in (reports, tmp_path / "tables") for p in top.rglob("*") if p.is_file()]
    for path in written:
        if ".poise" not in path.parts:
            for name in ("Sample A", "interview 1", "표본"):
                assert name not in path.name
                assert name.encode() not in path.read_bytes(), path
                assert quote(name).encode() not in path.read_bytes(), path
    render(reports, anonymous=False)  # and are named again: no report is left that grows old
    assert (reports / "Sample A" / "report.html").is_file()
    assert not list(reports.glob("candidate-*"))


def test_paper_needs_a_browser(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("POISE_BROWSER", raising=False)
    with pytest.raises(ReportError, match="Install Chromium"):
        render(reports, pdf=True)
    assert (reports / "Sample A" / "report.html").is_file()


def test_a_browser_that_fails_is_named(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISE_BROWSER", "false")
    with pytest.raises(ReportError, match=r"did not print.*print it there"):
        render(reports, pdf=True)
    assert not list(reports.rglob("*.pdf"))


def test_the_figure_of_the_readme(
    reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(reports, tmp_path / "TABLES")
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"(?:^    .*\n|^\n)*^    plt\.savefig.*\n", text, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    exec(compile(textwrap.dedent(code), "README.md", "exec"), {})
    assert (tmp_path / "cohort.png").stat().st_size > 5000
