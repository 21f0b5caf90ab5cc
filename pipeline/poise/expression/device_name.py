"""Which device a run computes on, told without loading torch where only a processor is there."""

from __future__ import annotations

from poise.system.platform import may_have_gpu


def device_name(name: str) -> str:
    """As `poise.expression.device.choose_device`, which is asked where there may be a GPU.

    Raises:
        SettingsError: If this machine does not have it.
    """
    if name == "cpu" or (name == "auto" and not may_have_gpu()):
        return "cpu"
    from poise.expression.device import choose_device

    return str(choose_device(name))
