"""The printed twin of plot_circuit: the share of the answers that circuits of so many pairs keep."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from sisa_viz.plots.circuit import COLOURS, GREEDY, LABELS, X_LABEL, Y_LABEL, name_places, prepare_circuit
from sisa_viz.static.sheet import sheet


def plot_circuit(table: pd.DataFrame) -> Figure:
    """Draw the share of answers kept by circuits that were found and by random ones, with bands.

    Dashes mark the model without any of the pairs and with all of them; a dotted line stands at the fewest
    pairs that are enough. The first pairs have their names beside the line.

    Args:
        table: Of `model.analysis.circuits.sufficient_heads`.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For missing columns, no greedy circuit, or a whole model that is never right.

    Example:
        >>> import pandas as pd
        >>> from sisa_viz import static
        >>> rows = [{"k": 0, "kept": 0.0}, {"k": 1, "kept": 1.0, "layer": 0, "head": 3, "term": "content"}]
        >>> both = {"circuit": "greedy", "log_p": -1.0, "low": 0.0, "high": 1.0, "n": 9, "draws": 1}
        >>> table = pd.DataFrame([both | row for row in rows]).assign(enough=lambda t: t["kept"] >= 0.9)
        >>> static.plot_circuit(table).axes[0].get_ylabel()
        'share of right answers kept'
    """
    data = prepare_circuit(table)
    figure, (axes,) = sheet(1, 1, 3.6)
    for circuit, rows in data.lines.items():
        low, high = [rows[end].fillna(rows["kept"]).to_numpy(float) for end in ("low", "high")]
        colour, k = COLOURS[circuit], rows["k"].to_numpy(float)
        axes.fill_between(k, low, high, color=colour, alpha=0.2, linewidth=0)
        sns.lineplot(x=k, y=rows["kept"].to_numpy(float), color=colour, label=LABELS[circuit], ax=axes)
    for share in (data.full, data.empty):
        axes.axhline(share, color="grey", linestyle="--", linewidth=0.8)
    if data.enough is not None:
        axes.axvline(data.enough, color=COLOURS[GREEDY], linestyle=":", linewidth=0.8)
    for k, kept, x, y, name in name_places(data):
        axes.annotate(
            name,
            xy=(k, kept),
            xytext=(x, y),
            va="center",
            fontsize="x-small",
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "grey"},
        )
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set(xlabel=X_LABEL, ylabel=Y_LABEL, ylim=(-0.06, 1.06))
    axes.set_title(data.words, fontsize="x-small")
    axes.legend(frameon=False, fontsize="x-small", loc="upper left", bbox_to_anchor=(1, 1))
    sns.despine(figure)
    return figure
