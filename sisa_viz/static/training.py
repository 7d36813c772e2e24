"""The printed twin of plot_training: how a training went."""

from collections.abc import Sequence

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sisa_viz.look.labels import column_label
from sisa_viz.look.named import Named, choose_named, runs_of
from sisa_viz.plots.training import LATE, TRAINING_PANELS, late_range, loss_words, prepare_training
from sisa_viz.static.sheet import sheet


def plot_training(metrics: pd.DataFrame, *, x: str = "step", named: Sequence[str] | None = None) -> Figure:
    """Draw loss, learning rate and gradient norm, one line a run, validation dashed.

    What was not logged has no panel. With more than 12 runs the loss axis shows the range of the second half
    of the longest run, and the legend stands beside the panel. Of more than eight variants eight are named.

    Args:
        metrics: A table of runs, as `sisa_viz.read_runs` returns it; one run a seed.
        x: "step" or "tokens".
        named: The variants that are not grey; those with most runs where left out.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: Where nothing of this was logged, or for two runs of one variant and seed.

    Example:
        >>> from sisa_viz import static
        >>> from sisa_viz.examples import example_runs
        >>> figure = static.plot_training(example_runs())
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['training loss (nats per token)', 'learning rate']
    """
    curves = prepare_training(metrics, x=x)
    shown = [name for name in TRAINING_PANELS if name in set(curves["panel"])]
    late = late_range(curves)
    runs = runs_of(curves, by="architecture", run="seed")
    told = choose_named(runs, named)
    tall = 4 if late else 2  # losses come first
    heights = [tall if name == "loss" else 1 for name in shown]
    figure, panels = sheet(len(shown), 1, (3.6 if late else 1.2) + 1.3 * len(shown), height_ratios=heights)
    for axes, panel in zip(panels, shown, strict=True):
        _lines(axes, curves.loc[curves["panel"] == panel], told, legend=axes is panels[0])
        axes.set_xlabel(column_label(x) if axes is panels[-1] else "")
        axes.set_ylabel(loss_words(curves) if panel == "loss" else column_label(panel))
    if late:  # many runs have too many names for a corner
        panels[0].set_ylim(*late)
        panels[0].set_title(LATE, fontsize="x-small")
        panels[0].legend(frameon=False, fontsize="x-small", loc="upper left", bbox_to_anchor=(1, 1))
    else:
        panels[0].legend(frameon=False, fontsize="x-small")
    sns.despine(figure)
    return figure


def _lines(axes: Axes, curves: pd.DataFrame, told: Named, *, legend: bool) -> None:
    solid = {name: "" for names in TRAINING_PANELS.values() for name in names}
    names = curves["architecture"]
    sns.lineplot(
        curves.assign(run=names + " " + curves["seed"].astype(str), architecture=names.map(told.group)),
        x="x",
        y="value",
        hue="architecture",
        style="name",
        units="run",
        estimator=None,
        linewidth=0.8,
        hue_order=list(dict.fromkeys(map(told.group, told.drawn))),
        palette={told.group(name): told.colour(name) for name in told.drawn},
        dashes=solid | {"val/loss": (3, 1)},  # pyright: ignore[reportArgumentType] - seaborn takes "" for solid
        legend="auto" if legend else False,
        ax=axes,
    )
