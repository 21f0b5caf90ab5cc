"""Who was seen in a recording, as it is stored: 128 numbers per person, and doubts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class IdentityFindings:
    """Who was seen in a recording; for the centre, never for a candidate's page.

    Args:
        doubt: Why it is not sure who the candidate is, one of the codes in
            `poise.faces.candidate`; empty if it is.
        by_portrait: Whether a portrait decided.
        embedding: Of the candidate, float32 [1, 128]; [0, 128] where faces were not compared.
        others: Of other people who are seen for a while, float32 [P, 128].
        uncertain_frames: Frames left out because they may show the candidate or not.
    """

    doubt: str
    by_portrait: bool
    embedding: npt.NDArray[np.float32]
    others: npt.NDArray[np.float32]
    uncertain_frames: int

    def __post_init__(self) -> None:
        for name in ("embedding", "others"):
            shape = getattr(self, name).shape
            if len(shape) != 2 or shape[1] != 128:
                raise ValueError(f"{name} must have shape [*, 128], got {list(shape)}")
