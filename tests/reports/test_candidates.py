"""From stored results to reports and the index: what each shows, under names and without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poise.identity_findings import IdentityFindings
from poise.reports.candidates import candidate_report, write_candidate, write_overview
from poise.reports.locales import LANGUAGES, load_texts
from poise.settings import Settings
from poise.spoken import Segment, Sound, Turn
from poise.statuses import Status
from poise.storage.results.format import StoredResult, write_result
from poise.storage.results.outcome import LeftAside, Outcome
from tests.factories import drawn_face, make_analysis, make_outcome, make_spec

SPEC = make_spec()
LEFT = [
    LeftAside(name="kim/long take.mxf", code="kind_not_read"),
    LeftAside(name="notes.txt", code="other_kind"),
]


@pytest.fixture
def outcomes(tmp_path: Path) -> list[Outcome]:
    """One recording that was read, one that failed, one without consent."""
    read = make_outcome(tmp_path / "s1", session_date="2026-11-06")
    failed = make_outcome(tmp_path / "s2", "kim/mock-2.mp4", session_date="2026-11-07")
    withheld = make_outcome(
        tmp_path / "s3", "park/1.mp4", candidate_id="park", display_name="Park Jiwoo"
    )
    secret = "OSError: /home/kim/secret.mp4"
    return [
        read,
        Outcome(recording=failed.recording, status=Status.FAILED, code="vanished", message=secret),
        Outcome(recording=withheld.recording, status=Status.NOT_CONSENTED, code="not_consented"),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_index_tells_all_that_was_found(
    outcomes: list[Outcome], tmp_path: Path, language: str
) -> None:
    settings, texts = Settings(language=language), load_texts(language)
    index = write_overview(outcomes, tmp_path / "out", settings, SPEC, LEFT)
    page = index.read_text(encoding="utf-8")
    for code in ("vanished", "not_consented", "kind_not_read", "other_kind"):
        assert texts(f"error.{code}.cause") in page
    for name in ("park/1.mp4", "kim/long take.mxf", "notes.txt"):
        assert name in page
    assert "secret" not in page
    assert 'href="park/' not in page  # nothing was written of it


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_that_lies_with_two_people_needs_attention(tmp_path: Path, language: str) -> None:
    """Unless a portrait says whom of it to take; of one person's files nothing is said."""
    settings, texts = Settings(language=language), load_texts(language)
    own, other = (
        make_outcome(tmp_path / name, f"{name}/1.mp4", candidate_id=name, display_name=name)
        for name in ("kim", "lee")
    )
    alone = replace(other, recording=replace(other.recording, sha256="f0" * 32))
    told = replace(other, recording=replace(other.recording, portrait=Path("/lee.jpg")))
    attention = texts("index.shared_text")
    for together, times in (([own, other], 2), ([own, alone], 0), ([own, told], 1)):
        page = write_overview(together, tmp_path / "out", settings, SPEC).read_text("utf-8")
        assert page.count(attention) == times
        assert (texts.count("index.shared", times) in page) == bool(times)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sitting_that_is_there_twice_needs_attention(tmp_path: Path, language: str) -> None:
    """A copy made anew, or another view of the call; another sitting is none."""
    settings, texts = Settings(language=language), load_texts(language)
    one, another, again = (
        make_outcome(tmp_path / name, f"kim/{name}.mp4", seed=seed)
        for name, seed in (("gallery", 1), ("later", 2), ("speaker", 1))
    )
    page = write_overview([one, another, again], tmp_path, settings, SPEC).read_text("utf-8")
    assert texts.count("index.copies", 1) in page
    assert texts("index.copies_text") in page
    assert ">kim/gallery.mp4, kim/speaker.mp4<" in page
    alone = write_overview([one, another], tmp_path, settings, SPEC).read_text("utf-8")
    assert texts("index.no_problems") in alone


def test_without_consent_alone_is_not_all_in_full(outcomes: list[Outcome], tmp_path: Path) -> None:
    settings = Settings(language="en")
    page = write_overview([outcomes[0], outcomes[2]], tmp_path, settings, SPEC).read_text("utf-8")
    assert "All recordings were analysed in full." not in page
    harmless = write_overview([outcomes[0]], tmp_path, settings, SPEC, LEFT[1:]).read_text("utf-8")
    assert "All recordings were analysed in full." in harmless


def test_without_names_no_page_names_anybody(outcomes: list[Outcome], tmp_path: Path) -> None:
    settings = Settings(language="both", anonymous=True)
    write_candidate(outcomes[:2], tmp_path / "out", settings, SPEC)
    write_overview(outcomes, tmp_path / "out", settings, SPEC, LEFT)
    pages = list((tmp_path / "out").rglob("*.html"))
    assert len(pages) == 6
    for page in pages:
        text = page.read_text(encoding="utf-8") + page.name
        for name in ("Minji", "mock-", "Jiwoo", "park/", "long take", "notes.txt", "secret"):
            assert name not in text


def test_a_report_knows_what_the_recording_is(outcomes: list[Outcome], tmp_path: Path) -> None:
    report = candidate_report(outcomes[:2], Settings(), SPEC, tmp_path / "out" / "kim")
    first, second = report.recordings
    assert first.size_px == (640, 480) and first.video_s == 40.0
    assert first.video.endswith("recordings/kim/mock-1.mp4")
    assert first.unseen and all(a < b for a, b in first.unseen)
    assert first.series is not None and second.series is None
    assert (second.status, second.code) == ("failed", "vanished")
    nameless = candidate_report(outcomes[:1], Settings(anonymous=True), SPEC, tmp_path / "o" / "k")
    assert nameless.recordings[0].video == ""


def in_doubt(tmp_path: Path, doubt: str) -> Outcome:
    """A recording that shows two people who look alike, with a picture and a face of each."""
    outcome = make_outcome(tmp_path / "s9", "kim/mock-9.mp4", session_date="2026-11-09")
    assert outcome.result is not None
    found = IdentityFindings(
        doubt=doubt, by_portrait=False, embedding=np.zeros((0, 128), np.float32),
        others=np.zeros((0, 128), np.float32), uncertain_frames=0,
    )  # fmt: skip
    directory = tmp_path / "s10"
    directory.mkdir()
    faces = {f"face-{k}.jpg": drawn_face(k, size=48) for k in (0, 1)}
    write_result(replace(make_analysis(seed=9), identity=found, files=faces), directory)
    return replace(outcome, result=StoredResult.read(directory))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_recording_that_may_show_somebody_else_is_not_shown_to_a_candidate(
    outcomes: list[Outcome], tmp_path: Path, language: str
) -> None:
    texts, settings = load_texts(language), Settings(language=language)
    doubtful = in_doubt(tmp_path, "two_alike")
    (page,) = write_candidate([outcomes[0], doubtful], tmp_path / "out", settings, SPEC).reports
    source = page.read_text(encoding="utf-8")
    assert texts("recording.unsure.title") in source and texts("recording.unsure.text") in source
    assert texts.count("glance.checked", 1) in source
    assert texts("unsure.two_alike") not in source
    report = candidate_report([outcomes[0], doubtful], settings, SPEC, tmp_path / "out" / "kim")
    sure, unsure = report.recordings
    assert unsure.statistics is None and unsure.series is None and not unsure.video
    assert not (unsure.episodes or unsure.frames or unsure.answers or unsure.remarks)
    assert report.overall is not None and sure.statistics is not None
    assert report.overall.duration_s == sure.statistics.duration_s
    assert not (tmp_path / "out" / "kim" / "progress.html").exists()
    index = write_overview([outcomes[0], doubtful], tmp_path / "out", settings, SPEC)
    told = index.read_text(encoding="utf-8")
    assert texts("unsure.two_alike") in told and told.count("data:image/jpeg") == 2
    assert texts("index.status.unsure") in told


def test_a_report_of_nothing_but_doubts_says_so(tmp_path: Path) -> None:
    settings = Settings(language="en")
    (page,) = write_candidate([in_doubt(tmp_path, "still")], tmp_path, settings, SPEC).reports
    source = page.read_text(encoding="utf-8")
    assert "Your centre is still checking this report" in source
    assert "could not be read" not in source and "<img" not in source and "<svg" not in source


def test_a_report_knows_the_answers(outcomes: list[Outcome], tmp_path: Path) -> None:
    given = tuple(
        Segment(kind="part", label=label, start_s=start_s, end_s=start_s + 18, source="table")
        for label, start_s in (("Why?", 0.0), ("", 20.0))
    )
    read = outcomes[0]
    assert read.result is not None
    result = replace(read.result, given_segments=given, sound=Sound(status="silent"))
    report = candidate_report([replace(read, result=result)], Settings(), SPEC, tmp_path / "o")
    (recording,) = report.recordings
    assert [answer.label for answer in recording.answers] == ["Why?", ""]
    assert recording.answers[0].whole.usable_frames > 0
    assert recording.sound == "silent" and recording.speaking is None


@pytest.mark.parametrize(
    ("status", "speakers", "said"),
    [
        ("heard", ["someone_else", "candidate"], "heard"),
        ("heard", ["unsure"], "heard"),
        ("heard", ["someone_else"], "not_yours"),
        ("heard", [], "no_voice"),
        ("silent", [], "silent"),
    ],
)
def test_a_report_knows_whose_voice_was_heard(
    outcomes: list[Outcome], tmp_path: Path, status: str, speakers: list[str], said: str
) -> None:
    turns = tuple(Turn(speaker=who, start_s=k, end_s=k + 1) for k, who in enumerate(speakers))
    read = outcomes[0]
    assert read.result is not None
    result = replace(read.result, sound=Sound(status=status, turns=turns))
    report = candidate_report([replace(read, result=result)], Settings(), SPEC, tmp_path / "o")
    assert report.recordings[0].sound == said
