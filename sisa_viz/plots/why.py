"""Why one head looks from one token to another: who wrote the score, and what its factors made of it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_table
from sisa_viz.look import figures
from sisa_viz.look.colours import INK, SIGNED
from sisa_viz.look.text import LIMIT, escape, visible
from sisa_viz.trace.axes import axis_label, head_name

COLUMNS = (
    *("layer", "head", "term", "split", "query_part", "key_part", "factor", "pair", "nats"),
    *("score", "attention", "query", "key", "query_token", "key_token"),
)
POSITIVE, NEGATIVE = SIGNED[8], SIGNED[2]  # tones that read on white and on dark ground
FAINTEST = 0.01  # of the largest pair of writers; what is fainter is counted among the others
WRITERS = "score, by writers"
FACTORS = "importance, by factors"
PAIRS = "C·B, by channel pair"
UNSCALED = ("C·B", "rotation")  # what is no multiplication by a number
PAIRS_AXIS = "nats before decay and λ<br>grey: before rotation"


@dataclass(frozen=True)
class Why:
    """Hold what plot_why draws.

    Attributes:
        head: The name of the head.
        query: Its position and token.
        key: Likewise.
        score: In nats.
        attention: The weight of the key.
        rows: label, kind ("sum", "pair" or "others") and nats: the score, each term, and below a term the
            pairs of writers that make it, the largest first.
        factors: label, kind ("factor") and nats: the importance after each of its factors; empty where there
            is none.
        pairs: product and turned, C·B of each pair of state channels before and after the rotation.
    """

    head: str
    query: tuple[int, str]
    key: tuple[int, str]
    score: float
    attention: float
    rows: pd.DataFrame
    factors: pd.DataFrame
    pairs: pd.DataFrame


def prepare_why(
    table: pd.DataFrame, *, layer: int | None = None, head: int | None = None, most: int = 10
) -> Why:
    """Choose one head of a table of attribution and order the parts of its score.

    Args:
        table: What `model.analysis.attribution` returns, of one query and key.
        layer: Of the head; may be left out where the table has one head.
        head: Likewise.
        most: The most pairs of writers to name; the others of a term are summed.

    Returns:
        The parts in the order in which they are drawn.

    Raises:
        ValueError: For a table of several heads, or a head that it does not have.

    Example:
        >>> from sisa_viz.examples import example_attribution
        >>> prepare_why(example_attribution()).rows.values.tolist()
        [['score', 'sum', 2.5], ['content', 'sum', 2.0], ['L0 MLP → embed', 'pair', 1.5], ...]
    """
    own = _chosen(check_table(table, COLUMNS, what="the table of attribution"), layer, head)
    first = own.iloc[0]
    writers = own.loc[own["split"] == "writers"]
    total = float(writers["nats"].to_numpy().sum())
    score = pd.DataFrame([("score", "sum", total)], columns=["label", "kind", "nats"])
    named = _named(writers, most)
    terms = [_term_rows(term, rows, named) for term, rows in writers.groupby("term", sort=False)]
    after = _by_factor(own.loc[own["split"] == "factors"])
    product, turned = after.to_numpy()[:2] if len(after) else ([], [])
    return Why(
        head=head_name(int(first["layer"]), int(first["head"])),
        query=(int(first["query"]), str(first["query_token"])),
        key=(int(first["key"]), str(first["key_token"])),
        score=float(first["score"]),
        attention=float(first["attention"]),
        rows=pd.concat([score, *terms], ignore_index=True),
        factors=_factors(after),
        pairs=pd.DataFrame({"product": product, "turned": turned}),
    )


def _chosen(table: pd.DataFrame, layer: int | None, head: int | None) -> pd.DataFrame:
    """Return the rows of one head of one query and key."""
    places = table[["layer", "head", "query", "key"]].drop_duplicates()
    there = places
    for name, wanted in (("layer", layer), ("head", head)):
        there = there if wanted is None else there.loc[there[name] == wanted]
    if len(there) != 1:
        names = [head_name(*place) for place in zip(places["layer"], places["head"], strict=True)]
        asked = f"layer={layer}, head={head}"
        raise ValueError(
            f"{asked} is {len(there)} heads of the table; legal: one of {', '.join(names[:8])}"
            f"{', …' if len(names) > 8 else ''}, of one query and key"
        )
    return table.merge(there)


def _named(writers: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the largest pairs of writers, without those that nobody would see."""
    size = np.abs(writers["nats"].to_numpy(dtype=float))
    largest = np.argsort(-size, kind="stable")[:most]
    return writers.iloc[largest[size[largest] >= FAINTEST * size.max()]]


def _term_rows(term: object, rows: pd.DataFrame, named: pd.DataFrame) -> pd.DataFrame:
    """Return the sum of a term, and below it the pairs that are named and the sum of the others."""
    total = float(rows["nats"].to_numpy().sum())
    found: list[tuple[str, str, float]] = [(str(term), "sum", total)]
    own = named.loc[named["term"] == term]
    if rows["query_part"].iloc[0] != term:  # a decay bias is one part by itself
        parts = own[["query_part", "key_part", "nats"]].to_numpy().tolist()
        found += [(f"{query} → {key}", "pair", nats) for query, key, nats in parts]
        others = len(rows) - len(own)
        if len(own) and others:
            rest = total - float(own["nats"].to_numpy().sum())
            found.append((f"{others:,} others" if others > 1 else "1 other", "others", rest))
    return pd.DataFrame(found, columns=["label", "kind", "nats"])


def _by_factor(steps: pd.DataFrame) -> pd.DataFrame:
    """Return the importance after each factor, a row each, by pair of channels."""
    return steps.pivot_table(index="factor", columns="pair", values="nats", sort=False).cumsum()


def _factors(after: pd.DataFrame) -> pd.DataFrame:
    """Return the importance after each factor, with what decay, a gate and λ multiply it by."""
    nats, labels = after.to_numpy().sum(axis=1), []
    for at, name in enumerate(map(str, after.index)):
        scales = name not in UNSCALED and nats[at - 1]
        labels.append(f"{name} × {brief_number(nats[at] / nats[at - 1])}" if scales else name)
    return pd.DataFrame({"label": labels, "kind": "factor", "nats": nats})


def brief_number(number: float) -> str:
    """Write three digits of a number, two of one below a thousandth, and an exponent without its zero.

    Example:
        >>> brief_number(13.642), brief_number(-0.000244)
        ('13.6', '-2.4e-4')
    """
    return f"{number:{'.1e' if 0 < abs(number) < 1e-3 else '.3g'}}".replace("e-0", "e-")


def plot_why(
    table: pd.DataFrame, *, layer: int | None = None, head: int | None = None, most: int = 10
) -> go.Figure:
    """Draw why one head looks from one token to another.

    The first panel has the score, each of its terms, and below each term the pairs "who wrote the query → who
    wrote the key" that make it, the largest first; the others are summed. Where there is importance, a second
    panel follows it from C·B through rotation, decay and λ, and a third one shows C·B by pair of state
    channels, before the rotation in grey and after it in colour.

    Args:
        table: What `model.analysis.attribution` returns, of one query and key.
        layer: Of the head; may be left out where the table has one head.
        head: Likewise.
        most: The most pairs of writers to name; the others of a term are summed.

    Returns:
        The figure.

    Raises:
        ValueError: For a table of several heads, or a head that it does not have.

    Example:
        >>> import sisa_viz
        >>> from sisa_viz.examples import example_attribution
        >>> sisa_viz.plot_why(example_attribution()).layout.title.text
        'Why L1H0 looks from 2 ·is to 0 The'
    """
    data = prepare_why(table, layer=layer, head=head, most=most)
    figure = _panels(data)
    _bars(figure, data.rows, col=1)
    if len(data.factors):
        _bars(figure, data.factors, col=2)
        _pair_bars(figure, data.pairs)
    figure.update_xaxes(zerolinecolor=INK)
    figure.update_layout(margin={"b": 80})
    figures.entitle(figure, *why_words(data))
    return figure


def why_words(data: Why) -> tuple[str, str]:
    """Return title and subtitle: head and tokens, its score and attention, and how to read a pair.

    Tokens have their signs for spaces and controls, and are not escaped.

    Example:
        >>> from sisa_viz.examples import example_attribution
        >>> why_words(prepare_why(example_attribution()))[1]
        'score 2.5 nats, attention 0.8 · who wrote the query → who wrote the key'
    """
    query, key = [f"{at} {visible(token, limit=LIMIT) or '∅'}" for at, token in (data.query, data.key)]
    numbers = f"score {data.score:.3g} nats, attention {data.attention:.3g}"
    return (
        f"Why {data.head} looks from {query} to {key}",
        f"{numbers} · who wrote the query → who wrote the key",
    )


def _panels(data: Why) -> go.Figure:
    height = figures.HEADER + 90 + 24 * max(len(data.rows), 10 if len(data.factors) else 4)
    if not len(data.factors):
        return figures.panels([WRITERS], columns=1, height=height)
    titles, widths = [WRITERS, FACTORS, PAIRS], [0.44, 0.28, 0.28]
    return figures.panels(titles, columns=3, height=height, column_widths=widths, horizontal_spacing=0.14)


def _bars(figure: go.Figure, rows: pd.DataFrame, *, col: int) -> None:
    """Draw a bar a row, the first on top, with its number at its end; sums are grey."""
    nats, at = rows["nats"].to_numpy(), np.arange(len(rows))
    grey = (rows["kind"] == "sum").to_numpy()
    for colour, chosen in ((INK, grey), (POSITIVE, ~grey & (nats >= 0)), (NEGATIVE, ~grey & (nats < 0))):
        figure.add_trace(_thick(nats[chosen], at[chosen], colour, 12), row=1, col=col)
    labels = [escape(label) for label in rows["label"]]
    numbers = go.Scatter(
        x=nats,
        y=at,
        mode="text",
        text=[f" {brief_number(number)} " for number in nats],
        textposition=["middle right" if number >= 0 else "middle left" for number in nats],
        cliponaxis=False,
        showlegend=False,
        customdata=figures.cells(labels, figures.short(nats)),
        hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]} nats<extra></extra>",
    )
    figure.add_trace(numbers, row=1, col=col)
    figure.update_xaxes(
        title="nats", range=room(nats, share=0.32 if col == 1 else 0.5), nticks=5, row=1, col=col
    )
    look = {"tickvals": at, "ticktext": labels, "showgrid": False, "zeroline": False}
    figure.update_yaxes(look, range=[len(rows) - 0.4, -0.6], row=1, col=col)


def _pair_bars(figure: go.Figure, pairs: pd.DataFrame) -> None:
    """Draw C·B of every pair of channels, after the rotation in colour and before it as a thin grey bar."""
    turned, at = pairs["turned"].to_numpy(), np.arange(len(pairs))
    for colour, chosen in ((POSITIVE, turned >= 0), (NEGATIVE, turned < 0)):
        width = max(2, min(12, 160 // len(pairs)))
        figure.add_trace(_thick(turned[chosen], at[chosen], colour, width), row=1, col=3)
    product = pairs["product"].to_numpy()
    figure.add_trace(_thick(product, at, INK, 3), row=1, col=3)
    boxes = go.Scatter(
        x=turned,
        y=at,
        mode="markers",
        marker={"color": "rgba(0, 0, 0, 0)"},
        showlegend=False,
        customdata=figures.cells(at, figures.short(product), figures.short(turned)),
        hovertemplate="<b>pair %{customdata[0]}</b><br>before rotation: %{customdata[1]}"
        "<br>after: %{customdata[2]}<extra></extra>",
    )
    figure.add_trace(boxes, row=1, col=3)
    ends = np.concatenate([turned, product])
    figure.update_xaxes(title=PAIRS_AXIS, range=room(ends, share=0.06), nticks=5, row=1, col=3)
    step = -(-len(pairs) // 16)
    look = {"title": axis_label("pair"), "tickvals": at[::step], "showgrid": False, "zeroline": False}
    figure.update_yaxes(look, range=[len(pairs) - 0.4, -0.6], row=1, col=3)


def _thick(ends: np.ndarray, at: np.ndarray, colour: str, width: int) -> go.Scatter:
    """Return bars from zero as one line with gaps, which a still picture can draw too."""
    x, y = np.full((len(ends), 3), np.nan), np.full((len(ends), 3), np.nan)
    x[:, 0], x[:, 1], y[:, :2] = 0, ends, at[:, None]
    line = {"color": colour, "width": width}
    return go.Scatter(x=x.ravel(), y=y.ravel(), mode="lines", line=line, hoverinfo="skip", showlegend=False)


def room(nats: np.ndarray, *, share: float) -> list[float]:
    """Return a range of an axis with room at the end of every bar.

    Example:
        >>> room(np.array([1.0, 4.0]), share=0.25)
        [0.0, 5.0]
    """
    low, high = min(0.0, float(nats.min())), max(0.0, float(nats.max()))
    margin = share * (high - low or 1.0)
    return [low - margin * (low < 0), high + margin * (high > 0)]
