"""The printed twin of plot_atlas_growth: λ and half-life over training, by layer."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from data.results.head_table import INITIAL_LAM
from sisa_viz.look.colours import layer_colour
from sisa_viz.look.labels import column_label, log_ticks
from sisa_viz.plots.atlas_growth import GROWTH_PANELS, prepare_atlas_growth
from sisa_viz.static.sheet import sheet


def plot_atlas_growth(heads: pd.DataFrame) -> Figure:
    """Draw the median head of each layer over training and the middle half of the heads as a band.

    Args:
        heads: A row a head and step: step, layer, head, lam and half_life; one variant.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For missing columns, for several variants, or where no head has λ.

    Example:
        >>> import pandas as pd
        >>> from sisa_viz import static
        >>> rows = [{"step": step, "layer": 0, "head": 0, "lam": 0.3, "half_life": 8.0} for step in (0, 50)]
        >>> [axes.get_ylabel() for axes in static.plot_atlas_growth(pd.DataFrame(rows)).axes]
        ['importance weight λ', 'half-life (tokens)']
    """
    growth = prepare_atlas_growth(heads)
    figure, panels = sheet(1, len(GROWTH_PANELS), 2.8)
    for axes, panel in zip(panels, GROWTH_PANELS, strict=True):
        for key, curve in growth.loc[growth["panel"] == panel].groupby("layer"):
            layer = int(str(key))
            colour = layer_colour(layer)
            axes.fill_between(
                curve["step"], curve["low"], curve["high"], color=colour, alpha=0.12, linewidth=0
            )
            axes.plot(curve["step"], curve["median"], color=colour, linewidth=1.2, label=f"layer {layer}")
        axes.set(xlabel=column_label("step"), ylabel=column_label(panel))
    panels[0].axhline(INITIAL_LAM, linestyle="--", color="grey", linewidth=0.8)
    panels[0].legend(frameon=False, fontsize="x-small")
    ticks = log_ticks(growth.loc[growth["panel"] == "half_life", ["low", "high"]].to_numpy().ravel())
    panels[1].set_yscale("log")
    panels[1].set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    panels[1].set_yticks([], minor=True)
    sns.despine(figure)
    return figure
