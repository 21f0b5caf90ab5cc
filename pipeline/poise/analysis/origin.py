"""What a result was made with, as the process knows it that made it."""

from __future__ import annotations

import datetime

from poise.analysis.context import AnalysisContext
from poise.system.run_log import versions


def origin_of(context: AnalysisContext) -> dict[str, str]:
    """Versions, device, precision of the network, what its times are smoothed by, and when; name to
    value.

    A later run with other packages may show the result again: what it says of its making stays.
    """
    now = datetime.datetime.now().astimezone()
    facts = {
        **versions(),
        "device": context.classifier.device_name,
        "precision": context.classifier.precision,
        "decoder": context.settings.decoder,
        "sample_rate_hz": str(context.settings.sample_rate_hz),
        "smoothing_s": str(context.settings.smoothing_s),
        "analysed": now.isoformat(timespec="seconds"),
    }
    return {name: str(value) for name, value in facts.items() if value}
