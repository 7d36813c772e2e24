"""How a training went: loss, learning rate, gradient norm, one panel each."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_choice, check_metrics, one_run_a_seed, rows_in_order
from sisa_viz.look import figures
from sisa_viz.look.colours import faint
from sisa_viz.look.labels import column_label, column_words
from sisa_viz.look.named import MOST_LINES, Named, choose_named, line_words, preset_words, runs_of
from sisa_viz.look.text import escape, legend_group

TRAINING_PANELS = {"loss": ("train/loss", "val/loss"), "lr": ("lr",), "grad_norm": ("grad_norm",)}
X_COLUMNS = ("step", "tokens")
BROKEN = "broken: validation loss"
LATE = "loss axis: range of the second half of the longest run"
MOST_POINTS = 1000  # of one curve; a longer one is thinned evenly, its last point kept


def prepare_training(metrics: pd.DataFrame, *, x: str = "step") -> pd.DataFrame:
    """Pick the curves of a training that were logged, thinned evenly to at most 1,000 points each.

    Args:
        metrics: A table of runs, as `sisa_viz.read_runs` returns it.
        x: "step" or "tokens".

    Returns:
        The columns panel ("loss", "lr" or "grad_norm"), name, architecture, seed, x and value, in order of x.

    Raises:
        ValueError: Where none of these was logged, or for two runs of one variant and seed.

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> curves = prepare_training(example_runs())
        >>> sorted(curves["panel"].unique()), len(curves)
        (['loss', 'lr'], 40)
    """
    check_choice("x", x, X_COLUMNS)
    panel = {name: panel for panel, names in TRAINING_PANELS.items() for name in names}
    rows = check_metrics(metrics)
    rows = rows.loc[rows["name"].isin(list(panel)) & rows["value"].notna()]
    if rows.empty:
        raise ValueError(
            f"none of {list(panel)} was logged; there are {sorted(map(str, metrics['name'].unique()))}"
        )
    rows = one_run_a_seed(rows).assign(panel=rows["name"].map(panel.get)).rename(columns={x: "x"})
    columns = ["panel", "name", "architecture", "seed", "x", "value"]
    curves = rows_in_order(rows.loc[:, columns].sort_values(["seed", "name", "x"]), "architecture")
    sizes = curves.groupby(columns[:4])["x"].transform("size").to_numpy(float)
    number = curves.groupby(columns[:4]).cumcount(ascending=False)
    return curves.loc[number % np.ceil(sizes / MOST_POINTS) == 0].reset_index(drop=True)


def late_range(curves: pd.DataFrame) -> list[float] | None:
    """Return the range of the loss axis where there are more than 12 runs, None where there are fewer.

    It is the range of all losses in the second half of the longest run and 5 % on each side. Showing the
    first losses, which are far larger, would hide the differences between the last ones.

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> late_range(prepare_training(example_runs())) is None
        True
    """
    loss = curves[(curves["panel"] == "loss") & np.isfinite(curves["value"])]
    if loss.groupby(["architecture", "seed"]).ngroups <= MOST_LINES:
        return None
    late = loss.loc[loss["x"] >= loss["x"].max() / 2, "value"]
    edge = 0.05 * (late.max() - late.min())
    return [float(late.min() - edge), float(late.max() + edge)]


def variant_means(curves: pd.DataFrame) -> pd.DataFrame:
    """Average the runs of each variant where all of them were measured.

    Args:
        curves: Of `prepare_training`.

    Returns:
        The same columns; the seed is called "mean of 3 runs".

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> variant_means(prepare_training(example_runs()))["seed"].unique().tolist()
        ['mean of 2 runs']
    """
    keys = ["panel", "name", "architecture"]
    sizes = {key: len(set(line["seed"])) for key, line in curves.groupby(keys)}
    rows = []
    for key, line in curves.groupby([*keys, "x"], sort=False):
        panel, name, variant, at = cast("tuple[str, str, str, float]", key)  # pandas types it as one
        runs = sizes[panel, name, variant]
        if len(line) == runs:
            rows.append((panel, name, variant, at, f"mean of {runs} runs", line["value"].mean()))
    return pd.DataFrame(rows, columns=[*keys, "x", "seed", "value"])


def loss_words(curves: pd.DataFrame) -> str:
    """Return what the axis of losses is called: one kind by its name, two together "loss".

    Args:
        curves: Of `prepare_training`.

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> loss_words(prepare_training(example_runs()))
        'training loss (nats per token)'
    """
    kinds = curves.loc[curves["panel"] == "loss", "name"].unique()
    return column_label(kinds[0]) if len(kinds) == 1 else "loss (nats per token)"


def both_losses(curves: pd.DataFrame) -> bool:
    """Return whether training and validation losses are shown, which dashes tell apart.

    Args:
        curves: Of `prepare_training`.

    Example:
        >>> from sisa_viz.examples import example_runs
        >>> both_losses(prepare_training(example_runs()))
        False
    """
    return set(TRAINING_PANELS["loss"]) <= set(curves["name"])


def plot_training(metrics: pd.DataFrame, *, x: str = "step", named: Sequence[str] | None = None) -> go.Figure:
    """Draw loss, learning rate and gradient norm: one thin line a run, coloured by architecture.

    Validation losses beside training losses are dashed. Panels share their x axis; what was not logged has no
    panel. With more than 12 runs the loss axis shows the range of the second half of the longest, single runs
    are faint, and the mean of each variant is drawn over them. Of more than eight variants eight are named.

    Args:
        metrics: A table of runs, as `sisa_viz.read_runs` returns it; one run a seed.
        x: "step" or "tokens".
        named: The variants that are not grey; those with most runs where left out.

    Returns:
        The figure.

    Raises:
        ValueError: Where none of these was logged, or for two runs of one variant and seed.

    Example:
        >>> import sisa_viz
        >>> from sisa_viz.examples import example_runs
        >>> sisa_viz.plot_training(example_runs()).layout.title.subtitle.text
        '4 runs, one line each'
    """
    curves = prepare_training(metrics, x=x)
    runs = runs_of(curves, by="architecture", run="seed")
    told, late = choose_named(runs, named), late_range(curves)
    shown = [name for name in TRAINING_PANELS if name in set(curves["panel"])]
    tall = 4 if late else 2  # losses come first
    heights = [tall if name == "loss" else 1 for name in shown]
    figure = figures.panels(
        [""] * len(shown),
        columns=1,
        height=figures.HEADER + 100 + 130 * sum(heights),
        shared_xaxes=True,
        row_heights=heights,
        vertical_spacing=0.04,
    )
    many = sum(runs.values()) > MOST_LINES
    if many:
        _add_lines(figure, curves, shown, told, faintly=True)
    _add_lines(figure, variant_means(curves) if many else curves, shown, told, faintly=False)
    _axes(figure, shown, late, loss_words(curves))
    figure.update_xaxes(title=escape(column_label(x)), row=len(shown))
    words = [preset_words(metrics), line_words(sum(runs.values()))]
    words += [BROKEN if both_losses(curves) else "", LATE if late else ""]
    figures.entitle(figure, _title(curves, shown), " · ".join(filter(None, words)))
    return figure


def _title(curves: pd.DataFrame, shown: list[str]) -> str:
    """Name what is shown: "Training: validation loss", "Training: loss, learning rate"."""
    loss = loss_words(curves).partition(" (")[0]
    return "Training: " + ", ".join(loss if panel == "loss" else column_words(panel)[0] for panel in shown)


def _add_lines(
    figure: go.Figure, curves: pd.DataFrame, shown: list[str], told: Named, *, faintly: bool
) -> None:
    """Draw the lines variant by variant, what is grey first; faint ones have no legend."""
    entered: set[str] = set()
    for variant in told.drawn:
        words = told.group(variant)
        for _, run in curves.loc[curves["architecture"] == variant].groupby(["seed", "name"], sort=False):
            panel = str(run["panel"].iloc[0])
            line = _line(run, told, faintly=faintly, broken=both_losses(curves))
            fresh = panel == shown[0] and not faintly and words not in entered
            figure.add_trace(line.update(showlegend=fresh), row=shown.index(panel) + 1, col=1)
            if fresh:
                entered.add(words)


def _axes(figure: go.Figure, shown: list[str], late: list[float] | None, loss: str) -> None:
    for row, panel in enumerate(shown, start=1):
        title = loss if panel == "loss" else column_label(panel)
        figure.update_yaxes(title=escape(title), row=row, rangemode="normal" if panel == "loss" else "tozero")
    if late:
        figure.update_yaxes(range=late, row=shown.index("loss") + 1)
    legend = {"orientation": "h", "y": 0, "yref": "container", "yanchor": "bottom"}
    figure.update_layout(legend=legend, margin={"b": 110})


def _line(run: pd.DataFrame, told: Named, *, faintly: bool, broken: bool) -> go.Scatter:
    """Draw one run or mean; where both kinds of loss are shown, validation is broken."""
    architecture, name = str(run["architecture"].iloc[0]), str(run["name"].iloc[0])
    seed, colour, validation = run["seed"].iloc[0], told.colour(architecture), name == "val/loss" and broken
    label = told.group(architecture)
    return go.Scatter(
        x=run["x"].to_numpy(),
        y=run["value"].to_numpy(),
        mode="lines",
        name=escape(label),
        legendgroup=legend_group(label),
        line={
            "color": faint(colour, 0.25) if faintly else colour,
            "width": 1 if faintly or architecture in told.others else 1.8,
            "dash": "dash" if validation else told.dash(architecture),
        },
        customdata=figures.cells(
            [escape(architecture)] * len(run), [escape(seed)] * len(run), [escape(name)] * len(run)
        ),
        hovertemplate="<b>%{customdata[0]}</b>, seed %{customdata[1]}"
        "<br>at %{x}: %{customdata[2]} %{y:.4g}<extra></extra>",
    )
