"""The printed twin of plot_predictors: what ranks the heads as their knock-outs do."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from sisa_viz.plots.predictors import SYMBOLS, predictor_ticks, prepare_predictors
from sisa_viz.static.sheet import sheet

MARKERS = {"circle": "o", "diamond": "D", "square": "s", "cross": "P"}  # plotly's names, matplotlib's letters


def plot_predictors(correlations: pd.DataFrame) -> Figure:
    """Draw rank correlations with their intervals, a panel a term, and a line at zero.

    Args:
        correlations: Of `data.results.ranks.atlas_correlations`.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For missing columns, or where there is no correlation.

    Example:
        >>> import pandas as pd
        >>> from sisa_viz import static
        >>> row = {"term": "importance", "how": "zero", "correlation": 0.5, "low": 0.2, "high": 0.7}
        >>> table = pd.DataFrame([row | {"predictor": "half_life", "n": 48, "runs": 1}])
        >>> static.plot_predictors(table).axes[0].get_title()
        'without importance'
    """
    data = prepare_predictors(correlations)
    terms, (ticks, words) = list(dict.fromkeys(data["term"])), predictor_ticks(data)
    figure, panels = sheet(1, len(terms), 1.4 + 0.4 * len(ticks))
    for axes, term in zip(panels, terms, strict=True):
        for how, rows in data.loc[data["term"] == term].groupby("how", sort=False):
            colour, mark = rows["colour"].iloc[0], MARKERS[SYMBOLS.get(str(how), "circle")]
            axes.hlines(rows["place"], rows["low"], rows["high"], color=colour, linewidth=1)
            axes.scatter(rows["correlation"], rows["place"], color=colour, marker=mark, s=14, label=str(how))
        axes.axvline(0, color="grey", linewidth=0.8)
        axes.set(xlim=(-1.02, 1.02), ylim=(len(ticks) - 0.5, -0.5), xlabel="rank correlation")
        axes.set_title(f"without {term}", fontsize="small")
        axes.set_yticks(ticks, words if axes is panels[0] else [])
    panels[-1].legend(frameon=False, fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    sns.despine(figure)
    return figure
