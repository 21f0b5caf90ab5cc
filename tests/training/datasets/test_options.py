"""How a network is trained: bounds of the options."""

from __future__ import annotations

import pytest

from poise.errors import SettingsError
from poise_training.datasets.options import FitOptions


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch_size": -1}, {"mixup": 1.5}, {"decay": -0.1}]
)
def test_options_out_of_bounds(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        FitOptions(**wrong)  # type: ignore[arg-type]
