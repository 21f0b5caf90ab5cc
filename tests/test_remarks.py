"""What is unusual about how a recording is read is said in words."""

from __future__ import annotations

import pytest

from poise.remarks import REMARKS, ReadingRemark


def test_times_are_said_to_a_tenth_of_a_second() -> None:
    remark = ReadingRemark(code="no_picture", values={"start_s": 2.0, "end_s": 12.04})
    assert remark.text == "it shows no picture from 2.0 s to 12.0 s"
    assert ReadingRemark(code="turned", values={"degrees": 90}).text.endswith(
        "by 90 degrees, as faces stand upright then"
    )


@pytest.mark.parametrize("code", REMARKS)
def test_every_remark_goes_on_after_the_name_of_a_recording(code: str) -> None:
    text = REMARKS[code]
    assert text[0].islower() or (text.startswith("{") and not text.endswith("."))


def test_an_unknown_code_is_no_remark() -> None:
    with pytest.raises(KeyError):
        _ = ReadingRemark(code="nothing").text
