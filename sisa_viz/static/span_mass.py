"""The printed twin of plot_span_mass: the mass one query puts on a span, with λ and without."""

from collections.abc import Sequence

import seaborn as sns
import xarray as xr
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from sisa_viz.look.colours import PRINTED_GROUND, SIGNED
from sisa_viz.look.labels import compact_cells
from sisa_viz.plots.span_mass import SPAN_MASS_PANELS, mass_limits, prepare_span_mass, span_words
from sisa_viz.static.sheet import colours_from_zero, sheet
from sisa_viz.trace.axes import AXES


def plot_span_mass(trace: xr.Dataset, *, span: str | Sequence[int] = "needle", query: int = -1) -> Figure:
    """Draw the mass that one query puts on a span, head by head: with λ, with λ = 0, and the difference.

    Args:
        trace: A trace of any mixer.
        span: The name of a span of the trace, or half-open (start, stop) in positions.
        query: The position that looks; negative numbers count from the end.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For a span or query that the trace does not have.

    Example:
        >>> from sisa_viz import static
        >>> from sisa_viz.examples import example_trace
        >>> figure = static.plot_span_mass(example_trace())
        >>> [axes.get_title() for axes in figure.axes if axes.get_title()]
        ['with λ', 'λ = 0', 'difference']
    """
    data = prepare_span_mass(trace, span=span, query=query)
    mass, moved = mass_limits(data)
    figure, panels = sheet(1, 3, 1.2 + 0.26 * max(data.sizes["layer"], 4))
    for axes, (name, words) in zip(panels, SPAN_MASS_PANELS.items(), strict=True):
        signed = name == "difference"
        axes.set_facecolor(PRINTED_GROUND)
        sns.heatmap(
            data[name].to_pandas(),
            ax=axes,
            vmin=-moved if signed else 0,
            vmax=moved if signed else mass,
            cmap=LinearSegmentedColormap.from_list("signed", SIGNED) if signed else colours_from_zero(),
            annot=compact_cells(data[name], 2),
            fmt="",
            annot_kws={"size": 4.5},
            linewidths=0.5,
            linecolor=PRINTED_GROUND,
            cbar=name != "with_lam",
            cbar_kws={"label": data[name].attrs["units"]},
        )
        axes.set_title(words, fontsize="small")
        axes.set(xlabel=AXES["head"], ylabel=AXES["layer"] if axes is panels[0] else "")
        axes.tick_params(axis="y", rotation=0)
    figure.suptitle(span_words(data), fontsize="x-small")
    return figure
