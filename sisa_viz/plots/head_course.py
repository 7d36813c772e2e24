"""What becomes of λ, half-life and clamp over training: one line a run."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_table, rows_in_order
from sisa_viz.look import figures
from sisa_viz.look.colours import architecture_colour, architecture_dash
from sisa_viz.look.labels import column_label, log_ticks
from sisa_viz.look.text import escape

COURSE_PANELS = {
    "lam": "λ, median head",
    "half_life": "half-life, median head (tokens)",
    "clamped": "clamped, mean (share of positions)",
}


def prepare_head_course(heads: pd.DataFrame) -> pd.DataFrame:
    """Summarise λ, half-life and clamp over the heads of each run at each step.

    The value of λ and of the half-life is the median head's. Of clamped, a share of positions, it is the
    mean, for most heads have none and the median would hide the others. Runs without λ are left out.

    Args:
        heads: A row a head and step: variant, run, seed, step, lam, half_life and clamped.

    Returns:
        The columns variant, run, seed, step, panel ("lam", "half_life" or "clamped") and value; low and high
        are the range over the heads.

    Raises:
        ValueError: For missing columns, or where no run has λ.

    Example:
        >>> run = {"variant": "SISA d_state=16", "run": "a", "seed": 0, "step": 50, "half_life": 8.0}
        >>> heads = pd.DataFrame([run | {"lam": lam, "clamped": 0.0} for lam in (0.5, 1.0, 3.0)])
        >>> course = prepare_head_course(heads)
        >>> course.loc[course["panel"] == "lam", ["value", "low", "high"]].to_numpy().tolist()
        [[1.0, 0.5, 3.0]]
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
    """Draw λ, half-life and the share of clamped positions over training, a panel each and a line a run.

    Half-lives stand on a logarithmic scale. The hover box has the lowest and the highest head of the run.

    Args:
        heads: A row a head and step: variant, run, seed, step, lam, half_life and clamped.
        limits: Half-lives in tokens that get a dashed line, by the words that stand beside it.

    Returns:
        The figure.

    Raises:
        ValueError: For missing columns, or where no run has λ.

    Example:
        >>> import sisa_viz
        >>> run = {"variant": "SISA d_state=16", "run": "a", "seed": 0, "lam": 1.0, "clamped": 0.0}
        >>> heads = pd.DataFrame([run | {"step": step, "half_life": 8.0} for step in (0, 50)])
        >>> sisa_viz.plot_head_course(heads).layout.title.subtitle.text
        '1 run, one line each'
    """
    course = prepare_head_course(heads)
    figure = figures.panels([""] * 3, columns=3, height=460, horizontal_spacing=0.11)
    named: set[str] = set()
    for _, run in course.groupby(["variant", "run"], sort=False):
        variant = str(run["variant"].iloc[0])
        for column, panel in enumerate(COURSE_PANELS, start=1):
            line = _line(run.loc[run["panel"] == panel], variant, first=variant not in named)
            figure.add_trace(line, row=1, col=column)
            named.add(variant)
    for words, half_life in (limits or {}).items():
        figure.add_trace(_limit(words, half_life, course), row=1, col=2)
    for column, words in enumerate(COURSE_PANELS.values(), start=1):
        figure.update_yaxes(title=escape(words), col=column)
        figure.update_xaxes(title=escape(column_label("step")), range=[0, course["step"].max()], col=column)
    half_lives = course.loc[course["panel"] == "half_life", "value"].to_numpy()
    ticks = log_ticks(half_lives, np.array(list((limits or {}).values())))
    figure.update_yaxes(type="log", tickvals=ticks, col=2)
    figure.update_layout(legend={"orientation": "h", "y": -0.25, "yanchor": "top"}, margin={"b": 110})
    runs = len(course["run"].unique())
    subtitle = f"{runs} runs, one line each" if runs > 1 else "1 run, one line each"
    figures.entitle(figure, "λ, half-life and clamp over training", subtitle)
    return figure


def _line(run: pd.DataFrame, variant: str, *, first: bool) -> go.Scatter:
    words, seeds = [escape(variant)] * len(run), [escape(seed) for seed in run["seed"]]
    low, high = figures.short(run["low"].to_numpy()), figures.short(run["high"].to_numpy())
    return go.Scatter(
        x=run["step"].to_numpy(),
        y=run["value"].to_numpy(),
        mode="lines",
        name=escape(variant),
        legendgroup=escape(variant),
        showlegend=first,
        line={"color": architecture_colour(variant), "dash": architecture_dash(variant), "width": 1.4},
        customdata=figures.cells(words, seeds, low, high),
        hovertemplate="<b>%{customdata[0]}</b>, seed %{customdata[1]}<br>step %{x}: %{y:.4g}"
        "<br>heads from %{customdata[2]} to %{customdata[3]}<extra></extra>",
    )


def _limit(words: str, half_life: float, course: pd.DataFrame) -> go.Scatter:
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
