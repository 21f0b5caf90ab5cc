"""A candidate: what will go, and what has gone, is what the command says."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from poise.batch.forgetting.foresight import foresee
from poise.batch.forgetting.purge import purge
from poise.system.directory_lock import held
from tests.conftest import contents
from tests.desk.conftest import Night
from tests.desk.kit import Served, serving


def _lasting(reports: Path) -> dict[str, bytes]:
    """What is written the same however often it is written."""
    own = contents(reports)
    changing = (".poise/ledger.sqlite3", ".poise/lock", ".poise/desk/", ".poise/secret",
                ".poise/forgotten")  # fmt: skip
    return {name: data for name, data in own.items() if not name.startswith(changing)}


def test_purge_from_the_desk_is_purge_from_the_command(night: Night, tmp_path: Path) -> None:
    other = tmp_path / "other" / "reports"
    shutil.copytree(night.reports, other)
    with serving(night.reports, night.recordings) as there:
        page = there.ask("/candidate?id=kim").body.decode()
        told = there.ask("/candidate/purge", "POST", {"id": "kim"})
        after = there.ask("/candidate?id=kim").body.decode()
    done = purge(other, "kim")
    assert _lasting(night.reports) == _lasting(other)
    assert not (night.reports / "kim").exists() and (night.reports / "lee").exists()
    assert told.json()["gone"][0] == "2 recordings forgotten" and done.recordings == 2
    assert told.json()["found"] == [] == list(done.found)
    assert sorted(told.json()["remaining"]) == sorted(map(str, done.remaining))
    assert "kim/1.mp4" in page and str(night.recordings / "kim" / "1.mp4") in page
    assert 'id="purge-form"' in page and 'id="purge-form"' not in after


def test_what_is_foreseen_is_what_goes(night: Night) -> None:
    seen = foresee(night.reports, "kim")
    before = contents(night.reports)
    done = purge(night.reports, "kim")
    after = contents(night.reports)
    assert len(seen.recordings) == done.recordings and seen.results == done.results
    assert {name for name in before if name.startswith("kim/")} == set(seen.files)
    assert not set(seen.files) & set(after)
    assert seen.remaining == done.remaining


def test_who_was_purged_is_told_as_such(morning: Served) -> None:
    morning.ask("/candidate/purge", "POST", {"id": "kim"})
    rows = morning.ask("/status").json()["rows"]
    assert {rows[name]["status"] for name in ("kim/1.mp4", "kim/2.mp4")} == {"forgotten"}
    assert rows["lee.mp4"]["status"] == "failed"


def test_nobody_is_purged_while_a_batch_goes_on(morning: Served) -> None:
    before = contents(morning.desk.reports)
    with held(morning.desk.reports / ".poise"):
        answer = morning.ask("/candidate/purge", "POST", {"id": "kim"})
    assert answer.code == 409 and answer.json()["cause"].startswith("An analysis is working")
    assert {k: v for k, v in contents(morning.desk.reports).items() if "lock" not in k} == {
        k: v for k, v in before.items() if "lock" not in k
    }


@pytest.mark.parametrize("name", ["none", "", "..", ".poise", "kim/..", "."])
def test_there_is_nobody_else(morning: Served, name: str) -> None:
    before = set(contents(morning.desk.reports))
    assert morning.ask(f"/candidate?id={name}").code == 404
    assert morning.ask("/candidate/purge", "POST", {"id": name}).code == 409
    assert set(contents(morning.desk.reports)) >= before


def test_reports_come_first(morning: Served) -> None:
    page = morning.ask("/candidate?id=kim").body.decode()
    assert page.index("/files/reports/kim/report.html") < page.index("/kim/frames.csv")


def test_the_handout_lies_beside_the_reports(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poise.batch.handout.find_browser", lambda: None)
    with serving(night.reports, night.recordings) as there:
        answers = [
            there.ask("/candidate/handout", "POST", {"id": "kim", "language": "ko"})
            for _ in range(2)
        ]
        assert there.ask("/candidate/handout", "POST", {"id": "x", "language": "ko"}).code == 404
        assert there.ask("/candidate/handout", "POST", {"id": "kim", "language": "x"}).code == 409
    paths = [Path(answer.json()["path"]) for answer in answers]
    assert [p.parent for p in paths] == [night.reports.parent / "handouts"] * 2
    assert paths[0] != paths[1] and all(p.is_file() for p in paths)
    names = zipfile.ZipFile(paths[0]).namelist()
    assert any(name.endswith("/report.html") for name in names)
    assert (
        "cannot be read" in " ".join(answers[0].json()["missing"]) or answers[0].json()["missing"]
    )
    assert "PDF" in answers[0].json()["no_pdf"]


def test_files_are_called_what_they_hold_and_in_which_language(morning: Served) -> None:
    folder = morning.desk.reports / "kim"
    for name in ("report.ko.html", "frames.csv", "other.csv"):
        (folder / name).write_bytes(b"<p>")
    text = morning.ask("/candidate?id=kim").body.decode()
    for told in ("Report (English)<", "Report (Korean)<", "looked at (frames.csv)<", ">other.csv<"):
        assert told in text
    assert text.index("Report (English)") < text.index("frames.csv")
    (folder / "report.ko.html").unlink()
    assert ">Report<" in morning.ask("/candidate?id=kim").body.decode()


def test_the_report_opens_in_the_language_of_the_desk(morning: Served) -> None:
    (morning.desk.reports / "kim" / "report.ko.html").write_bytes(b"<p>")
    assert "/files/reports/kim/report.html" in morning.ask("/").body.decode()
    morning.desk.language = "ko"
    text = morning.ask("/").body.decode()
    assert "/files/reports/kim/report.ko.html" in text and "/files/reports/lee/report.html" in text
