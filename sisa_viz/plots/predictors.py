"""What ranks the heads as their knock-outs do: rank correlations with intervals and a zero line."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.ranks import CORRELATION_COLUMNS
from data.results.tables import check_table
from sisa_viz.look import figures
from sisa_viz.look.colours import INK, mix
from sisa_viz.look.labels import column_words
from sisa_viz.look.text import escape, legend_group

TERM_COLOURS = {"importance": "#0072b2", "content": "#d55e00"}
SYMBOLS = {"zero": "circle", "mean": "diamond", "shuffle": "square", "random": "cross"}  # by what is put in
CONTROL = 0.55  # how far the colour of a control is on the way to grey


def prepare_predictors(correlations: pd.DataFrame) -> pd.DataFrame:
    """Place every correlation: a panel a term, a row a predictor, within it the knock-out over its controls.

    A predictor that is the same for all heads has no correlation and is left out.

    Args:
        correlations: Of `data.results.ranks.atlas_correlations`.

    Returns:
        The table with the columns place (0 at the top, controls a little below their knock-out) and colour.

    Raises:
        ValueError: For missing columns, or where there is no correlation.

    Example:
        >>> row = {"term": "importance", "predictor": "lam", "correlation": 0.5, "low": 0.2, "high": 0.7}
        >>> table = pd.DataFrame([row | {"how": how, "n": 48, "runs": 1} for how in ("zero", "mean")])
        >>> prepare_predictors(table)[["how", "place"]].round(2).values.tolist()
        [['zero', -0.15], ['mean', 0.15]]
    """
    rows = check_table(correlations, CORRELATION_COLUMNS, what="the table of correlations")
    rows = rows.dropna(subset=["correlation"])
    if rows.empty:
        raise ValueError("no predictor varies over the heads; legal: one that differs between heads")
    places = {name: at for at, name in enumerate(dict.fromkeys(rows["predictor"]))}
    hows = sorted(dict.fromkeys(rows["how"]), key=lambda how: how != "zero")
    step = min(0.3, 0.8 / len(hows))
    offset = {how: step * (at - (len(hows) - 1) / 2) for at, how in enumerate(hows)}
    colours = [
        colour if how == "zero" else mix(colour, INK, CONTROL)
        for how, colour in zip(
            rows["how"], (TERM_COLOURS.get(term, INK) for term in rows["term"]), strict=True
        )
    ]
    return rows.assign(place=rows["predictor"].map(places.get) + rows["how"].map(offset.get), colour=colours)


def predictor_ticks(data: pd.DataFrame) -> tuple[list[int], list[str]]:
    """Return the places of the predictors on their axis, and what they are called there.

    Args:
        data: Of `prepare_predictors`.

    Example:
        >>> row = {"term": "importance", "how": "zero", "correlation": 0.5, "low": 0.2, "high": 0.7}
        >>> table = pd.DataFrame([row | {"predictor": "half_life", "n": 48, "runs": 1}])
        >>> predictor_ticks(prepare_predictors(table))
        ([0], ['half-life'])
    """
    names = list(dict.fromkeys(data["predictor"]))
    return list(range(len(names))), [column_words(name)[0] for name in names]


def predictor_words(data: pd.DataFrame) -> str:
    """Say what the dots and their intervals rest on.

    Args:
        data: Of `prepare_predictors`.

    Example:
        >>> row = {"term": "importance", "how": "zero", "correlation": 0.5, "low": 0.2, "high": 0.7}
        >>> table = pd.DataFrame([row | {"predictor": "half_life", "n": 48, "runs": 1}])
        >>> predictor_words(prepare_predictors(table))
        'Spearman over 48 heads, 95 % interval · greyish: controls of the same heads'
    """
    heads, runs = max(data["n"].tolist()), max(data["runs"].tolist())
    over = f"mean over {runs} runs of {heads} heads" if runs > 1 else f"over {heads} heads"
    return f"Spearman {over}, 95 % interval · greyish: controls of the same heads"


def plot_predictors(correlations: pd.DataFrame) -> go.Figure:
    """Draw how well each number of a head ranks the heads by what their knock-outs cost: dots and intervals.

    A panel a term, a row a predictor. The knock-out itself is in the term's colour, its controls are greyish
    below it. An interval that holds zero says nothing of the direction.

    Args:
        correlations: Of `data.results.ranks.atlas_correlations`.

    Returns:
        The figure.

    Raises:
        ValueError: For missing columns, or where there is no correlation.

    Example:
        >>> import sisa_viz
        >>> row = {"term": "importance", "how": "zero", "correlation": 0.5, "low": 0.2, "high": 0.7}
        >>> table = pd.DataFrame([row | {"predictor": "half_life", "n": 48, "runs": 1}])
        >>> sisa_viz.plot_predictors(table).layout.xaxis.title.text
        'rank correlation with what a knock-out costs'
    """
    data = prepare_predictors(correlations)
    terms, (ticks, words) = list(dict.fromkeys(data["term"])), predictor_ticks(data)
    height = figures.HEADER + 110 + max(44 * len(ticks), 120)
    figure = figures.panels(
        [f"without {term}" for term in terms], columns=len(terms), height=height, horizontal_spacing=0.05
    )
    for column, term in enumerate(terms, start=1):
        for _, rows in data.loc[data["term"] == term].groupby("how", sort=False):
            dots = _dots(rows).update(showlegend=column == 1)
            figure.add_traces([_interval(rows), dots], rows=1, cols=column)
    figure.update_xaxes(
        title="rank correlation with what a knock-out costs", range=[-1.02, 1.02], zeroline=True, dtick=0.5
    )
    figure.update_xaxes(zerolinecolor=INK, zerolinewidth=1.5)
    figure.update_yaxes(range=[len(ticks) - 0.5, -0.5], tickvals=ticks, ticktext=words, zeroline=False)
    figure.update_yaxes(title={"text": "what is known of a head", "standoff": 12}, automargin=True, col=1)
    for column in range(2, len(terms) + 1):
        figure.update_yaxes(showticklabels=False, col=column)
    figure.update_annotations(font_size=13)
    legend = {
        "orientation": "h",
        "y": 0,
        "yref": "container",
        "yanchor": "bottom",
        "title": "put in its place:",
    }
    figure.update_layout(legend=legend, margin={"b": 90})
    figures.entitle(figure, "What predicts the cost of a knock-out", predictor_words(data))
    return figure


def _interval(rows: pd.DataFrame) -> go.Scatter:
    """All intervals of one kind as one line, broken between them."""
    known = rows.dropna(subset=["low", "high"])
    x = np.column_stack([known["low"], known["high"], np.full(len(known), np.nan)]).ravel()
    y = np.column_stack([known["place"], known["place"], np.full(len(known), np.nan)]).ravel()
    line = {"color": rows["colour"].iloc[0], "width": 2}
    return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def _dots(rows: pd.DataFrame) -> go.Scatter:
    how = str(rows["how"].iloc[0])
    low, high = figures.short(rows["low"].to_numpy(float)), figures.short(rows["high"].to_numpy(float))
    words = [escape(column_words(name)[0]) for name in rows["predictor"]]
    return go.Scatter(
        x=rows["correlation"].to_numpy(),
        y=rows["place"].to_numpy(),
        mode="markers",
        name=escape(how),
        legendgroup=legend_group(how),
        marker={
            "color": rows["colour"].iloc[0],
            "size": 9 if how == "zero" else 7,
            "symbol": SYMBOLS.get(how, "circle"),
        },
        customdata=figures.cells(words, [escape(how)] * len(rows), low, high),
        hovertemplate="<b>%{customdata[0]}</b>, knocked out by %{customdata[1]}<br>%{x:.3f}, 95 % interval "
        "%{customdata[2]} to %{customdata[3]}<extra></extra>",
    )
