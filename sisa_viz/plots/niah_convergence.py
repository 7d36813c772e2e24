"""When training finds the needle: measured runs with an interval over seeds, published curves behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_choice, one_run_a_seed, pick_metric, rows_in_order
from sisa_viz.look import figures
from sisa_viz.look.colours import INK, architecture_colour, faint
from sisa_viz.look.labels import column_label, column_words, is_share
from sisa_viz.look.named import Named, choose_named, preset_words
from sisa_viz.look.published import published_curves
from sisa_viz.look.text import escape, legend_group

X_COLUMNS = ("step", "tokens")
CROWDED_ABOVE = 2  # architectures; with more of them, bands and single seeds fade
MOST_WITH_SEEDS = 4  # architectures; with more of them, single seeds would be a thicket
FAINTEST = 0.5  # share of their opacity that is left to bands, which must be seen


@dataclass(frozen=True)
class Convergence:
    """Hold what plot_niah_convergence draws.

    Attributes:
        mean: A row an architecture and x: architecture, x, mean, low, high, seeds; low and high are NaN where
            there is one seed.
        runs: A row a seed and x: architecture, seed, x, value.
        published: A row a point of a published curve: label, scale, architecture, dash, mark, x, value.
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
    return Convergence(
        _intervals(runs, share=is_share(metric)), runs, published_curves(published, x=x), metric, x
    )


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


def plot_niah_convergence(
    metrics: pd.DataFrame,
    *,
    published: pd.DataFrame | None = None,
    metric: str = "niah/exact_match",
    x: str = "step",
    named: Sequence[str] | None = None,
) -> go.Figure:
    """Draw when training finds the needle: the mean over seeds, single seeds, published curves.

    Means are thick and have their 95 % interval as a band, single seeds of up to four variants are thin,
    published curves broken in the colour of their variant. Each published scale has its own dashes; marks
    tell a second setup of a model from the first. With published curves the x axis is logarithmic, as they
    run far longer. Of more than eight variants eight are named, and the means of the others are grey.

    Args:
        metrics: A table of runs, as `sisa_viz.read_runs` returns it; one run a seed.
        published: Curves with the columns scale, model, d_state, step, niah_pct (percent) and perhaps setup.
        metric: The name of one metric in the table.
        x: "step" or "tokens".
        named: The variants that are not grey; those with most runs where left out.

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
    told = choose_named(most_seeds(data), named)
    figure = figures.panels([""], columns=1, height=480 + 30 * -(-_entries(data, told) // 3))
    for name, curve in data.published.groupby("label", sort=False):
        figure.add_trace(_published_curve(str(name), curve))
    figure.add_traces([_published_entry(curve) for _, curve in data.published.groupby("scale", sort=False)])
    fade = max(FAINTEST, CROWDED_ABOVE / max(len(told.names), CROWDED_ABOVE))
    means = {str(name): mean for name, mean in data.mean.groupby("architecture", sort=False)}
    for name in told.names:
        figure.add_traces(_band(name, means[name], fade))
    if with_seeds(data):
        for name in told.names:
            figure.add_traces(_seeds(name, data.runs.loc[data.runs["architecture"] == name], fade))
    figure.add_traces([_mean(name, means[name], told) for name in told.drawn])
    _axes(figure, data)
    shown, _ = column_words(data.metric)
    words = filter(None, (preset_words(metrics), convergence_words(data)))
    figures.entitle(figure, f"Convergence: {shown}", " · ".join(words))
    return figure


def most_seeds(data: Convergence) -> dict[str, int]:
    """Return how many seeds each variant has at most, in the order of the legend.

    Args:
        data: Of `prepare_niah_convergence`.

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> most_seeds(prepare_niah_convergence(example_runs()))
        {'SISA d_state=16': 2, 'transformer': 2}
    """
    return {
        str(name): max(mean["seeds"].tolist()) for name, mean in data.mean.groupby("architecture", sort=False)
    }


def _entries(data: Convergence, told: Named) -> int:
    """Entries of the legend, three of which stand beside each other."""
    return len(told.names) + bool(told.others) + len(set(data.published["scale"]))


def with_seeds(data: Convergence) -> bool:
    """Return whether single seeds are drawn: of up to four variants.

    Args:
        data: Of `prepare_niah_convergence`.

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> with_seeds(prepare_niah_convergence(example_runs()))
        True
    """
    return len(set(data.mean["architecture"])) <= MOST_WITH_SEEDS


def convergence_words(data: Convergence) -> str:
    """Say what the lines stand for.

    Args:
        data: Of `prepare_niah_convergence`.

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> convergence_words(prepare_niah_convergence(example_runs()))
        'thick: mean over seeds, shaded: its 95 % t-interval, thin: single seeds'
    """
    thin = ", thin: single seeds" if with_seeds(data) else ""
    broken = " · broken: published, one seed each" if len(data.published) else ""
    return f"thick: mean over seeds, shaded: its 95 % t-interval{thin}{broken}"


def _published_entry(curve: pd.DataFrame) -> go.Scatter:
    """Return the legend's entry of all published curves of one scale, which share their dashes."""
    words = f"published, {curve['scale'].iloc[0]}"
    return go.Scatter(
        x=[None],
        y=[None],
        mode="lines",
        name=escape(words),
        legendgroup=legend_group(words),
        line={"color": INK, "dash": curve["dash"].iloc[0], "width": 1.5},
    )


def _published_curve(name: str, curve: pd.DataFrame) -> go.Scatter:
    first = curve.iloc[0]
    return go.Scatter(
        x=curve["x"].to_numpy(),
        y=curve["value"].to_numpy(),
        mode="lines+markers" if first["mark"] else "lines",
        name=escape(name),
        showlegend=False,
        legendgroup=legend_group(f"published, {first['scale']}"),
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
    return [figures.band(known["x"], known["low"], known["high"], colour=colour, group=legend_group(name))]


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
            legendgroup=legend_group(name),
            customdata=figures.cells([escape(name)] * len(run), [escape(seed)] * len(run)),
            hovertemplate=hover,
        )
        for seed, run in runs.groupby("seed")
    ]


def _mean(name: str, mean: pd.DataFrame, told: Named) -> go.Scatter:
    grey, group, seeds = name in told.others, told.group(name), max(mean["seeds"].tolist())
    words = f"{name} · mean of {seeds} seeds" if seeds > 1 else f"{name} · 1 seed, no interval"
    low, high = figures.short(mean["low"].to_numpy()), figures.short(mean["high"].to_numpy())
    return go.Scatter(
        x=mean["x"].to_numpy(),
        y=mean["mean"].to_numpy(),
        mode="lines" if grey else "lines+markers",
        name=escape(group if grey else words),
        legendgroup=legend_group(group),
        showlegend=not grey or name == told.others[0],
        legendrank=2 if grey else 1,  # before the published curves, whose rank is 1,000
        line={"color": told.colour(name), "width": 1.2 if grey else 2.5, "dash": told.dash(name)},
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
    legend = {"orientation": "h", "y": -0.22, "yanchor": "top"}
    figure.update_layout(legend=legend, margin={"b": 110})
    figure.update_xaxes(title=escape(column_label(data.x)), type="linear")
    if len(data.published):  # dtick=1 puts a label at each power of ten
        figure.update_xaxes(type="log", dtick=1, exponentformat="B")
