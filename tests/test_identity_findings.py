"""Who was seen in a recording, as it is stored."""

from __future__ import annotations

import numpy as np
import pytest

from poise.identity_findings import IdentityFindings


@pytest.mark.parametrize(
    ("embedding", "others", "wrong"),
    [((1, 128), (0, 128), ""), ((0, 128), (3, 128), ""), ((1, 64), (0, 128), "embedding"),
     ((1, 128), (128,), "others")],
)  # fmt: skip
def test_a_person_is_128_numbers(
    embedding: tuple[int, ...], others: tuple[int, ...], wrong: str
) -> None:
    def findings() -> IdentityFindings:
        return IdentityFindings(
            doubt="", by_portrait=False, uncertain_frames=0,
            embedding=np.zeros(embedding, np.float32), others=np.zeros(others, np.float32),
        )  # fmt: skip

    if wrong:
        with pytest.raises(ValueError, match=rf"{wrong} must have shape \[\*, 128\]"):
            findings()
    else:
        assert len(findings().others) == others[0]
