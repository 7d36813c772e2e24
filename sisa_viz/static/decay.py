"""The printed twin of plot_decay: how long each head remembers."""

import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sisa_viz.look.colours import CLAMPED, layer_colour
from sisa_viz.plots.decay import Decay, half_life_ticks, named_heads, prepare_decay
from sisa_viz.static.sheet import sheet
from sisa_viz.trace.axes import HEADS


def plot_decay(trace: xr.Dataset, *, origin: int = 0) -> Figure:
    """Draw the half-life of every head over retention along the tokens, in the colours of the layers.

    Crosses mark where the clamp begins to act; the dashed line is the length of the sequence.

    Args:
        trace: A trace of a model that has decay.
        origin: The position whose retention is followed; 0 is the first token.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For a trace without decay, or an origin outside it.

    Example:
        >>> from sisa_viz import static
        >>> from sisa_viz.examples import example_trace
        >>> figure = static.plot_decay(example_trace())
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['half-life (tokens)', 'retention']
    """
    data = prepare_decay(trace, origin=origin)
    figure, panels = sheet(2, 1, 4.8)
    _half_lives(panels[0], data)
    _retention(panels[1], data)
    sns.despine(figure)
    return figure


def _half_lives(axes: Axes, data: Decay) -> None:
    length = len(data.tokens)
    sns.scatterplot(
        data.heads,
        x=data.heads.index,
        y="half_life",
        hue="layer",
        palette={layer: layer_colour(int(layer)) for layer in data.heads["layer"].unique()},
        legend="full",
        s=18,
        ax=axes,
    )
    axes.axhline(length, linestyle="--", color="grey", linewidth=0.8)
    axes.annotate(
        "length of the sequence",
        (0, length),
        xytext=(0, 3),
        textcoords="offset points",
        fontsize="x-small",
    )
    named = named_heads(data)
    axes.set_xticks(named.index, named["name"], rotation=60)
    ticks = half_life_ticks(data)
    axes.set_yscale("log")
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set(xlabel=data.labels["head"], ylabel=data.labels["half_life"])
    axes.legend(title="layer", frameon=False, fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))


def _retention(axes: Axes, data: Decay) -> None:
    for _, curve in data.retention.groupby(list(HEADS)):
        colour = layer_colour(int(curve["layer"].iloc[0]))
        axes.plot(curve["position"], curve["retention"], color=colour, linewidth=0.8)
        start = curve.loc[curve["clamped"]].head(1)
        axes.plot(start["position"], start["retention"], "x", color=CLAMPED, markersize=4, clip_on=False)
    axes.set(xlabel=data.labels["position"], ylabel=data.labels["retention"], ylim=(-0.03, 1.03))
