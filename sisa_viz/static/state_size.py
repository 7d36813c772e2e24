"""The printed twin of plot_state_size: what a larger state brings and costs."""

from collections.abc import Sequence

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sisa_viz.look.labels import column_words, is_share
from sisa_viz.plots.state_size import STATE_SIZE_PANELS, StateSize, prepare_state_size, series_colour
from sisa_viz.static.sheet import sheet, variant_dashes


def plot_state_size(table: pd.DataFrame, *, y: Sequence[str] = STATE_SIZE_PANELS) -> Figure:
    """Draw every run as a point and means over d_state as lines; what has no state is a level line.

    Args:
        table: One run a row, with architecture, seed, d_state and the columns of `y`.
        y: The columns to show, a panel each.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For missing columns, or where no run has a state.

    Example:
        >>> import pandas as pd
        >>> from sisa_viz import static
        >>> rows = [(f"SISA d_state={d}", 0, d, 3 - d / 100) for d in (16, 64)]
        >>> table = pd.DataFrame(rows, columns=["architecture", "seed", "d_state", "val/loss"])
        >>> figure = static.plot_state_size(table, y=["val/loss"])
        >>> [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
        ['16', '64']
    """
    data = prepare_state_size(table, y=y)
    figure, panels = sheet(1, len(data.panels), 2.8)
    for axes, panel in zip(panels, data.panels, strict=True):
        _panel(axes, data, panel)
    panels[0].legend(frameon=False, fontsize="x-small")
    sns.despine(figure)
    return figure


def _panel(axes: Axes, data: StateSize, panel: str) -> None:
    palette = {}
    for name, mean in data.mean.loc[data.mean["panel"] == panel].groupby("series"):
        series, colour = str(name), series_colour(mean)
        if not mean["d_state"].to_numpy().any():
            axes.axhline(mean["mean"].iloc[0], linestyle=":", color=colour, label=series)
        else:
            axes.plot(
                mean["d_state"], mean["mean"], linestyle=variant_dashes(series), color=colour, label=series
            )
            palette[series] = colour
    runs = data.runs.loc[(data.runs["panel"] == panel) & (data.runs["d_state"] > 0)]
    sns.scatterplot(runs, x="d_state", y="value", hue="series", palette=palette, legend=False, ax=axes)
    title, units = column_words(panel)
    axes.set_xscale("log", base=2)
    axes.set_xticks(data.sizes, [str(size) for size in data.sizes])
    axes.set(xlabel=column_words("d_state")[0], ylabel="" if units == "1" else units)
    axes.set_title(title, fontsize="x-small")
    if is_share(panel):
        axes.set_ylim(-0.03, 1.03)
