"""The printed twin of plot_scores: content, importance, their sum and the weights of one head."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from sisa_viz.look.colours import PRINTED_GROUND, SIGNED, SPANS, top_limit
from sisa_viz.look.text import visible
from sisa_viz.plots.scores import Scores, prepare_scores
from sisa_viz.static.sheet import colours_from_zero, sheet
from sisa_viz.trace.axes import axis_label

MOST_TICKS = 10
LONGEST_TOKEN = 10  # characters beside a tick


def plot_scores(
    trace: xr.Dataset,
    *,
    layer: int,
    head: int,
    query_window: tuple[int, int] | None = None,
    key_window: tuple[int, int] | None = None,
    lam_scale: float = 1.0,
    limit: float | None = None,
) -> Figure:
    """Draw the maps of one head, row 0 on top, on the scales of the plot on screen; spans have dotted edges.

    Arguments, their defaults and errors are those of `sisa_viz.plots.scores.prepare_scores`.

    Returns:
        A matplotlib figure.

    Example:
        >>> from sisa_viz import static
        >>> from sisa_viz.examples import example_trace
        >>> figure = static.plot_scores(example_trace(), layer=0, head=1)
        >>> [axes.get_title() for axes in figure.axes if axes.get_title()]
        ['content score', 'importance score', 'attention score', 'attention pattern']
    """
    windows = {"query_window": query_window, "key_window": key_window}
    data = prepare_scores(trace, layer=layer, head=head, lam_scale=lam_scale, limit=limit, **windows)
    columns = min(len(data.parts), 2)
    rows = -(-len(data.parts) // columns)
    figure, panels = sheet(rows, columns, 0.5 + rows * (3.1 if columns == 2 else 5.6))
    for at, part in enumerate(data.parts):
        _map(figure, panels[at], data, part)
        panels[at].set_xlabel(axis_label("key") if at // columns == rows - 1 else "")
        panels[at].set_ylabel("" if at % columns else axis_label("query"))
    figure.suptitle(f"{data.name} · {data.words}", fontsize="x-small")
    return figure


def _map(figure: Figure, axes: Axes, data: Scores, part: str) -> None:
    shown, kind = data.maps[part], data.weighing.kind
    signed = part != "pattern" or kind.signed
    if signed:
        scale: dict[str, Any] = {"cmap": LinearSegmentedColormap.from_list("signed", SIGNED)}
        scale |= {"vmin": -data.limit, "vmax": data.limit}
    else:
        scale = {"cmap": colours_from_zero(), "vmin": 0, "vmax": kind.top or top_limit(shown)}
    left, right = data.keys[0] - 0.5, data.keys[-1] + data.block - 0.5
    top, bottom = data.queries[0] - 0.5, data.queries[-1] + data.block - 0.5
    axes.set_facecolor(PRINTED_GROUND)
    image = axes.imshow(
        np.ma.masked_invalid(shown),
        extent=(left, right, bottom, top),
        interpolation="nearest",
        aspect="auto",
        **scale,
    )
    units = kind.quantity.units if part == "pattern" else kind.score_units
    figure.colorbar(image, ax=axes, label="" if units == "1" else units)
    for at, span in enumerate(data.spans.values()):
        for edge in span:
            if left <= edge - 0.5 <= right:
                axes.axvline(edge - 0.5, color=SPANS[at % len(SPANS)], linestyle=":", linewidth=0.8)
    axes.set_xticks(*_ticks(data.keys, data.key_tokens), rotation=60, fontsize="xx-small")
    axes.set_yticks(*_ticks(data.queries, data.query_tokens), fontsize="xx-small")
    axes.set_title(data.titles[part], fontsize="small")


def _ticks(positions: np.ndarray, tokens: list[str]) -> tuple[list[int], list[str]]:
    """Return at most ten positions and what stands beside them, such as "17 ·the"."""
    every = max(1, -(-len(tokens) // MOST_TICKS))
    words = [
        f"{at} {visible(token, limit=LONGEST_TOKEN) or '∅'}"
        for at, token in zip(positions[::every], tokens[::every], strict=True)
    ]
    return positions[::every].tolist(), words
