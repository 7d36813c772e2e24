"""Which heads look at the needle, from when on and by which part of the score: one run over its training."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_choice, check_table, pick_metric
from sisa_viz.look import figures
from sisa_viz.look.colours import GROUND, INK, architecture_colour, top_limit
from sisa_viz.look.labels import column_label, is_share
from sisa_viz.look.text import escape
from sisa_viz.trace.axes import HEADS, head_name

LENS_MAPS = {
    "needle_mass": "whole score",
    "needle_content": "content alone",
    "needle_importance": "other term alone",
}
ACCURACY_PIXELS = 110  # pixels of the accuracy above a map
HEAD_NUMBERS = {"lam": "λ", "half_life": "half-life, tokens"}  # the hover box has them where the run does


@dataclass(frozen=True)
class NeedleLens:
    """Hold what plot_needle_lens draws.

    Attributes:
        run: The run's name.
        variant: Its architecture and what sets it apart, which gives the colour.
        steps: The steps at which heads were measured, the columns of every map.
        heads: (layer, head) of every row of a map.
        parts: The names of LENS_MAPS to show, in order.
        maps: Numbers [row, step] by name of LENS_MAPS and HEAD_NUMBERS, NaN where not measured.
        curve: Step and value of the run's accuracy; empty where none was asked for.
    """

    run: str
    variant: str
    steps: list[int]
    heads: list[tuple[int, int]]
    parts: list[str]
    maps: dict[str, np.ndarray]
    curve: pd.DataFrame


def prepare_needle_lens(
    heads: pd.DataFrame,
    *,
    run: str = "",
    part: str = "",
    metrics: pd.DataFrame | None = None,
    metric: str = "corpus256/exact_match",
) -> NeedleLens:
    """Turn one run of a table of heads into maps of heads × steps.

    Args:
        heads: A row a head and step: run, variant, step, layer, head and columns of LENS_MAPS.
        run: The run to show; may be left out where the table has one.
        part: The only one of LENS_MAPS to show; otherwise all that the run has.
        metrics: A table of runs with the column run, for the curve of accuracy.
        metric: The accuracy to show.

    Returns:
        Maps, their heads and steps, and the curve.

    Raises:
        ValueError: For a run, part or metric that is not there, or a run without attention scores.

    Example:
        >>> row = {"run": "a", "variant": "transformer", "layer": 0, "head": 0}
        >>> heads = pd.DataFrame([row | {"step": n, "needle_mass": n / 100} for n in (0, 50)])
        >>> data = prepare_needle_lens(heads)
        >>> data.parts, data.maps["needle_mass"].tolist()
        (['needle_mass'], [[0.0, 0.5]])
    """
    rows = check_table(heads, ("run", "variant", "step", *HEADS), what="the table of heads")
    run = _chosen_run(rows, run)
    own = rows.loc[rows["run"] == run]
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


def _chosen_run(rows: pd.DataFrame, run: str) -> str:
    runs = sorted(map(str, rows["run"].unique()))
    if not run and len(runs) > 1:
        raise ValueError(f"the table has {len(runs)} runs; choose one with run=..., such as {runs[:3]}")
    if run and run not in runs:
        raise ValueError(f"run is {run!r}; legal: {', '.join(runs)}")
    return run or runs[0]


def _map(own: pd.DataFrame, name: str) -> pd.DataFrame:
    """(layer, head) × step; empty where nothing was measured."""
    return own.dropna(subset=[name]).pivot(index=list(HEADS), columns="step", values=name)


def _curve(metrics: pd.DataFrame | None, run: str, metric: str) -> pd.DataFrame:
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
    """Draw the share of each head's attention on the hidden number, over training.

    It is seen from the token before the answer. One map each shows heads × training steps for the softmax of
    the whole score, of its content alone and of its other term alone, all on one scale from 0. The hover box
    has all numbers of a head.

    Args:
        heads: A row a head and step: run, variant, step, layer, head and columns of LENS_MAPS.
        run: The run to show; may be left out where the table has one.
        part: The only one of LENS_MAPS to show; otherwise all that the run has.
        metrics: A table of runs; with it the run's accuracy stands above each map.
        metric: The accuracy to show.

    Returns:
        The figure.

    Raises:
        ValueError: For a run, part or metric that is not there, or a run without attention scores.

    Example:
        >>> import sisa_viz
        >>> row = {"run": "a", "variant": "transformer", "layer": 0, "head": 0}
        >>> heads = pd.DataFrame([row | {"step": n, "needle_mass": n / 100} for n in (0, 50)])
        >>> sisa_viz.plot_needle_lens(heads).layout.title.text
        'Attention on the needle over training: transformer'
    """
    data = prepare_needle_lens(heads, run=run, part=part, metrics=metrics, metric=metric)
    figure, map_row = _panels(data), _map_row(data)
    for column, name in enumerate(data.parts, start=1):
        figure.add_trace(_heat(data, name), row=map_row, col=column)
        if map_row > 1:
            figure.add_trace(_accuracy(data), row=1, col=column)
    _axes(figure, data, metric)
    figures.entitle(figure, f"Attention on the needle over training: {data.variant}", _subtitle(data, metric))
    return figure


def _map_row(data: NeedleLens) -> int:
    """Put the maps into row 1, or into row 2 below the curve of accuracy."""
    return 1 if data.curve.empty else 2


def _panels(data: NeedleLens) -> go.Figure:
    columns, height = len(data.parts), 10 * max(len(data.heads), 22)
    titles, tall = [LENS_MAPS[name] for name in data.parts], figures.HEADER + 80 + height
    if data.curve.empty:
        return figures.panels(titles, columns=columns, height=tall, horizontal_spacing=0.03)
    return figures.panels(
        titles + [""] * columns,
        columns=columns,
        height=tall + ACCURACY_PIXELS + 30,
        horizontal_spacing=0.03,
        vertical_spacing=0.04,
        row_heights=[ACCURACY_PIXELS, height],
    )


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
    map_row = _map_row(data)
    figure.update_xaxes(matches="x", showgrid=False, zeroline=False, showticklabels=False)
    figure.update_xaxes(title=escape(column_label("step")), showticklabels=True, row=map_row)
    if map_row > 1:
        accuracy = {"range": [-0.05, 1.05] if is_share(metric) else None}
        figure.update_yaxes(accuracy, matches=_first_y(figure, row=1), row=1)
    figure.update_yaxes(_head_ticks(data), matches=_first_y(figure, row=map_row), row=map_row)
    for column in range(2, len(data.parts) + 1):
        figure.update_yaxes(title=None, showticklabels=False, col=column)
    for heat in figure.select_traces(row=map_row):
        across = f"{heat['xaxis']} domain"
        figure.add_shape(
            x0=0,
            x1=1,
            xref=across,
            y0=0,
            y1=1,
            yref=f"{heat['yaxis']} domain",
            fillcolor=GROUND,
            line_width=0,
            layer="below",
        )
        for row in layer_starts(data)[1:]:
            border = {"y0": row - 0.5, "y1": row - 0.5, "yref": heat["yaxis"]}
            figure.add_shape(x0=0, x1=1, xref=across, line={"color": INK, "width": 1}, **border)
    figure.update_layout(coloraxis=figures.zero_axis(largest_mass(data), column_label("needle_mass")))


def _first_y(figure: go.Figure, *, row: int) -> str:
    """Return the y axis of the first panel of a row, which the others follow when it is zoomed."""
    return next(iter(figure.select_traces(row=row, col=1)))["yaxis"]


def largest_mass(data: NeedleLens) -> float:
    """Return the upper end of the scale that all maps share.

    Maps that are not shown count too, so that a figure of one part has the colours it has beside the others.

    Example:
        >>> row = {"run": "a", "variant": "transformer", "layer": 0, "head": 0, "step": 0}
        >>> heads = pd.DataFrame([row | {"needle_mass": 0.25, "needle_content": 0.5}])
        >>> largest_mass(prepare_needle_lens(heads, part="needle_mass"))
        0.5
    """
    return top_limit(*(data.maps[name] for name in LENS_MAPS if name in data.maps))


def layer_starts(data: NeedleLens) -> list[int]:
    """Return the rows at which a layer begins; the first is always 0.

    Example:
        >>> row = {"run": "a", "variant": "transformer", "step": 0, "needle_mass": 0.1}
        >>> places = [(0, 0), (0, 1), (1, 0)]
        >>> heads = pd.DataFrame([row | {"layer": layer, "head": head} for layer, head in places])
        >>> layer_starts(prepare_needle_lens(heads))
        [0, 2]
    """
    layers = [layer for layer, _ in data.heads]
    return [row for row, layer in enumerate(layers) if row == 0 or layer != layers[row - 1]]


def _head_ticks(data: NeedleLens) -> dict[str, object]:
    """One label a layer, at its first head; layer 0 on top."""
    rows = layer_starts(data)
    look = {"title": column_label("head"), "showgrid": False, "zeroline": False, "autorange": "reversed"}
    return look | {
        "tickmode": "array",
        "tickvals": rows,
        "ticktext": [head_name(*data.heads[row]) for row in rows],
    }
