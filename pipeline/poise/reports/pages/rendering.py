"""What all pages have in common: templates in each language, one file each, nothing from outside.

The only module that knows Jinja. Style, script, drawings and pictures lie inside a page, and a
content security policy forbids all else; the recording alone is played from where it lies.
Whatever comes from a recording or a person passes through autoescaping.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    FunctionLoader,
    StrictUndefined,
    TemplateError,
)
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from poise.errors import ReportError
from poise.reports.locales import LANGUAGES, Texts, load_texts
from poise.settings import Settings
from poise.system.atomic_files import Stamp, stamp_of, write_whole

Helpers = Callable[[Texts], Mapping[str, Any]]

_MEDIA_TYPES = {".png": "image/png", ".webp": "image/webp", ".svg": "image/svg+xml"}
_SCRIPTS = {
    "early": ("early.js",),
    "report": ("vendor/uPlot.iife.min.js", "page.js", "report.js"),
    "progress": ("page.js",),
    "cohort": ("page.js",),
    "index": ("page.js", "index.js"),
}


def languages(settings: Settings) -> list[tuple[str, str]]:
    """Languages of the pages, each with what stands before `.html` in the names of its pages."""
    if settings.language != "both":
        return [(settings.language, "")]
    first, *others = LANGUAGES
    return [(first, ""), *((language, f".{language}") for language in others)]


def write_pages(
    page: str, directory: Path, settings: Settings, helpers: Helpers, **content: Any
) -> list[Path]:
    """Write a page in each language, and remove it in those no longer wanted.

    Args:
        page: `report`, `progress`, `index` or `cohort`.
        directory: Where it goes; made if absent.
        settings: Language and looks.
        helpers: What templates may call beside Jinja's own, made for a language.
        content: What they show.

    Returns:
        The files written.

    Raises:
        SettingsError: If there are no texts in a language.
        ReportError: If a template is wrong, or a file cannot be read or written.
    """
    written = []
    for language, suffix in languages(settings):
        html = render(page, language, settings, helpers, suffix=suffix, **content)
        written.append(_write(directory / f"{page}{suffix}.html", html))
    remove_pages(page, directory, kept=[suffix for _, suffix in languages(settings)])
    return written


def render(page: str, language: str, settings: Settings, helpers: Helpers, **content: Any) -> str:
    """The HTML of a page.

    Raises:
        ReportError: If a template is wrong, or a picture cannot be read.
    """
    others = [(lang, f"{page}{end}.html") for lang, end in languages(settings) if lang != language]
    try:
        template = environment(language, settings, helpers).get_template(f"{page}.html")
        return template.render(other_languages=others, **content)
    except TemplateError as error:
        raise ReportError(
            f"the template of the page cannot be used ({error})",
            remedy="Correct it, or remove it from the directory of templates.",
            path=Path(settings.templates) / f"{page}.html",
        ) from error


def policy(settings: Settings, *pages: str) -> str:
    """The content security policy of pages, as they say it themselves: for whoever serves them.

    Args:
        settings: Whose templates count.
        pages: Names of sets of scripts: `early`, `report`, `progress`, `index`.
    """
    made = environment(LANGUAGES[0], settings, _no_helpers)
    return str(made.globals["policy"](*pages))  # type: ignore[operator]


def _no_helpers(texts: Texts) -> Mapping[str, Any]:
    return {}


def remove_pages(page: str, directory: Path, kept: Sequence[str] = ()) -> None:
    """Remove a page in all languages but those kept, which an earlier run may have left."""
    for suffix in {"", *(f".{language}" for language in LANGUAGES)} - set(kept):
        with contextlib.suppress(OSError):
            (directory / f"{page}{suffix}.html").unlink(missing_ok=True)


def as_json(value: object) -> Markup:
    """JSON that may stand inside a script element, whatever it says."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))


def data_uri(path: Path, remedy: str) -> str:
    """A picture as a data URI.

    Raises:
        ReportError: If it cannot be read; `remedy` is what it then says.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReportError(
            f"a picture of the report cannot be read ({error.strerror or error}).",
            remedy=remedy,
            path=path,
        ) from error
    media_type = _MEDIA_TYPES.get(path.suffix.lower(), "image/jpeg")
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def environment(
    language: str, settings: Settings, helpers: Helpers, *more_texts: str
) -> Environment:
    """Templates in a language, and what they may call.

    Args:
        language: Of the texts and figures.
        settings: Looks of the pages.
        helpers: What templates may call beside Jinja's own, made for the language.
        more_texts: As for `load_texts`.
    """
    stamp: Stamp = ()
    with contextlib.suppress(OSError):
        stamp = stamp_of(Path(settings.centre_logo)) if settings.centre_logo else ()
    return _environment(language, settings, helpers, stamp, *more_texts)


@lru_cache(maxsize=8)
def _environment(
    language: str, settings: Settings, helpers: Helpers, logo: Stamp, *more_texts: str
) -> Environment:
    """The same, made once for each logo: another one may take its place."""
    texts = load_texts(language, *more_texts)
    own = [FileSystemLoader(settings.templates)] if settings.templates else []
    made = SandboxedEnvironment(  # a template is a text that somebody else may have written
        loader=ChoiceLoader([*own, FunctionLoader(_template_source)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

    def joined(names: Sequence[str]) -> Markup:
        loader = made.loader
        assert loader is not None
        return Markup("\n".join(loader.get_source(made, name)[0] for name in names))

    made.filters.update(
        percent=texts.percent,
        clock=texts.clock,
        lasting=texts.length,
        day=texts.date,
        moment=texts.moment,
        rate=texts.rate,
        as_address=lambda name: quote(name, safe="", errors="surrogatepass"),
        decimal=texts.decimal,
        integer=texts.integer,
    )
    made.globals.update(
        t=texts,
        settings=settings,
        logo=data_uri(Path(settings.centre_logo), "Correct centre_logo.")
        if settings.centre_logo
        else "",
        sheet=lambda *names: joined(names),
        script=lambda page: joined(_SCRIPTS[page]),
        policy=lambda *pages: _policy([joined(_SCRIPTS[page]) for page in pages]),
        **helpers(texts),
    )
    return made


@cache
def _template_source(name: str) -> str | None:
    try:
        return resources.files("poise.templates").joinpath(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _policy(scripts: Sequence[str]) -> str:
    """Content security policy: these scripts and no others, and nothing from anywhere."""
    hashes = [hashlib.sha256(script.encode()).digest() for script in scripts]
    allowed = " ".join(f"'sha256-{base64.b64encode(h).decode('ascii')}'" for h in hashes)
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {allowed}; media-src 'self' file: blob:; "
        f"base-uri 'none'; form-action 'none'"
    )


def _write(path: Path, text: str) -> Path:
    """Write a whole page.

    Raises:
        ReportError: If the disk or the rights do not allow it.
    """
    write_whole(path, lambda draft: draft.write_text(text, encoding="utf-8", newline="\n"))
    return path
