"""The printed twin of plot_atlas: λ moved, half-life, phase speed and what importance moves."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from xarray import Dataset

from sisa_viz.look.colours import PRINTED_GROUND, SIGNED
from sisa_viz.look.figures import MOST_WRITTEN
from sisa_viz.plots.atlas import (
    ATLAS_MAPS,
    COLUMNS,
    TITLES,
    cell_words,
    half_life_ticks,
    limits,
    prepare_atlas,
    shown,
)
from sisa_viz.static.sheet import colours_from_zero, sheet


def plot_atlas(table: pd.DataFrame) -> Figure:
    """Draw four maps over layer × head, each on the scale that fits it, numbers in up to 48 cells.

    Args:
        table: A row a head, as `model.analysis.atlas.head_atlas` makes it.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For missing columns, or two rows of one head.

    Example:
        >>> import pandas as pd
        >>> from sisa_viz import static
        >>> row = {"layer": 0, "head": 0, "lam": 0.3233, "half_life": 8.0, "phase_speed": 0.5}
        >>> figure = static.plot_atlas(pd.DataFrame([row | {"importance_share": 0.25}]))
        >>> figure.axes[1].get_title()
        'half-life (tokens)'
    """
    data = prepare_atlas(table)
    figure, panels = sheet(len(ATLAS_MAPS) // COLUMNS, COLUMNS, 1.6 + 0.4 * min(data.sizes["layer"], 16))
    for axes, name in zip(panels, ATLAS_MAPS, strict=True):
        _map(axes, name, data)
    return figure


def _map(axes: Axes, name: str, data: Dataset) -> None:
    low, high = limits(name, data)
    values = shown(name, data)
    signed = LinearSegmentedColormap.from_list("signed", SIGNED)
    axes.set_facecolor(PRINTED_GROUND)
    half_lives = name == "half_life"
    ticks = half_life_ticks(data)
    sns.heatmap(
        values.to_pandas(),
        ax=axes,
        vmin=low,
        vmax=high,
        cmap=signed if name == "lam_moved" else colours_from_zero(),
        annot=cell_words(name, data) if values.size <= MOST_WRITTEN else None,
        fmt="",
        annot_kws={"size": 5.5},
        linewidths=0.5,
        cbar_kws={"ticks": np.log10(ticks)} if half_lives else None,
    )
    if half_lives:
        axes.figure.axes[-1].set_yticklabels([f"{tick:g}" for tick in ticks])  # the bar came last
    axes.tick_params(axis="y", rotation=0)
    axes.set_title(TITLES[name], fontsize="small")
