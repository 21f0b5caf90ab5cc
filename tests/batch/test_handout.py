"""What a candidate takes home: all of it, whole, and nothing of anybody else."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import av
import pytest
from click.testing import CliRunner, Result

from poise import handout
from poise.batch import handout as module
from poise.commands import main
from poise.errors import ReportError, SettingsError
from poise.settings import Settings
from tests.clips import counting_clip, pts_of
from tests.reports_made import make_reports, of

KIM, LEE = "김 민지", "Lee"
TEN_S = range(0, 10_000, 100)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings (`in`) and reports (`out`) of two people; two of the files have one name."""
    base = tmp_path_factory.mktemp("made")
    root = base / "in"
    paths = [
        counting_clip(root / KIM / "1" / "a #1?.mp4", TEN_S),
        counting_clip(root / KIM / "2" / "A #1?.mkv", TEN_S),
        counting_clip(root / LEE / "secret.mp4", TEN_S),
    ]
    settings = Settings(language="both")
    make_reports(base / "out", [of(p, root) for p in paths], duration_s=10, settings=settings)
    return base


@pytest.fixture
def there(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to be changed; no browser prints."""
    shutil.copytree(made / "out", tmp_path / "out")
    monkeypatch.setattr(module, "find_browser", lambda: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _poise(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


class _Links(HTMLParser):
    """What a page refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.ids: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "data-src", "poster", "action") and value:
                self.targets.add(value)
            if name == "id" and value:
                self.ids.add(value)


def test_all_of_a_candidate_and_nothing_of_others(there: Path) -> None:
    done = handout("out", KIM, there / "stick")
    assert done.path == there / "stick"
    assert done.is_complete
    assert {v.recording_id: (v.file, v.how) for v in done.videos} == {
        f"{KIM}/1/a #1?.mp4": ("a _1.mp4", "copied"),
        f"{KIM}/2/A #1?.mkv": ("A _1 (2).mp4", "converted"),
    }
    files = sorted(path.name for path in done.path.rglob("*"))
    assert files == sorted(
        ["report.html", "report.ko.html", "progress.html", "progress.ko.html", "a _1.mp4",
         "A _1 (2).mp4"]
    )  # fmt: skip
    for path in done.path.rglob("*"):
        assert path.stat().st_mode & 0o777 == 0o600
        if path.suffix == ".html":
            text = path.read_text(encoding="utf-8")
            assert LEE not in text
            assert "secret" not in text
            assert "index.html" not in text
            assert str(there) not in text
    assert done.path.stat().st_mode & 0o777 == 0o700
    assert len(pts_of(done.path / "A _1 (2).mp4")) == len(TEN_S)


def test_every_link_leads_to_something_in_the_folder(there: Path) -> None:
    folder = handout("out", KIM, "stick").path
    checked = 0
    for page in folder.glob("*.html"):
        links = _Links(page.read_text(encoding="utf-8"))
        for target in links.targets:
            if target.startswith("data:"):
                continue
            name, _, place = target.partition("#")
            assert not re.match(r"[a-z]+:|/|\.\.", name), target
            assert not name or (folder / unquote(name)).is_file(), target
            if place and not place.startswith("t="):
                ids = links.ids if not name else _Links((folder / name).read_text()).ids
                assert place in ids, target
            checked += 1
    assert checked > 40


def test_a_zip_holds_the_same_in_one_folder(there: Path) -> None:
    folder, archive = handout("out", KIM, "stick").path, handout("out", KIM, "kim.zip").path
    assert archive.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(archive) as packed:
        assert packed.testzip() is None
        names = {info.filename for info in packed.infolist()}
        assert names == {f"kim/{path.name}" for path in folder.iterdir()}
        assert packed.read("kim/a _1.mp4") == (folder / "a _1.mp4").read_bytes()
    assert sorted(path.name for path in there.iterdir()) == ["kim.zip", "out", "stick"]


def test_recordings_that_are_gone_or_others_are_told(there: Path, made: Path) -> None:
    root = there / "in"
    first = counting_clip(root / KIM / "gone.mp4", TEN_S)
    second = counting_clip(root / KIM / "other.mp4", TEN_S[:-1])
    third = counting_clip(root / KIM / "broken.mp4", TEN_S[:-2])
    output = make_reports(there / "again", [of(p, root) for p in (first, second, third)])
    first.unlink()
    shutil.copyfile(made / "in" / LEE / "secret.mp4", second)
    second.write_bytes(second.read_bytes() + b"somebody else's")
    done = handout(output, KIM, "stick")
    assert [(v.recording_id.rpartition("/")[2], v.how) for v in done.videos] == [
        ("broken.mp4", "copied"), ("gone.mp4", "missing"), ("other.mp4", "changed"),
    ]  # fmt: skip
    assert not done.is_complete
    page = (done.path / "report.html").read_text(encoding="utf-8")
    assert page.count("it was no longer there when the folder was made") == 1
    assert page.count("another file lay in its place") == 1
    assert page.count("data-src") == 1
    assert [p.name for p in done.path.glob("*.mp4")] == ["broken.mp4"]
    told = _poise("handout", output, KIM, "-o", "stick2")
    assert told.exit_code == 3
    assert f"No video: {KIM}/gone.mp4 is no longer where it was analysed" in told.output
    assert f"No video: {KIM}/other.mp4 is no longer the file that was analysed" in told.output
    assert "1 of 3 videos" in told.output


def test_a_video_that_cannot_be_converted_costs_itself_alone(there: Path) -> None:
    bad = there / "in" / KIM / "bad.mkv"
    good = counting_clip(there / "in" / KIM / "good.mkv", TEN_S)
    bad.write_bytes(b"\x1aE\xdf\xa3" + bytes(500))
    output = make_reports(there / "again", [of(bad, there / "in"), of(good, there / "in")])
    done = handout(output, KIM, "stick")
    assert [v.how for v in done.videos] == ["unreadable", "converted"]
    assert done.videos[0].detail
    assert "could not be converted" in (done.path / "report.html").read_text(encoding="utf-8")


def test_moments_as_clips(there: Path) -> None:
    done = handout("out", KIM, "stick", clips=True)
    clips = sorted((done.path / "clips").iterdir())
    assert len(clips) == sum(video.clips for video in done.videos) > 2
    for clip in clips:
        assert re.fullmatch(r"[aA] _1( \(2\))? 00-00-0\d\.mp4", clip.name)
        with av.open(str(clip)) as container:
            assert container.duration is not None
            assert 1.0 < container.duration / av.time_base < 20.5
    told = _poise("handout", "out", KIM, "-o", "again.zip", "--clips")
    assert told.exit_code == 0, told.output
    assert f"{len(clips)} clips" in told.output


def test_two_moments_of_one_second_are_two_clips(there: Path) -> None:
    for stored in (there / "out" / ".poise" / "results").glob("*/result.json"):
        plain = json.loads(stored.read_text(encoding="utf-8"))
        for k, picture in enumerate(plain["pictures"]):
            picture["pts_s"] = 2.2 + 0.3 * k
        stored.write_text(json.dumps(plain), encoding="utf-8")
    done = handout("out", KIM, "stick", clips=True)
    names = [clip.name for clip in (done.path / "clips").iterdir()]
    assert len(names) == sum(video.clips for video in done.videos) > 2
    assert {"00-00-02.mp4", "00-00-02 (2).mp4"} <= {name.split("_1 ")[1] for name in names}


def test_a_name_that_several_bear_is_refused_with_their_identifiers(there: Path) -> None:
    root = there / "in"
    same = [of(root / k / "1.mp4", root, display_name="Kim Minji") for k in ("kim-1", "kim-2")]
    output = make_reports(there / "again", same)
    told = _poise("handout", output, "Kim Minji", "-o", "stick")
    assert told.exit_code == 2
    assert "kim-1, kim-2" in told.output
    told = _poise("handout", output, "nobody", "-o", "stick")
    assert told.exit_code == 2
    assert not (there / "stick").exists()
    assert _poise("handout", output, "kim-2", "-o", "stick").exit_code == 3
    assert (there / "stick" / "report.html").is_file()
    assert _poise("handout", there / "in", "kim-2").exit_code == 1


def test_where_something_lies_nothing_is_written(there: Path) -> None:
    (there / "mine").mkdir()
    (there / "mine.zip").write_bytes(b"mine")
    for place in ("mine", "mine.zip", "out/Kim", "out"):
        with pytest.raises(SettingsError, match=r"already|among the reports"):
            handout("out", KIM, place)
    assert (there / "mine.zip").read_bytes() == b"mine"
    assert handout("out", LEE).path == Path(f"handout {LEE}")


def test_whole_or_not_at_all(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = there / ".stick.1.draft"
    left.mkdir()

    def fails(*_: object) -> None:
        raise ReportError("no room", remedy="Make some.")

    before = {path.name for path in there.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_candidate_report", fails)
        for place in ("stick", "stick.zip"):
            with pytest.raises(ReportError):
                handout("out", KIM, place)
    assert {path.name for path in there.iterdir()} == before - {left.name}


def test_codes_stay_codes(there: Path) -> None:
    done = handout("out", KIM, "stick", anonymous=True)
    pages = [path.read_text(encoding="utf-8") for path in done.path.glob("*.html")]
    assert not any(KIM in page for page in pages)
    assert done.candidate_id.startswith("candidate-")
    assert all(video.file.startswith("recording-") for video in done.videos)
    assert all(f'data-src="{video.file}"' in pages[0] + pages[1] for video in done.videos)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_without_a_browser_the_rest_is_there(
    there: Path, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: Callable[[], Result] = lambda: _poise(  # noqa: E731
        "handout", "out", LEE, "-o", f"{language}.zip", "--lang", language
    )
    done = told()
    assert done.exit_code == 0
    assert "No PDF: no browser" in done.output
    with zipfile.ZipFile(there / f"{language}.zip") as packed:
        page = packed.read(f"{language}/report.html").decode()
    assert f'lang="{language}"' in page


def test_what_may_show_somebody_else_is_not_handed_out(there: Path) -> None:
    root = there / "in"
    sure = counting_clip(root / KIM / "sure.mp4", TEN_S)
    doubtful = counting_clip(root / KIM / "doubtful.mp4", TEN_S[:-1])
    output = make_reports(there / "again", [of(sure, root), of(doubtful, root)], doubtful={1})
    done = handout(output, KIM, "stick", clips=True)
    assert {v.recording_id.rpartition("/")[2]: v.how for v in done.videos} == {
        "sure.mp4": "copied", "doubtful.mp4": "unsure",
    }  # fmt: skip
    assert [path.name for path in done.path.rglob("*.mp4") if "doubtful" in path.name] == []
    assert "may show somebody else" in _poise("handout", output, KIM, "-o", "again.zip").output
