"""A still picture of one of our plotly figures, drawn by matplotlib: no browser, no display.

It stands in where scripts are off. It knows what our plots use: heat maps, lines, points and bands on axes
that plotly placed; shapes, hover boxes and written cells are left out.
"""

import base64
import html
import io
import warnings
from typing import Any, TypeAlias

import numpy as np
import plotly.graph_objects as go
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from sisa_viz.look.colours import PRINTED_GROUND
from sisa_viz.look.dashes import MATPLOTLIB_DASHES

PlotlyObject: TypeAlias = Any  # plotly makes the attributes of figures, axes and lines at run time

DPI = 80
SIZE = (960, 450)  # pixels; the height only where the figure has none
MARGIN = {"left": 90, "right": 110, "top": 86, "bottom": 84}  # pixels
MOST_TICKS = 24
DRAWN_TYPES = ("heatmap", "scatter", "scattergl")
DRAWN_FILLS = (None, "none", "toself")
LONGEST_LABEL = 300  # characters
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of red, green and blue to the eye
DARK = 0.45  # luminance below which white is read more easily than black
FEW_POINTS = 20  # plotly marks each point of a shorter line
PLOTLY_COLOURS = ("#636efa", "#ef553b", "#00cc96", "#ab63fa", "#ffa15a", "#19d3f3")  # lines without a colour


def picture(figure: go.Figure) -> bytes:
    """Draw a plotly figure with matplotlib and return it as the bytes of a PNG file.

    The picture is 960 pixels wide and as high as the figure. It has the figure's numbers, colours, titles and
    axes; hover boxes, shapes and the numbers written into cells are left out.

    Args:
        figure: A figure of one of our plots, made of heat maps and scatter lines; simple lines and points of
            other figures are drawn too.

    Raises:
        Exception: For other kinds of figures, whatever plotly, numpy or matplotlib raises there.

    Example:
        >>> from sisa_viz import plot_lambda
        >>> from sisa_viz.examples import example_trace
        >>> picture(plot_lambda(example_trace()))[1:4]
        b'PNG'
    """
    with rc_context({"text.parse_math": False}):  # a legend has no option for it, and a run may be named "$x"
        return _drawn(figure)


def _drawn(figure: go.Figure) -> bytes:
    drawn = Figure(figsize=(SIZE[0] / DPI, _height(figure) / DPI), dpi=DPI, facecolor="white")
    layout: PlotlyObject = figure.layout
    title = "\n".join(filter(None, (_words(layout.title.text), _words(layout.title.subtitle.text))))
    drawn.text(0.02, 1 - 12 / _height(figure), title, va="top", fontsize=10)
    places: dict[tuple[str, str], Axes] = {}
    traces: PlotlyObject = figure.data
    for trace in (trace for trace in traces if trace.visible in (None, True)):
        _check_drawable(figure, trace)
        key = (trace.xaxis or "x", trace.yaxis or "y")
        if key not in places:
            places[key] = _axes(drawn, figure, *key)
        (_heat if trace.type == "heatmap" else _scatter)(places[key], figure, trace)
    for (x, y), axes in places.items():
        _limit(axes, _axis(figure, x), _axis(figure, y))
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=6, loc="best")
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # no font has every token
        drawn.savefig(buffer, format="png")
    return buffer.getvalue()


def _check_drawable(figure: go.Figure, trace: PlotlyObject) -> None:
    """Raise where the picture would show other numbers than the figure: none is better than a wrong one."""
    known = trace.type in DRAWN_TYPES
    if not known or (trace.type != "heatmap" and (trace.stackgroup or trace.fill not in DRAWN_FILLS)):
        raise ValueError(
            f"{trace.type} is not drawn; legal: {', '.join(DRAWN_TYPES)}, neither stacked nor filled"
        )
    if _axis(figure, trace.xaxis or "x").overlaying or _axis(figure, trace.yaxis or "y").overlaying:
        raise ValueError("a second axis is not drawn; legal: one axis each way")


def _limit(axes: Axes, x: PlotlyObject, y: PlotlyObject) -> None:
    """Show the part of the axes that the figure shows, in its direction."""
    for axis, source, limit in ((axes.xaxis, x, axes.set_xlim), (axes.yaxis, y, axes.set_ylim)):
        if source.range is not None and source.range[0] != source.range[1]:
            low, high = [float(end) for end in source.range]
            limit(*((10**low, 10**high) if source.type == "log" else (low, high)))
        elif source.autorange == "reversed":
            axis.set_inverted(True)


def picture_uri(figure: go.Figure) -> str:
    """Return the picture of a figure as a data: URI, which a page can hold without another file.

    Example:
        >>> from sisa_viz import plot_lambda
        >>> from sisa_viz.examples import example_trace
        >>> picture_uri(plot_lambda(example_trace()))[:30]
        'data:image/png;base64,iVBORw0K'
    """
    return "data:image/png;base64," + base64.b64encode(picture(figure)).decode("ascii")


def _words(text: str | None) -> str:
    """Return a label as matplotlib shall show it; it measures every letter, 10,000 of them for seconds."""
    words = plain(text)
    return words if len(words) <= LONGEST_LABEL else words[: LONGEST_LABEL - 1] + "…"


def plain(text: str | None) -> str:
    """Return a label of ours without the escapes that plotly needs, for matplotlib shows text as it is.

    Example:
        >>> plain("&lt;s&gt; costs &#36;5"), plain(None)
        ('<s> costs $5', '')
    """
    return html.unescape(text or "")


def _height(figure: PlotlyObject) -> int:
    return figure.layout.height or SIZE[1]


def _axis(figure: PlotlyObject, name: str) -> PlotlyObject:
    return figure.layout[f"{name[0]}axis{name[1:]}"]


def _axes(drawn: Figure, figure: PlotlyObject, x: str, y: str) -> Axes:
    """One panel where plotly has it, with its title, ticks and labels."""
    left, right = _axis(figure, x).domain or (0, 1)
    low, high = _axis(figure, y).domain or (0, 1)
    start = _left_margin(figure)
    wide = 1 - (start + MARGIN["right"]) / SIZE[0]
    tall = 1 - (MARGIN["top"] + MARGIN["bottom"]) / _height(figure)
    corner = (start / SIZE[0] + wide * left, MARGIN["bottom"] / _height(figure) + tall * low)
    axes = drawn.add_axes((*corner, wide * (right - left), tall * (high - low)))
    _dress(axes.xaxis, _axis(figure, x))
    _dress(axes.yaxis, _axis(figure, y))
    for note in figure.layout.annotations:
        if (
            note.xref == note.yref == "paper"
            and abs(note.x - (left + right) / 2) < 0.02
            and abs(note.y - high) < 0.02
        ):
            axes.set_title(_words(note.text), fontsize=9)
    return axes


def _left_margin(figure: PlotlyObject) -> float:
    """Pixels left of the panels: as many as the longest word on an upright axis takes."""
    axes = [figure.layout[name] for name in figure.layout if name.startswith("yaxis")]
    words = [str(word) for axis in axes for word in axis.ticktext or () if axis.showticklabels is not False]
    return max(MARGIN["left"], 24 + 6 * min(max(map(len, words), default=0), 30))


def _dress(axis: PlotlyObject, source: PlotlyObject) -> None:
    axis.set_label_text(_words(source.title.text), fontsize=8)
    axis.set_tick_params(labelsize=7, rotation=60 if axis.axis_name == "x" and source.labelalias else 0)
    if source.type == "log":
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    if source.tickvals is not None:
        words = [_words(str(word)) for word in source.ticktext or source.tickvals]
        step = -(-len(words) // MOST_TICKS)
        axis.set_minor_locator(NullLocator())
        axis.set_ticks(list(source.tickvals)[::step], words[::step])
    if source.visible is False:
        axis.set_visible(False)
    if source.showticklabels is False:
        axis.set_tick_params(labelbottom=False, labelleft=False)


def _heat(axes: Axes, figure: PlotlyObject, trace: PlotlyObject) -> None:
    z, scale = np.asarray(trace.z, dtype=float), figure.layout[trace.coloraxis]
    colours = LinearSegmentedColormap.from_list("", list(scale.colorscale))
    x, y = _edges(trace.x, z.shape[1]), _edges(trace.y, z.shape[0])
    mesh = axes.pcolormesh(x, y, z, cmap=colours, norm=Normalize(scale.cmin, scale.cmax))
    axes.set_facecolor(PRINTED_GROUND)
    if trace.texttemplate is not None:
        _write(axes, np.asarray(trace.text), np.asarray(mesh.cmap(mesh.norm(z))))
    if scale.showscale is not False and trace is _bar_bearer(figure, trace.coloraxis):
        at = axes.get_position()
        bar = axes.get_figure().add_axes((at.x1 + 0.008, at.y0, 0.008, at.height))  # pyright: ignore[reportOptionalMemberAccess]
        bar.figure.colorbar(mesh, cax=bar).set_label(_words(scale.colorbar.title.text), fontsize=7)
        bar.tick_params(labelsize=6)
        if scale.colorbar.tickvals is not None:
            bar.set_yticks(list(scale.colorbar.tickvals), [_words(word) for word in scale.colorbar.ticktext])


def _write(axes: Axes, words: np.ndarray, colours: np.ndarray) -> None:
    """Write what each cell of a map says, white on dark colours and black on light ones."""
    for (row, column), word in np.ndenumerate(words):
        dark = colours[row, column, :3] @ LUMINANCE < DARK
        ink = "white" if dark else "black"
        axes.text(column, row, _words(str(word)), color=ink, fontsize=6, ha="center", va="center")


def _edges(centres: np.ndarray | None, size: int) -> np.ndarray:
    """Return the size + 1 edges of evenly spaced cells, one wide where there is one cell."""
    x = np.arange(size) if centres is None else np.asarray(centres, dtype=float)
    step = x[1] - x[0] if size > 1 else 1.0
    return np.append(x, x[-1] + step) - step / 2


def _bar_bearer(figure: PlotlyObject, coloraxis: str) -> PlotlyObject:
    """Return the panel that shows the colour bar: the rightmost of those that share it."""
    sharing = [trace for trace in figure.data if trace.type == "heatmap" and trace.coloraxis == coloraxis]
    return max(sharing, key=lambda trace: (_axis(figure, trace.xaxis or "x").domain or (0, 1))[1])


def _scatter(axes: Axes, figure: PlotlyObject, trace: PlotlyObject) -> None:
    y = np.asarray(trace.y, dtype=float)
    x = np.arange(y.size, dtype=float) if trace.x is None else np.asarray(trace.x, dtype=float)
    if trace.fill == "toself":
        axes.fill(x, y, color=_colour(trace.fillcolor), linewidth=0)
        return
    name = _words(trace.name) if trace.showlegend is not False and len(figure.data) > 1 else None
    mode = trace.mode or ("lines+markers" if y.size < FEW_POINTS else "lines")  # as plotly itself does
    own = trace.line.color or PLOTLY_COLOURS[figure.data.index(trace) % len(PLOTLY_COLOURS)]
    if "lines" in mode:
        dashes, width = MATPLOTLIB_DASHES.get(trace.line.dash, "-"), trace.line.width or 1
        axes.plot(x, y, linestyle=dashes, linewidth=width, color=_colour(own), label=name)
    if "markers" in mode:
        given = own if trace.marker.color is None else trace.marker.color
        colours = [_colour(colour) for colour in ([given] if isinstance(given, str) else given)]
        axes.scatter(x, y, s=6, c=colours, label=None if "lines" in mode else name, zorder=3)
    if "text" in mode:
        for across, up, words in zip(x, y, trace.text, strict=True):
            axes.text(across, up, _words(words), fontsize=6, va="center")


def _colour(colour: str) -> tuple[float, float, float, float]:
    if not colour.startswith("rgba("):
        return to_rgba(colour)
    red, green, blue, alpha = [float(part) for part in colour[5:-1].split(",")]
    return red / 255, green / 255, blue / 255, alpha
