"""What was lost is said in words."""

from __future__ import annotations

from poise.media.losses import Losses


def test_what_was_lost_is_said_in_words() -> None:
    assert Losses().describe(9.9, 10.0) == ""
    assert Losses().describe(5.0, None) == ""
    assert "breaks off at 4.0 s of 10.0 s" in Losses().describe(4.0, 10.0)
    assert "3 damaged packets were" in Losses(damaged=3).describe(9.9, 10.0)
    assert "1 damaged packet was" in Losses(damaged=1).describe(9.9, 10.0)
    assert "2 pictures are damaged, and those behind" in Losses(corrupt=2).describe(9.9, 10.0)
    assert "starts again at 7.0 s" in Losses(again_s=7.0).describe(9.9, 10.0)
    assert "leaps to 31,536,000 s" in Losses(leap_s=31_536_000.0).describe(9.9, 10.0)
    assert "claims to last 1,000,000 s" in Losses(too_long_s=1e6).describe(9.9, None)


def test_a_minute_that_lacks_of_an_hour_is_a_loss() -> None:
    assert "breaks off at 3529.0 s of 3600.0 s" in Losses().describe(3529.0, 3600.0)
    assert Losses().describe(3599.0, 3600.0) == ""


def test_frames_out_of_order_are_a_loss_unless_there_are_one_or_two() -> None:
    assert Losses(disordered=2).describe(9.9, 10.0) == ""
    assert "20 frames that come out of order" in Losses(disordered=20).describe(9.9, 10.0)
