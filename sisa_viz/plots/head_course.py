"""What becomes of λ, half-life and clamp over training: one line a run, or the mean of a variant's runs."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_table, rows_in_order
from sisa_viz.look import figures
from sisa_viz.look.colours import architecture_colour, architecture_dash, faint
from sisa_viz.look.labels import column_label, log_ticks
from sisa_viz.look.text import escape

COURSE_PANELS = {  # what the panel says, and its unit
    "lam": ("λ, median head", "λ"),
    "half_life": ("half-life, median head", "tokens"),
    "clamped": ("clamped, mean of heads", "share of positions"),
}
MOST_LINES = 12  # runs that are drawn one by one; of more, the mean of each variant stands out


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

    Of more than 12 runs single ones are faint, and the mean over the runs of each variant is drawn over them.
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
    titles = [words for words, _ in COURSE_PANELS.values()]
    figure = figures.panels(titles, columns=3, height=480, horizontal_spacing=0.09)
    runs = len(course["run"].unique())
    groups = [course.groupby(["variant", "run"], sort=False)]
    if runs > MOST_LINES:
        groups.append(variant_means(course).groupby(["variant", "run"], sort=False))
    named: set[str] = set()
    for group in groups:
        for _, run in group:
            variant, single = str(run["variant"].iloc[0]), group is not groups[-1]
            for column, panel in enumerate(COURSE_PANELS, start=1):
                line = _line(run.loc[run["panel"] == panel], variant, faintly=single)
                figure.add_trace(
                    line.update(showlegend=not single and variant not in named), row=1, col=column
                )
                if not single:
                    named.add(variant)
    for words, half_life in (limits or {}).items():
        figure.add_trace(_limit(words, half_life, course), row=1, col=2)
    for column, (_, units) in enumerate(COURSE_PANELS.values(), start=1):
        figure.update_yaxes(title=units, col=column)
        figure.update_xaxes(title=escape(column_label("step")), range=[0, course["step"].max()], col=column)
    half_lives = course.loc[course["panel"] == "half_life", "value"].to_numpy()
    ticks = log_ticks(half_lives, np.array(list((limits or {}).values())))
    figure.update_yaxes(type="log", tickvals=ticks, col=2)
    figure.update_layout(legend={"orientation": "h", "y": -0.25, "yanchor": "top"}, margin={"b": 110})
    figure.update_annotations(font_size=13)
    figures.entitle(figure, "λ, half-life and clamp over training", course_words(course))
    return figure


def variant_means(course: pd.DataFrame) -> pd.DataFrame:
    """Average the runs of each variant at each step; low and high are the range over all of its heads.

    Args:
        course: Of `prepare_head_course`.

    Returns:
        The same columns; the run is called "mean of 3 runs", and so is the seed.

    Example:
        >>> row = {"variant": "SISA", "seed": 0, "step": 50, "panel": "lam", "low": 0.0, "high": 1.0}
        >>> course = pd.DataFrame([row | {"run": run, "value": lam} for run, lam in (("a", 0.2), ("b", 0.4))])
        >>> variant_means(course)[["run", "value"]].round(2).values.tolist()
        [['mean of 2 runs', 0.3]]
    """
    keys = ["variant", "step", "panel"]
    found = course.groupby(keys, sort=False)
    means = found.agg(value=("value", "mean"), low=("low", "min"), high=("high", "max")).reset_index()
    runs = {variant: len(set(rows)) for variant, rows in course.groupby("variant")["run"]}
    name = [f"mean of {runs[variant]} runs" if runs[variant] > 1 else "1 run" for variant in means["variant"]]
    return means.assign(run=name, seed=name)


def course_words(course: pd.DataFrame) -> str:
    """Say what a line stands for.

    Args:
        course: Of `prepare_head_course`.

    Example:
        >>> course_words(pd.DataFrame({"run": ["a", "b"]})), course_words(pd.DataFrame({"run": range(55)}))
        ('2 runs, one line each', 'thick: mean over the runs of a variant, thin: 55 runs')
    """
    runs = len(course["run"].unique())
    if runs > MOST_LINES:
        return f"thick: mean over the runs of a variant, thin: {runs} runs"
    return f"{runs} runs, one line each" if runs > 1 else "1 run, one line each"


def _line(run: pd.DataFrame, variant: str, *, faintly: bool) -> go.Scatter:
    colour = architecture_colour(variant)
    line = {"color": faint(colour, 0.3), "width": 1} if faintly else {"color": colour, "width": 1.8}
    words, seeds = [escape(variant)] * len(run), [escape(seed) for seed in run["seed"]]
    low, high = figures.short(run["low"].to_numpy()), figures.short(run["high"].to_numpy())
    return go.Scatter(
        x=run["step"].to_numpy(),
        y=run["value"].to_numpy(),
        mode="lines",
        name=escape(variant),
        legendgroup=escape(variant),
        line=line | {"dash": architecture_dash(variant)},
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
        textposition="top left",
        showlegend=False,
        hoverinfo="skip",
        line={"color": figures.INK, "dash": "dash", "width": 1},
    )
