"""What a larger state brings and costs: numbers at the end of training against d_state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_table
from data.results.variants import Variant
from sisa_viz.look import figures
from sisa_viz.look.colours import architecture_colour, architecture_dash
from sisa_viz.look.labels import column_label, column_words, is_share
from sisa_viz.look.text import escape, legend_group

STATE_SIZE_PANELS = ("corpus512/exact_match", "repeated512/exact_match", "val/loss")


@dataclass(frozen=True)
class StateSize:
    """Hold what plot_state_size draws.

    Attributes:
        runs: A row a run and panel: series, architecture, d_state, seed, panel, value.
        mean: A row a variant and panel: series, architecture, d_state, panel, mean, low and high (the range
            over seeds), seeds.
        panels: The columns of the table that get a panel.
        machine: Where timings were taken; "" for training runs.
    """

    runs: pd.DataFrame
    mean: pd.DataFrame
    panels: list[str]
    machine: str

    @property
    def sizes(self) -> list[int]:
        """Every d_state in order but 0, which has no place on a logarithmic axis."""
        return sorted({int(size) for size in self.mean["d_state"] if size > 0})


def prepare_state_size(table: pd.DataFrame, *, y: Sequence[str] = STATE_SIZE_PANELS) -> StateSize:
    """Gather runs into series over d_state, and the mean of each variant.

    Variants that differ in nothing but d_state make one series. A run without a number in a column of `y` is
    left out of that panel.

    Args:
        table: One run a row: architecture (the variant's name), seed, d_state and the columns of `y`; timings
            also have the column machine.
        y: The columns to show.

    Returns:
        Single runs and means, by series and panel.

    Raises:
        ValueError: For missing columns, or where no run has a state.

    Example:
        >>> rows = [(f"SISA d_state={d}", 0, d, 3 - d / 100) for d in (16, 64)]
        >>> table = pd.DataFrame(rows, columns=["architecture", "seed", "d_state", "val/loss"])
        >>> data = prepare_state_size(table, y=["val/loss"])
        >>> data.sizes, data.mean["series"].tolist()
        ([16, 64], ['SISA', 'SISA'])
    """
    keys = ["architecture", "seed", "d_state"]
    rows = check_table(table, (*keys, *y), what="the table of runs")
    runs = rows.melt(id_vars=keys, value_vars=list(y), var_name="panel").dropna(subset=["value", "d_state"])
    if not (runs["d_state"].to_numpy(float) > 0).any():
        raise ValueError("no run has a d_state above 0; legal: runs with a state, and others beside them")
    runs = runs.assign(series=[series_name(name) for name in runs["architecture"]])
    grouped = runs.groupby(["panel", "series", "architecture", "d_state"])["value"]
    mean = grouped.agg(mean="mean", low="min", high="max", seeds="count").reset_index()
    machine = ", ".join(map(str, rows["machine"].unique())) if "machine" in rows else ""
    return StateSize(runs, mean.sort_values(["series", "d_state"]), list(y), machine)


def series_name(variant: str) -> str:
    """Return a variant's name without its state size: what a line over d_state is called.

    Example:
        >>> series_name("SISA d_state=16, λ lr ×1")
        'SISA, λ lr ×1'
    """
    return Variant.from_label(variant).series


def series_colour(mean: pd.DataFrame) -> str:
    """Return the colour of a series over d_state: that of d_state 32, whichever sizes it has.

    So it is the same in every figure. What has one size alone keeps its own colour.

    Args:
        mean: The rows of one series, with the columns architecture and d_state.

    Example:
        >>> names = ["SISA d_state=4", "SISA d_state=16"]
        >>> mean = pd.DataFrame({"architecture": names, "d_state": [4, 16]})
        >>> series_colour(mean) == architecture_colour("SISA d_state=32")
        True
    """
    name = str(mean["architecture"].iloc[0])
    several = len(mean["d_state"].unique()) > 1
    return architecture_colour(replace(Variant.from_label(name), d_state=32).label if several else name)


def plot_state_size(table: pd.DataFrame, *, y: Sequence[str] = STATE_SIZE_PANELS) -> go.Figure:
    """Draw numbers at the end of training against d_state: a panel each column of `y`.

    Every run is a point, and the means of its series make a line over d_state (log₂). What has no state
    (d_state 0) is a level, dotted line at its mean, with its points at the left edge.

    Args:
        table: One run a row: architecture, seed, d_state and the columns of `y`.
        y: The columns to show, a panel each.

    Returns:
        The figure.

    Raises:
        ValueError: For missing columns, or where no run has a state.

    Example:
        >>> import sisa_viz
        >>> rows = [(f"SISA d_state={d}", 0, d, 3 - d / 100) for d in (16, 64)]
        >>> table = pd.DataFrame(rows, columns=["architecture", "seed", "d_state", "val/loss"])
        >>> sisa_viz.plot_state_size(table, y=["val/loss"]).layout.title.text
        'What a larger state brings and costs'
    """
    data = prepare_state_size(table, y=y)
    titles = [column_words(panel)[0] for panel in data.panels]
    figure = figures.panels(titles, columns=len(titles), height=480, horizontal_spacing=0.09)
    named: set[str] = set()
    for column, panel in enumerate(data.panels, start=1):
        for name, mean in data.mean.loc[data.mean["panel"] == panel].groupby("series"):
            runs = data.runs.loc[(data.runs["panel"] == panel) & (data.runs["series"] == name)]
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


def _line(name: str, mean: pd.DataFrame, sizes: list[int], colour: str) -> go.Scatter:
    """Draw the means; a level line over all sizes where there is no state."""
    level = bool((mean["d_state"] == 0).all())
    x = [_edge(sizes), max(sizes)] if level else mean["d_state"].to_numpy()
    mean = mean.iloc[[0] * len(x)] if level else mean
    dash = "dot" if level else architecture_dash(name)
    low, high = figures.short(mean["low"].to_numpy()), figures.short(mean["high"].to_numpy())
    names = [escape(architecture) for architecture in mean["architecture"]]
    return go.Scatter(
        x=x,
        y=mean["mean"].to_numpy(),
        mode="lines" if len(x) > 1 else "markers",
        name=escape(name),
        legendgroup=legend_group(name),
        line={"color": colour, "width": 2, "dash": dash},
        marker={"color": colour, "size": 7},
        customdata=figures.cells(names, low, high, mean["seeds"]),
        hovertemplate="<b>%{customdata[0]}</b><br>mean of %{customdata[3]} seeds: %{y:.4g}"
        "<br>from %{customdata[1]} to %{customdata[2]}<extra></extra>",
    )


def _points(runs: pd.DataFrame, sizes: list[int], colour: str) -> go.Scatter:
    """Single runs in the colour of their line; those without a state at the left edge."""
    names = [escape(architecture) for architecture in runs["architecture"]]
    return go.Scatter(
        x=runs["d_state"].astype(float).replace(0, _edge(sizes)).to_numpy(),
        y=runs["value"].to_numpy(),
        mode="markers",
        legendgroup=legend_group(runs["series"].iloc[0]),
        showlegend=False,
        marker={"color": colour, "size": 7},
        customdata=figures.cells(names, runs["seed"]),
        hovertemplate="%{customdata[0]}, seed %{customdata[1]}: %{y:.4g}<extra></extra>",
    )


def _edge(sizes: list[int]) -> float:
    """Half a step to the left of the smallest size, for the axis is in powers of two: 16 / √2 ≈ 16 / 1.4."""
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
