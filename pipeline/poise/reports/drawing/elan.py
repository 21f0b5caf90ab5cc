"""Episodes, turns and segments as an ELAN file, for those who annotate by hand beside them.

Source: Max Planck Institute for Psycholinguistics, ELAN Annotation Format (EAF) 3.0.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as Xml

from poise import __version__
from poise.spoken import Segment, Turn
from poise.types import Episode

_FORMAT = "3.0"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TYPE = "free"
_Stretch = tuple[float, float, str]


def eaf(
    episodes: Sequence[Episode],
    turns: Sequence[Turn],
    segments: Sequence[Segment],
    *,
    media: str = "",
) -> str:
    """The text of an `.eaf` file with a tier each for `expression`, `speaking` and `segments`, and
    one for what is `excluded`, which may lie within a segment, where there is any.

    Values are those of the tables (`positive`, `candidate`, `answer 2`, or a segment's own label);
    times are milliseconds from what a player shows as 0:00.

    Args:
        episodes, turns, segments: Of one recording, each in order of time.
        media: Address of the recording, relative to the file; empty leaves it out.
    """
    Xml.register_namespace("xsi", _XSI)
    document = Xml.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": f"Poise {__version__}",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": _FORMAT,
            "VERSION": _FORMAT,
            f"{{{_XSI}}}noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    header = Xml.SubElement(document, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    if media:
        kind = mimetypes.guess_type(media)[0] or "video/mp4"
        Xml.SubElement(
            header, "MEDIA_DESCRIPTOR", MEDIA_URL=media, MIME_TYPE=kind, RELATIVE_MEDIA_URL=media
        )
    order = Xml.SubElement(document, "TIME_ORDER")
    tiers: dict[str, Iterable[_Stretch]] = {
        "expression": ((e.start_s, e.end_s, e.label) for e in episodes),
        "speaking": ((t.start_s, t.end_s, t.speaker) for t in turns),
        "segments": _named(s for s in segments if s.kind != "excluded"),
    }
    excluded = [s for s in segments if s.kind == "excluded"]
    if excluded:
        tiers["excluded"] = _named(excluded)
    for name, stretches in tiers.items():
        tier = Xml.SubElement(document, "TIER", LINGUISTIC_TYPE_REF=_TYPE, TIER_ID=name)
        _annotate(tier, order, stretches)
    count = sum(1 for _ in document.iter("ALIGNABLE_ANNOTATION"))
    Xml.SubElement(header, "PROPERTY", NAME="lastUsedAnnotationId").text = str(count)
    Xml.SubElement(
        document, "LINGUISTIC_TYPE", GRAPHIC_REFERENCES="false", LINGUISTIC_TYPE_ID=_TYPE,
        TIME_ALIGNABLE="true",
    )  # fmt: skip
    Xml.indent(document)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(document, encoding="unicode")


def _named(segments: Iterable[Segment]) -> Iterable[_Stretch]:
    """Segments by their label; those without one are counted by kind."""
    counted: dict[str, int] = {}
    for segment in segments:
        counted[segment.kind] = counted.get(segment.kind, 0) + 1
        name = segment.label or f"{segment.kind} {counted[segment.kind]}"
        yield segment.start_s, segment.end_s, name


def _annotate(tier: Xml.Element, order: Xml.Element, stretches: Iterable[_Stretch]) -> None:
    """Annotations of a tier; none is empty, and none begins before the one before has ended."""
    least_ms = 0
    for start_s, end_s, value in stretches:
        start_ms, end_ms = max(least_ms, round(start_s * 1000)), round(end_s * 1000)
        if end_ms <= start_ms:
            continue
        slots = []
        for time_ms in (start_ms, end_ms):
            slots.append(f"ts{len(order) + 1}")
            Xml.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slots[-1], TIME_VALUE=str(time_ms))
        annotation = Xml.SubElement(
            Xml.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION",
            ANNOTATION_ID=f"a{len(order) // 2}", TIME_SLOT_REF1=slots[0], TIME_SLOT_REF2=slots[1],
        )  # fmt: skip
        Xml.SubElement(annotation, "ANNOTATION_VALUE").text = _NO_XML.sub("", value)
        least_ms = end_ms
