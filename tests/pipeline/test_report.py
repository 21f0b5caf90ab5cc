"""What a candidate and a centre get to read."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from pipeline.errors import ReportError, SettingsError
from pipeline.locales import LANGUAGES, load_texts
from pipeline.report import Style, write_candidate_report, write_index
from pipeline.types import CandidateReport
from tests.pipeline.factories import (
    PROVENANCE,
    make_candidate,
    make_faceless,
    make_failed,
    make_recording,
)

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
VOID = {"meta", "img", "br", "link", "hr", "input"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Page(HTMLParser):
    """What a test asks of a page: its elements, links, ids, headings and text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def full(tmp_path: Path) -> CandidateReport:
    """A candidate with a recording of each kind."""
    pictures = tmp_path / "pictures"
    return make_candidate(
        [
            make_recording(pictures, note="Self-introduction", other_people=2),
            make_recording(
                pictures,
                recording_id="kim/mock-2.mp4",
                duration_s=3605,
                points=600,
                seed=2,
                status="partial",
                message="the recording stops at 1:00:05.",
            ),
            make_faceless(),
            make_failed(),
        ]
    )


def page_of(report: CandidateReport, directory: Path, language: str = "en") -> Page:
    return Page(write_candidate_report(report, directory, Style(language=language))[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_is_whole_and_asks_nobody(
    full: CandidateReport, tmp_path: Path, language: str
) -> None:
    page = page_of(full, tmp_path / "kim", language)
    assert (tmp_path / "kim" / "report.html").is_file()
    assert page.all("html")[0]["lang"] == language
    assert any(meta.get("content") == POLICY for meta in page.all("meta"))
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert attributes.get("href", "#").startswith("#")
    assert not re.search(r"url\((?!#)|@import", page.source)
    for url in re.findall(r"https?://[^\s\"'<]+", page.source):
        assert url.startswith("http://www.w3.org/"), url


@pytest.mark.parametrize("language", LANGUAGES)
def test_accessible_structure(full: CandidateReport, tmp_path: Path, language: str) -> None:
    page = page_of(full, tmp_path, language)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for landmark in ("header", "main", "footer"):
        assert page.all(landmark)
    assert all(image["alt"] for image in page.all("img"))
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "href"):
            for target in attributes.get(name, "").split():
                assert target.removeprefix("#") in ids


def test_sentences_come_from_the_figures(full: CandidateReport, tmp_path: Path) -> None:
    assert full.overall is not None
    shares = {"positive": 0.18, "neutral": 0.7, "negative": 0.1, "surprise": 0.02}
    overall = replace(full.overall, shares=shares, changes_per_minute=3.25, coverage=0.93)
    text = page_of(replace(full, overall=overall), tmp_path).text
    assert "A smile-like expression was visible in 18% of the frames with a usable face" in text
    assert "a neutral expression in 70%, and a frown-like or tense expression in 10%." in text
    assert (
        "A surprise-like expression, which is neither positive nor negative, was visible in 2%."
        in text
    )
    assert "changed 3.2 times a minute on average. The longest" in text
    assert "Your face could be used in 93% of the moments" in text
    assert "1 recording could not be read" in text


def test_each_kind_of_recording_says_what_happened(full: CandidateReport, tmp_path: Path) -> None:
    text = page_of(full, tmp_path).text
    assert "Note Self-introduction" in text
    assert "At most 2 other people were in the picture at a time." in text
    assert "This recording was read in part" in text and "stops at 1:00:05." in text
    assert "No usable face was found 600 frames were looked at" in text
    assert "Put a lamp or a window in front of you" in text
    assert "This recording could not be read" in text and "index (moov)" in text
    assert "How to read this report" in text and "An apparent expression is not a feeling." in text
    assert "too dark" in text and "12%" in text


def test_frames_stand_beside_their_maps(full: CandidateReport, tmp_path: Path) -> None:
    page = page_of(full, tmp_path)
    frames = [frame for recording in full.recordings for frame in recording.frames]
    assert len(page.all("img")) == 2 * len(frames)
    assert "The model looked at the mouth (55%), other places (27%), the eyes (18%)." in page.text
    assert "Much of the map lies beside eyes and mouth" in page.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_recordings_failed(tmp_path: Path, language: str) -> None:
    report = make_candidate([make_failed()])
    text = page_of(report, tmp_path, language).text
    assert load_texts(language)("glance.none_read") in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_face_anywhere(tmp_path: Path, language: str) -> None:
    page = page_of(make_candidate([make_faceless()]), tmp_path, language)
    assert load_texts(language)("glance.no_face") in page.text
    assert not page.all("svg")


def test_no_recordings(tmp_path: Path) -> None:
    assert "no recordings in this report" in page_of(make_candidate([]), tmp_path).text


def test_low_coverage_is_said(tmp_path: Path) -> None:
    recording = make_recording(tmp_path / "pictures")
    assert recording.statistics is not None
    dim = replace(recording.statistics, coverage=0.3)
    report = make_candidate([replace(recording, statistics=dim)])
    assert "less than half of this recording" in page_of(report, tmp_path).text


def test_words_from_outside_are_escaped(tmp_path: Path) -> None:
    attack = "<script>alert(1)</script>\"'&"
    recording = make_recording(tmp_path / "pictures", note=attack, recording_id=f"k/{attack}.mp4")
    failed = replace(make_failed(attack), message=attack)
    report = replace(
        make_candidate([recording, failed], display_name=attack), provenance={attack: attack}
    )
    index = write_index([report], tmp_path, Style(language="en"), notices=[attack])
    for page in (page_of(report, tmp_path), Page(index)):
        assert not page.all("script")
        assert attack in page.text


def test_never_speaks_of_feelings_or_scores(full: CandidateReport, tmp_path: Path) -> None:
    text = page_of(full, tmp_path).text.lower()
    for word in ("you felt happy", "your emotion", "you are nervous", "your score", "ranking"):
        assert word not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_same_report_same_bytes(full: CandidateReport, tmp_path: Path, language: str) -> None:
    first = write_candidate_report(full, tmp_path / "a", language=language).read_bytes()
    assert write_candidate_report(full, tmp_path / "b", language=language).read_bytes() == first
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["report.html"]


def test_many_recordings(tmp_path: Path) -> None:
    recordings = [
        make_recording(tmp_path / "p", recording_id=f"kim/{k}.mp4", points=60, seed=k)
        for k in range(12)
    ]
    page = page_of(make_candidate(recordings), tmp_path)
    assert len(page.all("svg")) == 24
    assert "This report covers 12 recordings" in page.text


def test_missing_picture_names_the_file(full: CandidateReport, tmp_path: Path) -> None:
    (tmp_path / "pictures" / full.recordings[0].frames[0].overlay_file).unlink()
    with pytest.raises(ReportError, match=r"map\.jpg.*Analyze the recording again"):
        write_candidate_report(full, tmp_path / "kim", Style())
    assert not (tmp_path / "kim").exists()


def test_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "kim").write_text("a file where the directory should be")
    with pytest.raises(ReportError, match="cannot be written"):
        write_candidate_report(make_candidate([]), tmp_path / "kim", Style())
    (tmp_path / "index.html").mkdir()
    with pytest.raises(ReportError, match="Check that the directory"):
        write_index([], tmp_path, Style(language="en"))
    assert not list(tmp_path.glob(".*.tmp"))


def test_unknown_language(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        write_candidate_report(make_candidate([]), tmp_path, Style(language="fr"))


def test_index_puts_problems_first_then_names_in_order(
    full: CandidateReport, tmp_path: Path
) -> None:
    names = ["하늘", "Zoë", "가람", "ahn", "Bae"]
    others = [make_candidate([make_failed(f"{n}.mp4")], candidate_id=n, display_name=n)
              for n in names]  # fmt: skip
    path = write_index([*others, full], tmp_path, Style(language="en"), provenance=PROVENANCE)
    page = Page(path)
    assert page.text.index("6 recordings could not be read") < page.text.index(
        "Candidates in the order"
    )
    assert "1 recording was read in part" in page.text
    assert "1 recording shows no usable face" in page.text
    cells = [a["aria-label"] for a in page.all("a") if "aria-label" in a]
    order = ["ahn", "Bae", "Kim Minji", "Zoë", "가람", "하늘"]
    assert cells == [f"Report of {name}" for name in order]
    assert "3 of 4 read" in page.text
    assert "smile" not in page.text.lower()


@pytest.mark.parametrize("name", ["김민지 #1", "100% ready?", 'a&b "c"', "x/y", "é"])
def test_links_survive_any_name(tmp_path: Path, name: str) -> None:
    report = make_candidate([make_faceless()], candidate_id=name)
    page = Page(write_index([report], tmp_path, Style(language="ko")))
    links = {a["href"] for a in page.all("a") if not a["href"].startswith("#")}
    assert len(links) == 1
    link = links.pop()
    assert re.fullmatch(r"[A-Za-z0-9%._~-]+/report\.html", link)
    assert unicodedata.normalize("NFC", unquote(link)) == f"{name}/report.html"


@pytest.mark.parametrize("language", LANGUAGES)
def test_index_without_candidates(tmp_path: Path, language: str) -> None:
    page = Page(write_index([], tmp_path, Style(language=language)))
    assert load_texts(language)("index.none") in page.text


def test_index_of_a_good_night(tmp_path: Path) -> None:
    report = make_candidate([make_recording(tmp_path / "p")])
    page = Page(write_index([report], tmp_path, Style(language="en")))
    assert "All recordings were read in full." in page.text


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width_px", [390, 1280])
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_sticks_out_in_a_browser(
    full: CandidateReport, tmp_path: Path, language: str, width_px: int
) -> None:
    """Lay both pages out in frames of a given width, and let a copy report what is too wide."""
    probe = "<script>parent.postMessage(document.documentElement.scrollWidth, '*')</script>"
    report = write_candidate_report(full, tmp_path / "kim", language=language)
    index = write_index([full], tmp_path, Style(language=language))
    frames = []
    for number, path in enumerate((report, index)):
        copy = tmp_path / f"copy-{number}.html"
        html = (
            path.read_text(encoding="utf-8")
            .replace(POLICY, "")
            .replace("<details", "<details open")
        )
        copy.write_text(html.replace("</body>", f"{probe}</body>"), encoding="utf-8")
        frames.append(f'<iframe src="{copy.name}" width="{width_px}" height="800"></iframe>')
    host = tmp_path / "host.html"
    host.write_text(
        "<!doctype html><body><p>seen</p><script>addEventListener('message', e => "
        "document.body.append(`[${e.data}]`))</script>" + "".join(frames)
    )
    dom = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=4000", "--dump-dom", host.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    widths = [int(width) for width in re.findall(r"\[(\d+)\]", dom)]
    assert len(widths) == 2
    assert all(width <= width_px for width in widths), widths
