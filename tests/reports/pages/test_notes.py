"""What a coach noted stands in the report: in the coach's words, at its moment, and harmless."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from poise.coach_notes import CoachNote
from poise.reports.pages.content import write_candidate_report
from poise.settings import Settings
from tests.factories import make_candidate, make_faceless, make_recording

NOTES = (
    CoachNote(time_s=None, author="", text="<script>alert(1)</script> & 좋아요"),
    CoachNote(time_s=83.5, author="박 <b>코치</b>", text="Look up here.\n\nThen pause."),
)


@pytest.mark.parametrize(
    ("language", "heading", "whole"),
    [("en", "From your coach", "The whole recording"), ("ko", "코치의 메모", "영상 전체")],
)
def test_notes_at_their_moments(tmp_path: Path, language: str, heading: str, whole: str) -> None:
    noted = replace(make_recording(tmp_path / "p", recording_id="kim/2.mp4"), coach_notes=NOTES)
    report = make_candidate([make_recording(tmp_path / "p"), noted])
    write_candidate_report(report, tmp_path, Settings(language=language))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count(f">{heading}</h3>") == 1
    assert f"<b>{whole}</b>" in page
    assert 'href="#t=83.5,88.5&amp;r=2"' in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; 좋아요" in page
    assert "<script>alert" not in page and "<b>코치" not in page
    assert "<p>Look up here.</p>\n<p>Then pause.</p>" in page


def test_without_a_timeline_a_moment_is_told_and_leads_nowhere(tmp_path: Path) -> None:
    report = make_candidate([replace(make_faceless(), coach_notes=NOTES)])
    write_candidate_report(report, tmp_path, Settings())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<b>1:23</b>" in page or "<b>01:23</b>" in page
    assert 'href="#t=83.5' not in page


def test_a_moment_behind_the_end_is_told_and_not_offered(tmp_path: Path) -> None:
    late = replace(NOTES[1], time_s=5000.0)
    report = make_candidate([replace(make_recording(tmp_path / "p"), coach_notes=(late,))])
    write_candidate_report(report, tmp_path, Settings())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Look up here." in page and "<b>1:23:20</b>" in page
    assert 'href="#t=5000' not in page


def test_without_notes_nothing_is_said(tmp_path: Path) -> None:
    write_candidate_report(make_candidate([make_recording(tmp_path / "p")]), tmp_path, Settings())
    assert "From your coach" not in (tmp_path / "report.html").read_text(encoding="utf-8")
