"""How a training went: loss, learning rate, gradient norm, one panel each."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import Frame, check_choice, check_metrics, one_run_a_seed, rows_in_order
from sisa_viz.look import figures
from sisa_viz.look.colours import architecture_colour
from sisa_viz.look.text import escape
from sisa_viz.trace.axes import column_label

TRAINING_PANELS = {"loss": ("train/loss", "val/loss"), "lr": ("lr",), "grad_norm": ("grad_norm",)}
X_COLUMNS = ("step", "tokens")
MANY = 12  # runs; with more of them the first losses would hide the differences between the last
LATE = "loss axis: range of the second half of the longest run"
MOST_POINTS = 1000  # of one curve; a longer one is thinned evenly, its last point kept


def prepare_training(metrics: pd.DataFrame, *, x: str = "step") -> Frame:
    """The curves there are: panel, name, architecture, seed, x, value; by x, at most 1,000 points each.

    ValueError where none was logged, and for two runs of one variant and seed.
    """
    check_choice("x", x, X_COLUMNS)
    panel = {name: panel for panel, names in TRAINING_PANELS.items() for name in names}
    rows = check_metrics(metrics)
    rows = rows[rows["name"].isin(list(panel)) & rows["value"].notna()]
    if rows.empty:
        raise ValueError(
            f"none of {list(panel)} was logged; there are {sorted(map(str, metrics['name'].unique()))}"
        )
    rows = one_run_a_seed(rows).assign(panel=rows["name"].map(panel)).rename(columns={x: "x"})
    columns = ["panel", "name", "architecture", "seed", "x", "value"]
    curves = rows_in_order(rows[columns].sort_values(["seed", "name", "x"]), "architecture")
    sizes = curves.groupby(columns[:4])["x"].transform("size")
    number = curves.groupby(columns[:4]).cumcount(ascending=False)
    return curves[number % np.ceil(sizes / MOST_POINTS) == 0].reset_index(drop=True)


def late_range(curves: Frame) -> list[float] | None:
    """The loss axis of more than 12 runs: the range of the second half of the longest; None of fewer runs."""
    loss = curves[(curves["panel"] == "loss") & np.isfinite(curves["value"])]
    if loss.groupby(["architecture", "seed"]).ngroups <= MANY:
        return None
    late = loss.loc[loss["x"] >= loss["x"].max() / 2, "value"]
    edge = 0.05 * (late.max() - late.min())
    return [float(late.min() - edge), float(late.max() + edge)]


def plot_training(metrics: pd.DataFrame, *, x: str = "step") -> go.Figure:
    """One thin line a run, coloured by architecture; validation with points. `x` is "step" or "tokens".

    Panels share their x axis; what was not logged has no panel. With more than 12 runs the loss axis shows
    the range of the second half of the longest. Returns the figure.
    """
    curves = prepare_training(metrics, x=x)
    late = late_range(curves)
    shown = [name for name in TRAINING_PANELS if name in set(curves["panel"])]
    heights = [(4 if late else 2) if name == "loss" else 1 for name in shown]
    figure = figures.panels(
        [""] * len(shown),
        columns=1,
        height=figures.HEADER + 100 + 130 * sum(heights),
        shared_xaxes=True,
        row_heights=heights,
        vertical_spacing=0.04,
    )
    named: set[str] = set()
    for (architecture, seed, name), run in curves.groupby(["architecture", "seed", "name"], sort=False):
        label = (
            f"{architecture} · {column_label(str(name)).split(' (')[0]}"
            if name in TRAINING_PANELS["loss"]
            else str(architecture)
        )
        first = name in TRAINING_PANELS["loss"] and label not in named
        named.add(label)
        figure.add_trace(
            _line(run, str(architecture), seed, str(name), label, first),
            row=shown.index(run["panel"].iloc[0]) + 1,
            col=1,
        )
    for at, panel in enumerate(shown, start=1):
        title = "loss (nats per token)" if panel == "loss" else column_label(panel)
        figure.update_yaxes(title=escape(title), row=at, rangemode="normal" if panel == "loss" else "tozero")
    if late:
        figure.update_yaxes(range=late, row=shown.index("loss") + 1)
    figure.update_xaxes(title=escape(column_label(x)), row=len(shown))
    figure.update_layout(
        legend={"orientation": "h", "y": 0, "yref": "container", "yanchor": "bottom"}, margin={"b": 110}
    )
    runs = curves.groupby(["architecture", "seed"]).ngroups
    subtitle = f"{runs} run{'s' if runs > 1 else ''}, one line each"
    figures.entitle(figure, "Training", f"{subtitle} · {LATE}" if late else subtitle)
    return figure


def _line(
    run: pd.DataFrame, architecture: str, seed: object, name: str, label: str, first: bool
) -> go.Scatter:
    validation = name == "val/loss"
    return go.Scatter(
        x=run["x"].to_numpy(),
        y=run["value"].to_numpy(),
        mode="lines+markers" if validation else "lines",
        name=escape(label),
        legendgroup=escape(label),
        showlegend=first,
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
