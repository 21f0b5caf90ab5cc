"""From stored results to reports and the index: what each shows, under names and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.reports.candidates import candidate_report, write_candidate, write_overview
from poise.reports.locales import LANGUAGES, load_texts
from poise.settings import Settings
from poise.storage.results.outcome import LeftAside, Outcome
from poise.types import Status
from tests.factories import make_outcome, make_spec

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
    assert len(pages) == 4
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
