"""When training finds the needle: measured runs with an interval over seeds, published curves behind them."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import (
    architecture_names,
    check_choice,
    check_table,
    one_run_a_seed,
    pick_metric,
    rows_in_order,
)
from sisa_viz.look import figures
from sisa_viz.look.colours import architecture_colour, architecture_dash, faint
from sisa_viz.look.labels import column_label, column_words, is_share
from sisa_viz.look.text import escape

X_COLUMNS = ("step", "tokens")
PUBLISHED_TOKENS_PER_STEP = 524_288  # Shin & Yang 2026: 524K tokens a step in every published run
CROWDED_ABOVE = 2  # architectures; with more of them, bands and single seeds fade
SCALE_DASHES = {"50M": "dot", "152M": "dash", "369M": "dashdot"}  # published; any other scale: "longdash"
MARKS = {"": "", "x": "x", "diamond": "D", "square": "s"}  # of a model's setups; then matplotlib's name


@dataclass(frozen=True)
class Convergence:
    """Hold what plot_niah_convergence draws.

    Attributes:
        mean: A row an architecture and x: architecture, x, mean, low, high, seeds; low and high are NaN where
            there is one seed.
        runs: A row a seed and x: architecture, seed, x, value.
        published: A row a point of a published curve: label, architecture, dash, mark, x, value.
        metric: The metric that all of them show.
        x: "step" or "tokens".
    """

    mean: pd.DataFrame
    runs: pd.DataFrame
    published: pd.DataFrame
    metric: str
    x: str


def prepare_niah_convergence(
    metrics: pd.DataFrame,
    *,
    published: pd.DataFrame | None = None,
    metric: str = "niah/exact_match",
    x: str = "step",
) -> Convergence:
    """Compute the mean over seeds with its 95 % interval, beside every seed and the published curves.

    Intervals of shares are cut to 0–1. A published curve counts steps; its tokens are steps times the 524K
    tokens of every published run's step.

    Args:
        metrics: A table of runs, as `sisa_viz.read_runs` returns it; one run a seed.
        published: Curves with the columns scale, model, d_state, step, niah_pct (percent) and perhaps setup.
        metric: The name of one metric in the table.
        x: "step" or "tokens".

    Returns:
        Means, single runs and published curves on the same x.

    Raises:
        ValueError: For a column, metric or option that does not exist, or two runs of one variant and seed.

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> data = prepare_niah_convergence(example_runs())
        >>> data.mean.loc[data.mean["x"] == 20, ["architecture", "seeds"]].to_numpy().tolist()
        [['SISA d_state=16', 2], ['transformer', 2]]
    """
    check_choice("x", x, X_COLUMNS)
    rows = one_run_a_seed(pick_metric(metrics, metric))
    keys = ["architecture", "seed", "x"]
    runs = rows.rename(columns={x: "x"}).loc[:, [*keys, "value"]].sort_values(keys)
    return Convergence(_intervals(runs, share=is_share(metric)), runs, _published(published, x), metric, x)


def _intervals(runs: pd.DataFrame, *, share: bool) -> pd.DataFrame:
    from data.results.intervals import mean_interval  # brings scipy, which only this plot needs

    rows = []
    for key, values in runs.groupby(["architecture", "x"])["value"]:
        name, at = cast("tuple[str, float]", key)  # pandas types a key of several columns as one
        found = mean_interval(values.to_numpy(float), fewest=2)
        low, high = (found.low, found.high) if not share else np.clip([found.low, found.high], 0, 1)
        rows.append((name, at, found.value, low, high, found.n))
    mean = pd.DataFrame(rows, columns=["architecture", "x", "mean", "low", "high", "seeds"])
    return rows_in_order(mean, "architecture")


def _published(published: pd.DataFrame | None, x: str) -> pd.DataFrame:
    columns = ["label", "architecture", "dash", "mark", "x", "value"]
    if published is None:
        return pd.DataFrame(columns=columns)
    rows = check_table(
        published, ("scale", "model", "d_state", "step", "niah_pct"), what="the published table"
    )
    rows = rows.dropna(subset=["niah_pct"])
    names, setup = architecture_names(rows), _setups(rows)
    number = setup.groupby([rows["scale"], names]).transform(lambda runs: pd.factorize(runs, sort=True)[0])
    labels = [
        ", ".join(filter(None, ("published", scale, name, how)))
        for scale, name, how in zip(rows["scale"], names, setup, strict=True)
    ]
    steps = rows["step"] if x == "step" else rows["step"] * PUBLISHED_TOKENS_PER_STEP
    curves = pd.DataFrame(
        {
            "label": labels,
            "architecture": names,
            "dash": [SCALE_DASHES.get(scale, "longdash") for scale in rows["scale"]],
            "mark": [list(MARKS)[at % len(MARKS)] for at in number],
            "x": steps,
            "value": rows["niah_pct"] / 100,
        }
    )
    return rows_in_order(curves.sort_values("x"), "label")


def _setups(rows: pd.DataFrame) -> pd.Series:
    """Return what the published table says of a run beside its model: "mb4" is "micro-batch 4"."""
    if "setup" not in rows:
        return pd.Series("", index=rows.index)
    setup = rows["setup"].fillna("").astype(str)
    words = {r"^mb(\d+)$": r"micro-batch \1", "lambda": "λ"}
    return pd.Series(setup).replace(words, regex=True)


def plot_niah_convergence(
    metrics: pd.DataFrame,
    *,
    published: pd.DataFrame | None = None,
    metric: str = "niah/exact_match",
    x: str = "step",
) -> go.Figure:
    """Draw when training finds the needle: the mean over seeds, single seeds, published curves.

    Means are thick and have their 95 % interval as a band, single seeds are thin, published curves broken.
    Each published scale has its own dashes; marks tell a second setup of a model from the first. With
    published curves the x axis is logarithmic, as they run far longer.

    Args:
        metrics: A table of runs, as `sisa_viz.read_runs` returns it; one run a seed.
        published: Curves with the columns scale, model, d_state, step, niah_pct (percent) and perhaps setup.
        metric: The name of one metric in the table.
        x: "step" or "tokens".

    Returns:
        The figure.

    Raises:
        ValueError: For a column, metric or option that does not exist, or two runs of one variant and seed.

    Example:
        >>> import sisa_viz
        >>> from sisa_viz.examples import example_runs
        >>> figure = sisa_viz.plot_niah_convergence(example_runs())
        >>> [line.name for line in figure.data if line.name]
        ['SISA d_state=16 · mean of 2 seeds', 'transformer · mean of 2 seeds']
    """
    data = prepare_niah_convergence(metrics, published=published, metric=metric, x=x)
    figure = figures.panels([""], columns=1, height=_height(data))
    for name, curve in data.published.groupby("label", sort=False):
        figure.add_trace(_published_curve(str(name), curve))
    means = [(str(name), mean) for name, mean in data.mean.groupby("architecture", sort=False)]
    fade = min(1.0, CROWDED_ABOVE / max(len(means), 1))
    for name, mean in means:
        figure.add_traces(_band(name, mean, fade))
    for name, _ in means:
        figure.add_traces(_seeds(name, data.runs.loc[data.runs["architecture"] == name], fade))
    figure.add_traces([_mean(name, mean) for name, mean in means])
    _axes(figure, data)
    shown, _ = column_words(data.metric)
    figures.entitle(figure, f"Convergence: {shown}", _subtitle(data))
    return figure


def _height(data: Convergence) -> int:
    """Enough for the legend, which stands below, or beside where there are published curves."""
    measured, published = len(set(data.mean["architecture"])), len(set(data.published["label"]))
    beside = figures.HEADER + 90 + 20 * (measured + published)
    return max(520, beside) if published else 480 + 30 * -(-measured // 3)


def _subtitle(data: Convergence) -> str:
    parts = ["thick: mean over seeds, shaded: its 95 % t-interval, thin: single seeds"]
    if len(data.published):
        parts.append("broken: published, one seed each")
    return " · ".join(parts)


def _published_curve(name: str, curve: pd.DataFrame) -> go.Scatter:
    first = curve.iloc[0]
    return go.Scatter(
        x=curve["x"].to_numpy(),
        y=curve["value"].to_numpy(),
        mode="lines+markers" if first["mark"] else "lines",
        name=escape(name),
        opacity=0.6,
        marker={"symbol": first["mark"] or None, "size": 7},
        line={"color": architecture_colour(first["architecture"]), "dash": first["dash"], "width": 1.5},
        customdata=np.full(len(curve), escape(name), dtype=object),
        hovertemplate="%{customdata}<br>at %{x}: %{y:.4g}<extra></extra>",
    )


def _band(name: str, mean: pd.DataFrame, fade: float) -> list[go.Scatter]:
    known = mean.dropna(subset=["low", "high"])
    if known.empty:
        return []
    colour = faint(architecture_colour(name), 0.18 * fade)
    return [figures.band(known["x"], known["low"], known["high"], colour=colour, group=escape(name))]


def _seeds(name: str, runs: pd.DataFrame, fade: float) -> list[go.Scatter]:
    line = {"color": faint(architecture_colour(name), 0.45 * fade), "width": 1}
    hover = "%{customdata[0]}, seed %{customdata[1]}<br>at %{x}: %{y:.4g}<extra></extra>"
    return [
        go.Scatter(
            x=run["x"].to_numpy(),
            y=run["value"].to_numpy(),
            mode="lines",
            line=line,
            showlegend=False,
            legendgroup=escape(name),
            customdata=figures.cells([escape(name)] * len(run), [escape(seed)] * len(run)),
            hovertemplate=hover,
        )
        for seed, run in runs.groupby("seed")
    ]


def _mean(name: str, mean: pd.DataFrame) -> go.Scatter:
    seeds = max(mean["seeds"].tolist())
    words = f"{name} · mean of {seeds} seeds" if seeds > 1 else f"{name} · 1 seed, no interval"
    low, high = figures.short(mean["low"].to_numpy()), figures.short(mean["high"].to_numpy())
    return go.Scatter(
        x=mean["x"].to_numpy(),
        y=mean["mean"].to_numpy(),
        mode="lines+markers",
        name=escape(words),
        legendgroup=escape(name),
        legendrank=1,  # before the published curves
        line={"color": architecture_colour(name), "width": 2.5, "dash": architecture_dash(name)},
        marker={"size": 5},
        customdata=figures.cells([escape(name)] * len(mean), low, high, mean["seeds"]),
        hovertemplate="<b>%{customdata[0]}</b><br>at %{x}: %{y:.4g}<br>"
        "95 % t-interval over %{customdata[3]} seeds: %{customdata[1]} to %{customdata[2]}<extra></extra>",
    )


def _axes(figure: go.Figure, data: Convergence) -> None:
    name, units = column_words(data.metric)
    figure.update_yaxes(
        title=escape(name if units == "1" else units), range=[-0.03, 1.03] if is_share(data.metric) else None
    )
    if data.published.empty:
        figure.update_xaxes(title=escape(column_label(data.x)), type="linear")
        figure.update_layout(legend={"orientation": "h", "y": -0.22, "yanchor": "top"}, margin={"b": 110})
        return
    # dtick=1 puts a label at each power of ten; many published curves need a column of their own.
    figure.update_xaxes(title=escape(column_label(data.x)), type="log", dtick=1, exponentformat="B")
    beside = {"x": 1.01, "y": 1, "font": {"size": 11}, "tracegroupgap": 0}
    figure.update_layout(legend=beside, margin={"b": 70})
