"""What becomes of λ, half-life and clamp over training: one line a run."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import Frame, check_table, rows_in_order
from sisa_viz.look import figures
from sisa_viz.look.colours import architecture_colour, architecture_dash
from sisa_viz.look.text import escape
from sisa_viz.trace.axes import column_label, log_ticks

COURSE_PANELS = {
    "lam": "λ, median head",
    "half_life": "half-life, median head (tokens)",
    "clamped": "clamped, mean (share of positions)",
}


def prepare_head_course(heads: pd.DataFrame) -> Frame:
    """variant, run, seed, step, panel (λ, half_life, clamped), value, low, high over the heads of a run.

    Values are medians, of clamped (a share of positions) the mean, for most heads have none. Runs without λ
    are left out; ValueError where no run has it.
    """
    keys = ["variant", "run", "seed", "step"]
    rows = check_table(heads, (*keys, *COURSE_PANELS), what="the table of heads").dropna(subset=["lam"])
    if rows.empty:
        raise ValueError("no run of this table has λ; legal: at least one run of SISA")
    long = rows.melt(id_vars=keys, value_vars=list(COURSE_PANELS), var_name="panel").groupby(
        [*keys, "panel"]
    )["value"]
    course = long.agg(value="median", mean="mean", low="min", high="max").reset_index()
    course["value"] = np.where(course["panel"] == "clamped", course["mean"], course["value"])
    return rows_in_order(course.drop(columns="mean"), "variant")


def plot_head_course(heads: pd.DataFrame, *, limits: dict[str, float] | None = None) -> go.Figure:
    """λ, half-life (log scale) and share of clamped positions over training steps, a panel each.

    The hover box has the lowest and the highest head of the run. `limits`: half-lives in tokens that get a
    dashed line, by their label. Returns the figure.
    """
    course = prepare_head_course(heads)
    figure = figures.panels([""] * 3, columns=3, height=460, horizontal_spacing=0.11)
    named: set[str] = set()
    for (variant, _), run in course.groupby(["variant", "run"], sort=False):
        for column, panel in enumerate(COURSE_PANELS, start=1):
            line = _line(run[run["panel"] == panel], str(variant), first=variant not in named)
            figure.add_trace(line, row=1, col=column)
            named.add(str(variant))
    for words, half_life in (limits or {}).items():
        figure.add_trace(_limit(words, half_life, course), row=1, col=2)
    for column, words in enumerate(COURSE_PANELS.values(), start=1):
        figure.update_yaxes(title=escape(words), col=column)
        figure.update_xaxes(title=escape(column_label("step")), range=[0, course["step"].max()], col=column)
    half_lives = course.loc[course["panel"] == "half_life", "value"].to_numpy()
    ticks = log_ticks(half_lives, np.array(list((limits or {}).values())))
    figure.update_yaxes(type="log", tickvals=ticks, col=2)
    figure.update_layout(legend={"orientation": "h", "y": -0.25, "yanchor": "top"}, margin={"b": 110})
    runs = course["run"].nunique()
    figures.entitle(
        figure, "λ, half-life and clamp over training", f"{runs} run{'s' * (runs > 1)}, one line each"
    )
    return figure


def _line(run: Frame, variant: str, *, first: bool) -> go.Scatter:
    words, seeds = [escape(variant)] * len(run), [escape(seed) for seed in run["seed"]]
    return go.Scatter(
        x=run["step"].to_numpy(),
        y=run["value"].to_numpy(),
        mode="lines",
        name=escape(variant),
        legendgroup=escape(variant),
        showlegend=first,
        line={"color": architecture_colour(variant), "dash": architecture_dash(variant), "width": 1.4},
        customdata=figures.cells(words, seeds, *(run[end].map("{:.4g}".format) for end in ("low", "high"))),
        hovertemplate="<b>%{customdata[0]}</b>, seed %{customdata[1]}<br>step %{x}: %{y:.4g}"
        "<br>heads from %{customdata[2]} to %{customdata[3]}<extra></extra>",
    )


def _limit(words: str, half_life: float, course: Frame) -> go.Scatter:
    ends = [course["step"].min(), course["step"].max()]
    return go.Scatter(
        x=ends,
        y=[half_life] * 2,
        mode="lines+text",
        text=["", escape(words)],
        textposition="middle right",
        cliponaxis=False,  # the words stand beside the panel, where no curve is
        showlegend=False,
        hoverinfo="skip",
        line={"color": figures.INK, "dash": "dash", "width": 1},
    )
