"""The printed twin of plot_niah_convergence: when training finds the needle."""

from collections.abc import Sequence

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sisa_viz.look.colours import architecture_colour
from sisa_viz.look.dashes import MATPLOTLIB_DASHES
from sisa_viz.look.labels import column_label, is_share
from sisa_viz.look.named import choose_named
from sisa_viz.look.published import MARKS
from sisa_viz.plots.niah_convergence import Convergence, most_seeds, prepare_niah_convergence, with_seeds
from sisa_viz.static.sheet import sheet, variant_dashes


def plot_niah_convergence(
    metrics: pd.DataFrame,
    *,
    published: pd.DataFrame | None = None,
    metric: str = "niah/exact_match",
    x: str = "step",
    named: Sequence[str] | None = None,
) -> Figure:
    """Draw the mean over seeds with its interval, single seeds, and published curves in broken lines.

    Single seeds are those of up to four variants. Of more than eight variants eight are named, and the means
    of the others are grey.

    With published curves the x axis is logarithmic, for they run far longer, and the legend stands below the
    panel, because it has too many names for a corner.

    Args:
        metrics: A table of runs, as `sisa_viz.read_runs` returns it; one run a seed.
        published: Curves with the columns scale, model, d_state, step, niah_pct and perhaps setup.
        metric: The name of one metric in the table.
        x: "step" or "tokens".
        named: The variants that are not grey; those with most runs where left out.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For a column, metric or option that does not exist, or two runs of one variant and seed.

    Example:
        >>> from sisa_viz import static
        >>> from sisa_viz.examples import example_runs
        >>> figure = static.plot_niah_convergence(example_runs())
        >>> figure.axes[0].get_ylabel()
        'needle exact match (share of episodes)'
    """
    data = prepare_niah_convergence(metrics, published=published, metric=metric, x=x)
    told = choose_named(most_seeds(data), named)
    names = len(set(data.published["label"])) + len(told.names)
    log = not data.published.empty
    figure, panels = sheet(1, 1, 3.4 + 0.085 * names if log else 3.4)
    axes = panels[0]
    for label, curve in data.published.groupby("label", sort=False):
        _published_curve(axes, str(label), curve)
    means = dict(list(data.mean.groupby("architecture", sort=False)))
    for name in told.others:
        label = told.group(name) if name == told.others[0] else None
        axes.plot(means[name]["x"], means[name]["mean"], color=told.colour(name), linewidth=0.8, label=label)
    for name in told.names:
        _variant(axes, name, means[name], data)
    axes.set(xlabel=column_label(x), ylabel=column_label(metric), xscale="log" if log else "linear")
    if is_share(metric):
        axes.set_ylim(-0.03, 1.03)
    if log:
        axes.legend(
            frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.15), ncols=2, fontsize="x-small"
        )
    else:
        axes.legend(frameon=False, fontsize="small")
    sns.despine(figure)
    return figure


def _published_curve(axes: Axes, label: str, curve: pd.DataFrame) -> None:
    first = curve.iloc[0]
    axes.plot(
        curve["x"],
        curve["value"],
        color=architecture_colour(first["architecture"]),
        linestyle=MATPLOTLIB_DASHES[first["dash"]],
        marker=MARKS[first["mark"]],
        markersize=4,
        linewidth=0.8,
        alpha=0.7,
        label=label,
    )


def _variant(axes: Axes, name: str, mean: pd.DataFrame, data: Convergence) -> None:
    """One variant: its interval as a band, its seeds as thin lines, its mean as a thick one on top."""
    colour, seeds = architecture_colour(name), int(mean["seeds"].to_numpy().max())
    words = f"mean of {seeds} seeds" if seeds > 1 else "1 seed, no interval"
    axes.fill_between(mean["x"], mean["low"], mean["high"], color=colour, alpha=0.18, linewidth=0)
    if with_seeds(data):
        sns.lineplot(
            data.runs.loc[data.runs["architecture"] == name],
            x="x",
            y="value",
            units="seed",
            estimator=None,
            color=colour,
            alpha=0.4,
            linewidth=0.6,
            ax=axes,
        )
    axes.plot(
        mean["x"],
        mean["mean"],
        color=colour,
        linewidth=1.8,
        linestyle=variant_dashes(name),
        label=f"{name} · {words}",
    )
