"""Drawings of a page as SVG: the timeline of a recording, strips, and progress over several.

One row per apparent expression: its smoothed posterior as a line, its episodes as bars below it.
Place, name and line style tell the rows apart, colour only repeats it. Colours are the page's CSS
variables with a fall-back, and text inherits the page's font; every word from outside is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

from markupsafe import Markup

from poise.labels import display_class
from poise.reports.drawing import geometry as g
from poise.reports.report_types import Answer, RecordingReport
from poise.timeline.smoothing import runs_of
from poise.timeline.timecodes import clock
from poise.types import Series

_COLOURS = {"positive": "#0072b2", "neutral": "#6b7280", "negative": "#c04b00", "apart": "#99317a"}
_INK, _LINE, _GAP = (
    "var(--chart-ink, #555c65)",
    "var(--chart-line, #dddfe1)",
    "var(--chart-gap, #c5c9cd)",
)
_DASHES = ("", "7 2.4", "3 1.8", "7 2 2 2")
_WIDTH, _FOOT, _TICKS, _MOST_POINTS, _TOLERANCE_PX = 920.0, 24.0, 11, 600, 0.3
_PANEL_WIDTH, _PANEL_HEIGHT = 210.0, 120.0
_BAR_HEIGHT = 5.0
_STRIP, _STRIPE, _MOST_SPANS = 1000, 14, 400  # units across a strip


def timeline_svg(
    recording: RecordingReport,
    *,
    name: Callable[[str], str] = str,
    empty: str = "",
    ident: str = "timeline",
    title: str = "",
    description: str = "",
) -> str:
    """Draw the timeline of a recording.

    Args:
        recording: Its `series` and `episodes` are drawn.
        name: Gives the reader's name of an apparent expression, plain text.
        empty: What stands behind the name of one that has no episode, plain text.
        ident: Prefix of every id in the drawing; unique within the page.
        title: Accessible name, plain text.
        description: Accessible description, plain text.

    Returns:
        An `<svg>` element, or an empty string where there is nothing to draw.
    """
    series = recording.series
    if series is None:
        return ""
    start_s, end_s = g.extent(recording, series)
    across = _WIDTH - g.LEFT_PX - g.RIGHT_PX
    x_px = across / (end_s - start_s)
    heights = g.row_heights(series.labels, recording.episodes)
    height = g.rows_px(recording, series.labels) + _FOOT

    def x(time_s: float) -> float:
        return g.LEFT_PX + (min(max(time_s, start_s), end_s) - start_s) * x_px

    parts = [_stripes(ident)]
    below = 0.0
    for number, (label, tall) in enumerate(zip(series.labels, heights, strict=True)):
        top = below + g.NAME_PX
        below += tall
        colour = _colour(label)
        parts.append(
            _text(g.LEFT_PX, top - 7, name(label), colour, "font-weight:600;font-size:12.5px")
        )
        if tall == g.EMPTY_PX:
            parts.append(_text(_WIDTH - g.RIGHT_PX, top - 7, empty, _INK, "font-size:12px", "end"))
            continue
        parts += _scale(top, across)
        parts += [
            _rect(x(a), top, x(b) - x(a), g.CURVE_PX, f"url(#{ident}-gap)")
            for a, b in g.unseen(series.pts_s, runs_of(series), end_s, recording.excluded)
        ]
        parts += [_rect(x(a), top, x(b) - x(a), g.CURVE_PX, _GAP)
                  for a, b in recording.excluded if a < end_s]  # fmt: skip
        parts += _curve(series, number, colour, top, x, x_px)
        parts += [
            _rect(x(e.start_s), top + g.CURVE_PX + 3, max(x(e.end_s) - x(e.start_s), 1.5),
                  _BAR_HEIGHT, colour)
            for e in recording.episodes if e.label == label
        ]  # fmt: skip
    parts += _answers(recording.answers, x, below)
    parts += _time_axis(start_s, end_s, x, height - _FOOT)
    return _svg("timeline", ident, _WIDTH, height, parts, title, description)


def progress_svg(
    shares: Sequence[float | None],
    *,
    label: str,
    name: str,
    ident: str = "progress",
    description: str = "",
) -> str:
    """Draw the share of an apparent expression in each of several recordings, from 0 to 100 %.

    Args:
        shares: In order of time, 0..1; None where no usable face was seen.
        label: The expression.
        name: The reader's name of it, plain text.
        ident: Prefix of every id in the drawing; unique within the page.
        description: Accessible description, plain text.

    Returns:
        An `<svg>` element.
    """
    colour = _colour(label)
    across, top = _PANEL_WIDTH - g.LEFT_PX - g.RIGHT_PX, 30.0
    bottom = top + _PANEL_HEIGHT

    def place(k: int) -> float:
        return g.LEFT_PX + across * (k + 0.5) / len(shares)

    dots = [
        (place(k), bottom - share * _PANEL_HEIGHT)
        for k, share in enumerate(shares)
        if share is not None
    ]
    parts = [_text(g.LEFT_PX, top - 10, name, colour, "font-weight:600;font-size:12.5px")]
    parts += _scale(top, across, _PANEL_HEIGHT)
    parts.append(
        f'<polyline points="{_points(dots)}" fill="none" stroke="{colour}" stroke-width="1.2"/>'
    )
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in dots]
    for k in sorted({0, len(shares) - 1}):
        parts.append(_text(place(k), bottom + 17, str(k + 1), _INK, "font-size:10.5px", "middle"))
    height = bottom + _FOOT
    return _svg("progress", ident, _PANEL_WIDTH, height, parts, name, description)


def strip_svg(
    recording: RecordingReport, end_s: float | None = None, start_s: float = 0.0
) -> Markup:
    """The episodes of a recording, or of a part of it, as one line of colours, small enough for a
    table.

    Stripes stand where no face could be used, a plain ground where none of the expressions
    prevails, a darker one where the recording is left out.

    Args:
        recording: Its `episodes`, `unseen` and `excluded` stretches are drawn.
        end_s: Where the line ends; by default where the recording does.
        start_s: Where it begins.
    """
    scale = _STRIP / max((end_s or recording.end_s) - start_s, 1e-9)

    def at(time_s: float) -> int:
        return min(max(round((time_s - start_s) * scale), 0), _STRIP)

    drawn = {"none": _block(0, at(recording.end_s))}
    spans = [(at(a), at(b)) for a, b in recording.unseen]
    for left, right in [span for span in spans if span[0] < span[1]][:_MOST_SPANS]:
        drawn["ground"] = drawn.get("ground", "") + _block(left, right)
        first = left - left % _STRIPE
        drawn["gap"] = drawn.get("gap", "") + "".join(
            _block(max(x, left), min(x + _STRIPE // 2, right))
            for x in range(first, right, _STRIPE) if x + _STRIPE // 2 > left
        )  # fmt: skip
    for left, right in [(at(a), at(b)) for a, b in recording.excluded]:
        drawn["gap"] = drawn.get("gap", "") + (_block(left, right) if left < right else "")
    for episode in recording.episodes:
        if episode.end_s > start_s and at(episode.start_s) < _STRIP:
            left, right = at(episode.start_s), at(episode.end_s)
            style = display_class(episode.label)
            drawn[style] = drawn.get(style, "") + _block(left, max(right, left + 2))
    paths = "".join(f'<path class="s-{style}" d="{path}"/>' for style, path in drawn.items())
    return Markup(
        f'<svg class="strip" viewBox="0 0 {_STRIP} 10" preserveAspectRatio="none" '
        f'aria-hidden="true">{paths}</svg>'
    )


def overview_svg(recording: RecordingReport) -> Markup:
    """A long recording minute by minute: which expressions filled how much of each.

    A column is 1 unit wide and 100 high; what is left free of it shows no usable face; what is
    left out hangs from above.

    Args:
        recording: Its `series` is drawn; beyond two hours in longer columns.

    Returns:
        An `<svg>` element that stretches to any size, or nothing where there is nothing to draw.
    """
    series = recording.series
    if series is None:
        return Markup("")
    _, end_s = g.extent(recording, series)
    column_s = g.column_s(end_s)
    drawn: dict[str, str] = {}
    hidden = [*recording.unseen, *recording.excluded]
    out = g.excluded_in_columns(end_s, recording.excluded)
    for left, shares in enumerate(g.shares_in_columns(series, end_s, hidden)):
        right = min(left + 1.0, end_s / column_s)
        if out[left] > 0:
            block = f"M{left} 0H{right:.4g}V{100 * out[left]:.1f}H{left}z"
            drawn["gap"] = drawn.get("gap", "") + block
        y = 100.0
        for label, share in zip(series.labels, shares, strict=True):
            if share > 0:
                style, low, y = display_class(label), y, max(0.0, y - 100 * float(share))
                block = f"M{left} {low:.1f}H{right:.4g}V{y:.1f}H{left}z"
                drawn[style] = drawn.get(style, "") + block
    paths = "".join(f'<path class="s-{style}" d="{path}"/>' for style, path in drawn.items())
    return Markup(
        f'<svg viewBox="0 0 {end_s / column_s:.4g} 100" preserveAspectRatio="none" '
        f'aria-hidden="true">{paths}</svg>'
    )


def _block(left: int, right: int) -> str:
    return f"M{left} 0H{right}V10H{left}z"


def _colour(label: str) -> str:
    style = display_class(label)
    return f"var(--c-{style}, {_COLOURS[style]})"


def _scale(top: float, across: float, height: float = g.CURVE_PX) -> Iterable[str]:
    """Lines and numbers at 0, 50 and 100 %."""
    for share in (0.0, 0.5, 1.0):
        y = top + height * (1 - share)
        yield _path(f"M{g.LEFT_PX:g} {y:.1f}h{across:g}", _LINE, 1.0 if share == 0 else 0.6)
        yield _text(g.LEFT_PX - 5, y + 3.5, f"{share:.0%}", _INK, "font-size:10px", "end")


def _curve(
    series: Series, number: int, colour: str, top: float, x: Callable[[float], float], x_px: float
) -> Iterable[str]:
    """Line and area of one apparent expression."""
    base = top + g.CURVE_PX
    dash = _DASHES[min(number, len(_DASHES) - 1)]
    for run in g.averaged(series, number, _MOST_POINTS):
        kept = g.thinned(run, x_px, g.CURVE_PX, _TOLERANCE_PX)
        dots = [
            (x(time_s), base - min(max(value, 0.0), 1.0) * g.CURVE_PX) for time_s, value in kept
        ]
        if len(dots) == 1:
            yield f'<circle cx="{dots[0][0]:.1f}" cy="{dots[0][1]:.1f}" r="1.6" fill="{colour}"/>'
            continue
        line = _points(dots)
        yield (
            f'<polygon points="{dots[0][0]:.1f},{base:g} {line} {dots[-1][0]:.1f},{base:g}" '
            f'fill="{colour}" fill-opacity="0.2"/>'
        )
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        look = f'fill="none" stroke="{colour}" stroke-width="1.5"{dashed}'
        yield f'<polyline points="{line}" {look}/>'


def _answers(answers: Sequence[Answer], x: Callable[[float], float], top: float) -> Iterable[str]:
    """A numbered block for each answer."""
    for answer in answers:
        left, right = x(answer.start_s), x(answer.end_s)
        yield _rect(left, top + 2, max(right - left - 1, 1), g.ANSWERS_PX - 4, _LINE)
        if right - left > 14:
            middle = (left + right) / 2
            number = str(answer.number)
            yield _text(middle, top + 13, number, _INK, "font-size:10.5px", "middle")


def _time_axis(
    start_s: float, end_s: float, x: Callable[[float], float], top: float
) -> Iterable[str]:
    """Ticks at round times, and what they are."""
    for time_s in g.ticks(start_s, end_s, _TICKS):
        at = x(time_s)
        yield _path(f"M{at:.1f} {top:g}v4", _LINE, 0.8)
        anchor = "end" if _WIDTH - at < 26 else "middle"
        yield _text(at, top + 17, clock(time_s), _INK, "font-size:11px", anchor)


def _stripes(ident: str) -> str:
    """What lies where no face could be used."""
    return (
        f'<defs><pattern id="{ident}-gap" width="{g.STRIPE_PX:g}" height="8" '
        f'patternUnits="userSpaceOnUse">'
        f'<rect width="{g.STRIPE_PX / 2:g}" height="8" fill="{_GAP}"/></pattern></defs>'
    )


def _path(d: str, stroke: str, width: float) -> str:
    return f'<path d="{d}" stroke="{stroke}" stroke-width="{width:g}"/>'


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:g}" fill="{fill}"/>'


def _text(x: float, y: float, text: str, fill: str, style: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" style="{style}">'
        f"{escape(text, quote=False)}</text>"
    )


def _points(dots: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)


def _svg(
    kind: str, ident: str, width: float, height: float, parts: Iterable[str], title: str,
    description: str,
) -> str:  # fmt: skip
    """An element that a page can size and a screen reader can name."""
    ident = escape(ident)
    body = "\n".join(parts)
    return (
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'xmlns="http://www.w3.org/2000/svg" '
        f'aria-labelledby="{ident}-title {ident}-description">\n'
        f'<title id="{ident}-title">{escape(title, quote=False)}</title>\n'
        f'<desc id="{ident}-description">{escape(description, quote=False)}</desc>\n'
        f"{body}\n</svg>\n"
    )
