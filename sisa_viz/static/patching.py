"""The printed twin of plot_patching: what parts of one run bring to another."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from sisa_viz.look.colours import PRINTED_GROUND, SIGNED
from sisa_viz.plots.patching import SHARE_LABEL, across_label, prepare_patching, subtitle
from sisa_viz.static.sheet import sheet
from sisa_viz.trace.axes import AXES


def plot_patching(table: pd.DataFrame) -> Figure:
    """Draw maps of layer × head or layer × place on one scale, each patch beside its control.

    Args:
        table: From `model.analysis.patching.patching`, one or several of them joined.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For a table that is no grid, see `prepare_patching`.

    Example:
        >>> import pandas as pd
        >>> from sisa_viz import static
        >>> row = {"direction": "noising", "what": "mlp", "layer": 0, "at": "all", "control": False, "n": 9}
        >>> row |= {"low": 0.0, "high": 1.0, "difference": 2.0, "exact_match": 0.5, "share": 0.5}
        >>> static.plot_patching(pd.DataFrame([row])).axes[0].get_title()
        'mlp'
    """
    data = prepare_patching(table)
    rows = -(-len(data.panels) // data.columns)
    figure, panels = sheet(rows, data.columns, 0.6 + rows * (0.7 + 0.24 * max(len(data.layers), 4)))
    every = max(1, -(-len(data.places) // 12))
    for at, panel in enumerate(data.panels):
        axes, share = panels[at], data.maps[panel]["share"]
        last = at % data.columns == data.columns - 1
        axes.set_facecolor(PRINTED_GROUND)
        sns.heatmap(
            pd.DataFrame(share, index=data.layers, columns=data.places),
            ax=axes,
            mask=np.isnan(share),
            vmin=-data.limit,
            vmax=data.limit,
            cmap=LinearSegmentedColormap.from_list("signed", SIGNED),
            annot=data.words(panel),
            fmt="",
            annot_kws={"size": 6},
            linewidths=0.5 if share.shape[1] <= share.shape[0] * 2 else 0,
            xticklabels=every,
            cbar=last,
            cbar_kws={"label": SHARE_LABEL[data.direction]},
        )
        axes.set_title(data.title(panel), fontsize="small")
        axes.set(xlabel=across_label(data), ylabel="" if at % data.columns else AXES["layer"])
        axes.tick_params(axis="y", rotation=0)
    figure.suptitle(subtitle(data), fontsize="x-small")
    return figure
