"""ELAN files: as its schema has them, loaded by what reads them, with the times of the tables."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as Xml

import pandas as pd
import pytest

from poise.batch.rerender import export
from poise.reports.drawing.elan import eaf
from poise.spoken import Segment, Turn
from poise.types import Episode
from tests.conftest import Analysed

EPISODES = [
    Episode(label=label, start_s=start, end_s=end, peak_s=start, mean_posterior=0.9)
    for label, start, end in (("positive", 0.2, 2.0), ("neutral", 2.0, 2.0004), ("negative", 2, 9))
]
TURNS = [
    Turn(speaker="someone_else", start_s=0.0, end_s=3.0),
    Turn(speaker="candidate", start_s=2.9, end_s=8.5),
]
SEGMENTS = [
    Segment(kind="question", label="왜 <우리> & \x0b회사?", start_s=0, end_s=3, source="table"),
    Segment(kind="answer", label="", start_s=3.0, end_s=5.0, source="turns"),
    Segment(kind="answer", label="", start_s=5.0, end_s=8.5, source="turns"),
]
CHILDREN = {  # of EAF 3.0's schema, in its order: those that are written here
    "ANNOTATION_DOCUMENT": ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE"],
    "HEADER": ["MEDIA_DESCRIPTOR", "PROPERTY"],
    "TIME_ORDER": ["TIME_SLOT"],
    "TIER": ["ANNOTATION"],
    "ANNOTATION": ["ALIGNABLE_ANNOTATION"],
    "ALIGNABLE_ANNOTATION": ["ANNOTATION_VALUE"],
}
REQUIRED = {
    "ANNOTATION_DOCUMENT": {"AUTHOR", "DATE", "VERSION"},
    "MEDIA_DESCRIPTOR": {"MEDIA_URL", "MIME_TYPE"},
    "TIME_SLOT": {"TIME_SLOT_ID"},
    "TIER": {"TIER_ID", "LINGUISTIC_TYPE_REF"},
    "LINGUISTIC_TYPE": {"LINGUISTIC_TYPE_ID"},
    "ALIGNABLE_ANNOTATION": {"ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2"},
}
ID = re.compile(r"[^\W\d][\w.-]*")


def _check(document: Xml.Element) -> None:
    """What the schema asks for: order, attributes, kinds of values, identifiers that are there."""
    assert document.tag == "ANNOTATION_DOCUMENT"
    for element in document.iter():
        known = CHILDREN.get(element.tag, [])
        places = [known.index(child.tag) for child in element]
        assert places == sorted(places), element.tag
        assert REQUIRED.get(element.tag, set()) <= element.attrib.keys()
    datetime.fromisoformat(document.attrib["DATE"])
    slots = [slot.attrib["TIME_SLOT_ID"] for slot in document.iter("TIME_SLOT")]
    annotations = list(document.iter("ALIGNABLE_ANNOTATION"))
    ids = [*slots, *(a.attrib["ANNOTATION_ID"] for a in annotations)]
    assert len(set(ids)) == len(ids)
    assert all(ID.fullmatch(name) for name in ids)
    assert all(a.attrib[f"TIME_SLOT_REF{k}"] in slots for a in annotations for k in (1, 2))
    assert all(0 <= int(s.attrib["TIME_VALUE"]) < 2**32 for s in document.iter("TIME_SLOT"))
    types = {t.attrib["LINGUISTIC_TYPE_ID"] for t in document.iter("LINGUISTIC_TYPE")}
    tiers = [t.attrib["TIER_ID"] for t in document.iter("TIER")]
    assert {t.attrib["LINGUISTIC_TYPE_REF"] for t in document.iter("TIER")} == types
    assert tiers[:3] == ["expression", "speaking", "segments"]


def test_what_is_excluded_within_a_segment_has_a_tier_of_its_own() -> None:
    left_out = [
        Segment(kind="excluded", label="", start_s=start, end_s=end, source="table")
        for start, end in ((3.5, 4.0), (6.0, 9.0))
    ]
    segments = sorted([*SEGMENTS, *left_out], key=lambda s: s.start_s)
    document = Xml.fromstring(eaf(EPISODES, TURNS, segments))
    _check(document)
    slots = {s.attrib["TIME_SLOT_ID"]: s.attrib["TIME_VALUE"] for s in document.iter("TIME_SLOT")}
    told = {
        tier.attrib["TIER_ID"]: [
            (slots[one.attrib["TIME_SLOT_REF1"]], slots[one.attrib["TIME_SLOT_REF2"]])
            for one in tier.iter("ALIGNABLE_ANNOTATION")
        ]
        for tier in document.iter("TIER")
    }
    assert told["excluded"] == [("3500", "4000"), ("6000", "9000")]
    assert told["segments"] == [("0", "3000"), ("3000", "5000"), ("5000", "8500")]


def test_as_the_schema_has_it() -> None:
    document = Xml.fromstring(eaf(EPISODES, TURNS, SEGMENTS, media="../a%20b.MOV"))
    _check(document)
    (media,) = document.iter("MEDIA_DESCRIPTOR")
    assert media.attrib["RELATIVE_MEDIA_URL"] == "../a%20b.MOV"
    assert media.attrib["MIME_TYPE"] == "video/quicktime"
    _check(Xml.fromstring(eaf([], [], [])))


@pytest.mark.filterwarnings("ignore::Warning:pympi")
def test_what_reads_such_files_reads_it(tmp_path: Path) -> None:
    Eaf = pytest.importorskip("pympi.Elan", reason="needs pympi-ling").Eaf
    path = tmp_path / "a.eaf"
    path.write_text(eaf(EPISODES, TURNS, SEGMENTS), encoding="utf-8")
    read = Eaf(str(path))
    tiers = {
        name: sorted(read.get_annotation_data_for_tier(name)) for name in read.get_tier_names()
    }
    assert {name: [row[:3] for row in rows] for name, rows in tiers.items()} == {
        "expression": [(200, 2000, "positive"), (2000, 9000, "negative")],
        "speaking": [(0, 3000, "someone_else"), (3000, 8500, "candidate")],
        "segments": [
            (0, 3000, "왜 <우리> & 회사?"), (3000, 5000, "answer 1"), (5000, 8500, "answer 2"),
        ],
    }  # fmt: skip


def test_an_export_writes_one_for_each_recording(analysed: Analysed, tmp_path: Path) -> None:
    export(analysed.output, tmp_path / "t")
    files = sorted((tmp_path / "t" / "captions").glob("*.eaf"))
    assert [f.stem for f in files] == [
        f.stem for f in sorted((tmp_path / "t" / "captions").glob("*.vtt"))
    ]
    episodes = pd.read_csv(tmp_path / "t" / "episodes.csv")
    written = []
    for file in files:
        document = Xml.parse(file).getroot()
        _check(document)
        (media,) = document.iter("MEDIA_DESCRIPTOR")
        assert (file.parent / unquote(media.attrib["RELATIVE_MEDIA_URL"])).is_file()
        times = {s.attrib["TIME_SLOT_ID"]: int(s.attrib["TIME_VALUE"])
                 for s in document.iter("TIME_SLOT")}  # fmt: skip
        (tier,) = (t for t in document.iter("TIER") if t.attrib["TIER_ID"] == "expression")
        for a in tier.iter("ALIGNABLE_ANNOTATION"):
            start, end = (times[a.attrib[f"TIME_SLOT_REF{k}"]] for k in (1, 2))
            written.append((start, end, a.findtext("ANNOTATION_VALUE")))
    rows = episodes[["start_ms", "end_ms", "label"]].itertuples(index=False, name=None)
    assert sorted(written) == sorted(rows)
    assert not any("<A> & Co" in file.read_text(encoding="utf-8") for file in files)
