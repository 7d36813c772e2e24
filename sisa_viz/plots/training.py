"""How a training went: loss, learning rate, gradient norm, one panel each."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_choice, check_metrics, one_run_a_seed, rows_in_order
from sisa_viz.look import figures
from sisa_viz.look.colours import architecture_colour
from sisa_viz.look.labels import column_label, column_words
from sisa_viz.look.text import escape

TRAINING_PANELS = {"loss": ("train/loss", "val/loss"), "lr": ("lr",), "grad_norm": ("grad_norm",)}
X_COLUMNS = ("step", "tokens")
MANY_RUNS = 12  # with more of them the first losses would hide the differences between the last
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
    if loss.groupby(["architecture", "seed"]).ngroups <= MANY_RUNS:
        return None
    late = loss.loc[loss["x"] >= loss["x"].max() / 2, "value"]
    edge = 0.05 * (late.max() - late.min())
    return [float(late.min() - edge), float(late.max() + edge)]


def plot_training(metrics: pd.DataFrame, *, x: str = "step") -> go.Figure:
    """Draw loss, learning rate and gradient norm: one thin line a run, coloured by architecture.

    Validation losses are dashed and have points. Panels share their x axis; what was not logged has no panel.
    With more than 12 runs the loss axis shows the range of the second half of the longest.

    Args:
        metrics: A table of runs, as `sisa_viz.read_runs` returns it; one run a seed.
        x: "step" or "tokens".

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
    late = late_range(curves)
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
    named: set[str] = set()
    for _, run in curves.groupby(["architecture", "seed", "name"], sort=False):
        panel, words = str(run["panel"].iloc[0]), _legend_words(run)
        line = _line(run, words).update(showlegend=panel == "loss" and words not in named)
        figure.add_trace(line, row=shown.index(panel) + 1, col=1)
        named.add(words)
    _axes(figure, shown, late)
    figure.update_xaxes(title=escape(column_label(x)), row=len(shown))
    runs = curves.groupby(["architecture", "seed"]).ngroups
    subtitle = f"{runs} runs, one line each" if runs > 1 else "1 run, one line each"
    figures.entitle(figure, "Training", f"{subtitle} · {LATE}" if late else subtitle)
    return figure


def _legend_words(run: pd.DataFrame) -> str:
    """Return the words of a line: its variant, and for losses, of which there are two, which one."""
    architecture, name = str(run["architecture"].iloc[0]), str(run["name"].iloc[0])
    if name not in TRAINING_PANELS["loss"]:
        return architecture
    return f"{architecture} · {column_words(name)[0]}"


def _axes(figure: go.Figure, shown: list[str], late: list[float] | None) -> None:
    for row, panel in enumerate(shown, start=1):
        title = "loss (nats per token)" if panel == "loss" else column_label(panel)
        figure.update_yaxes(title=escape(title), row=row, rangemode="normal" if panel == "loss" else "tozero")
    if late:
        figure.update_yaxes(range=late, row=shown.index("loss") + 1)
    legend = {"orientation": "h", "y": 0, "yref": "container", "yanchor": "bottom"}
    figure.update_layout(legend=legend, margin={"b": 110})


def _line(run: pd.DataFrame, label: str) -> go.Scatter:
    architecture, name = str(run["architecture"].iloc[0]), str(run["name"].iloc[0])
    seed, validation = run["seed"].iloc[0], name == "val/loss"
    return go.Scatter(
        x=run["x"].to_numpy(),
        y=run["value"].to_numpy(),
        mode="lines+markers" if validation else "lines",
        name=escape(label),
        legendgroup=escape(label),
        marker={"size": 5},
        line={
            "color": architecture_colour(architecture),
            "width": 1.6 if validation else 1,
            "dash": "dash" if validation else "solid",
        },
        customdata=figures.cells(
            [escape(architecture)] * len(run), [escape(seed)] * len(run), [escape(name)] * len(run)
        ),
        hovertemplate="<b>%{customdata[0]}</b>, seed %{customdata[1]}"
        "<br>at %{x}: %{customdata[2]} %{y:.4g}<extra></extra>",
    )
