"""Episodes as WebVTT captions."""

from __future__ import annotations

from poise.reports.drawing.captions import webvtt
from poise.reports.locales import Texts
from poise.types import Episode


def test_captions_are_text_and_nothing_else() -> None:
    odd = Texts(language="en", entries={"label.positive": "<b>&--></b>"})
    episode = Episode(label="positive", start_s=0.0, end_s=3601.5, peak_s=1.0, mean_posterior=0.9)
    text = webvtt([episode], odd)
    assert "00:00:00.000 --> 01:00:01.500" in text
    assert text.endswith("&lt;b&gt;&amp;--&gt;&lt;/b&gt;\n")
