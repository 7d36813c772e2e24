"""What a larger state brings and costs: numbers at the end of training against d_state."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import Frame, check_table
from data.results.variants import Variant
from sisa_viz.look import figures
from sisa_viz.look.colours import architecture_colour, architecture_dash
from sisa_viz.look.text import escape
from sisa_viz.trace.axes import column_label, column_words, is_share

STATE_SIZE_PANELS = ("corpus512/exact_match", "repeated512/exact_match", "val/loss")


@dataclass(frozen=True)
class StateSize:
    """Plain data of plot_state_size.

    `runs`: series, architecture, d_state, seed, panel, value; `mean`: series, architecture, d_state, panel,
    mean, low, high (the range), seeds; `machine`: of timings, "" of training runs; `sizes`: every d_state but
    0, which has no place on the axis.
    """

    runs: Frame
    mean: Frame
    panels: list[str]
    machine: str

    @property
    def sizes(self) -> list[int]:
        return sorted({int(size) for size in self.mean["d_state"] if size > 0})


def prepare_state_size(table: pd.DataFrame, *, y: Sequence[str] = STATE_SIZE_PANELS) -> StateSize:
    """From one run a row: architecture (the variant's name), seed, d_state and the columns of `y`.

    Timings also have the column machine.

    Variants that differ in nothing but d_state make one series. A run without a number in a column of `y` is
    left out of that panel. ValueError for missing columns, or where no run has a state.
    """
    keys = ["architecture", "seed", "d_state"]
    rows = check_table(table, (*keys, *y), what="the table of runs")
    runs = rows.melt(id_vars=keys, value_vars=list(y), var_name="panel").dropna(subset=["value", "d_state"])
    if not (runs["d_state"] > 0).any():
        raise ValueError("no run has a d_state above 0; legal: runs with a state, and others beside them")
    runs = runs.assign(series=[series_name(name) for name in runs["architecture"]])
    grouped = runs.groupby(["panel", "series", "architecture", "d_state"])["value"]
    mean = grouped.agg(mean="mean", low="min", high="max", seeds="count").reset_index()
    machine = ", ".join(map(str, rows["machine"].unique())) if "machine" in rows else ""
    return StateSize(runs, mean.sort_values(["series", "d_state"]), list(y), machine)


def series_name(variant: str) -> str:
    """The variant without its state size: "SISA, λ lr ×1"."""
    return Variant.from_label(variant).series


def series_colour(mean: pd.DataFrame) -> str:
    """The colour of the middle one of a series' variants."""
    return architecture_colour(str(mean["architecture"].iloc[len(mean) // 2]))


def plot_state_size(table: pd.DataFrame, *, y: Sequence[str] = STATE_SIZE_PANELS) -> go.Figure:
    """A panel each column of `y`: every run a point, the mean of its variant a line over d_state (log₂).

    What has no state (d_state 0) is a level line at its mean. Returns the figure.
    """
    data = prepare_state_size(table, y=y)
    titles = [column_words(panel)[0] for panel in data.panels]
    figure = figures.panels(titles, columns=len(titles), height=480, horizontal_spacing=0.09)
    named: set[str] = set()
    for column, panel in enumerate(data.panels, start=1):
        for name, mean in data.mean[data.mean["panel"] == panel].groupby("series"):
            runs = data.runs[(data.runs["panel"] == panel) & (data.runs["series"] == name)]
            colour = series_colour(mean)
            line = _line(str(name), mean, data.sizes, colour).update(showlegend=name not in named)
            figure.add_traces([_points(runs, data.sizes, colour), line], rows=1, cols=column)
            named.add(str(name))
    _axes(figure, data)
    shown = "points: single runs · lines: means over seeds"
    if data.machine:
        shown = f"points: one timing each, on {data.machine}"
    figures.entitle(figure, "What a larger state brings and costs", f"{shown} · dotted: without a state")
    return figure


def _line(name: str, mean: Frame, sizes: list[int], colour: str) -> go.Scatter:
    """The means; a level line over all sizes where there is no state."""
    level = bool((mean["d_state"] == 0).all())
    x = [_edge(sizes), max(sizes)] if level else mean["d_state"].to_numpy()
    mean = mean.iloc[[0] * len(x)] if level else mean
    dash = "dot" if level else architecture_dash(name)
    low, high = (mean[end].map("{:.4g}".format) for end in ("low", "high"))
    names = [escape(architecture) for architecture in mean["architecture"]]
    return go.Scatter(
        x=x,
        y=mean["mean"].to_numpy(),
        mode="lines",
        name=escape(name),
        legendgroup=escape(name),
        line={"color": colour, "width": 2, "dash": dash},
        customdata=figures.cells(names, low, high, mean["seeds"]),
        hovertemplate="<b>%{customdata[0]}</b><br>mean of %{customdata[3]} seeds: %{y:.4g}"
        "<br>from %{customdata[1]} to %{customdata[2]}<extra></extra>",
    )


def _points(runs: Frame, sizes: list[int], colour: str) -> go.Scatter:
    """Single runs in the colour of their line; those without a state at the left edge."""
    names = [escape(architecture) for architecture in runs["architecture"]]
    return go.Scatter(
        x=runs["d_state"].astype(float).replace(0, _edge(sizes)).to_numpy(),
        y=runs["value"].to_numpy(),
        mode="markers",
        legendgroup=escape(runs["series"].iloc[0]),
        showlegend=False,
        marker={"color": colour, "size": 7},
        customdata=figures.cells(names, runs["seed"]),
        hovertemplate="%{customdata[0]}, seed %{customdata[1]}: %{y:.4g}<extra></extra>",
    )


def _edge(sizes: list[int]) -> float:
    return min(sizes) / 1.4


def _axes(figure: go.Figure, data: StateSize) -> None:
    sizes = data.sizes
    figure.update_xaxes(
        title=escape(column_label("d_state")),
        type="log",
        range=[np.log10(_edge(sizes) / 1.1), np.log10(max(sizes) * 1.1)],
        tickvals=sizes,
        ticktext=[str(size) for size in sizes],
    )
    for column, panel in enumerate(data.panels, start=1):
        units = column_words(panel)[1]
        figure.update_yaxes(title=escape(units if units != "1" else ""), col=column)
        if is_share(panel):
            figure.update_yaxes(range=[-0.03, 1.03], col=column)
    figure.update_annotations(font_size=13)
    figure.update_layout(legend={"orientation": "h", "y": -0.25, "yanchor": "top"}, margin={"b": 110})
