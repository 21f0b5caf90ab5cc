"""All recordings together: counts that are right, nothing of fewer than five, and no names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from poise.reports.cohort import LEAST_PEOPLE, cohort_of
from poise.reports.pages.content import write_index
from poise.reports.report_types import CandidateReport, NotAnalysed
from poise.settings import Settings
from tests.factories import make_candidate, make_failed, make_recording

NAMES = [f"Kim {letter}" for letter in "ABCDEFGH"]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[CandidateReport]:
    """Eight people with a recording each, a week apart, from 100 s to 800 s."""
    folder = tmp_path_factory.mktemp("pictures")
    return [
        make_candidate(
            [
                replace(
                    make_recording(folder, recording_id=f"secret-{k}/a.mp4",
                                   duration_s=100.0 * (k + 1), seed=k),
                    session_date=f"2026-11-{2 + 7 * (k % 3):02}",
                )
            ],
            candidate_id=f"secret-{k}",
            display_name=name,
        )
        for k, name in enumerate(NAMES)
    ]  # fmt: skip


def test_counts_over_recordings(people: list[CandidateReport]) -> None:
    again = replace(people[0].recordings[0], recording_id="secret-0/b.mp4")
    undated = replace(people[1].recordings[0], recording_id="secret-1/b.mp4", session_date="soon")
    first = replace(people[0], recordings=[*people[0].recordings, again, make_failed()])
    second = replace(people[1], recordings=[*people[1].recordings, undated])
    aside = [
        NotAnalysed(name="x", code="not_consented"), NotAnalysed(name="y", code="not_consented"),
        NotAnalysed(name="z", code="other_kind", harmless=True),
        NotAnalysed(name="segments.csv, line 2", code="row_time"),
    ]  # fmt: skip
    told = cohort_of([first, second, *people[2:]], aside)
    assert (told.people, told.recordings, told.undated) == (8, 10, 1)
    assert told.total_s == pytest.approx(sum(100 * k for k in range(1, 9)) + 100 + 200)
    # Two recordings of one person on one day are one session.
    assert told.weeks == [("2026-11-02", 3), ("2026-11-09", 3), ("2026-11-16", 2)]
    assert told.lengths == [4, 3, 3, 0, 0]  # under 5 min: 100 s and 200 s, twice each
    assert sum(told.coverages) == 10
    assert told.failures == [("not_consented", 2), ("unreadable", 1)]
    assert dict(told.reasons)["dark"] == 10 and "cut_off" not in dict(told.reasons)
    for spread in told.spreads:
        assert 0 <= spread.low <= spread.middle <= spread.high <= 1
    assert told.spread_recordings == 10


def test_the_same_file_counts_once_in_the_length_as_on_the_index(
    people: list[CandidateReport],
) -> None:
    """Under two names of one person, and of another person."""
    files = [f"input {r.recording_id}" for p in people for r in p.recordings]
    twins = [replace(p, provenance=dict.fromkeys(files, "a" * 64)) for p in people[:2]]
    others = [replace(p, provenance={}) for p in people[2:]]
    longest = max(r.length_s for p in twins for r in p.recordings)
    rest_s = sum(r.length_s for p in others for r in p.recordings)
    assert cohort_of([*twins, *others]).total_s == pytest.approx(longest + rest_s)


def test_with_fewer_than_five_people_nothing_is_told_of_them(
    people: list[CandidateReport],
) -> None:
    few = cohort_of(people[: LEAST_PEOPLE - 1])
    assert (few.people, few.enough) == (4, False)
    assert [few.weeks, few.lengths, few.coverages, few.reasons, few.spreads] == [[]] * 5
    assert cohort_of(people[:LEAST_PEOPLE]).enough
    # Many recordings of four people are still four people.
    four = [replace(p, recordings=p.recordings * 3) for p in people[:4]]
    assert not cohort_of(four).enough


def test_expressions_rest_on_five_people_with_a_minute_each(people: list[CandidateReport]) -> None:
    brief = [
        replace(p, recordings=[replace(p.recordings[0], statistics=replace(
            p.recordings[0].statistics, duration_s=30.0))])  # type: ignore[type-var]
        for p in people[:2]
    ]  # fmt: skip
    told = cohort_of([*brief, *people[2:6]])
    assert told.enough and told.spreads == [] and sum(told.lengths) == 6
    assert len(cohort_of([*brief, *people[2:7]]).spreads) == 4


def test_a_long_year_ends_with_its_last_half(people: list[CandidateReport]) -> None:
    old = replace(people[0].recordings[0], recording_id="old.mp4", session_date="2025-01-01")
    told = cohort_of([replace(people[0], recordings=[old]), *people[1:]])
    assert len(told.weeks) == 26
    assert told.weeks[-1][0] == "2026-11-16"
    assert told.weeks[0][1] == 0


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_names_nobody_and_says_what_it_is_not_for(
    people: list[CandidateReport], tmp_path: Path, language: str
) -> None:
    write_index(people, tmp_path, Settings(language=language))
    page = (tmp_path / "cohort.html").read_text(encoding="utf-8")
    assert "secret" not in page and "Kim" not in page
    said = {"en": "must not be used to select people", "ko": "선발하는 데 쓰면 안 됩니다"}
    assert said[language] in page
    assert 'href="cohort.html"' in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'href="index.html"' in page
    write_index(people[:4], tmp_path, Settings(language=language))
    page = (tmp_path / "cohort.html").read_text(encoding="utf-8")
    assert 'class="notice few"' in page and 'class="counts"' not in page


def test_in_both_languages_each_leads_to_its_own(
    people: list[CandidateReport], tmp_path: Path
) -> None:
    write_index(people, tmp_path, Settings(language="both"))
    assert 'href="index.ko.html"' in (tmp_path / "cohort.ko.html").read_text(encoding="utf-8")
    assert 'href="cohort.ko.html"' in (tmp_path / "index.ko.html").read_text(encoding="utf-8")
