"""Small arrays under each other, each with its axes by name and its numbers in the cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from data.refusal import refusal
from sisa_viz.look import figures
from sisa_viz.look.colours import GROUND, signed_limit
from sisa_viz.look.labels import compact_cells, places_for
from sisa_viz.look.text import escape, token_axis
from sisa_viz.trace.axes import AXES, axis_label

MOST_CELLS = 8192  # of one array; a map of more says nothing about single numbers
MOST_COLUMNS_WRITTEN = 32
FEW_COLUMNS = 16  # wide enough for three digits
MOST_ROWS_WRITTEN = 16
ROW = 24  # pixels
BETWEEN = 78  # pixels between the rows of two arrays: an axis below, a name above
LONG_TICKS = 44  # more pixels where the ticks of the axis are tokens


@dataclass(frozen=True)
class DrawnArray:
    """Hold one array as `plot_arrays` draws it.

    Attributes:
        title: Its name and unit, then its shape by axis.
        values: Its numbers [row, column]; an array of one axis is one row.
        rows: Name of the axis of rows; "" for an array of one axis.
        columns: Name of the axis of columns.
        row_tokens, column_tokens: The tokens along an axis that has some.
        written: What the cells say; None where there are too many to write into.
        limit: Where its colours saturate.
    """

    title: str
    values: np.ndarray
    rows: str
    columns: str
    row_tokens: list[str] | None
    column_tokens: list[str] | None
    written: np.ndarray | None
    limit: float


def prepare_arrays(arrays: Mapping[str, xr.DataArray]) -> list[DrawnArray]:
    """Compute what `plot_arrays` draws: of every array its title, rows, columns and the words of its cells.

    Args:
        arrays: By name, each of one or two named axes.

    Raises:
        ValueError: For no array, one of another number of axes, or one of more than 8,192 numbers.

    Example:
        >>> import xarray as xr
        >>> (drawn,) = prepare_arrays({"query q_i": xr.DataArray([0.5, -1.0], dims="d_head")})
        >>> drawn.title, drawn.written.tolist()
        ('query q_i · d_head 2', [['.50', '−1.00']])
    """
    if not isinstance(arrays, Mapping) or not arrays:
        step = 'Pass them by name: {"query": q}.'
        raise refusal("arrays", arrays, legal="a dictionary of at least one array", step=step)
    return [_drawn(name, array) for name, array in arrays.items()]


def _drawn(called: str, array: xr.DataArray) -> DrawnArray:
    """Return one array as it is drawn, refused where it has too many axes or numbers."""
    if array.ndim not in (1, 2):
        step = "Select along the others first: array.sel(query=3)."
        raise refusal("array", f"one with axes {array.dims}", legal="one or two axes", step=step)
    if not 0 < array.size <= MOST_CELLS:
        step = "Select some of its rows and columns first."
        raise refusal("array", f"one of {array.size:,} numbers", legal=f"1 to {MOST_CELLS:,}", step=step)
    values = np.atleast_2d(np.asarray(array.values, dtype=float))
    limit = signed_limit(values)
    places = places_for(limit) + 1 if values.shape[1] <= FEW_COLUMNS else places_for(limit)
    few = values.shape[0] <= MOST_ROWS_WRITTEN and values.shape[1] <= MOST_COLUMNS_WRITTEN
    names = [str(name) for name in array.dims]
    shape = " × ".join(f"{name} {array.sizes[name]}" for name in names)
    return DrawnArray(
        title=f"{called} · {shape}",
        values=values,
        rows=names[0] if array.ndim == 2 else "",
        columns=names[-1],
        row_tokens=_tokens(array, names[0]) if array.ndim == 2 else None,
        column_tokens=_tokens(array, names[-1]),
        written=compact_cells(values, places) if few else None,
        limit=limit,
    )


def _tokens(array: xr.DataArray, axis: str) -> list[str] | None:
    """Return the tokens along an axis, None where the array names none."""
    tokens = [
        array[name] for name in array.coords if str(name).endswith("token") and array[name].dims == (axis,)
    ]
    return [str(token) for token in tokens[0].values] if tokens else None


def plot_arrays(arrays: Mapping[str, xr.DataArray], *, title: str, subtitle: str = "") -> go.Figure:
    """Draw small arrays under each other, with their axes named and their numbers in the cells.

    Blue is positive, red negative, white zero. Every array's colours saturate at its own largest number, so
    that small ones show their pattern too: compare numbers between arrays by what the cells say.

    Args:
        arrays: By name, each of one or two named axes. The coordinates "token", "query_token" and
            "key_token" label their axis.
        title: What is shown.
        subtitle: What a reader needs to read it.

    Returns:
        The figure.

    Raises:
        ValueError: For no array, one of another number of axes, or one of more than 8,192 numbers.

    Example:
        >>> import sisa_viz
        >>> import xarray as xr
        >>> query = xr.DataArray([0.5, -1.0], dims="d_head")
        >>> sisa_viz.plot_arrays({"query q_i": query}, title="A query").layout.annotations[0].text
        'query q_i · d_head 2'
    """
    data = prepare_arrays(arrays)
    heights = [len(drawn.values) * ROW for drawn in data]
    tokens = any(drawn.column_tokens for drawn in data)
    between = BETWEEN + LONG_TICKS if tokens else BETWEEN
    inside = sum(heights) + between * (len(data) - 1)
    figure = figures.panels(
        [drawn.title for drawn in data],
        columns=1,
        height=figures.HEADER + between + inside,
        row_heights=heights,
        vertical_spacing=between / inside if len(data) > 1 else None,
    )
    for at, drawn in enumerate(data, start=1):
        _draw(figure, drawn, row=at)
        signed = figures.signed_axis(drawn.limit, "") | {"showscale": False}
        figure.update_layout({_coloraxis(at): signed})
    figure.update_layout(plot_bgcolor=GROUND)
    figures.entitle(figure, title, subtitle)
    return figure


def _draw(figure: go.Figure, drawn: DrawnArray, *, row: int) -> None:
    """Add one array to a figure: its map, and its two axes."""
    rows, columns = drawn.values.shape
    place = escape(drawn.columns) + " %{x}"
    hover = f"{escape(drawn.rows)} %{{y}}, {place}" if drawn.rows else place
    figure.add_trace(
        go.Heatmap(
            z=drawn.values,
            coloraxis=_coloraxis(row),
            xgap=1,
            ygap=1,
            text=drawn.written,
            texttemplate=None if drawn.written is None else "%{text}",
            textfont={"size": 10},
            hovertemplate=f"{hover}<br>%{{z:.6g}}<extra></extra>",
        ),
        row=row,
        col=1,
    )
    figure.update_xaxes(_axis(drawn.columns, drawn.column_tokens, columns), row=row, col=1)
    figure.update_yaxes(_axis(drawn.rows, drawn.row_tokens, rows), autorange="reversed", row=row, col=1)


def _coloraxis(row: int) -> str:
    """Return plotly's name of the colour axis of an array, each of which has its own."""
    return "coloraxis" if row == 1 else f"coloraxis{row}"


def _axis(name: str, tokens: Sequence[str] | None, length: int) -> dict[str, object]:
    """Return plotly's options of an axis: its name in words, tokens or every number as its ticks."""
    if not name:
        return {"visible": False}
    step = max(1, -(-length // MOST_COLUMNS_WRITTEN))
    counted: dict[str, object] = {"tickmode": "array", "tickvals": list(range(0, length, step))}
    ticks = counted if tokens is None else token_axis(range(length), tokens)
    words = axis_label(name) if name in AXES else escape(name)
    return {"title": {"text": words}, "showgrid": False, "zeroline": False, **ticks}
