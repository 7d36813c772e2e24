"""What the plotly figures have in common: look, titles, coloured maps over layer × head."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from sisa_viz.look.colours import FROM_ZERO, GRID, GROUND, INK, SIGNED, scale
from sisa_viz.look.text import escape
from sisa_viz.trace.axes import AXES, head_name

HEADER = 92  # pixels over the panels, for title and subtitle
SHORT_LABEL = 6  # characters of a label that stands on top of its colour bar
MOST_WRITTEN = 48  # cells of a map that carry their number; in a larger one the hover box has it


def panels(
    titles: Sequence[str],
    *,
    columns: int,
    height: int,
    row_heights: Sequence[float] | None = None,
    column_widths: Sequence[float] | None = None,
    horizontal_spacing: float | None = None,
    vertical_spacing: float | None = None,
    shared_xaxes: bool = False,
) -> go.Figure:
    """Return an empty figure with one panel a title, row by row, in the look of all our plots.

    Grounds are transparent and the ink is a grey that reads on white and on dark themes. Nothing is shown.

    Args:
        titles: A title a panel, escaped here; "" for none.
        columns: Panels side by side.
        height: Of the whole figure, in pixels.
        row_heights: Heights of the rows relative to each other; equal where left out.
        column_widths: Widths of the columns likewise.
        horizontal_spacing: Between columns, as a share of the figure's width.
        vertical_spacing: Between rows, as a share of the figure's height.
        shared_xaxes: Whether only the lowest row has words on its x axis.

    Example:
        >>> figure = panels(["content", "importance", "sum"], columns=2, height=400)
        >>> figure.layout.height, [note.text for note in figure.layout.annotations]
        (400, ['content', 'importance', 'sum'])
    """
    rows = -(-len(titles) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[escape(text) for text in titles],
        row_heights=list(row_heights) if row_heights else None,
        column_widths=list(column_widths) if column_widths else None,
        horizontal_spacing=horizontal_spacing,
        vertical_spacing=vertical_spacing,
        shared_xaxes=shared_xaxes,
    )
    axis = {
        "gridcolor": GRID,
        "zerolinecolor": GRID,
        "linecolor": GRID,
        "automargin": True,
        "exponentformat": "power",  # "200μ" would be no number to a reader
        "title": {"standoff": 8},
    }
    figure.update_layout(
        template=None,
        height=height,
        font={"color": INK, "size": 12},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 70, "r": 20, "t": HEADER, "b": 60},
        hoverlabel={"align": "left", "font": {"family": "monospace"}},
        hovermode="closest",
    )
    figure.update_xaxes(axis)
    figure.update_yaxes(axis)
    return figure


def entitle(figure: go.Figure, title: str, subtitle: str) -> None:
    """Set title and subtitle of a figure, both escaped, at its left edge.

    Args:
        figure: The figure, changed in place.
        title: What is shown, a short line.
        subtitle: What a reader needs to read it: units, numbers of runs, what lines mean.

    Example:
        >>> figure = panels([""], columns=1, height=300)
        >>> entitle(figure, "λ < 1", "two runs")
        >>> figure.layout.title.text
        'λ &lt; 1'
    """
    figure.update_layout(
        title={
            "text": escape(title),
            "subtitle": {"text": escape(subtitle), "font": {"size": 12}},
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 12},
            "font": {"size": 16},
        }
    )


def signed_axis(limit: float, label: str, **place: float) -> dict[str, object]:
    """Return plotly's options of a colour axis for signed values: symmetric, blue positive, white zero.

    Args:
        limit: Where the colours saturate, on both sides.
        label: What stands along the colour bar.
        **place: The bar's x, y and len, shares of the figure.

    Example:
        >>> axis = signed_axis(2.0, "score (nats)", x=1.01)
        >>> axis["cmin"], axis["cmax"]
        (-2.0, 2.0)
    """
    return {"colorscale": scale(SIGNED), "cmin": -limit, "cmax": limit, "colorbar": colourbar(label, place)}


def zero_axis(limit: float, label: str, **place: float) -> dict[str, object]:
    """Return plotly's options of a colour axis that starts at zero, for probabilities and the like.

    Args:
        limit: The upper end.
        label: What stands along the colour bar.
        **place: The bar's x, y and len, shares of the figure.

    Example:
        >>> axis = zero_axis(1.0, "probability")
        >>> axis["cmin"], axis["cmax"]
        (0, 1.0)
    """
    return {"colorscale": scale(FROM_ZERO), "cmin": 0, "cmax": limit, "colorbar": colourbar(label, place)}


def colourbar(label: str, place: Mapping[str, float]) -> dict[str, object]:
    """Return plotly's options of a colour bar: thin, without a frame, its label at its side or on top.

    Args:
        label: What stands along it, escaped here.
        place: Its x, y and len, shares of the figure.

    Example:
        >>> colourbar("score (nats)", {"x": 1.01})["title"]
        {'text': 'score (nats)', 'side': 'right'}
    """
    side = "top" if len(label) <= SHORT_LABEL else "right"  # a short one would stand among the numbers
    title = {"text": escape(label), "side": side}
    return {"title": title, "thickness": 12, "outlinewidth": 0, "exponentformat": "power", **place}


def cells(*columns: ArrayLike) -> np.ndarray:
    """Return what plotly calls customdata: for every mark the entries that its hover box shows.

    Args:
        *columns: Arrays of one shape, [row, column] for a map or [point] for a line. Strings must be escaped
            already.

    Returns:
        An array of one more axis, with an entry for each of `columns`.

    Example:
        >>> cells(["L0H0", "L0H1"], [0.5, 1.0]).tolist()
        [['L0H0', 0.5], ['L0H1', 1.0]]
    """
    return np.stack([np.asarray(column, dtype=object) for column in columns], axis=-1)


def band(x: ArrayLike, forth: ArrayLike, back: ArrayLike, *, colour: str, group: str) -> go.Scatter:
    """Return an interval over x as one closed and filled outline, without a legend entry and a hover box.

    Args:
        x: Places.
        forth, back: The two ends of the interval at each place, in the order of the outline.
        colour: Of the filling, with its opacity.
        group: Of `legend_group`, which switches it on and off.

    Example:
        >>> band([1, 2], [0.0, 0.1], [1.0, 0.9], colour="rgba(0, 0, 0, 0.1)", group="a").y.tolist()
        [0.0, 0.1, 0.9, 1.0]
    """
    outline = {"x": np.append(x, np.flip(x)), "y": np.append(forth, np.flip(back))}
    look = {"mode": "lines", "fill": "toself", "fillcolor": colour, "line": {"width": 0}}
    return go.Scatter(**outline, **look, hoverinfo="skip", showlegend=False, legendgroup=group)


def head_map(
    values: xr.DataArray,
    *,
    coloraxis: str,
    hover: Mapping[str, xr.DataArray],
    words: np.ndarray | None = None,
    size: int = 12,
) -> go.Heatmap:
    """Return a map over layer × head, with the numbers written into its cells where there are at most 48.

    Args:
        values: Numbers (layer, head).
        coloraxis: The name of the colour axis in the layout, "coloraxis" or "coloraxis2".
        hover: Arrays (layer, head) that the hover box lists, by our own words for them.
        words: What the cells say, [layer, head]; the numbers to two places where left out.
        size: Of the numbers in the cells, pixels.

    Example:
        >>> lam = xr.DataArray([[0.5, 1.0]], dims=["layer", "head"], coords={"layer": [0], "head": [0, 1]})
        >>> head_map(lam, coloraxis="coloraxis", hover={"λ": lam}).text[0]
        ['0.50', '1.00']
    """
    layers, heads = values["layer"].values, values["head"].values
    names = [[head_name(int(layer), int(head)) for head in heads] for layer in layers]
    lines = [f"{words}: %{{customdata[{at}]}}" for at, words in enumerate(hover, start=1)]
    return go.Heatmap(
        z=values.values,
        x=heads,
        y=layers,
        coloraxis=coloraxis,
        xgap=1,
        ygap=1,
        hoverongaps=False,
        text=_numbers(values, "z.2f") if words is None else words,
        texttemplate="%{text}" if values.size <= MOST_WRITTEN else None,
        textfont={"size": size},
        customdata=cells(names, *(_numbers(array, ".4g") for array in hover.values())),
        hovertemplate="<br>".join(["<b>%{customdata[0]}</b>", *lines]) + "<extra></extra>",
    )


def _numbers(values: xr.DataArray, form: str) -> list[list[str]]:
    return [[format(value, form) for value in row] for row in np.asarray(values)]


def head_axes(figure: go.Figure, values: xr.DataArray) -> None:
    """Set the axes of a map over layer × head: integers, layer 0 on top, at most 16 ticks.

    The grey ground shows where there is no value.

    Args:
        figure: The figure, changed in place.
        values: The numbers (layer, head) of one of its maps.

    Example:
        >>> lam = xr.DataArray([[0.5, 1.0]], dims=["layer", "head"], coords={"layer": [0], "head": [0, 1]})
        >>> figure = panels([""], columns=1, height=300)
        >>> head_axes(figure, lam)
        >>> figure.layout.xaxis.tickvals, figure.layout.yaxis.autorange
        ((0, 1), 'reversed')
    """
    for update, axis in ((figure.update_xaxes, "head"), (figure.update_yaxes, "layer")):
        positions = [int(value) for value in values[axis].values]
        step = max(1, -(-len(positions) // 16))
        update(
            title={"text": AXES[axis]},
            tickmode="array",
            tickvals=positions[::step],
            showgrid=False,
            zeroline=False,
        )
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(plot_bgcolor=GROUND)


def link(figure: go.Figure) -> None:
    """Make every axis of a figure follow the first of its kind, so that zooming one panel zooms all.

    Example:
        >>> figure = panels(["a", "b"], columns=2, height=300)
        >>> link(figure)
        >>> figure.layout.xaxis2.matches
        'x'
    """
    for name in figure.layout:
        if name[1:5] == "axis" and name not in ("xaxis", "yaxis"):
            figure.layout[name]["matches"] = name[0]


def short(numbers: np.ndarray) -> list[str]:
    """Return numbers as text of four significant digits, for hover boxes.

    Example:
        >>> short(np.array([0.123456, 2.0]))
        ['0.1235', '2']
    """
    return [f"{number:.4g}" for number in numbers]
