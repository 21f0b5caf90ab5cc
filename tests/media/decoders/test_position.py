"""Where in a stream a frame stands."""

from __future__ import annotations

from poise.media.decoders.position import Position


def _read(times: list[float | None]) -> Position:
    position = Position()
    for time_s in times:
        position.read(time_s)
    return position


def test_frames_that_were_not_decoded_count() -> None:
    position = _read([0.0, 0.12, 0.04, 0.08])
    assert [position.before(t) for t in (0.0, 0.04, 0.12)] == [0, 1, 3]


def test_the_earliest_packet_from_a_time_on_is_known() -> None:
    position = _read([0.0, 0.12, 0.04, 0.08])
    assert position.first_from(0.05) == 0.08
    assert position.first_from(0.5) is None
    position.before(0.1)
    assert position.times() == [0.12]


def test_without_time_stamps_only_what_is_decoded_counts() -> None:
    position = _read([0.0, None])
    position.decoded = 3
    assert position.before(1.0) == 2
    assert position.first_from(0.0) is None and position.times() == []
