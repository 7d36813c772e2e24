"""Where in the haystack the needle is found: accuracy over context length × needle depth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_table
from sisa_viz.look import figures
from sisa_viz.look.colours import GROUND
from sisa_viz.look.labels import column_label
from sisa_viz.look.text import escape

GRID_COLUMNS = 3  # panels side by side
FEW_EPISODES = 10  # a cell with fewer shows their counts
LENGTH = "context_length"
CELL_NUMBERS = ("rate", "low", "high", "n")


@dataclass(frozen=True)
class Grid:
    """Hold what one panel of plot_niah_grid draws.

    Attributes:
        name: The panel's title.
        lengths: Context lengths in tokens, the columns.
        depths: Needle depths from 0 (the start of the context) to 1, the rows.
        maps: "rate", "low", "high" and "n" as [depth, length], NaN where nothing was measured.
    """

    name: str
    lengths: list[float]
    depths: list[float]
    maps: dict[str, np.ndarray]

    @property
    def words(self) -> list[list[str]]:
        """Write what each cell says: "62 %", "1/1" of few episodes, "" where nothing was measured."""
        return [
            [_words(*cell) for cell in zip(*rows, strict=True)]
            for rows in zip(self.maps["rate"], self.maps["n"], strict=True)
        ]


def _words(rate: float, n: float) -> str:
    if np.isnan(rate):
        return ""
    return f"{rate * n:.0f}/{n:.0f}" if n < FEW_EPISODES else f"{100 * rate:.0f} %"


def prepare_niah_grid(
    summary: pd.DataFrame,
    *,
    depth: str = "requested_depth",
    panel: str = "architecture",
) -> list[Grid]:
    """Lay a summary out as grids of depth × length, one for every value of the column `panel`.

    All grids have the same axes. A table without the column "architecture" gives one grid without a name.

    Args:
        summary: From `data.summarise(by=("context_length", depth))`: rate with its Wilson interval low and
            high, and n episodes.
        depth: The column of needle depths.
        panel: The column whose values get a grid each.

    Returns:
        The grids, in the table's order.

    Raises:
        ValueError: For missing columns, or two rows that claim the same cell.

    Example:
        >>> cell = {"context_length": 128, "requested_depth": 0.5, "rate": 0.75, "low": 0.6, "high": 0.86}
        >>> grids = prepare_niah_grid(pd.DataFrame([cell | {"n": 40}]))
        >>> grids[0].words
        [['75 %']]
    """
    named = [panel] if panel != "architecture" else []
    rows = check_table(summary, (LENGTH, depth, *CELL_NUMBERS, *named), what="the summary")
    keys = [panel] if panel in rows else []
    twice = rows.duplicated([*keys, LENGTH, depth])
    if twice.any():
        raise ValueError(
            f"{int(twice.sum())} rows repeat a cell of {[*keys, LENGTH, depth]}; summarise by exactly these"
        )
    lengths, depths = sorted(rows[LENGTH].unique().tolist()), sorted(rows[depth].unique().tolist())
    groups = rows.groupby(panel, sort=False) if keys else [("", rows)]
    return [Grid(str(name), lengths, depths, _maps(part, depth, lengths, depths)) for name, part in groups]


def _maps(rows: pd.DataFrame, depth: str, lengths: list[float], depths: list[float]) -> dict[str, np.ndarray]:
    return {
        name: rows.pivot(index=depth, columns=LENGTH, values=name)
        .reindex(index=depths, columns=lengths)
        .to_numpy(dtype=float)
        for name in CELL_NUMBERS
    }


def plot_niah_grid(
    summary: pd.DataFrame,
    *,
    depth: str = "requested_depth",
    panel: str = "architecture",
) -> go.Figure:
    """Draw the accuracy of every (length, depth) cell, depth 0 (the start of the context) on top.

    Colours run from 0 to 1. The hover box has the Wilson interval and the number of episodes; cells without a
    measurement stay grey. There is one panel for every value of the column `panel`, in the table's order.

    Args:
        summary: From `data.summarise(by=("context_length", depth))`.
        depth: The column of needle depths.
        panel: The column whose values get a panel each.

    Returns:
        The figure.

    Raises:
        ValueError: For missing columns, or two rows that claim the same cell.

    Example:
        >>> import sisa_viz
        >>> cell = {"context_length": 128, "requested_depth": 0.5, "rate": 0.75, "low": 0.6, "high": 0.86}
        >>> figure = sisa_viz.plot_niah_grid(pd.DataFrame([cell | {"n": 40}]))
        >>> figure.layout.title.subtitle.text
        '40 episodes · 95 % Wilson intervals in the hover box'
    """
    grids = prepare_niah_grid(summary, depth=depth, panel=panel)
    columns, tall = min(len(grids), GRID_COLUMNS), 42 * min(max(len(grids[0].depths), 3), 12)
    rows = -(-len(grids) // columns)
    height = figures.HEADER + 70 + (tall + 50) * rows
    figure = figures.panels(
        [grid.name for grid in grids],
        columns=columns,
        height=height,
        horizontal_spacing=0.04,
        vertical_spacing=50 / (height - figures.HEADER - 60),
    )
    for at, grid in enumerate(grids):
        figure.add_trace(_map(grid), row=at // columns + 1, col=at % columns + 1)
    _axes(figure, grids, depth)
    episodes = int(sum(np.nansum(grid.maps["n"]) for grid in grids))
    figures.entitle(
        figure,
        "Needle found, by context length and depth",
        f"{episodes} episodes · 95 % Wilson intervals in the hover box",
    )
    return figure


def _map(grid: Grid) -> go.Heatmap:
    rate, low, high = grid.maps["rate"], grid.maps["low"], grid.maps["high"]
    length, depth = np.meshgrid(grid.lengths, grid.depths)
    numbers = [
        np.char.mod("%.4g", values)
        for values in (length, depth, 100 * rate, 100 * low, 100 * high, grid.maps["n"])
    ]
    return go.Heatmap(
        z=rate,
        coloraxis="coloraxis",
        xgap=2,
        ygap=2,
        hoverongaps=False,
        text=np.array(grid.words),
        texttemplate="%{text}",
        customdata=figures.cells(*numbers),
        hovertemplate="length %{customdata[0]}, depth %{customdata[1]}"
        "<br><b>%{customdata[2]} %</b> of %{customdata[5]} episodes"
        "<br>95 % Wilson interval: %{customdata[3]} to %{customdata[4]} %<extra></extra>",
    )


def _axes(figure: go.Figure, grids: list[Grid], depth: str) -> None:
    grid, columns = grids[0], min(len(grids), GRID_COLUMNS)
    for update, values, name in (
        (figure.update_xaxes, grid.lengths, LENGTH),
        (figure.update_yaxes, grid.depths, depth),
    ):
        words = [f"{value:.4g}" for value in values]
        update(
            tickmode="array",
            tickvals=list(range(len(values))),
            ticktext=words,
            showgrid=False,
            zeroline=False,
        )
        update(title=escape(column_label(name)))
    figure.update_yaxes(autorange="reversed")
    figures.link(figure)
    for column in range(2, columns + 1):
        figure.update_yaxes(title=None, showticklabels=False, col=column)
    for above in range(len(grids) - columns):
        figure.update_xaxes(title=None, row=above // columns + 1, col=above % columns + 1)
    figure.update_layout(plot_bgcolor=GROUND, coloraxis=figures.zero_axis(1.0, column_label("rate")))
