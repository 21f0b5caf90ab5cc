"""What goes wrong is told in the language of the page, whatever the desk can meet."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import poise
from poise import errors
from poise.desk.state import TEXTS
from poise.desk.troubles import GENERAL, in_words
from poise.errors import PoiseError, SettingsError
from poise.reports.locales import LANGUAGES, load_texts

HOUSE = Path(poise.__file__).parent
KINDS = {name: kind.default_code for name, kind in vars(errors).items()
         if isinstance(kind, type) and issubclass(kind, PoiseError)}  # fmt: skip
EXACT = (
    # What these raise is of the machine or of how Poise was set up: told by kind, with its words.
    "commands", "expression", "settings.py", "labels.py", "analysis", "media", "faces", "reports",
    "batch/workers", "batch/photographs.py", "batch/run.py", "batch/workflow.py",
    "desk/opening.py", "system/schedules.py", "system/atomic_files.py",
)  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A place in the source where an error is made: its code, and names of values given there."""

    place: str
    code: str
    values: frozenset[str]


def _strings(node: ast.expr | None) -> list[str]:
    """The texts that an expression may be, where it is written as such."""
    return [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)
            and isinstance(n.value, str)] if node else []  # fmt: skip


@cache
def sites() -> tuple[Site, ...]:
    """See `_sites`; to read the whole package takes a second."""
    return tuple(_sites())


def _sites() -> Iterator[Site]:
    """All places of the package where an error is made with a code of its own, or of its kind.

    Functions that make one for others (`_wrong(..., code, value)`) hand on a code that is a name:
    there each of their calls is such a place.
    """
    for path in sorted(HOUSE.rglob("*.py")):
        place = path.relative_to(HOUSE).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        makers: dict[str, tuple[int, frozenset[str]]] = {}
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
            names = [argument.arg for argument in function.args.args]
            for call in (n for n in ast.walk(function) if isinstance(n, ast.Call)):
                given = {k.arg: k.value for k in call.keywords}
                code = given.get("code")
                if _name(call) in KINDS and isinstance(code, ast.Name) and code.id in names:
                    makers[function.name] = names.index(code.id), _keys(given.get("values"))
        for call in calls:
            given, name = {k.arg: k.value for k in call.keywords}, _name(call)
            if name in makers:
                number, keys = makers[name]
                (code_text,) = _strings(call.args[number])
                yield Site(f"{place}:{call.lineno}", code_text, keys)
            elif name in KINDS:
                own = given.get("code")
                if isinstance(own, ast.Name | ast.Attribute) or None in given:
                    continue  # of a maker, or handed on from another process
                codes = _strings(own) or [KINDS[name]]
                for code_text in codes:
                    yield Site(f"{place}:{call.lineno}", code_text, _keys(given.get("values")))


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _keys(values: ast.expr | None) -> frozenset[str]:
    keys = values.keys if isinstance(values, ast.Dict) else []
    return frozenset(key.value for key in keys if isinstance(key, ast.Constant))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_has_its_text(language: str) -> None:
    """And that names nothing which the error does not bring along."""
    assert len(sites()) > 100 and len({site.code for site in sites()}) > 50
    texts = load_texts(language, TEXTS)
    for site in sites():
        for part in ("cause", "remedy"):
            key = f"error.{site.code}.{part}"
            assert texts.has(key), (site.place, key)
            named = {n for _, n, _, _ in string.Formatter().parse(texts.entries[key]) if n}
            assert named <= site.values | {"file"}, (site.place, key)


def test_what_people_at_the_desk_can_change_is_not_told_by_kind_alone() -> None:
    general = [s for s in sites() if s.code in GENERAL and not s.place.startswith(EXACT)]
    assert general == []


def test_texts_of_errors_are_of_errors_that_there_are() -> None:
    known = {site.code for site in sites()} | {*KINDS.values()}
    reports = load_texts("en").entries
    for key in load_texts("en", TEXTS).entries:
        if key.startswith("error.") and key not in reports:
            assert key.split(".")[1] in known, key


def test_a_korean_page_says_it_in_korean() -> None:
    error = SettingsError(
        "the name is odd", remedy="Change it.", path="x/perhaps.txt",
        code="name_unusable", values={"name": "perhaps {file}", "endings": ".mp4"},
    )  # fmt: skip
    told = in_words(error, load_texts("ko", TEXTS))
    assert told.cause == "‘perhaps {file}’은(는) 영상 파일 이름이 아닙니다."
    assert told.remedy.endswith("골라 주세요: .mp4") and told.exact == ""


def test_a_line_of_a_table_is_named_first() -> None:
    error = SettingsError("is odd", path="x/notes.csv", code="row_time", values={"line": 3})
    assert in_words(error, load_texts("ko", TEXTS)).cause.startswith("notes.csv 3번째 줄: ")
    assert in_words(error, load_texts("en", TEXTS)).cause.startswith("notes.csv, line 3: ")


def test_general_texts_come_with_the_errors_own_words() -> None:
    texts = load_texts("en", TEXTS)
    told = in_words(SettingsError("device is 'x'", remedy="Choose cpu."), texts)
    assert told.cause == texts("error.settings.cause")
    assert told.exact == "device is 'x'. Choose cpu."
    unknown = in_words(PoiseError("odd", code="none_such"), texts)
    assert unknown.cause == texts("error.internal.cause")
    bare = in_words(SettingsError("", code="name_unusable"), texts)  # values that got lost
    assert bare.cause.startswith("“–” is not")
