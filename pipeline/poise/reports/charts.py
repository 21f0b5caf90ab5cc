"""Drawings of a page: the timeline of a recording, and progress over several, as SVG.

One row per apparent expression: its smoothed posterior as a line, its episodes as bars below
it. Place, name and line style tell the rows apart, colour only repeats it. matplotlib draws and
measures; what only a browser knows (the reader's font, light or dark, the reader's language) is
put in afterwards: colours become CSS variables with a fall-back, text keeps its size only.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from poise.labels import display_class
from poise.reports.report_types import RecordingReport
from poise.timeline.smoothing import runs_of
from poise.types import Episode, Series

Points = list[tuple[float, float]]

_PX_PER_INCH = 72.0
_LINE_STYLES: tuple[object, ...] = ("solid", (0, (5, 1.6)), (0, (2, 1.2)), (0, (5, 1.4, 1.4, 1.4)))
_COLOURS = {"positive": "#0072b2", "neutral": "#6b7280", "negative": "#c04b00"}
_APART_COLOUR, _INK, _LINE, _GAP = "#99317a", "#1d2125", "#dddfe1", "#c5c9cd"
_VARIABLES = {
    **{colour: f"--c-{label}" for label, colour in _COLOURS.items()},
    _APART_COLOUR: "--c-apart",
    _INK: "--chart-ink",
    _LINE: "--chart-line",
    _GAP: "--chart-gap",
}
_TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200)


# Sizes in pixels of a drawing; a browser scales it to the column it stands in.
_WIDTH, _LEFT, _RIGHT, _FONT, _ROW = 920.0, 44.0, 14.0, 12.5, 58.0
_PANEL_WIDTH, _PANEL_HEIGHT = 210.0, 120.0
_TICKS, _TOLERANCE_PX, _MOST_POINTS = 11, 0.3, 600
_NAME_ABOVE, _BAR_BELOW, _FOOT, _BAR_HEIGHT = 30.0, 9.0, 24.0, 4.5
_FLOOR = -_BAR_BELOW / _ROW  # where the bars lie, in units of the rows


def timeline_svg(
    recording: RecordingReport,
    *,
    name: Callable[[str], str] = str,
    ident: str = "timeline",
    title: str = "",
    description: str = "",
) -> str:
    """Draw the timeline of a recording.

    Args:
        recording: Its `series` and `episodes` are drawn.
        name: Gives the reader's name of an apparent expression, plain text.
        ident: Prefix of every id in the drawing; unique within the page.
        title: Accessible name, plain text.
        description: Accessible description, plain text.

    Returns:
        An `<svg>` element, or an empty string where there is nothing to draw.
    """
    series = recording.series
    if series is None:
        return ""
    height = len(series.labels) * (_NAME_ABOVE + _ROW + _BAR_BELOW) + _FOOT
    figure = _figure(_WIDTH, height)
    extent = _extent(recording, series)
    for number, label in enumerate(series.labels):
        top = number * (_NAME_ABOVE + _ROW + _BAR_BELOW) + _NAME_ABOVE
        axes = _axes(figure, _LEFT, top, _WIDTH - _LEFT - _RIGHT, _ROW + _BAR_BELOW)
        _draw_row(axes, series, number, extent)
        _draw_episodes(axes, [e for e in recording.episodes if e.label == label], extent)
        _name_above(axes, number, _COLOURS.get(label, _APART_COLOUR))
        _time_axis(axes, *extent, named=number == len(series.labels) - 1)
    names = [name(label) for label in series.labels]
    return _render(figure, "timeline", ident, names, title, description)


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
    figure = _figure(_PANEL_WIDTH, _NAME_ABOVE + _PANEL_HEIGHT + _FOOT)
    axes = _axes(figure, _LEFT, _NAME_ABOVE, _PANEL_WIDTH - _LEFT - _RIGHT, _PANEL_HEIGHT)
    colour = _COLOURS.get(label, _APART_COLOUR)
    dots = [(k, share) for k, share in enumerate(shares, start=1) if share is not None]
    xs, ys = [x for x, _ in dots], [y for _, y in dots]
    axes.hlines([0.0, 0.5, 1.0], 0.5, len(shares) + 0.5, colors=_LINE, linewidths=0.8)
    axes.plot(xs, ys, color=colour, marker="o", markersize=4.5, linewidth=1.2, clip_on=False)
    axes.set_xlim(0.5, len(shares) + 0.5)
    axes.set_ylim(0, 1)
    axes.set_yticks([0.0, 0.5, 1.0], ["0%", "50%", "100%"])
    axes.set_xticks([1, len(shares)], ["1", str(len(shares))])
    _bare(axes)
    _name_above(axes, 0, colour)
    return _render(figure, "progress", ident, [name], name, description)


def strip_svg(recording: RecordingReport, end_s: float | None = None) -> Markup:
    """The episodes of a recording as one line of colours, small enough for a table.

    Args:
        recording: Its `episodes` are drawn.
        end_s: Where the line ends; by default where the recording does.
    """
    length_s = _end_s(recording)
    scale = 1000 / max(end_s or length_s, 1e-9)
    drawn: dict[str, str] = {}
    for episode in recording.episodes:
        left, right = round(episode.start_s * scale), round(episode.end_s * scale)
        style = display_class(episode.label)
        drawn[style] = drawn.get(style, "") + f"M{left} 0h{max(right - left, 2)}v10H{left}z"
    paths = "".join(f'<path class="s-{style}" d="{path}"/>' for style, path in drawn.items())
    width = f'<path class="s-none" d="M0 0h{round(length_s * scale)}v10H0z"/>'
    return Markup(
        f'<svg class="strip" viewBox="0 0 1000 10" preserveAspectRatio="none" '
        f'aria-hidden="true">{width}{paths}</svg>'
    )


def _figure(width_px: float, height_px: float) -> Figure:
    figure = Figure(figsize=(width_px / _PX_PER_INCH, height_px / _PX_PER_INCH), dpi=_PX_PER_INCH)
    FigureCanvasSVG(figure)
    return figure


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in pixels from the upper left corner."""
    across, down = figure.get_size_inches() * _PX_PER_INCH
    box = (left / across, 1 - (top + height) / down, width / across, height / down)
    return figure.add_axes(box)


def _bare(axes: Axes) -> None:
    """No frame, small quiet numbers."""
    axes.patch.set_visible(False)
    for side in ("top", "left", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, pad=4, labelsize=_FONT * 0.8, labelcolor=_INK)


def _name_above(axes: Axes, number: int, colour: str) -> None:
    axes.annotate(
        _name_token(number),
        (0, 1),
        xytext=(0, 7),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=_FONT,
        fontweight="bold",
        color=colour,
        annotation_clip=False,
    )


def _draw_row(axes: Axes, series: Series, number: int, extent: tuple[float, float]) -> None:
    """Line, area and gaps of one apparent expression."""
    colour = _COLOURS.get(series.labels[number], _APART_COLOUR)
    style = _LINE_STYLES[min(number, len(_LINE_STYLES) - 1)]
    _bare(axes)
    axes.set_xlim(*extent)
    axes.set_ylim(_FLOOR, 1.0)
    axes.hlines([0.0, 0.5, 1.0], *extent, colors=_LINE, linewidths=[1.0, 0.6, 0.6])
    runs = _runs(series, number)
    for before, after in pairwise(runs):
        gap = [before[-1][0], after[0][0]]
        axes.fill_between(gap, 0, 1, color=_GAP, alpha=0.4, lw=0, clip_on=False)
    for run in runs:
        points = _thinned(run, _x_px(extent), _ROW, _TOLERANCE_PX)
        xs, ys = [x for x, _ in points], [y for _, y in points]
        if len(points) == 1:
            axes.plot(xs, ys, color=colour, marker=".", markersize=3.5, clip_on=False)
            continue
        axes.fill([xs[0], *xs, xs[-1]], [0, *ys, 0], color=colour, alpha=0.2, lw=0, clip_on=False)
        (line,) = axes.plot(xs, ys, color=colour, linewidth=1.5, clip_on=False)
        line.set_linestyle(style)  # type: ignore[arg-type]
    axes.set_yticks([0.0, 0.5, 1.0], ["0%", "50%", "100%"])


def _draw_episodes(axes: Axes, episodes: Sequence[Episode], extent: tuple[float, float]) -> None:
    """A bar for each, below the line and wide enough to be seen."""
    least_s = 1.5 / _x_px(extent)
    axes.broken_barh(
        [(episode.start_s, max(episode.duration_s, least_s)) for episode in episodes],
        (_FLOOR, _BAR_HEIGHT / _ROW),
        color=_COLOURS.get(episodes[0].label, _APART_COLOUR) if episodes else _LINE,
        lw=0,
        clip_on=False,
    )


def _time_axis(axes: Axes, start_s: float, end_s: float, *, named: bool) -> None:
    """Ticks at round times; only the lowest row names them."""
    wanted = (end_s - start_s) / _TICKS
    step = next((s for s in _TICK_STEPS_S if s >= wanted), _TICK_STEPS_S[-1])
    first = math.ceil(start_s / step) * step
    ticks = [float(t) for t in range(first, math.floor(end_s) + 1, step)]
    axes.set_xticks(ticks)
    if ticks and end_s - ticks[-1] < 0.02 * (end_s - start_s):
        axes.get_xticklabels()[-1].set_horizontalalignment("right")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _clock(value)))
    axes.tick_params(
        axis="x",
        length=4 if named else 0,
        width=0.8,
        pad=3,
        labelbottom=named,
        labelsize=_FONT * 0.88,
        color=_LINE,
        labelcolor=_INK,
    )


def _end_s(recording: RecordingReport) -> float:
    """Where the recording ends; later than it lasts where its picture starts late."""
    statistics = recording.statistics
    return max(statistics.duration_s, statistics.end_s) if statistics else 0.0


def _clock(time_s: float) -> str:
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def _extent(recording: RecordingReport, series: Series) -> tuple[float, float]:
    """First and last second of the time axis, at least one second apart."""
    last_s = max([float(series.pts_s[-1]), *(e.end_s for e in recording.episodes)])
    if recording.statistics is not None:
        last_s = max(last_s, _end_s(recording))
    return 0.0, max(last_s, 1.0)


def _x_px(extent: tuple[float, float]) -> float:
    """Pixels per second."""
    return (_WIDTH - _LEFT - _RIGHT) / (extent[1] - extent[0])


def _runs(series: Series, column: int) -> list[Points]:
    """Stretches without a gap, as (time, value) each: at most about `_MOST_POINTS` in all."""
    step = max(1, -(-len(series.pts_s) // _MOST_POINTS))
    values = series.smoothed[:, column]
    return [
        [
            (float(series.pts_s[part].mean()), float(values[part].mean()))
            for part in (slice(k, min(k + step, end)) for k in range(start, end, step))
        ]
        for start, end in runs_of(series)
    ]


def _thinned(run: Points, x_px: float, y_px: float, tolerance_px: float) -> Points:
    """Leave out points that lie closer than a tolerance to the line through their neighbours.

    Args:
        run: (time, value) each.
        x_px, y_px: Pixels per second and per unit.
        tolerance_px: Largest vertical distance left out.

    Source: Douglas and Peucker, Cartographica 10(2), 1973, with the vertical distance.
    """
    keep = {0, len(run) - 1}
    pending = [(0, len(run) - 1)]
    while pending:
        first, last = pending.pop()
        (x0, y0), (x1, y1) = run[first], run[last]
        slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
        inner = range(first + 1, last)
        if not inner:
            continue
        far = max(inner, key=lambda k: abs(run[k][1] - y0 - slope * (run[k][0] - x0)))
        if abs(run[far][1] - y0 - slope * (run[far][0] - x0)) * y_px > tolerance_px:
            keep.add(far)
            pending += [(first, far), (far, last)]
    return [run[k] for k in sorted(keep)]


def _name_token(number: int) -> str:
    """Stands for a name while matplotlib draws, whose fonts may lack the reader's letters."""
    return f"@{number}@"


def _render(
    figure: Figure, kind: str, ident: str, names: Sequence[str], title: str, description: str
) -> str:
    """SVG text of a figure: deterministic, small, and dressed by the page's style sheet."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": ident}):
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{ident}-', svg)
    svg = re.sub(r'href="#', f'href="#{ident}-', svg)
    svg = re.sub(r"url\(#", f"url(#{ident}-", svg)
    svg = re.sub(r"-?\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}", svg)
    svg = re.sub(r"font: (?:(bold|\d+) )?([\d.]+)px [^;\"]*", _font_size, svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?| transform=\"rotate\(-?0 [^\"]*\"", "", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable}, {colour})")
    for number, name in enumerate(names):
        svg = svg.replace(_name_token(number), escape(name, quote=False))
    return _with_accessible_name(re.sub(r"\s*\n\s*", "\n", svg), kind, ident, title, description)


def _font_size(found: re.Match[str]) -> str:
    """A CSS font without its family, so that the page's own is inherited."""
    weight = "; font-weight: 600" if found[1] in ("bold", "700") else ""
    return f"font-size: {found[2]}px{weight}"


def _with_accessible_name(svg: str, kind: str, ident: str, title: str, description: str) -> str:
    """Replace the opening tag by one that a page can size and a screen reader can name."""
    box = re.search(r'viewBox="([^"]*)"', svg)
    extent = box[1] if box else "0 0 1 1"
    opening = (
        f'<svg class="{kind}" viewBox="{extent}" role="img" '
        f'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'aria-labelledby="{ident}-title {ident}-description">\n'
        f'<title id="{ident}-title">{escape(title, quote=False)}</title>\n'
        f'<desc id="{ident}-description">{escape(description, quote=False)}</desc>\n'
    )
    return opening + svg[svg.index(">") + 1 :]
