"""F. Forgetting, consent, names."""

from __future__ import annotations

import json
import os
import time
import unicodedata
import zipfile

import cv2
import numpy as np
import pandas as pd

from tests.faults_before.cases import case
from tests.faults_before.inputs import images, people
from tests.faults_before.sides import Side


@case("F1", "a damaged ledger, one of three purged: results left")
def _(side: Side) -> object:
    people(side, "kim/1.mp4", "lee/1.mp4", "park/1.mp4")
    side.analyze()
    for path in (side.out / ".poise").glob("ledger*"):
        path.write_bytes(b"damaged" * 100)
    side.run("purge", side.out, "kim")
    return side.results()


@case("F2", "purged by a name that two bear: results left of two")
def _(side: Side) -> object:
    people(side, "kim1/1.mp4", "kim2/1.mp4")
    side.write("candidates.csv", "recording,display_name\nkim1/1.mp4,Kim\nkim2/1.mp4,Kim\n")
    side.analyze()
    side.run("purge", side.out, "Kim")
    return side.results()


@case("F3", "analysed under two settings, then consent withdrawn: results left")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    side.analyze("--sample-rate-hz", 4)
    side.write("candidates.csv", "recording,consent\nkim/1.mp4,no\n")
    side.analyze("--sample-rate-hz", 4)
    return side.results()


@case("F4", "a result 90 days old, no recordings any more, --retention-days 30: results left")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    long_ago = time.time() - 90 * 86_400
    for path in (side.out / ".poise" / "results").rglob("*"):
        os.utime(path, (long_ago, long_ago))
    (side.root / "kim" / "1.mp4").unlink()
    side.analyze("--retention-days", 30)
    return side.results()


@case("F5", "a centre_logo given by a relative path, one of two purged from elsewhere: the index")
def _(side: Side) -> object:
    people(side, "kim/1.mp4", "lee/1.mp4")
    cv2.imwrite(str(side.folder / "logo.png"), np.full((20, 20, 3), 90, np.uint8))
    (side.folder / "own.toml").write_text('centre_logo = "logo.png"\n', encoding="utf-8")
    side.analyze("--settings", "own.toml")
    side.run("purge", side.out, "kim", cwd=side.root)
    return "is there" if (side.out / "index.html").is_file() else "is gone"


@case("F6", "purged, and the same command again: results of the person")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    side.run("purge", side.out, "kim")
    side.analyze()
    return side.results()


@case("F7", "one recording listed with no, then with yes: status")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.write("candidates.csv", "recording,consent\nkim/1.mp4,no\nkim/1.mp4,yes\n")
    done = side.analyze()
    return side.row()["status"] if side.out.exists() else f"exit {done.returncode}"


@case("F7 name", "Candidates.csv with no: status")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.write("Candidates.csv", "recording,consent\nkim/1.mp4,no\n")
    side.analyze()
    return side.row()["status"]


@case("F8", "the code that stands for one name, in two centres' reports: ")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze("--anonymous")
    side.run("analyze", side.root, "-o", side.folder / "other", "--jobs", 1, "--anonymous")
    codes = [
        pd.read_csv(side.folder / o / "recordings.csv")["candidate_id"][0] for o in ("out", "other")
    ]
    return "the same" if codes[0] == codes[1] else "another"


@case("F9", "templates named by a poise.toml that was only found: a command in them")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    (side.folder / "own").mkdir()
    code = "{{ cycler.__init__.__globals__.os.system('touch ran') }}"
    for name in ("report.html", "index.html"):
        (side.folder / "own" / name).write_text(code, encoding="utf-8")
    (side.folder / "poise.toml").write_text('templates = "own"\n', encoding="utf-8")
    side.analyze()
    return "ran" if (side.folder / "ran").exists() else "did not run"


@case("J5", "analysed, the folder renamed and analysed, purged under the new name: reports left")
def _(side: Side) -> object:
    people(side, "old/1.mp4", "lee/1.mp4")
    side.analyze()
    (side.root / "old").rename(side.root / "new")
    side.analyze()
    side.run("purge", side.out, "new")
    left = [p.parent.name for p in side.out.glob("*/report.html") if p.parent.name != "lee"]
    return ", ".join(left) or "none"


@case("J6", "consent no, and only that folder is analysed: status")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.write("candidates.csv", "recording,consent\nkim/1.mp4,no\n")
    side.run("analyze", side.root / "kim", "-o", side.out, "--jobs", 1)
    return side.row()["status"]


@case("J7", "--format parquet, then report --anonymous --format csv: tables with names left")
def _(side: Side) -> object:
    people(side, "kim minji/1.mp4")
    side.analyze("--format", "parquet")
    side.run("report", side.out, "--anonymous", "--format", "csv")
    return ", ".join(sorted(p.name for p in side.out.rglob("*.parquet"))) or "none"


@case("J7 bundle", "a bug report, where a message writes a Korean name in pieces (NFD): the name")
def _(side: Side) -> object:
    people(side, "김민지/1.mp4")
    side.analyze()
    message = unicodedata.normalize("NFD", "cannot read 김민지/1.mp4: torn")
    line = {"event": "recording", "id": "김민지/1.mp4", "message": message}
    (log,) = (side.out / ".poise" / "logs").glob("*.jsonl")
    log.write_text(json.dumps(line, ensure_ascii=False) + "\n", encoding="utf-8")
    side.run("doctor", "--bundle", "b.zip", "--reports", side.out)
    with zipfile.ZipFile(side.folder / "b.zip") as bundle:
        text = "".join(bundle.read(name).decode() for name in bundle.namelist())
    return "in it" if "김민지" in unicodedata.normalize("NFC", text) else "left out"


@case("J7 mode", "classify --csv: who may read it")
def _(side: Side) -> object:
    cv2.imwrite(str(side.folder / "a.png"), images()[0])
    side.run("classify", "a.png", "--csv", "out.csv")
    return oct((side.folder / "out.csv").stat().st_mode & 0o777)
