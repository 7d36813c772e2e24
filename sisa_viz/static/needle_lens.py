"""The printed twin of plot_needle_lens: which heads look at the needle, from when on."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sisa_viz.look.colours import PRINTED_GROUND, architecture_colour
from sisa_viz.look.labels import column_label, column_words, is_share
from sisa_viz.plots.needle_lens import (
    LENS_MAPS,
    NeedleLens,
    largest_mass,
    layer_starts,
    prepare_needle_lens,
)
from sisa_viz.static.sheet import colours_from_zero, sheet
from sisa_viz.trace.axes import head_name


def plot_needle_lens(
    heads: pd.DataFrame,
    *,
    run: str = "",
    part: str = "",
    metrics: pd.DataFrame | None = None,
    metric: str = "corpus256/exact_match",
) -> Figure:
    """Draw heads × steps for each part of the score on one scale from 0, the run's accuracy above each.

    Args:
        heads: A table with run, variant, step, layer, head and at least one column of needle mass.
        run: The run to show; may be left out where the table has one.
        part: The only map to show, for instance "needle_content"; otherwise every map that the run has.
        metrics: A table of runs; its curve of `metric` stands above the maps.
        metric: The accuracy to show.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For a run, part or metric that is not there.

    Example:
        >>> import pandas as pd
        >>> from sisa_viz import static
        >>> row = {"run": "a", "variant": "transformer", "layer": 0, "head": 0}
        >>> heads = pd.DataFrame([row | {"step": n, "needle_mass": n / 100} for n in (0, 50)])
        >>> static.plot_needle_lens(heads).axes[0].get_title()
        'whole score'
    """
    data = prepare_needle_lens(heads, run=run, part=part, metrics=metrics, metric=metric)
    above, columns = not data.curve.empty, len(data.parts)
    ratios, extra = ([1, 3], 1) if above else ([3], 0)
    height = 1.2 + 0.07 * len(data.heads) + extra
    figure, panels = sheet(len(ratios), columns, height, height_ratios=ratios)
    for at, name in enumerate(data.parts):
        _map(panels[at - columns], data, name, bar=at == columns - 1)
        panels[at].set_title(LENS_MAPS[name], fontsize="small")
        if above:
            _accuracy(panels[at], data, metric)
    first = column_words(metric)[0].replace(", ", "\n") if above else column_label("head")
    panels[0].set_ylabel(first, fontsize="x-small")
    return figure


def _map(axes: Axes, data: NeedleLens, name: str, *, bar: bool) -> None:
    starts, every = layer_starts(data), -(-len(data.steps) // 4)
    axes.set_facecolor(PRINTED_GROUND)
    sns.heatmap(
        data.maps[name],
        ax=axes,
        vmin=0,
        vmax=largest_mass(data),
        cmap=colours_from_zero(),
        cbar=bar,
        cbar_kws={"label": column_label("needle_mass")},
    )
    axes.hlines(starts[1:], 0, len(data.steps), color="grey", linewidth=0.4)
    axes.set_xticks(np.arange(len(data.steps))[::every] + 0.5, [str(step) for step in data.steps[::every]])
    axes.tick_params(axis="x", rotation=0)
    names = [head_name(*data.heads[row]) for row in starts]
    axes.set_yticks([row + 0.5 for row in starts], names, rotation=0)
    axes.set_xlabel(column_label("step"))


def _accuracy(axes: Axes, data: NeedleLens, metric: str) -> None:
    axes.plot(data.curve["step"], data.curve["value"], color=architecture_colour(data.variant), linewidth=1)
    axes.set_xlim(data.steps[0], data.steps[-1])
    if is_share(metric):
        axes.set_ylim(-0.05, 1.05)
