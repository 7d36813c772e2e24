"""The printed twin of plot_knockout: what the answer loses without one term of one head."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from sisa_viz.look.colours import PRINTED_GROUND
from sisa_viz.plots.knockout import banded_scale, bar_label, prepare_knockout, subtitle
from sisa_viz.static.sheet import sheet
from sisa_viz.trace.axes import AXES


def plot_knockout(table: pd.DataFrame) -> Figure:
    """Draw a map of layer × head for every term on one scale, white within the band of the controls.

    A cell beyond the band says its loss in nats, and below it, in brackets, that of its mildest control.

    Args:
        table: From `model.analysis.knockouts.knockouts`.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For missing columns, no row of how "zero", or two rows of one cell.

    Example:
        >>> import pandas as pd
        >>> from sisa_viz import static
        >>> row = {"layer": 0, "term": "content", "low": 0.0, "high": 1.0, "exact_lost": 0.0, "n": 9}
        >>> rows = [row | {"head": head, "how": "zero", "log_p_lost": 3.0} for head in range(2)]
        >>> static.plot_knockout(pd.DataFrame(rows)).axes[0].get_title()
        'content'
    """
    data = prepare_knockout(table)
    figure, panels = sheet(1, len(data.terms), 1.2 + 0.32 * max(len(data.layers), 4))
    colours = LinearSegmentedColormap.from_list("banded", banded_scale(data.band, data.limit))
    for axes, term in zip(panels, data.terms, strict=True):
        last = term == data.terms[-1]
        axes.set_facecolor(PRINTED_GROUND)
        lost = data.maps[term]["log_p_lost"]
        sns.heatmap(
            pd.DataFrame(lost, index=data.layers, columns=data.heads),
            ax=axes,
            mask=np.isnan(lost),
            vmin=-data.limit,
            vmax=data.limit,
            cmap=colours,
            annot=data.words(term, between="\n"),
            fmt="",
            annot_kws={"size": 5},
            linewidths=0.5,
            linecolor=PRINTED_GROUND,
            cbar=last,
            cbar_kws={"label": bar_label(data.band)},
        )
        axes.set_title(term, fontsize="small")
        axes.set(xlabel=AXES["head"], ylabel=AXES["layer"] if axes is panels[0] else "")
        axes.tick_params(axis="y", rotation=0)
    figure.suptitle(subtitle(data), fontsize="x-small")
    return figure
