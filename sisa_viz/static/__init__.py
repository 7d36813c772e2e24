"""Printed twins of six plots: the same prepared data and colours, as matplotlib figures for SVG and PDF.

    figure = static.plot_niah_convergence(runs)
    figure.savefig("convergence.pdf")

Options are those of the plotly plot of the same name; each returns a matplotlib Figure and displays nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from sisa_viz.look.colours import (
    CLAMPED,
    FROM_ZERO,
    architecture_colour,
    architecture_dash,
    layer_colour,
    top_limit,
)
from sisa_viz.pages.picture import DASHES
from sisa_viz.plots.decay import half_life_ticks, named_heads, prepare_decay
from sisa_viz.plots.needle_lens import PARTS, layer_starts, prepare_needle_lens
from sisa_viz.plots.niah_convergence import MARKS, prepare_niah_convergence
from sisa_viz.plots.niah_grid import GRID_COLUMNS, LENGTH, prepare_niah_grid
from sisa_viz.plots.state_size import PANELS as STATE_PANELS
from sisa_viz.plots.state_size import prepare_state_size
from sisa_viz.plots.training import LATE, PANELS, late_range, prepare_training
from sisa_viz.trace.axes import HEADS, column_label, column_words, head_name, is_share

INCH = 6.75  # the width of two columns
GREY = "#d9d9d9"
STYLE = {"svg.fonttype": "none", "pdf.fonttype": 42, "text.parse_math": False}


def _sheet(rows: int, columns: int, height: float, **ratios: Iterable[float]) -> tuple[Figure, list[Axes]]:
    """A figure outside pyplot, so that nothing is displayed and no state is left behind."""
    with sns.axes_style("ticks", rc=STYLE), sns.plotting_context("paper"):
        figure = Figure(figsize=(INCH, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=ratios or None)
    return figure, list(axes.ravel())


def plot_niah_convergence(
    metrics: pd.DataFrame,
    *,
    published: pd.DataFrame | None = None,
    metric: str = "niah/exact_match",
    x: str = "step",
) -> Figure:
    """Mean over seeds with its 95 % t-interval, single seeds, published curves in broken lines."""
    data = prepare_niah_convergence(metrics, published=published, metric=metric, x=x)
    names = data.published["label"].nunique() + data.mean["architecture"].nunique()
    figure, (axes,) = _sheet(1, 1, 3.4 + (0.085 * names if len(data.published) else 0))
    for label, curve in data.published.groupby("label", sort=False):
        first = curve.iloc[0]
        axes.plot(
            curve["x"],
            curve["value"],
            color=architecture_colour(first["architecture"]),
            linestyle=DASHES[first["dash"]],
            marker=MARKS[first["mark"]],
            markersize=4,
            linewidth=0.8,
            alpha=0.7,
            label=label,
        )
    for name, mean in data.mean.groupby("architecture", sort=False):
        colour, seeds = architecture_colour(str(name)), int(mean["seeds"].max())
        words = f"mean of {seeds} seeds" if seeds > 1 else "1 seed, no interval"
        axes.fill_between(mean["x"], mean["low"], mean["high"], color=colour, alpha=0.18, linewidth=0)
        runs = data.runs[data.runs["architecture"] == name]
        sns.lineplot(
            runs,
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
            linestyle=_dashes(str(name)),
            label=f"{name} · {words}",
        )
    axes.set(
        xlabel=column_label(x), ylabel=column_label(metric), xscale="log" if len(data.published) else "linear"
    )
    if is_share(metric):
        axes.set_ylim(-0.03, 1.03)
    place: Any = {"fontsize": "small"}
    if len(data.published):  # too many names for a corner
        place = {"loc": "upper center", "bbox_to_anchor": (0.45, -0.15), "ncols": 2, "fontsize": "x-small"}
    axes.legend(frameon=False, **place)
    sns.despine(figure)
    return figure


def plot_niah_grid(
    summary: pd.DataFrame,
    *,
    depth: str = "requested_depth",
    panel: str = "architecture",
) -> Figure:
    """Accuracy over length × depth with the Wilson interval written into each cell."""
    grids = prepare_niah_grid(summary, depth=depth, panel=panel)
    columns = min(len(grids), GRID_COLUMNS)
    rows = -(-len(grids) // columns)
    figure, panels = _sheet(rows, columns, rows * (1.2 + 0.42 * len(grids[0].depths)))
    for axes in panels[len(grids) :]:
        axes.remove()
    for axes, grid in zip(panels, grids, strict=False):
        axes.set_facecolor(GREY)
        rate, low, high = (grid.maps[name] for name in ("rate", "low", "high"))
        words = [
            [_interval(*cell) for cell in zip(*rows, strict=True)]
            for rows in zip(grid.words, low, high, strict=True)
        ]
        sns.heatmap(
            pd.DataFrame(rate, [f"{d:g}" for d in grid.depths], [f"{n:g}" for n in grid.lengths]),
            ax=axes,
            vmin=0,
            vmax=1,
            cmap=_from_zero(),
            annot=np.array(words),
            fmt="",
            annot_kws={"size": 6},
            linewidths=1,
            cbar=grid is grids[columns - 1],
            cbar_kws={"label": column_label("rate")},
        )
        axes.set(
            xlabel=column_label(LENGTH),
            ylabel=column_label(depth) if grid is grids[0] else "",
            title=grid.name,
        )
        axes.tick_params(axis="y", rotation=0)
    return figure


def _interval(words: str, low: float, high: float) -> str:
    """Two short lines, as cells are narrow: the unit once."""
    return words and f"{words}\n{100 * low:.0f}–{100 * high:.0f}{'' if '%' in words else ' %'}"


def plot_training(metrics: pd.DataFrame, *, x: str = "step") -> Figure:
    """Loss, learning rate and gradient norm, one line a run, validation dashed."""
    curves = prepare_training(metrics, x=x)
    shown = [name for name in PANELS if name in set(curves["panel"])]
    late = late_range(curves)
    height = (3.6 if late else 1.2) + 1.3 * len(shown)
    figure, panels = _sheet(
        len(shown), 1, height, height_ratios=[(4 if late else 2) if name == "loss" else 1 for name in shown]
    )
    palette = {name: architecture_colour(name) for name in curves["architecture"].unique()}
    dashes: dict[Any, Any] = {name: "" for names in PANELS.values() for name in names} | {"val/loss": (3, 1)}
    for axes, panel in zip(panels, shown, strict=True):
        part = curves[curves["panel"] == panel]
        sns.lineplot(
            part,
            x="x",
            y="value",
            hue="architecture",
            style="name",
            units="seed",
            estimator=None,
            linewidth=0.8,
            palette=palette,
            dashes=dashes,
            legend="auto" if axes is panels[0] else False,
            ax=axes,
        )
        axes.set(
            xlabel=column_label(x) if axes is panels[-1] else "",
            ylabel="loss (nats per token)" if panel == "loss" else column_label(panel),
        )
    place: Any = {}
    if late:  # losses come first; many runs have too many names for a corner
        panels[0].set_ylim(*late)
        panels[0].set_title(LATE, fontsize="x-small")
        place = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
    panels[0].legend(frameon=False, fontsize="x-small", **place)
    sns.despine(figure)
    return figure


def plot_decay(trace: xr.Dataset, *, origin: int = 0) -> Figure:
    """Half-life of every head over retention along the tokens; crosses where the clamp begins."""
    data = prepare_decay(trace, origin=origin)
    figure, (upper, lower) = _sheet(2, 1, 4.8)
    palette = {layer: layer_colour(int(layer)) for layer in data.heads["layer"].unique()}
    sns.scatterplot(
        data.heads,
        x=data.heads.index,
        y="half_life",
        hue="layer",
        palette=palette,
        legend="full",
        s=18,
        ax=upper,
    )
    upper.axhline(len(data.tokens), linestyle="--", color="grey", linewidth=0.8)
    upper.annotate(
        "length of the sequence",
        (0, len(data.tokens)),
        xytext=(0, 3),
        textcoords="offset points",
        fontsize="x-small",
    )
    named = named_heads(data)
    upper.set_xticks(named.index, named["name"], rotation=60)
    ticks = half_life_ticks(data)
    upper.set_yscale("log")
    upper.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    upper.set_yticks([], minor=True)
    upper.set(xlabel=data.labels["head"], ylabel=data.labels["half_life"])
    upper.legend(title="layer", frameon=False, fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    for (layer, _), curve in data.retention.groupby(list(HEADS)):
        lower.plot(curve["position"], curve["retention"], color=palette[layer], linewidth=0.8)
        lower.plot(
            *curve.loc[curve["clamped"], ["position", "retention"]].head(1).to_numpy().T,
            "x",
            color=CLAMPED,
            markersize=4,
            clip_on=False,
        )
    lower.set(xlabel=data.labels["position"], ylabel=data.labels["retention"], ylim=(-0.03, 1.03))
    sns.despine(figure)
    return figure


def plot_needle_lens(
    heads: pd.DataFrame,
    *,
    run: str = "",
    part: str = "",
    metrics: pd.DataFrame | None = None,
    metric: str = "corpus256/exact_match",
) -> Figure:
    """Heads × steps for each part of the score on one scale from 0, the run's accuracy above each."""
    data = prepare_needle_lens(heads, run=run, part=part, metrics=metrics, metric=metric)
    above, n = int(not data.curve.empty), len(data.parts)
    maps = {name: data.maps[name] for name in PARTS if name in data.maps}
    look: Any = {"vmin": 0, "vmax": top_limit(*maps.values()), "cmap": _from_zero()}
    ratios = [1, 3][1 - above :]
    figure, panels = _sheet(1 + above, n, 1.2 + 0.07 * len(data.heads) + above, height_ratios=ratios)
    starts, every = layer_starts(data), -(-len(data.steps) // 4)
    for at, name in enumerate(data.parts):
        axes = panels[at + n * above]
        axes.set_facecolor(GREY)
        sns.heatmap(
            maps[name], ax=axes, cbar=at == n - 1, cbar_kws={"label": column_label("needle_mass")}, **look
        )
        axes.hlines(starts[1:], 0, len(data.steps), color="grey", linewidth=0.4)
        axes.set_xticks(
            np.arange(len(data.steps))[::every] + 0.5, [str(step) for step in data.steps[::every]]
        )
        axes.tick_params(axis="x", rotation=0)
        axes.set_yticks(
            [row + 0.5 for row in starts], [head_name(*data.heads[row]) for row in starts], rotation=0
        )
        axes.set_xlabel(column_label("step"))
        panels[at].set_title(PARTS[name], fontsize="small")
        if above:
            colour = architecture_colour(data.variant)
            panels[at].plot(data.curve["step"], data.curve["value"], color=colour, linewidth=1)
            panels[at].set(
                xlim=(data.steps[0], data.steps[-1]), ylim=(-0.05, 1.05) if is_share(metric) else None
            )
    name = column_words(metric)[0].replace(", ", "\n") if above else column_label("head")
    panels[0].set_ylabel(name, fontsize="x-small")
    return figure


def plot_state_size(table: pd.DataFrame, *, y: Sequence[str] = STATE_PANELS) -> Figure:
    """Every run a point, means over d_state as lines, what has no state as a level line."""
    data = prepare_state_size(table, y=y)
    figure, panels = _sheet(1, len(data.panels), 2.8)
    for axes, panel in zip(panels, data.panels, strict=True):
        palette = {}
        for name, mean in data.mean[data.mean["panel"] == panel].groupby("series"):
            style: Any = {
                "color": architecture_colour(str(mean["architecture"].iloc[len(mean) // 2])),
                "label": name,
            }
            if (mean["d_state"] == 0).all():
                axes.axhline(mean["mean"].iloc[0], linestyle=":", **style)
            else:
                axes.plot(mean["d_state"], mean["mean"], linestyle=_dashes(str(name)), **style)
                palette[name] = style["color"]
        runs = data.runs[(data.runs["panel"] == panel) & (data.runs["d_state"] > 0)]
        sns.scatterplot(runs, x="d_state", y="value", hue="series", palette=palette, legend=False, ax=axes)
        title, units = column_words(panel)
        axes.set_xscale("log", base=2)
        axes.set_xticks(data.sizes, [str(size) for size in data.sizes])
        axes.set(xlabel=column_words("d_state")[0], ylabel="" if units == "1" else units)
        axes.set_title(title, fontsize="x-small")
        if is_share(panel):
            axes.set_ylim(-0.03, 1.03)
    panels[0].legend(frameon=False, fontsize="x-small")
    sns.despine(figure)
    return figure


def _from_zero() -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("from zero", FROM_ZERO)


def _dashes(name: str) -> str:
    return "-" if architecture_dash(name) == "solid" else "--"
