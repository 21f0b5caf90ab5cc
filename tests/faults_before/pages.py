"""H. Pages."""

from __future__ import annotations

from typing import Any

from tests.faults_before.cases import case
from tests.faults_before.inputs import people, plain
from tests.faults_before.sides import Side


@case("H4", "a report that came alone: what it says of pages beside it")
def _(side: Side) -> object:
    people(side, "kim/1.mp4", "kim/2.mp4")
    side.analyze()
    page = side.page("report.html")
    told = "ask your centre for the folder" in page
    return "says how to get them" if told else "links to progress.html" * ("progress.html" in page)


@case("H5", "why a recording failed, in a Korean report")
def _(side: Side) -> object:
    side.write("kim/1.mp4", "no video" * 1000)
    side.analyze("--lang", "ko")
    page = side.page("report.html")
    english = [w for w in ("Invalid data", "cannot be opened", "is not a kind") if w in page]
    return f"“{english[0]} …”" if english else "Korean alone"


@case("H6", "a recording without consent, on the index")
def _(side: Side) -> object:
    people(side, "kim/1.mp4", "lee/1.mp4")
    side.write("candidates.csv", "recording,consent\nkim/1.mp4,no\n")
    side.analyze()
    return "named" if "kim/1.mp4" in side.page("index.html") else "appears nowhere"


@case("H7", "legend of the colours on the index")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    return "there" if 'class="swatch' in side.page("index.html") else "none"


@case("H8", "six seconds of a face: changes per minute in the report")
def _(side: Side) -> object:
    side.add("kim/1.mp4", plain())
    side.analyze()
    page = side.page("report.html")
    return "told" if "per minute" in page or "changes" in page.lower() else "not told"


@case("J9 label", "a model's label that is markup: in the page of progress")
def _(side: Side) -> object:
    def rename(said: dict[str, Any]) -> None:
        labels = said["labels"]
        labels["emotions"] = ["<u>x</u>" if e == "surprise" else e for e in labels["emotions"]]

    people(side, "kim/1.mp4", "kim/2.mp4")
    done = side.analyze("--model", side.edited_model(rename))
    if not (side.out / "index.html").exists():
        return f"refused (exit {done.returncode})"
    return "as markup" if "<u>x</u>" in side.page("progress.html") else "as words"
