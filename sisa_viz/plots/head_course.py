"""What becomes of λ, half-life and clamp over training: one line a run, or the mean of a variant's runs."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_table, rows_in_order
from sisa_viz.look import figures
from sisa_viz.look.colours import faint
from sisa_viz.look.labels import column_label, log_ticks
from sisa_viz.look.named import MOST_LINES, Named, choose_named, line_words, preset_words, runs_of
from sisa_viz.look.text import escape, legend_group

COURSE_PANELS = {  # what the panel says, and its unit
    "lam": ("λ, median head", "λ"),
    "half_life": ("half-life, median head", "tokens"),
    "clamped": ("clamped, mean of heads", "share of positions"),
}
NEAR = 2  # a curve that many times above a limit leaves no room for words between them


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
    Of more than eight variants those with most runs are named, and the others are grey.
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
    runs = runs_of(course, by="variant", run="run")
    told = choose_named(runs)
    figure = figures.panels(titles, columns=3, height=560, horizontal_spacing=0.09)
    many = sum(runs.values()) > MOST_LINES
    if many:
        _add_lines(figure, course, told, faintly=True)
    _add_lines(figure, variant_means(course) if many else course, told, faintly=False)
    for words, half_life in (limits or {}).items():
        figure.add_trace(_limit(words, half_life, course), row=1, col=2)
    for column, (_, units) in enumerate(COURSE_PANELS.values(), start=1):
        figure.update_yaxes(title=units, col=column)
        figure.update_xaxes(title=escape(column_label("step")), range=[0, course["step"].max()], col=column)
    half_lives = course.loc[course["panel"] == "half_life", "value"].to_numpy()
    ticks = log_ticks(half_lives, np.array(list((limits or {}).values())))
    figure.update_yaxes(type="log", tickvals=ticks, col=2)
    figure.update_layout(legend={"orientation": "h", "y": -0.2, "yanchor": "top"}, margin={"b": 130})
    figure.update_annotations(font_size=13)
    words = filter(None, (preset_words(heads), line_words(sum(runs.values()))))
    figures.entitle(figure, "λ, half-life and clamp over training", " · ".join(words))
    return figure


def _add_lines(figure: go.Figure, course: pd.DataFrame, told: Named, *, faintly: bool) -> None:
    """Draw the lines variant by variant, what is grey first; faint ones have no legend."""
    entered: set[str] = set()
    for variant in told.drawn:
        for _, run in course.loc[course["variant"] == variant].groupby("run", sort=False):
            for column, panel in enumerate(COURSE_PANELS, start=1):
                line = _line(run.loc[run["panel"] == panel], variant, told, faintly=faintly)
                fresh = not faintly and told.group(variant) not in entered
                figure.add_trace(line.update(showlegend=fresh), row=1, col=column)
                entered.add(told.group(variant))


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


def _line(run: pd.DataFrame, variant: str, told: Named, *, faintly: bool) -> go.Scatter:
    colour, thin = told.colour(variant), faintly or variant in told.others
    line = {"color": faint(colour, 0.25) if faintly else colour, "width": 1 if thin else 1.8}
    words, seeds = [escape(variant)] * len(run), [escape(seed) for seed in run["seed"]]
    low, high = figures.short(run["low"].to_numpy()), figures.short(run["high"].to_numpy())
    return go.Scatter(
        x=run["step"].to_numpy(),
        y=run["value"].to_numpy(),
        mode="lines",
        name=escape(told.group(variant)),
        legendgroup=legend_group(told.group(variant)),
        line=line | {"dash": told.dash(variant)},
        customdata=figures.cells(words, seeds, low, high),
        hovertemplate="<b>%{customdata[0]}</b>, seed %{customdata[1]}<br>step %{x}: %{y:.4g}"
        "<br>heads from %{customdata[2]} to %{customdata[3]}<extra></extra>",
    )


def _limit(words: str, half_life: float, course: pd.DataFrame) -> go.Scatter:
    """Draw a dashed line whose words stand over its right end, or below where curves end close above."""
    of_last = course["step"] == course["step"].max()
    last = course.loc[of_last & (course["panel"] == "half_life"), "value"]
    crowded = bool(last.between(half_life, NEAR * half_life).any())
    ends = [course["step"].min(), course["step"].max()]
    return go.Scatter(
        x=ends,
        y=[half_life] * 2,
        mode="lines+text",
        text=["", escape(words)],
        textposition="bottom left" if crowded else "top left",
        showlegend=False,
        hoverinfo="skip",
        line={"color": figures.INK, "dash": "dash", "width": 1},
    )
