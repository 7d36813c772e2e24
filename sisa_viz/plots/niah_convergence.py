"""When training finds the needle: measured runs with an interval over seeds, published curves behind them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import (
    Frame,
    architecture_names,
    check_choice,
    check_table,
    one_run_a_seed,
    pick_metric,
    rows_in_order,
)
from sisa_viz.look import figures
from sisa_viz.look.colours import architecture_colour, architecture_dash, faint
from sisa_viz.look.text import escape
from sisa_viz.trace.axes import column_label, is_share

X_COLUMNS = ("step", "tokens")
PUBLISHED_TOKENS_PER_STEP = 524_288  # Shin & Yang 2026: 524K tokens a step in every published run
CROWD = 2  # architectures; with more of them, bands and single seeds fade
DASHES = {"50M": "dot", "152M": "dash", "369M": "dashdot"}  # published; any other scale: "longdash"
MARKS = {"": "", "x": "x", "diamond": "D", "square": "s"}  # of a model's setups; then matplotlib's name


@dataclass(frozen=True)
class Convergence:
    """Plain data of plot_niah_convergence.

    `mean`: architecture, x, mean, low, high, seeds (low and high NaN for one seed); `runs`: architecture,
    seed, x, value; `published`: label, architecture, dash, mark, x, value.
    """

    mean: Frame
    runs: Frame
    published: Frame
    metric: str
    x: str


def prepare_niah_convergence(
    metrics: pd.DataFrame,
    *,
    published: pd.DataFrame | None = None,
    metric: str = "niah/exact_match",
    x: str = "step",
) -> Convergence:
    """Mean over seeds with a 95 % t-interval (cut to 0–1 for shares), every seed, the published curves.

    `metrics` is a table of runs. `published` has columns scale, model, d_state, step, niah_pct (percent) and
    perhaps setup. `x` is "step" or "tokens". ValueError for columns, metrics or options that do not exist,
    and for two runs of one variant and seed.
    """
    check_choice("x", x, X_COLUMNS)
    rows = one_run_a_seed(pick_metric(metrics, metric))
    runs = rows.rename(columns={x: "x"})[["architecture", "seed", "x", "value"]].sort_values(
        ["architecture", "seed", "x"]
    )
    return Convergence(_intervals(runs, share=is_share(metric)), runs, _published(published, x), metric, x)


def _intervals(runs: Frame, *, share: bool) -> Frame:
    from data.results.intervals import mean_interval  # brings scipy, which only this plot needs

    rows = []
    for (name, at), values in runs.groupby(["architecture", "x"])["value"]:
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
    names = architecture_names(rows)
    setup = rows["setup"].fillna("").astype(str) if "setup" in rows else pd.Series("", index=rows.index)
    setup = setup.replace({r"^mb(\d+)$": r"micro-batch \1", "lambda": "λ"}, regex=True)
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
            "dash": rows["scale"].map(DASHES).fillna("longdash"),
            "mark": [list(MARKS)[at % len(MARKS)] for at in number],
            "x": steps,
            "value": rows["niah_pct"] / 100,
        }
    )
    return rows_in_order(curves.sort_values("x"), "label")


def plot_niah_convergence(
    metrics: pd.DataFrame,
    *,
    published: pd.DataFrame | None = None,
    metric: str = "niah/exact_match",
    x: str = "step",
) -> go.Figure:
    """Mean over seeds (thick, with its interval), single seeds (thin), published curves (broken lines).

    Each published scale has its own dashes; marks tell a second setup of a model from the first. With
    published curves the x axis is logarithmic, as they run far longer. Returns the figure.
    """
    data = prepare_niah_convergence(metrics, published=published, metric=metric, x=x)
    figure = figures.panels([""], columns=1, height=_height(data))
    for name, curve in data.published.groupby("label", sort=False):
        figure.add_trace(_published_curve(str(name), curve))
    means = [(str(name), mean) for name, mean in data.mean.groupby("architecture", sort=False)]
    fade = min(1.0, CROWD / max(len(means), 1))
    for name, mean in means:
        figure.add_traces(_band(name, mean, fade))
    for name, _ in means:
        figure.add_traces(_seeds(name, data.runs[data.runs["architecture"] == name], fade))
    figure.add_traces([_mean(name, mean) for name, mean in means])
    _axes(figure, data)
    figures.entitle(figure, "Convergence on the needle task", _subtitle(data))
    return figure


def _height(data: Convergence) -> int:
    """Enough for the legend, which stands below, or beside where there are published curves."""
    measured, published = data.mean["architecture"].nunique(), data.published["label"].nunique()
    beside = figures.HEADER + 90 + 20 * (measured + published)
    return max(520, beside) if published else 480 + 30 * -(-measured // 3)


def _subtitle(data: Convergence) -> str:
    parts = ["thick: mean over seeds, shaded: 95 % t-interval over seeds, thin: single seeds"]
    if len(data.published):
        parts.append("broken lines: published, one seed each, other data and sizes")
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


def _band(name: str, mean: Frame, fade: float) -> list[go.Scatter]:
    known = mean.dropna(subset=["low", "high"])
    if known.empty:
        return []
    x = np.concatenate([known["x"], known["x"][::-1]])
    y = np.concatenate([known["low"], known["high"][::-1]])
    return [
        go.Scatter(
            x=x,
            y=y,
            fill="toself",
            fillcolor=faint(architecture_colour(name), 0.18 * fade),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            legendgroup=escape(name),
        )
    ]


def _seeds(name: str, runs: Frame, fade: float) -> list[go.Scatter]:
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


def _mean(name: str, mean: Frame) -> go.Scatter:
    seeds = int(mean["seeds"].max())
    words = f"{name} · mean of {seeds} seeds" if seeds > 1 else f"{name} · 1 seed, no interval"
    bounds = [mean[column].map("{:.4g}".format) for column in ("low", "high")]
    return go.Scatter(
        x=mean["x"].to_numpy(),
        y=mean["mean"].to_numpy(),
        mode="lines+markers",
        name=escape(words),
        legendgroup=escape(name),
        legendrank=1,  # before the published curves
        line={"color": architecture_colour(name), "width": 2.5, "dash": architecture_dash(name)},
        marker={"size": 5},
        customdata=figures.cells([escape(name)] * len(mean), *bounds, mean["seeds"]),
        hovertemplate="<b>%{customdata[0]}</b><br>at %{x}: %{y:.4g}<br>"
        "95 % t-interval over %{customdata[3]} seeds: %{customdata[1]} to %{customdata[2]}<extra></extra>",
    )


def _axes(figure: go.Figure, data: Convergence) -> None:
    log = len(data.published) > 0
    figure.update_xaxes(title=escape(column_label(data.x)), type="log" if log else "linear")
    if log:
        figure.update_xaxes(dtick=1)  # a label at each power of ten
    figure.update_yaxes(
        title=escape(column_label(data.metric)), range=[-0.03, 1.03] if is_share(data.metric) else None
    )
    # many published curves need a column of their own
    beside: dict[str, Any] = {"x": 1.01, "y": 1, "font": {"size": 11}, "tracegroupgap": 0}
    below: dict[str, Any] = {"orientation": "h", "y": -0.22, "yanchor": "top"}
    figure.update_layout(legend=beside if log else below, margin={"b": 70 if log else 110})
