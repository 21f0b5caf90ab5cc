"""All recordings of a centre taken together, without names: for planning, never for selection.

What describes people is told as a distribution over recordings, and only where it rests on
`LEAST_PEOPLE` people or more, so that nobody can be read from it; nobody is ranked.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import quantiles

from poise.reports.feedback.remarks import is_brief
from poise.reports.left_aside import of_table
from poise.reports.report_types import CandidateReport, NotAnalysed, RecordingReport
from poise.reports.sessions import date_of

LEAST_PEOPLE = 5
LENGTHS_MIN = (5, 10, 20, 40)
COVERAGES = (0.2, 0.4, 0.6, 0.8)
NOTICED = 0.05  # share of a recording's pictures from which a reason is counted
_MOST_WEEKS = 26


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The middle half of a share over recordings.

    Args:
        label: Of the apparent expression.
        low, middle, high: Quartiles, 0 to 1.
    """

    label: str
    low: float
    middle: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """What is told of all recordings of a centre.

    Args:
        people, recordings, total_s: How many, and how long together, see `total_s`.
        failures: Recordings that were not read, or not analysed, by the code of the reason; the
            commonest first. Wrong lines of tables are none.
        enough: Whether there are so many people that distributions are shown.
        weeks: Monday (ISO) and number of sessions of each of the last weeks; a session is a person
            on a day.
        undated: Recordings whose day is not known.
        lengths, coverages: Recordings in each class: below the first bound, between two, from the
            last one on.
        reasons: Quality flags, and in how many recordings they are noticed.
        spreads: Of the expressions.
        spread_recordings: Over so many recordings.
    """

    people: int
    recordings: int
    total_s: float
    failures: list[tuple[str, int]]
    enough: bool
    weeks: list[tuple[str, int]] = field(default_factory=list)
    undated: int = 0
    lengths: list[int] = field(default_factory=list)
    coverages: list[int] = field(default_factory=list)
    reasons: list[tuple[str, int]] = field(default_factory=list)
    spreads: list[Spread] = field(default_factory=list)
    spread_recordings: int = 0


def cohort_of(
    reports: Sequence[CandidateReport], not_analysed: Sequence[NotAnalysed] = ()
) -> Cohort:
    """All recordings of a centre taken together.

    Args:
        reports: Of all candidates.
        not_analysed: Recordings that were not analysed; what needs nothing done is left out.
    """
    everyone = [(report, r) for report in reports for r in report.recordings]
    read = [(report, r) for report, r in everyone if r.statistics is not None]
    people = {report.candidate_id for report, _ in read}
    codes = [r.code or "unreadable" for _, r in everyone if r.status == "failed"]
    codes += [left.code for left in not_analysed if not left.harmless and not of_table(left.code)]
    told = Cohort(
        people=len(people),
        recordings=len(read),
        total_s=total_s(reports),
        failures=Counter(codes).most_common(),
        enough=len(people) >= LEAST_PEOPLE,
    )
    return _with_distributions(told, read) if told.enough else told


def total_s(reports: Iterable[CandidateReport]) -> float:
    """Length of all recordings in seconds; those that are the same file count once."""
    lengths = {}
    for report in reports:
        for recording in report.recordings:
            own = f"{report.candidate_id}/{recording.recording_id}"
            which = report.provenance.get(f"input {recording.recording_id}") or own
            if recording.statistics is not None:
                lengths[which] = recording.length_s
    return sum(lengths.values())


def _with_distributions(
    told: Cohort, read: Sequence[tuple[CandidateReport, RecordingReport]]
) -> Cohort:
    statistics = [r.statistics for _, r in read if r.statistics is not None]
    noticed = Counter(
        flag for s in statistics for flag, share in s.flag_shares.items() if share >= NOTICED
    )
    clear = [(report, r) for report, r in read if not is_brief(r)]
    spreads: list[Spread] = []
    if len({report.candidate_id for report, _ in clear}) >= LEAST_PEOPLE:
        spreads = _spreads([r for _, r in clear])
    days = [(report.candidate_id, date_of(r.session_date)) for report, r in read]
    return replace(
        told,
        weeks=_weeks({(who, day) for who, day in days if day is not None}),
        undated=sum(day is None for _, day in days),
        lengths=_classes([r.length_s / 60 for _, r in read], LENGTHS_MIN),
        coverages=_classes([s.coverage for s in statistics if s.sampled_frames], COVERAGES),
        reasons=noticed.most_common(),
        spreads=spreads,
        spread_recordings=len(clear) if spreads else 0,
    )


def _weeks(sessions: set[tuple[str, datetime.date]]) -> list[tuple[str, int]]:
    """Sessions of each week from the first to the last, of the last half year at most."""
    if not sessions:
        return []
    counted = Counter(day - datetime.timedelta(days=day.weekday()) for _, day in sessions)
    last = max(counted)
    first = max(min(counted), last - datetime.timedelta(weeks=_MOST_WEEKS - 1))
    count = (last - first).days // 7 + 1
    mondays = [first + datetime.timedelta(weeks=k) for k in range(count)]
    return [(monday.isoformat(), counted[monday]) for monday in mondays]


def _classes(values: Sequence[float], bounds: Sequence[float]) -> list[int]:
    """How many values lie below the first bound, between two, and from the last one on."""
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[sum(value >= bound for bound in bounds)] += 1
    return counts


def _spreads(recordings: Sequence[RecordingReport]) -> list[Spread]:
    shares: dict[str, list[float]] = {}
    for recording in recordings:
        assert recording.statistics is not None
        for label, share in recording.statistics.shares.items():
            shares.setdefault(label, []).append(share)
    return [
        Spread(label=label, low=low, middle=middle, high=high)
        for label, values in shares.items()
        if len(values) == len(recordings)
        for low, middle, high in [quantiles(values, n=4, method="inclusive")]
    ]
