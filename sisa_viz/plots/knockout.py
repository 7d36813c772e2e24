"""What each head's terms are for: the answer's loss without one of them, beside what controls lose."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_table
from sisa_viz.look import figures
from sisa_viz.look.colours import GROUND, SIGNED, signed_limit
from sisa_viz.look.text import escape
from sisa_viz.trace.axes import AXES, HEADS, head_name

LOSS = ("log_p_lost", "low", "high", "exact_lost", "n")
KNOCKOUT = "zero"  # the rows that are drawn; all others are controls
CONTROL_WORDS = {
    "random": "random row instead",
    "shuffle": "shuffled over keys instead",
    "mean": "its mean by distance instead",
}
LOSS_LABEL = "log p(answer) lost, nats"
WITHIN = "·"  # what a cell says that was measured and lost no more than a typical control
MOST_WRITTEN = 128  # cells of both maps
LEAST_LIMIT = 0.1  # nats, e^−0.1 = 0.90; a map of smaller losses stays pale


@dataclass(frozen=True)
class Knockout:
    """Hold what plot_knockout draws.

    Attributes:
        layers: The rows of every map.
        heads: The columns of every map.
        terms: One map each.
        maps: Numbers [layer, head] by term and column of the table, of the knock-outs; NaN where a layer has
            no such term.
        controls: log_p_lost [layer, head] by term and control.
        band: Loss in nats up to which a knock-out is no more than a typical control; 0 without controls.
    """

    layers: list[int]
    heads: list[int]
    terms: list[str]
    maps: dict[str, dict[str, np.ndarray]]
    controls: dict[str, dict[str, np.ndarray]]
    band: float

    @property
    def limit(self) -> float:
        """Where the colours of all maps saturate, in nats."""
        losses = signed_limit(*(maps["log_p_lost"] for maps in self.maps.values()))
        return max(losses, 2 * self.band, LEAST_LIMIT)  # a scale that the band fills would have no colours

    @property
    def episodes(self) -> int:
        """The most episodes that a knock-out was measured on."""
        return int(max(np.nanmax(maps["n"]) for maps in self.maps.values()))

    def mildest(self, term: str) -> np.ndarray:
        """Return what is lost under the control that loses least, [layer, head]; NaN without controls."""
        losses = self.controls[term].values()
        least = np.full((len(self.layers), len(self.heads)), np.nan)
        for loss in losses:
            least = np.fmin(least, loss)
        return least

    def words(self, term: str, *, between: str) -> np.ndarray:
        """Return what each cell says: its loss, and its mildest control in brackets; a dot within the band.

        Args:
            term: Of the score.
            between: What stands between the two, such as a line break.
        """
        lost, least = self.maps[term]["log_p_lost"], self.mildest(term)
        words = np.where(np.isnan(lost), "", WITHIN).astype(object)
        for at in np.argwhere(np.abs(lost) > self.band):
            number, control = f"{lost[*at]:.2f}", f"{least[*at]:z.2f}"
            if float(number):  # a cell beyond a tiny band may still round to 0
                words[*at] = number if np.isnan(least[*at]) else f"{number}{between}({control})"
        return words if words.size * len(self.terms) <= MOST_WRITTEN else np.full_like(words, "")


def prepare_knockout(table: pd.DataFrame) -> Knockout:
    """Lay the knock-outs of every term out as maps of layer × head, and find the band of their controls.

    The band is what controls cost in a head that does not matter: the upper fence of Tukey's box plot,
    Q3 + 1.5 (Q3 − Q1), of |log_p_lost| over the controls of all heads and terms. Controls of a head that
    matters cost as much as its knock-out, since they destroy what it says as well; a quantile would count
    them as noise, and hide all the more the more heads matter. The fence leaves them out as long as they
    are fewer than a quarter.

    Args:
        table: From `model.analysis.knockouts.knockouts`: layer, head, term, how, log_p_lost, low, high,
            exact_lost, n.

    Returns:
        Maps, controls and their band.

    Raises:
        ValueError: For missing columns, no row of how "zero", or two rows of one cell.

    Example:
        >>> row = {"layer": 0, "term": "content", "low": 0.0, "high": 1.0, "exact_lost": 0.0, "n": 9}
        >>> losses = [("zero", 3.0), ("random", 0.1), ("shuffle", 0.1)]
        >>> rows = [row | {"head": 0, "how": how, "log_p_lost": lost} for how, lost in losses]
        >>> data = prepare_knockout(pd.DataFrame(rows))
        >>> data.band, data.words("content", between=" ").tolist()
        (0.1, [['3.00 (0.10)']])
    """
    rows = check_table(table, (*HEADS, "term", "how", *LOSS), what="the table of knock-outs")
    twice = rows.duplicated([*HEADS, "term", "how"])
    if twice.any():
        raise ValueError(f"{int(twice.sum())} rows repeat a layer, head, term and how; legal: one row each")
    own, others = rows.loc[rows["how"] == KNOCKOUT], rows.loc[rows["how"] != KNOCKOUT]
    if own.empty:
        raise ValueError(f"the table of knock-outs has no row of how {KNOCKOUT!r}; legal: at least one")
    layers, heads = sorted(map(int, own["layer"].unique())), sorted(map(int, own["head"].unique()))
    terms = list(map(str, own["term"].unique()))

    def grid(part: pd.DataFrame, column: str) -> np.ndarray:
        laid_out = part.pivot(index="layer", columns="head", values=column)
        return laid_out.reindex(index=layers, columns=heads).to_numpy(float)

    return Knockout(
        layers=layers,
        heads=heads,
        terms=terms,
        maps={term: {name: grid(own[own["term"] == term], name) for name in LOSS} for term in terms},
        controls={
            term: {
                str(how): grid(part, "log_p_lost")
                for how, part in others[others["term"] == term].groupby("how", sort=False)
            }
            for term in terms
        },
        band=_fence(np.abs(others["log_p_lost"].to_numpy(float))),
    )


def _fence(sizes: np.ndarray) -> float:
    if not len(sizes):
        return 0.0
    low, high = np.quantile(sizes, [0.25, 0.75])
    return float(high + 1.5 * (high - low))


def banded_scale(band: float, limit: float) -> list[tuple[float, str]]:
    """Return the scale of signed values with white from −band to band: pairs of place, 0 to 1, and colour.

    Args:
        band: Up to where values are no more than noise.
        limit: Where the colours saturate, above the band.

    Example:
        >>> white = [place for place, colour in banded_scale(1.0, 4.0) if colour == "#ffffff"]
        >>> white
        [0.375, 0.625]
    """
    half = len(SIGNED) // 2
    low, high = (1 - band / limit) / 2, (1 + band / limit) / 2
    below = [(low * at / half, SIGNED[at]) for at in range(half + 1)]
    above = [(high + (1 - high) * at / half, SIGNED[half + at]) for at in range(half + 1)]
    return below + above


def plot_knockout(table: pd.DataFrame) -> go.Figure:
    """Draw what the answers lose without one term of one head: a map of layer × head for every term.

    All maps have one scale: blue is a loss, red a gain, and white with a dot is no more than what controls
    cost in a head that does not matter, see `prepare_knockout`. A cell beyond that says its loss, and in
    brackets that of its mildest control. Where the brackets hold about 0 the term is needed, but something
    simpler would do as well: most often its mean by distance. The hover box has the interval, exact matches
    and every control.

    Args:
        table: From `model.analysis.knockouts.knockouts`.

    Returns:
        The figure.

    Raises:
        ValueError: For missing columns, no row of how "zero", or two rows of one cell.

    Example:
        >>> import sisa_viz
        >>> row = {"layer": 0, "term": "content", "low": 0.0, "high": 1.0, "exact_lost": 0.0, "n": 9}
        >>> rows = [row | {"head": head, "how": "zero", "log_p_lost": 3.0} for head in range(2)]
        >>> sisa_viz.plot_knockout(pd.DataFrame(rows)).layout.title.text
        'What the answer loses without one term of one head'
    """
    data = prepare_knockout(table)
    height = figures.HEADER + 70 + 38 * max(len(data.layers), 4)
    figure = figures.panels(data.terms, columns=len(data.terms), height=height, horizontal_spacing=0.03)
    for column, term in enumerate(data.terms, start=1):
        figure.add_trace(_map(data, term), row=1, col=column)
    for update, name, places in (
        (figure.update_xaxes, "head", data.heads),
        (figure.update_yaxes, "layer", data.layers),
    ):
        ticks = places[:: max(1, -(-len(places) // 16))]
        update(title=AXES[name], tickmode="array", tickvals=ticks, showgrid=False, zeroline=False)
    figure.update_yaxes(autorange="reversed")
    figures.link(figure)
    for column in range(2, len(data.terms) + 1):
        figure.update_yaxes(title=None, showticklabels=False, col=column)
    axis = figures.signed_axis(data.limit, bar_label(data.band))
    axis["colorscale"] = [list(pair) for pair in banded_scale(data.band, data.limit)]
    figure.update_layout(plot_bgcolor=GROUND, coloraxis=axis)
    figures.entitle(figure, "What the answer loses without one term of one head", subtitle(data))
    return figure


def bar_label(band: float) -> str:
    """Return what stands along the colour bar: the quantity, and how far white reaches.

    Example:
        >>> bar_label(0.25)
        'log p(answer) lost, nats (white: ±0.25)'
    """
    return f"{LOSS_LABEL} (white: ±{band:.2g})" if band else LOSS_LABEL


def subtitle(data: Knockout) -> str:
    """Return what a reader needs to read the maps: episodes, the band and what is in brackets.

    Example:
        >>> row = {"layer": 0, "head": 0, "term": "content", "how": "zero", "log_p_lost": 3.0, "n": 9}
        >>> row |= {"low": 0.0, "high": 1.0, "exact_lost": 0.0}
        >>> subtitle(prepare_knockout(pd.DataFrame([row])))
        'term set to zero, 9 episodes; no controls were measured'
    """
    first = f"term set to zero, {data.episodes} episodes"
    if not any(data.controls.values()):
        return f"{first}; no controls were measured"
    within = f"a dot: within ±{data.band:.2g} nats, as controls of most heads"
    return f"{first}; in brackets: the mildest control; {within}"


def _map(data: Knockout, term: str) -> go.Heatmap:
    maps, controls = data.maps[term], data.controls[term]
    names = [[head_name(layer, head) for head in data.heads] for layer in data.layers]
    numbers = [_short(maps[name]) for name in ("log_p_lost", "low", "high")]
    exact = [[f"{100 * share:z.1f}" for share in row] for row in maps["exact_lost"]]
    lines = [
        f"<b>%{{customdata[0]}}</b> without {escape(term)}",
        "nats lost: %{customdata[1]} (95 %: %{customdata[2]} to %{customdata[3]})",
        "exact matches lost: %{customdata[4]} %",
        *_lines(controls, first=5),
    ]
    return go.Heatmap(
        z=maps["log_p_lost"],
        x=data.heads,
        y=data.layers,
        coloraxis="coloraxis",
        xgap=1,
        ygap=1,
        hoverongaps=False,
        text=data.words(term, between="<br>"),
        texttemplate="%{text}",
        textfont={"size": 11},
        customdata=figures.cells(names, *numbers, exact, *map(_short, controls.values())),
        hovertemplate="<br>".join(lines) + "<extra></extra>",
    )


def _lines(controls: Sequence[str] | dict[str, np.ndarray], *, first: int) -> list[str]:
    """Return a line of the hover box for every control."""
    words = [escape(CONTROL_WORDS.get(how, how)) for how in controls]
    return [f"{text}: %{{customdata[{at}]}}" for at, text in enumerate(words, start=first)]


def _short(numbers: np.ndarray) -> list[list[str]]:
    return [[f"{number:.3g}" for number in row] for row in numbers]
