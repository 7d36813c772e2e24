"""What all printed twins share: an empty sheet two columns wide, its style, and the scale from zero."""

from collections.abc import Sequence

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from sisa_viz.look.colours import FROM_ZERO, architecture_dash

SHEET_INCHES = 6.75  # the width of two columns of a paper
# Letters stay letters in SVG and PDF, and "$" stays a dollar sign instead of opening a formula.
PRINT_STYLE = {"svg.fonttype": "none", "pdf.fonttype": 42, "text.parse_math": False}


def sheet(
    rows: int, columns: int, height: float, *, height_ratios: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure of `height` inches and its panels, row by row.

    The figure is made outside pyplot, so that nothing is displayed and no state is left behind.

    Args:
        rows: Panels below each other.
        columns: Panels beside each other.
        height: Of the whole figure, in inches; the width is always that of two columns of a paper.
        height_ratios: Heights of the rows relative to each other; equal where left out.

    Returns:
        The figure and its rows · columns axes.

    Example:
        >>> figure, panels = sheet(2, 3, height=4.0, height_ratios=[1, 3])
        >>> len(panels), figure.get_size_inches().tolist()
        (6, [6.75, 4.0])
    """
    with sns.axes_style("ticks", rc=PRINT_STYLE), sns.plotting_context("paper"):
        figure = Figure(figsize=(SHEET_INCHES, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, height_ratios=height_ratios)
    return figure, list(axes.ravel())


def colours_from_zero() -> LinearSegmentedColormap:
    """Return matplotlib's form of the colour scale for quantities that start at zero.

    Its ends are those of the plotly figures, pale yellow for zero and dark violet for the limit, so that a
    printed map and its twin on screen read alike.

    Example:
        >>> from matplotlib.colors import to_hex
        >>> to_hex(colours_from_zero()(0.0)), to_hex(colours_from_zero()(1.0))
        ('#fffde0', '#231151')
    """
    return LinearSegmentedColormap.from_list("from zero", FROM_ZERO)


def variant_dashes(name: str) -> str:
    """Return matplotlib's line style of a variant: solid, or dashed for relatives of a named architecture.

    The rule is `architecture_dash`'s; only the words are matplotlib's.

    Example:
        >>> variant_dashes("transformer"), variant_dashes("transformer, no RoPE")
        ('-', '--')
    """
    return "-" if architecture_dash(name) == "solid" else "--"
