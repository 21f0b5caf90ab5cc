"""From feedback to sentences of a language."""

from __future__ import annotations

from poise.remarks import ReadingRemark
from poise.reports.feedback import Remark
from poise.reports.locales import Texts
from poise.types import RepresentativeFrame, Statistics


def capitalised(text: str) -> str:
    """The same text beginning with a capital letter."""
    return text[:1].upper() + text[1:]


def remark_sentence(remark: Remark, statistics: Statistics, texts: Texts) -> str:
    """What a remark or a piece of advice says.

    Args:
        remark: Of `poise.reports.feedback.feedback_on`.
        statistics: Of the recording that it is about.
        texts: Of the reader's language.
    """
    if remark.kind == "mix":
        return mix_sentence(statistics, texts)
    start_s, end_s = remark.start_s or 0.0, remark.end_s or 0.0
    phrase = texts.name("phrase", remark.label)
    tip = f"tip.{remark.label}"
    return texts(
        f"feedback.{remark.kind}",
        phrase=phrase,
        share=texts.percent(remark.share),
        other=texts.percent(remark.other),
        start=texts.clock(start_s),
        end=texts.clock(end_s),
        length=texts.length(end_s - start_s),
        number=texts.decimal(remark.rate),
        flag=texts.name("flag", remark.label),
        tip=texts(tip) if texts.has(tip) else "",
    )


def reading_sentence(remark: ReadingRemark, texts: Texts) -> str:
    """What was unusual about how a recording was read; times as a player shows them."""
    said: dict[str, object] = {}
    for name, value in remark.values.items():
        if name in ("interval_s", "total_s"):
            said[name[:-2]] = texts.length(float(value))
        else:
            clock = name.endswith("_s")
            said[name.removesuffix("_s")] = texts.clock(float(value)) if clock else value
    if remark.code == "more_without_picture":
        said.pop("count")
        return texts.count(f"remark.{remark.code}", int(remark.values["count"]), **said)
    return texts(f"remark.{remark.code}", **said)


def mix_sentence(statistics: Statistics, texts: Texts) -> str:
    """Which three expressions were visible most, and in which share of the frames."""
    order = sorted(statistics.shares, key=lambda label: -statistics.shares[label])[:3]
    said = [
        texts(
            "glance.next" if place else "glance.first",
            phrase=texts.name("phrase", label)
            if place
            else capitalised(texts.name("phrase", label)),
            share=texts.percent(statistics.shares[label]),
        )
        for place, label in enumerate(order)
    ]
    return texts("glance.list", first=said[0], second=said[1], third=said[2])


def region_sentence(frame: RepresentativeFrame, texts: Texts) -> str:
    """The part of the face that decided, where deletion confirms one; empty without a map."""
    return texts(f"frames.region.{frame.region or 'none'}") if frame.overlay_file else ""
