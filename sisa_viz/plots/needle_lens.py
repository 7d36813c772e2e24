"""Which heads look at the needle, from when on and by which part of the score: one run over its training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import Frame, check_choice, check_table, pick_metric
from sisa_viz.look import figures
from sisa_viz.look.colours import GROUND, INK, architecture_colour, top_limit
from sisa_viz.look.text import escape
from sisa_viz.trace.axes import HEADS, column_label, head_name, is_share

LENS_MAPS = {
    "needle_mass": "whole score",
    "needle_content": "content alone",
    "needle_importance": "other term alone",
}
ACCURACY_PIXELS = 110  # pixels of the accuracy above a map
HEAD_NUMBERS = {"lam": "λ", "half_life": "half-life, tokens"}  # the hover box has them where the run does


@dataclass(frozen=True)
class NeedleLens:
    """Plain data of plot_needle_lens.

    `heads`: (layer, head) of every row; `parts`: those to show; `maps`: by name of LENS_MAPS and
    HEAD_NUMBERS, numbers
    [row, step], NaN where not measured; `curve`: step, value of the accuracy, empty where not asked for.
    """

    run: str
    variant: str
    steps: list[int]
    heads: list[tuple[int, int]]
    parts: list[str]
    maps: dict[str, np.ndarray]
    curve: Frame


def prepare_needle_lens(
    heads: pd.DataFrame,
    *,
    run: str = "",
    part: str = "",
    metrics: pd.DataFrame | None = None,
    metric: str = "corpus256/exact_match",
) -> NeedleLens:
    """One run of a table with run, variant, step, layer, head and the columns of LENS_MAPS.

    `run` may be left out where the table has one. `part` keeps one of LENS_MAPS; otherwise those that the run
    has. ValueError for a run, part or metric that is not there.
    """
    rows = check_table(heads, ("run", "variant", "step", *HEADS), what="the table of heads")
    runs = sorted(map(str, rows["run"].unique()))
    if not run and len(runs) > 1:
        raise ValueError(f"the table has {len(runs)} runs; choose one with run=..., such as {runs[:3]}")
    run = run or runs[0]
    if run not in runs:
        raise ValueError(f"run is {run!r}; legal: {', '.join(runs)}")
    own = rows[rows["run"] == run]
    maps = {
        name: table for name in (*LENS_MAPS, *HEAD_NUMBERS) if name in own and (table := _map(own, name)).size
    }
    there = [name for name in LENS_MAPS if name in maps]
    if not there:
        raise ValueError(f"run {run!r} has no needle lens; legal: a run of a mixer with attention scores")
    parts = [check_choice("part", part, there)] if part else there
    first = maps[there[0]]
    return NeedleLens(
        run=run,
        variant=str(own["variant"].iloc[0]),
        steps=[int(step) for step in first.columns],
        heads=[(int(layer), int(head)) for layer, head in first.index],
        parts=parts,
        maps={name: table.reindex_like(first).to_numpy() for name, table in maps.items()},
        curve=_curve(metrics, run, metric),
    )


def _map(own: Frame, name: str) -> Frame:
    """(layer, head) × step; empty where nothing was measured."""
    return own.dropna(subset=[name]).pivot(index=list(HEADS), columns="step", values=name)


def _curve(metrics: pd.DataFrame | None, run: str, metric: str) -> Frame:
    if metrics is None:
        return pd.DataFrame(columns=["step", "value"])
    rows = pick_metric(check_table(metrics, ("run",), what="the table of runs"), metric)
    return rows.loc[rows["run"] == run, ["step", "value"]].sort_values("step")


def plot_needle_lens(
    heads: pd.DataFrame,
    *,
    run: str = "",
    part: str = "",
    metrics: pd.DataFrame | None = None,
    metric: str = "corpus256/exact_match",
) -> go.Figure:
    """Share of each head's attention on the hidden number, seen from the token before the answer.

    A map of heads over training steps for the softmax of the whole score, of its content alone and of its
    other term alone, all on one scale from 0; the hover box has all numbers of a head. With `metrics`, the
    run's accuracy stands above each. `part`: only that map. Returns the figure.
    """
    data = prepare_needle_lens(heads, run=run, part=part, metrics=metrics, metric=metric)
    above, n, height = int(not data.curve.empty), len(data.parts), 10 * max(len(data.heads), 22)
    over: Any = {"row_heights": [ACCURACY_PIXELS, height], "vertical_spacing": 0.04} if above else {}
    figure = figures.panels(
        [LENS_MAPS[name] for name in data.parts] + [""] * (n * above),
        columns=n,
        height=figures.HEADER + 80 + height + (ACCURACY_PIXELS + 30) * above,
        horizontal_spacing=0.03,
        **over,
    )
    for column, name in enumerate(data.parts, start=1):
        figure.add_trace(_heat(data, name), row=1 + above, col=column)
        if above:
            figure.add_trace(_accuracy(data), row=1, col=column)
    _axes(figure, data, metric)
    figures.entitle(figure, f"Attention on the needle over training: {data.variant}", _subtitle(data, metric))
    return figure


def _subtitle(data: NeedleLens, metric: str) -> str:
    seen = "seen from the token before the answer, mean over episodes"
    return f"{seen} · curve: {column_label(metric)}" if len(data.curve) else seen


def _heat(data: NeedleLens, name: str) -> go.Heatmap:
    names = [[head_name(*head)] * len(data.steps) for head in data.heads]
    words = {part: words for part, words in (LENS_MAPS | HEAD_NUMBERS).items() if part in data.maps}
    numbers = [[[f"{x:.3g}" for x in row] for row in data.maps[part]] for part in words]
    lines = [f"{text}: %{{customdata[{at}]}}" for at, text in enumerate(words.values(), start=1)]
    return go.Heatmap(
        z=data.maps[name],
        x=data.steps,
        y=np.arange(len(data.heads)),
        coloraxis="coloraxis",
        hoverongaps=False,
        customdata=figures.cells(names, *numbers),
        hovertemplate="<br>".join(["<b>%{customdata[0]}</b>, step %{x}", *lines]) + "<extra></extra>",
    )


def _accuracy(data: NeedleLens) -> go.Scatter:
    return go.Scatter(
        x=data.curve["step"].to_numpy(),
        y=data.curve["value"].to_numpy(),
        mode="lines",
        line={"color": architecture_colour(data.variant), "width": 2},
        showlegend=False,
        hovertemplate="step %{x}: %{y:.3g}<extra></extra>",
    )


def _axes(figure: go.Figure, data: NeedleLens, metric: str) -> None:
    rows = 1 + (not data.curve.empty)
    figure.update_xaxes(matches="x", showgrid=False, zeroline=False, showticklabels=False)
    figure.update_xaxes(title=escape(column_label("step")), showticklabels=True, row=rows)
    ticks = {1: {"range": [-0.05, 1.05] if is_share(metric) else None}} | {rows: _head_ticks(data)}
    for row, settings in ticks.items():
        first: Any = next(iter(figure.select_traces(row=row, col=1)))
        figure.update_yaxes(settings, matches=first.yaxis, row=row)
    for column in range(2, len(data.parts) + 1):
        figure.update_yaxes(title=None, showticklabels=False, col=column)
    heats: Any = figure.select_traces(row=rows)
    for heat in heats:
        place = {"xref": f"{heat.xaxis} domain", "yref": f"{heat.yaxis} domain"}
        figure.add_shape(x0=0, x1=1, y0=0, y1=1, fillcolor=GROUND, line_width=0, layer="below", **place)
        for border in layer_starts(data)[1:]:
            line = {"y0": border - 0.5, "y1": border - 0.5, "line": {"color": INK, "width": 1}}
            figure.add_shape(x0=0, x1=1, **line, xref=f"{heat.xaxis} domain", yref=heat.yaxis)
    figure.update_layout(coloraxis=figures.zero_axis(largest_mass(data), column_label("needle_mass")))


def largest_mass(data: NeedleLens) -> float:
    """Upper end of the common scale of all maps, shown or not."""
    return top_limit(*(data.maps[name] for name in LENS_MAPS if name in data.maps))


def layer_starts(data: NeedleLens) -> list[int]:
    """Rows at which a layer begins."""
    layers = [layer for layer, _ in data.heads]
    return [row for row, layer in enumerate(layers) if row == 0 or layer != layers[row - 1]]


def _head_ticks(data: NeedleLens) -> dict[str, Any]:
    """One label a layer, at its first head; layer 0 on top."""
    rows = layer_starts(data)
    look = {"title": column_label("head"), "showgrid": False, "zeroline": False, "autorange": "reversed"}
    return look | {
        "tickmode": "array",
        "tickvals": rows,
        "ticktext": [head_name(*data.heads[row]) for row in rows],
    }
