"""What the plotly figures have in common: look, titles, coloured maps over layer × head."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from sisa_viz.look.colours import FROM_ZERO, GRID, GROUND, INK, SIGNED, scale
from sisa_viz.look.text import escape
from sisa_viz.trace.axes import AXES, HEADS, head_name

HEADER = 92  # pixels over the panels, for title and subtitle
MOST_WRITTEN = 48  # cells of a map that carry their number; in a larger one the hover box has it


def panels(titles: Sequence[str], *, columns: int, height: int, **options: Any) -> go.Figure:
    """An empty figure with one panel a title, row by row, in the look of the suite; shows nothing."""
    rows = -(-len(titles) // columns)
    figure = make_subplots(
        rows=rows, cols=columns, subplot_titles=[escape(text) for text in titles], **options
    )
    axis = {
        "gridcolor": GRID,
        "zerolinecolor": GRID,
        "linecolor": GRID,
        "automargin": True,
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
    """Title and subtitle, both escaped, at the left edge."""
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


def signed_axis(limit: float, label: str, **place: Any) -> dict[str, Any]:
    """A colour axis for signed values: symmetric, blue positive."""
    return {"colorscale": scale(SIGNED), "cmin": -limit, "cmax": limit, "colorbar": colourbar(label, **place)}


def zero_axis(limit: float, label: str, **place: Any) -> dict[str, Any]:
    """A colour axis that starts at zero."""
    return {"colorscale": scale(FROM_ZERO), "cmin": 0, "cmax": limit, "colorbar": colourbar(label, **place)}


def colourbar(label: str, **place: Any) -> dict[str, Any]:
    """A slim colour bar with its label along the side."""
    return {"title": {"text": escape(label), "side": "right"}, "thickness": 12, "outlinewidth": 0} | place


def cells(*columns: Any) -> np.ndarray:
    """customdata of a map: [row, column, entry] from arrays of one shape; strings must be escaped already."""
    return np.stack([np.asarray(column, dtype=object) for column in columns], axis=-1)


def head_map(values: xr.DataArray, *, coloraxis: str, hover: Mapping[str, Any]) -> go.Heatmap:
    """A map over (layer, head). `hover`: our own words → arrays (layer, head) that the hover box lists."""
    layers, heads = (values[axis].values for axis in HEADS)
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
        text=_numbers(values, "z.2f"),
        texttemplate="%{text}" if values.size <= MOST_WRITTEN else None,
        customdata=cells(names, *(_numbers(array, ".4g") for array in hover.values())),
        hovertemplate="<br>".join(["<b>%{customdata[0]}</b>", *lines]) + "<extra></extra>",
    )


def _numbers(values: Any, form: str) -> list[list[str]]:
    return [[format(value, form) for value in row] for row in np.asarray(values)]


def head_axes(figure: go.Figure, values: xr.DataArray) -> None:
    """Integer axes over heads and layers, layer 0 on top, the ground showing where there is no value."""
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
    """Zooming one panel zooms all: every axis follows the first of its kind."""
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
