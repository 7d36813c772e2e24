"""What a larger state brings and costs: numbers at the end of training against d_state."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from sisa_viz import figures
from sisa_viz.axes import column_label, is_share
from sisa_viz.colours import architecture_colour, architecture_dash
from sisa_viz.tables import Frame, check_table
from sisa_viz.text import escape

PANELS = ("corpus512/exact_match", "repeated512/exact_match", "val/loss")


@dataclass(frozen=True)
class StateSize:
    """Plain data of plot_state_size.

    `runs`: series, architecture, d_state, seed, panel, value; `mean`: series, architecture, d_state, panel,
    mean, low, high (the range), seeds. Series with d_state 0 have no place on the axis and become level lines.
    """

    runs: Frame
    mean: Frame
    panels: list[str]


def prepare_state_size(table: pd.DataFrame, *, y: Sequence[str] = PANELS) -> StateSize:
    """From one run a row: architecture (the variant's name), seed, d_state and the columns of `y`.

    Variants that differ in nothing but d_state make one series. A run without a number in a column of `y` is
    left out of that panel. ValueError for missing columns.
    """
    keys = ["architecture", "seed", "d_state"]
    rows = check_table(table, (*keys, *y), what="the table of runs")
    runs = rows.melt(id_vars=keys, value_vars=list(y), var_name="panel").dropna(subset=["value", "d_state"])
    runs = runs.assign(series=[series_name(name) for name in runs["architecture"]])
    grouped = runs.groupby(["panel", "series", "architecture", "d_state"])["value"]
    mean = grouped.agg(mean="mean", low="min", high="max", seeds="count").reset_index()
    return StateSize(runs, mean.sort_values(["series", "d_state"]), list(y))


def series_name(variant: str) -> str:
    """The variant without its state size: "SISA, λ lr ×1"."""
    return re.sub(r" d_state=\d+", "", variant)


def plot_state_size(table: pd.DataFrame, *, y: Sequence[str] = PANELS) -> go.Figure:
    """A panel each column of `y`: every run a point, the mean of its variant a line over d_state (log₂).

    What has no state (d_state 0) is a level line at its mean. Returns the figure.
    """
    data = prepare_state_size(table, y=y)
    sizes = sorted({int(size) for size in data.mean["d_state"] if size > 0})
    figure = figures.panels(
        [""] * len(data.panels), columns=len(data.panels), height=480, horizontal_spacing=0.09
    )
    named: set[str] = set()
    for column, panel in enumerate(data.panels, start=1):
        for name, mean in data.mean[data.mean["panel"] == panel].groupby("series"):
            runs = data.runs[(data.runs["panel"] == panel) & (data.runs["series"] == name)]
            line = _line(str(name), mean, sizes).update(showlegend=name not in named)
            figure.add_traces([_points(runs, sizes), line], rows=1, cols=column)
            named.add(str(name))
        title, share = escape(column_label(panel)), is_share(panel)
        figure.update_yaxes(title=title, range=[-0.03, 1.03] if share else None, col=column)
    ticks = {"type": "log", "tickmode": "array", "tickvals": sizes, "ticktext": [str(size) for size in sizes]}
    figure.update_xaxes(title=escape(column_label("d_state")), **ticks)
    figure.update_layout(legend={"orientation": "h", "y": -0.25, "yanchor": "top"}, margin={"b": 110})
    figures.entitle(
        figure, "What a larger state brings and costs", "points: single runs · lines: means over seeds"
    )
    return figure


def _line(name: str, mean: Frame, sizes: list[int]) -> go.Scatter:
    """The means; a level line over all sizes where there is no state."""
    level = bool((mean["d_state"] == 0).all())
    x = [sizes[0], sizes[-1]] if level and sizes else mean["d_state"].to_numpy()
    if level:
        mean = mean.iloc[[0] * len(x)]
    variant = str(mean["architecture"].iloc[len(mean) // 2])
    low, high = (mean[end].map("{:.4g}".format) for end in ("low", "high"))
    return go.Scatter(
        x=x,
        y=mean["mean"].to_numpy(),
        mode="lines",
        name=escape(name),
        legendgroup=escape(name),
        line={
            "color": architecture_colour(variant),
            "width": 2,
            "dash": "dot" if level else architecture_dash(name),
        },
        customdata=figures.cells(
            [escape(variant) for variant in mean["architecture"]], low, high, mean["seeds"]
        ),
        hovertemplate="<b>%{customdata[0]}</b><br>mean of %{customdata[3]} seeds: %{y:.4g}"
        "<br>from %{customdata[1]} to %{customdata[2]}<extra></extra>",
    )


def _points(runs: Frame, sizes: list[int]) -> go.Scatter:
    """Single runs; those without a state at the left edge."""
    name = escape(str(runs["series"].iloc[0]))
    return go.Scatter(
        x=runs["d_state"].replace(0, sizes[0] if sizes else 0).to_numpy(),
        y=runs["value"].to_numpy(),
        mode="markers",
        legendgroup=name,
        showlegend=False,
        marker={"color": [architecture_colour(variant) for variant in runs["architecture"]], "size": 7},
        customdata=figures.cells([escape(variant) for variant in runs["architecture"]], runs["seed"]),
        hovertemplate="%{customdata[0]}, seed %{customdata[1]}: %{y:.4g}<extra></extra>",
    )
