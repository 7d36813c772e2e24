"""The printed twin of plot_niah_grid: where in the haystack the needle is found."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sisa_viz.look.colours import PRINTED_GROUND
from sisa_viz.look.labels import column_label
from sisa_viz.plots.niah_grid import GRID_COLUMNS, LENGTH, Grid, prepare_niah_grid
from sisa_viz.static.sheet import colours_from_zero, sheet


def plot_niah_grid(
    summary: pd.DataFrame,
    *,
    depth: str = "requested_depth",
    panel: str = "architecture",
) -> Figure:
    """Draw accuracy over length × depth with the Wilson interval written into each cell.

    On paper there is no hover box, so each cell says its rate and, in a second line, the interval. Cells that
    were not measured stay grey; panels wrap after three.

    Args:
        summary: From `data.summarise(by=("context_length", depth))`.
        depth: The column of needle depths.
        panel: The column whose values get a panel each.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For missing columns, or two rows that claim the same cell.

    Example:
        >>> import pandas as pd
        >>> from sisa_viz import static
        >>> cell = {"context_length": 128, "requested_depth": 0.5, "rate": 0.75, "low": 0.6, "high": 0.86}
        >>> figure = static.plot_niah_grid(pd.DataFrame([cell | {"n": 40}]))
        >>> figure.axes[0].texts[0].get_text().split()
        ['75', '%', '60–86']
    """
    grids = prepare_niah_grid(summary, depth=depth, panel=panel)
    columns = min(len(grids), GRID_COLUMNS)
    rows = -(-len(grids) // columns)
    figure, panels = sheet(rows, columns, rows * (1.2 + 0.42 * len(grids[0].depths)))
    for axes in panels[len(grids) :]:
        axes.remove()
    for at, grid in enumerate(grids):
        _panel(panels[at], grid, bar=at == columns - 1)
        panels[at].set_ylabel(column_label(depth) if at == 0 else "")
    return figure


def _panel(axes: Axes, grid: Grid, *, bar: bool) -> None:
    axes.set_facecolor(PRINTED_GROUND)
    depths, lengths = [f"{depth:g}" for depth in grid.depths], [f"{length:g}" for length in grid.lengths]
    sns.heatmap(
        pd.DataFrame(grid.maps["rate"], index=depths, columns=lengths),
        ax=axes,
        vmin=0,
        vmax=1,
        cmap=colours_from_zero(),
        annot=_cell_words(grid),
        fmt="",
        annot_kws={"size": 6},
        linewidths=1,
        cbar=bar,
        cbar_kws={"label": column_label("rate")},
    )
    axes.set(xlabel=column_label(LENGTH), title=grid.name)
    axes.tick_params(axis="y", rotation=0)


def _cell_words(grid: Grid) -> np.ndarray:
    """[depth, length] of what each cell says."""
    low, high = grid.maps["low"], grid.maps["high"]
    return np.array(
        [
            [_with_interval(words, low[row, at], high[row, at]) for at, words in enumerate(cells)]
            for row, cells in enumerate(grid.words)
        ]
    )


def _with_interval(words: str, low: float, high: float) -> str:
    """Two short lines, as cells are narrow; the unit stands once."""
    if not words:
        return ""
    unit = "" if "%" in words else " %"
    return f"{words}\n{100 * low:.0f}–{100 * high:.0f}{unit}"
