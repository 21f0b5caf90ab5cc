"""What a candidate and a centre get to read."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from poise.errors import ReportError, SettingsError
from poise.labels import CLEAR, FAIRLY_CLEAR, clearness
from poise.reports.locales import LANGUAGES, load_texts
from poise.reports.pages.content import write_candidate_report, write_index
from poise.reports.report_types import CandidateReport, NotAnalysed, RecordingReport
from poise.reports.sentences import recording_title
from poise.settings import Settings
from poise.types import Baseline
from tests.factories import (
    PROVENANCE,
    QUESTIONS,
    make_answers,
    make_candidate,
    make_faceless,
    make_failed,
    make_recording,
    make_unsure,
)

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """What a test asks of a page: its elements, links, ids, headings and text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
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
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif not self.open or self.open[-1] != "style":
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
                seed=2,
                status="partial",
                code="partial",
            ),
            make_faceless(),
            make_failed(),
        ]
    )


def page_of(report: CandidateReport, directory: Path, language: str = "en") -> Page:
    return Page(write_candidate_report(report, directory, Settings(language=language))[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_is_whole_and_asks_nobody(
    full: CandidateReport, tmp_path: Path, language: str
) -> None:
    page = page_of(full, tmp_path / "kim", language)
    assert (tmp_path / "kim" / "report.html").is_file()
    assert page.all("html")[0]["lang"] == language
    kinds = [script.get("type") for script in page.all("script")]
    assert kinds == [None, "application/json", None]
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    digests = [
        base64.b64encode(hashlib.sha256(page.scripts[k].encode()).digest()).decode() for k in (0, 2)
    ]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert "default-src 'none'" in policy and f"script-src {allowed};" in policy
    assert "http" not in policy
    assert not page.all("link") and not page.all("iframe")
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert re.match(r"#|progress(\.ko)?\.html$", attributes.get("href", "#"))
    assert not re.search(r"url\((?!#)|@import", page.source)
    for url in re.findall(r"https?://[^\s\"'<]+", page.source):
        assert url.startswith(("http://www.w3.org/", "https://github.com/leeoniya/uPlot")), url


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
                if not target.startswith(("#t=", "progress")):
                    assert target.removeprefix("#") in ids


def test_sentences_come_from_the_figures(full: CandidateReport, tmp_path: Path) -> None:
    assert full.overall is not None
    shares = {"positive": 0.18, "neutral": 0.7, "negative": 0.1, "surprise": 0.02}
    latest = full.recordings[1]
    assert latest.statistics is not None
    statistics = replace(latest.statistics, shares=shares)
    recordings = [full.recordings[0], replace(latest, statistics=statistics), *full.recordings[2:]]
    overall = replace(full.overall, coverage=0.93)
    text = page_of(replace(full, overall=overall, recordings=recordings), tmp_path).text
    assert "Recording of 20 November (mock-2.mp4): what stood out" in text
    assert "A neutral expression was visible in 70% of the frames with a usable face" in text
    assert "a smile-like expression in 18%, and a frown-like or tense expression in 10%." in text
    assert "Your face could be used in 93% of the pictures" in text
    assert "1 recording could not be read" in text


def test_each_kind_of_recording_says_what_happened(full: CandidateReport, tmp_path: Path) -> None:
    text = page_of(full, tmp_path).text
    assert "Note Self-introduction" in text
    assert "At most 2 other people were in the picture at a time." in text
    assert "This recording was read in part Only a part of the recording could be read." in text
    assert "No usable face was found 600 pictures, 5 a second, were looked at" in text
    assert "Put a lamp or a window in front of you" in text
    assert "This recording could not be read The recording cannot be read." in text
    assert "How to read this report" in text and "An apparent expression is not a feeling." in text
    assert "too dark" in text and "12%" in text


def test_frames_stand_beside_their_maps(full: CandidateReport, tmp_path: Path) -> None:
    page = page_of(full, tmp_path)
    frames = [frame for recording in full.recordings for frame in recording.frames]
    explained = [frame for frame in frames if frame.label != "neutral"]
    assert 0 < len(explained) < len(frames)
    assert len(page.all("img")) == len(frames) + len(explained)
    assert sum(tag.get("type") == "range" for tag in page.all("input")) == len(explained)
    for region, sentence in {
        "mouth": "Judged mostly by the area around the mouth.",
        "eyes": "Judged mostly by the area around the eyes and brows.",
        "": "No single part of the face decided.",
    }.items():
        assert page.text.count(sentence) == sum(frame.region == region for frame in explained)


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


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_left_out_as_a_whole_is_no_recording_without_a_face(
    tmp_path: Path, language: str
) -> None:
    texts, recording = load_texts(language), make_faceless()
    assert recording.statistics is not None
    nothing = replace(recording.statistics, duration_s=0.0, sampled_frames=0, end_s=60.0)
    recording = replace(recording, statistics=nothing, excluded=((0.0, 60.0),))
    report = replace(make_candidate([]), recordings=[recording], overall=nothing)
    page = page_of(report, tmp_path, language)
    assert texts("glance.left_out") in page.text and texts("recording.left_out.state") in page.text
    assert texts("recording.left_out", start=texts.moment(0), end=texts.moment(60)) in page.text
    assert texts("recording.no_face.title") not in page.text and "0%" not in page.text
    index = Page(write_index([report], tmp_path, Settings(language=language)))
    assert texts("index.status.left_out") in index.text and "0%" not in index.text
    assert texts.count("index.faceless", 1) not in index.text


def test_no_recordings(tmp_path: Path) -> None:
    assert "no recordings in this report" in page_of(make_candidate([]), tmp_path).text


def test_low_coverage_is_said(tmp_path: Path) -> None:
    recording = make_recording(tmp_path / "pictures")
    assert recording.statistics is not None
    dim = replace(recording.statistics, coverage=0.3)
    report = make_candidate([replace(recording, statistics=dim)])
    assert "less than half of this recording" in page_of(report, tmp_path).text


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_that_no_picture_was_left_out_is_said_only_where_none_was(
    tmp_path: Path, share: float
) -> None:
    recording = make_recording(tmp_path)
    assert recording.statistics is not None
    flags = {"dark": 0.0, "blurred": share}
    recording = replace(recording, statistics=replace(recording.statistics, flag_shares=flags))
    text = page_of(make_candidate([recording]), tmp_path / "out").text
    said, texts = " ".join(text.split()), load_texts("en")
    assert (texts("coverage.no_limits") in said) is (not share)
    assert ("your face was not found" in said) is (not share)  # what was flagged shows it
    assert (f"1% {texts('flag.blurred')}" in said) is bool(share)


def test_words_from_outside_are_escaped(tmp_path: Path) -> None:
    attack = "<script>alert(1)</script>\"'&"
    recording = make_recording(tmp_path / "pictures", note=attack, recording_id=f"k/{attack}.mp4")
    failed = replace(make_failed(attack), code=attack)
    report = replace(
        make_candidate([recording, failed], display_name=attack), provenance={attack: attack}
    )
    left = [NotAnalysed(name=attack, code=attack, harmless=one) for one in (True, False)]
    index = write_index(
        [report], tmp_path, Settings(centre_note=attack, centre_name=attack), not_analysed=left
    )
    for page in (page_of(report, tmp_path), Page(index)):
        assert not any(attack in script for script in page.scripts)
        assert attack in page.text


def test_never_speaks_of_feelings_or_scores(full: CandidateReport, tmp_path: Path) -> None:
    text = page_of(full, tmp_path).text.lower()
    for word in ("you felt happy", "your emotion", "you are nervous", "your score", "ranking"):
        assert word not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_same_report_same_bytes(full: CandidateReport, tmp_path: Path, language: str) -> None:
    settings = Settings(language=language)
    (first,) = write_candidate_report(full, tmp_path / "a", settings)
    (second,) = write_candidate_report(full, tmp_path / "b", settings)
    assert second.read_bytes() == first.read_bytes()
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["progress.html", "report.html"]


def test_what_was_printed_of_an_earlier_report_goes(full: CandidateReport, tmp_path: Path) -> None:
    for name in ("report.pdf", "report.ko.pdf", "own.pdf"):
        (tmp_path / name).touch()
    write_candidate_report(full, tmp_path, Settings())
    assert [path.name for path in tmp_path.glob("*.pdf")] == ["own.pdf"]


def test_many_recordings(tmp_path: Path) -> None:
    recordings = [
        make_recording(tmp_path / "p", recording_id=f"kim/{k}.mp4", duration_s=60, seed=k)
        for k in range(12)
    ]
    page = page_of(make_candidate(recordings), tmp_path)
    assert len(page.all("svg")) == 12
    assert "This report covers 12 recordings" in page.text


def test_missing_picture_names_the_file(full: CandidateReport, tmp_path: Path) -> None:
    frames = full.recordings[0].frames
    file = next(frame.overlay_file for frame in frames if frame.overlay_file)
    (tmp_path / "pictures" / file).unlink()
    with pytest.raises(ReportError, match=r"map\.jpg.*Analyze the recording again"):
        write_candidate_report(full, tmp_path / "kim", Settings())
    assert not (tmp_path / "kim").exists()


def test_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "kim").write_text("a file where the directory should be")
    with pytest.raises(ReportError, match="cannot be written"):
        write_candidate_report(make_candidate([]), tmp_path / "kim", Settings())
    (tmp_path / "index.html").mkdir()
    with pytest.raises(ReportError, match="Check that the directory"):
        write_index([], tmp_path, Settings(language="en"))
    assert not list(tmp_path.glob(".*.tmp"))


def test_unknown_language(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        write_candidate_report(make_candidate([]), tmp_path, Settings(language="fr"))


def test_index_puts_problems_first_then_names_in_order(
    full: CandidateReport, tmp_path: Path
) -> None:
    names = ["하늘", "Zoë", "가람", "ahn", "Bae"]
    others = [make_candidate([make_failed(f"{n}.mp4")], candidate_id=n, display_name=n)
              for n in names]  # fmt: skip
    path = write_index([*others, full], tmp_path, Settings(language="en"), provenance=PROVENANCE)
    page = Page(path)
    assert page.text.index("6 recordings could not be read") < page.text.index(
        "Candidates in the order"
    )
    assert "1 recording was read in part" in page.text
    assert "1 recording shows no usable face" in page.text
    cells = [a["aria-label"].partition(":")[0] for a in page.all("a") if "aria-label" in a]
    order = ["ahn", "Bae", *["Kim Minji"] * 4, "Zoë", "가람", "하늘"]
    assert cells == [f"Report of {name}" for name in order]
    assert "smile" not in page.text.lower()


@pytest.mark.parametrize("name", ["김민지 #1", "100% ready?", 'a&b "c"', "x/y", "é"])
def test_links_survive_any_name(tmp_path: Path, name: str) -> None:
    report = make_candidate([make_faceless()], candidate_id=name)
    page = Page(write_index([report], tmp_path, Settings(language="ko")))
    links = {a["href"].partition("#")[0] for a in page.all("a")} - {"", "cohort.html"}
    assert len(links) == 1
    link = links.pop()
    assert re.fullmatch(r"[A-Za-z0-9%._~-]+/report\.html", link)
    assert unicodedata.normalize("NFC", unquote(link)) == f"{name}/report.html"


@pytest.mark.parametrize("language", LANGUAGES)
def test_index_without_candidates(tmp_path: Path, language: str) -> None:
    page = Page(write_index([], tmp_path, Settings(language=language)))
    assert load_texts(language)("index.none") in page.text


def test_a_stretch_within_one_second_is_told_as_a_moment(tmp_path: Path) -> None:
    recording = make_recording(tmp_path / "p")
    start_s = recording.episodes[0].start_s // 1
    short = replace(recording.episodes[0], start_s=start_s + 0.1, end_s=start_s + 0.9)
    longer = replace(short, start_s=start_s + 1.1, end_s=start_s + 2.0)
    page = page_of(make_candidate([replace(recording, episodes=[short, longer])]), tmp_path / "kim")
    times = re.findall(r'<th scope="row" data-value[^>]*><a[^>]*>([^<]+)</a>', page.source)
    assert len(times) == 2
    assert re.fullmatch(r"\d\d:\d\d", times[0]) and re.fullmatch(r"(\d\d:\d\d)–(?!\1).+", times[1])


def test_index_of_a_good_night(tmp_path: Path) -> None:
    report = make_candidate([make_recording(tmp_path / "p")])
    page = Page(write_index([report], tmp_path, Settings(language="en")))
    assert "All recordings were analysed in full." in page.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_failure_is_told_by_its_code_in_the_readers_language(
    tmp_path: Path, language: str
) -> None:
    texts = load_texts(language)
    failed = replace(make_failed(), code="no_permission")
    odd = replace(make_failed("kim/b.mp4"), code="OSError: /home/kim/secret.mp4")
    report = make_candidate([failed, odd])
    index = Page(write_index([report], tmp_path, Settings(language=language)))
    for page in (page_of(report, tmp_path / "kim", language), index):
        assert texts("error.no_permission.cause") in page.text
        assert texts("error.internal.cause") in page.text
        assert "secret" not in page.source
    assert texts("error.no_permission.remedy") in index.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_index_names_what_was_not_analysed_and_why(tmp_path: Path, language: str) -> None:
    texts = load_texts(language)
    left = [
        NotAnalysed(name="Park/1.mp4", code="not_consented"),
        NotAnalysed(name="Choi/a.mxf", code="kind_not_read"),
        NotAnalysed(name="Choi/b.mxf", code="kind_not_read"),
        NotAnalysed(name="notes.txt", code="other_kind", harmless=True),
    ]
    settings = Settings(language=language)
    page = Page(write_index([], tmp_path, settings, not_analysed=left))
    for one in left:
        assert one.name in page.text and texts(f"error.{one.code}.cause") in page.text
    assert texts("error.kind_not_read.remedy") in page.text
    assert texts.count("index.not_analysed", 2) in page.text
    assert texts("index.no_problems") not in page.text
    harmless = Page(write_index([], tmp_path, settings, not_analysed=left[-1:]))
    assert texts("index.problems") not in harmless.text


@pytest.mark.parametrize(("hashes", "length_s"), [("aa", 900), ("ab", 1800)])
def test_the_same_file_counts_once_in_the_length_of_all(
    tmp_path: Path, hashes: str, length_s: int
) -> None:
    reports = []
    for name, digest in zip(("kim", "lee"), hashes, strict=True):
        recording = make_recording(tmp_path / name, recording_id=f"{name}/1.mp4", duration_s=900)
        report = make_candidate([recording], candidate_id=name)
        facts = {f"input {name}/1.mp4": digest * 64}
        reports.append(replace(report, provenance=facts))
    page = Page(write_index(reports, tmp_path, Settings()))
    texts = load_texts("en")
    said = texts("index.total_length", length=texts.length(length_s)).replace("\xa0", " ")
    assert said in page.text.replace("\xa0", " ")


def test_the_index_explains_its_colours(tmp_path: Path) -> None:
    page = Page(
        write_index([make_candidate([make_recording(tmp_path / "p")])], tmp_path, Settings())
    )
    for words in ("Neutral", "Surprise-like", "no expression prevails", "no usable face"):
        assert words in page.text


def test_a_report_links_only_to_what_was_written_and_says_how_to_get_it(
    full: CandidateReport, tmp_path: Path
) -> None:
    one = page_of(make_candidate([make_recording(tmp_path / "p")]), tmp_path / "one")
    assert {a["href"] for a in one.all("a") if not a["href"].startswith("#")} == set()
    assert "ask your centre for" not in one.text
    (first, _) = write_candidate_report(full, tmp_path / "kim", Settings(language="both"))
    page = Page(first)
    links = {a["href"] for a in page.all("a") if not a["href"].startswith("#")}
    assert links == {"progress.html", "report.ko.html"}
    assert all((tmp_path / "kim" / link).is_file() for link in links)
    assert "in the same folder: report.ko.html, progress.html. If this page" in page.text


@pytest.mark.parametrize(("language", "title"), [("en", "Recording of {}"), ("ko", "{} 영상")])
def test_recordings_are_called_by_their_date(tmp_path: Path, language: str, title: str) -> None:
    texts, pictures = load_texts(language), tmp_path / "p"

    def of(name: str, date: str, time: str = "") -> RecordingReport:
        recording = make_recording(pictures, recording_id=f"kim/{name}.mp4", session_date=date)
        return replace(recording, session_time=time)

    recordings = [of("a", "2026-10-26"), of("b", "2026-11-20", "09:30"),
                  of("c", "2026-11-20", "14:00"), of("d", "26 Oct")]  # fmt: skip
    report = make_candidate(recordings)
    titles = [recording_title(recording, report, texts) for recording in recordings]
    assert titles[0] == title.format(texts.day("2026-10-26"))
    assert "09:30" in titles[1] and "14:00" in titles[2] and titles[3] == "d.mp4"
    later = make_candidate([of("a", "2026-10-26"), of("b", "2027-01-02")])
    assert "2027" in recording_title(later.recordings[1], later, texts)


def test_nothing_is_compared_below_a_minute_of_a_usable_face(tmp_path: Path) -> None:
    brief = make_recording(tmp_path / "p", duration_s=19, seed=3)
    page = page_of(make_candidate([brief]), tmp_path / "kim")
    assert "Your face could be used for only 18 s." in page.text
    assert "was visible in" not in page.text and "times a minute" not in page.text
    assert not [e for e in page.elements if e[1].get("class") == "stacked"]
    long = make_recording(tmp_path / "p", recording_id="kim/long.mp4")
    both = make_candidate([long, brief])
    page = page_of(both, tmp_path / "kim")
    assert "(mock-1.mp4): what stood out" not in page.text
    assert "under a minute of usable face: not compared" in page.text
    progress = Page(tmp_path / "kim" / "progress.html")
    assert "Recordings with under a minute of usable face are left out." in progress.text
    assert progress.source.count("<circle") == 4  # one recording, four expressions
    again = make_recording(tmp_path / "p", recording_id="kim/2.mp4", duration_s=19, seed=4)
    page_of(make_candidate([brief, again]), tmp_path / "kim")
    progress = Page(tmp_path / "kim" / "progress.html")
    assert "Each recording so far has under a minute of usable face." in progress.text
    assert "<circle" not in progress.source  # nor axes without anything on them


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_resting_face_is_told_kindly(tmp_path: Path, language: str) -> None:
    texts = load_texts(language)
    recording = make_recording(tmp_path / "p")
    assert (
        texts("baseline.text") not in page_of(make_candidate([recording]), tmp_path, language).text
    )
    against = replace(recording, baseline=Baseline(kind="auto", level=0.4, certainty=0.9))
    text = page_of(make_candidate([against]), tmp_path, language).text
    assert texts("baseline.text") in text and texts("baseline.resting.negative") in text
    hardly = replace(recording, baseline=Baseline(kind="auto", level=0.4, certainty=0.2))
    text = page_of(make_candidate([hardly]), tmp_path, language).text
    assert texts("baseline.text") not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_that_speaking_changes_a_face_is_said_whatever_is_heard(
    tmp_path: Path, language: str
) -> None:
    said = load_texts(language)("reading.speaking")
    recording = make_recording(tmp_path / "p")
    for sound in ("none", "heard", "off"):
        page = page_of(make_candidate([replace(recording, sound=sound)]), tmp_path, language)
        assert said in page.text


def test_korean_pages_speak_as_an_editor_would(full: CandidateReport, tmp_path: Path) -> None:
    report = page_of(full, tmp_path / "kim", "ko")
    index = Page(write_index([full], tmp_path, Settings(language="ko")))
    for page in (report, index):
        assert not re.search("확신도|지원자|중립적|장면|판단에 참고한", page.text)
    assert "담담한 표정" in report.text and "뚜렷함" in report.text
    assert "주로 입 주변을 보고 판단했습니다." in report.text
    assert "▶ " in report.text and "초 보기" in report.text


def test_words_for_certainty_follow_the_thresholds() -> None:
    assert [clearness(p) for p in (0.99, CLEAR, CLEAR - 0.01, FAIRLY_CLEAR, 0.1)] == [
        "clear", "clear", "fair", "fair", "hard"
    ]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_answer_has_a_row_that_can_be_played(tmp_path: Path, language: str) -> None:
    texts = load_texts(language)
    recording = make_answers(make_recording(tmp_path / "p", duration_s=600, seed=5))
    page = page_of(make_candidate([recording]), tmp_path, language)
    rows = [attributes for attributes in page.all("li") if attributes.get("class") == "answer"]
    assert len(rows) == len(recording.answers) == 6
    plays = [a["href"] for a in page.all("a") if a.get("class") == "play"]
    assert plays == [f"#t={a.start_s:.1f},{a.end_s:.1f}" for a in recording.answers]
    for number, question in enumerate(QUESTIONS, start=1):
        assert f"{number}. {question}" in page.text
    assert texts("answers.asked") in page.text and texts("answers.last") in page.text
    assert page.source.count('class="moment"') == len(recording.frames)  # each picture once


def test_many_answers_are_folded(tmp_path: Path) -> None:
    recording = make_recording(tmp_path / "p", duration_s=1800)
    page = page_of(make_candidate([make_answers(recording, 30, labelled=False)]), tmp_path, "en")
    assert "18 more answers" in page.text and "Answer 30" in page.text


UNKNOWN = ("none", "silent", "broken", "no_voice", "not_yours", "heard")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sound", [*UNKNOWN, "off"])
def test_without_answers_it_is_said_why(tmp_path: Path, language: str, sound: str) -> None:
    texts = load_texts(language)
    recording = replace(make_recording(tmp_path / "p"), sound=sound)
    text = page_of(make_candidate([recording]), tmp_path, language).text
    for status in UNKNOWN:
        assert (texts(f"answers.unknown.{status}") in text) is (status == sound)


def test_the_newest_recording_is_open_and_earlier_ones_are_folded(tmp_path: Path) -> None:
    recordings = [
        make_recording(tmp_path / "p", recording_id=f"kim/{day}.mp4", seed=day,
                       session_date=f"2026-11-{day:02}", duration_s=120)
        for day in (3, 10, 17)
    ]  # fmt: skip
    source = page_of(make_candidate(recordings), tmp_path).source
    folds = re.findall(r'id="recording-(\d)".*?<details class="whole"( open)?>', source, re.S)
    assert folds == [("3", " open"), ("2", ""), ("1", "")]


def test_what_is_open_is_what_is_spoken_of(tmp_path: Path) -> None:
    """Where the newest cannot be spoken of, the recording that is spoken of is open as well."""
    recordings = [make_recording(tmp_path / "p"), make_unsure(), make_failed()]
    page = page_of(make_candidate(recordings), tmp_path)
    folds = re.findall(r'id="recording-(\d)".*?<details class="whole"( open)?>', page.source, re.S)
    assert folds == [("3", " open"), ("2", ""), ("1", " open")]
    assert "being checked by your centre" in page.text and "could not be read" in page.text


def test_an_hour_has_an_overview_and_ten_minutes_have_none(tmp_path: Path) -> None:
    for duration_s, expected in ((3600, True), (600, False)):
        recording = make_recording(tmp_path / "p", duration_s=duration_s)
        page = page_of(make_candidate([recording]), tmp_path)
        assert ("a column for about each minute" in page.text) is expected
