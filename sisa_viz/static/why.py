"""The printed twin of plot_why: why one head looks from one token to another."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sisa_viz.look.colours import INK
from sisa_viz.look.text import visible
from sisa_viz.plots.why import (
    FACTORS,
    NEGATIVE,
    PAIRS,
    PAIRS_AXIS,
    POSITIVE,
    WRITERS,
    brief_number,
    prepare_why,
    room,
    why_words,
)
from sisa_viz.static.sheet import sheet
from sisa_viz.trace.axes import axis_label


def plot_why(
    table: pd.DataFrame, *, layer: int | None = None, head: int | None = None, most: int = 10
) -> Figure:
    """Draw why one head looks from one token to another, as bars in at most three panels.

    The score and its terms with the pairs "who wrote the query → who wrote the key"; and, where there is
    importance, the importance after each of its factors and C·B by pair of state channels.

    Args:
        table: What `model.analysis.attribution` returns, of one query and key.
        layer: Of the head; may be left out where the table has one head.
        head: Likewise.
        most: The most pairs of writers to name; the others of a term are summed.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: For a table of several heads, or a head that it does not have.

    Example:
        >>> from sisa_viz import static
        >>> from sisa_viz.examples import example_attribution
        >>> static.plot_why(example_attribution()).axes[0].get_title()
        'score, by writers'
    """
    data = prepare_why(table, layer=layer, head=head, most=most)
    rows, wide = max(len(data.rows), 6), len(data.factors) > 0
    figure, axes = sheet(1, 3 if wide else 1, 1.2 + 0.17 * rows)
    figure.suptitle("\n".join(why_words(data)), x=0.01, ha="left", fontsize="small")
    _bars(axes[0], data.rows, WRITERS)
    if wide:
        _bars(axes[1], data.factors, FACTORS)
        _pairs(axes[2], data.pairs)
    return figure


def _bars(axes: Axes, rows: pd.DataFrame, title: str) -> None:
    nats, at = rows["nats"].to_numpy(), range(len(rows))
    _bar(axes, nats, grey=(rows["kind"] == "sum").to_numpy())
    for row, number in zip(at, nats, strict=True):
        side = "left" if number >= 0 else "right"
        axes.text(number, row, f" {brief_number(number)} ", va="center", ha=side, fontsize="x-small")
    axes.set_yticks(at, [visible(label, spaces=False) for label in rows["label"]], fontsize="x-small")
    axes.set_xlim(*room(nats, share=0.32))
    axes.set_title(title, fontsize="small")
    axes.set_xlabel("nats", fontsize="x-small")


def _bar(axes: Axes, nats: np.ndarray, *, grey: np.ndarray) -> None:
    """Draw a bar a number, the first on top, in the colour of its sign or in grey."""
    sign = np.where(grey, "sum", np.where(nats >= 0, "positive", "negative"))
    colours = {"positive": POSITIVE, "negative": NEGATIVE, "sum": INK}
    at = [str(row) for row in range(len(nats))]
    sns.barplot(
        x=nats, y=at, hue=sign, palette=colours, dodge=False, saturation=1, width=0.65, legend=False, ax=axes
    )
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.tick_params(axis="x", labelsize="x-small")


def _pairs(axes: Axes, pairs: pd.DataFrame) -> None:
    at = np.arange(len(pairs))
    _bar(axes, pairs["turned"].to_numpy(), grey=np.zeros(len(pairs), bool))
    axes.hlines(at, 0, pairs["product"].to_numpy(), color=INK, linewidth=1.2)
    every = -(-len(pairs) // 16)
    axes.set_yticks(at[::every], [str(pair) for pair in at[::every]], fontsize="x-small")
    axes.set_title(PAIRS, fontsize="small")
    axes.set_xlabel(PAIRS_AXIS.replace("<br>", "\n"), fontsize="x-small")
    axes.set_ylabel(axis_label("pair"), fontsize="x-small")
