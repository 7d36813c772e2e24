"""How few heads are enough: the share of the answers that circuits of so many pairs keep."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from data.results.tables import check_table
from sisa_viz.look import figures
from sisa_viz.look.colours import INK, SISA, faint
from sisa_viz.look.text import escape
from sisa_viz.trace.axes import head_name

GREEDY, RANDOM = "greedy", "random"
COLOURS = {GREEDY: SISA[32], RANDOM: "#8c8c8c"}
LABELS = {GREEDY: "found backwards", RANDOM: "random, as many pairs"}
NEEDED = ("circuit", "k", "layer", "head", "term", "log_p", "kept", "low", "high", "n", "draws")
MOST_NAMED = 8  # pairs whose names stand beside the line
X_LABEL = "pairs of a head and a term that are left"
Y_LABEL = "share of right answers kept"


@dataclass(frozen=True)
class Circuit:
    """Hold what plot_circuit draws.

    Attributes:
        lines: Rows of the table in order of k, by circuit; the random line has both ends of the greedy one.
        empty: Share kept with every pair out.
        full: Share kept with none out.
        enough: The fewest pairs that are enough; None where no circuit is.
        named: k and name of the first pairs, as many as are enough and at most eight.
        words: What a reader needs to read the plot.
    """

    lines: dict[str, pd.DataFrame]
    empty: float
    full: float
    enough: int | None
    named: list[tuple[int, str]]
    words: str


def prepare_circuit(table: pd.DataFrame) -> Circuit:
    """Sort circuits into a greedy and a random line, and name the pairs that come first.

    Args:
        table: Of `model.analysis.circuits.sufficient_heads`.

    Returns:
        The two lines, their ends and the names.

    Raises:
        ValueError: For missing columns, no greedy circuit, or a whole model that is never right.

    Example:
        >>> rows = [{"k": 0, "kept": 0.0}, {"k": 1, "kept": 1.0, "layer": 0, "head": 3, "term": "content"}]
        >>> both = {"circuit": "greedy", "log_p": -1.0, "low": 0.0, "high": 1.0, "n": 9, "draws": 1}
        >>> table = pd.DataFrame([both | row for row in rows]).assign(enough=lambda t: t["kept"] >= 0.9)
        >>> data = prepare_circuit(table)
        >>> data.named, data.words
        ([(1, 'L0H3 content')], '1 of 1 pairs are enough; 9 episodes, bands: 95 %')
    """
    rows = check_table(table, (*NEEDED, "enough"), what="the table of circuits").sort_values("k")
    greedy, others = rows.loc[rows["circuit"] == GREEDY], rows.loc[rows["circuit"] == RANDOM]
    if greedy.empty:
        raise ValueError("the table of circuits has no row of circuit 'greedy'; legal: at least one")
    if greedy["kept"].isna().any():
        raise ValueError("the whole model gave no right answer; legal: at least one that can be kept")
    enough = greedy.loc[greedy["enough"].astype(bool), "k"]
    fewest = int(enough.iloc[0]) if len(enough) else None
    size = int(greedy["k"].iloc[-1])
    first = greedy.loc[greedy["layer"].notna() & (greedy["k"] <= min(fewest or MOST_NAMED, MOST_NAMED))]
    names = [
        f"{head_name(int(layer), int(head))} {term}"
        for layer, head, term in zip(first["layer"], first["head"], first["term"], strict=True)
    ]
    lines = {GREEDY: greedy}
    if len(others):
        lines[RANDOM] = pd.concat([greedy.iloc[:1], others, greedy.iloc[-1:]])
    words = "no circuit is enough" if fewest is None else f"{fewest} of {size} pairs are enough"
    draws = f", {int(others['draws'].max())} random circuits of each size" if len(others) else ""
    return Circuit(
        lines=lines,
        empty=float(greedy["kept"].iloc[0]),
        full=float(greedy["kept"].iloc[-1]),
        enough=fewest,
        named=list(zip(map(int, first["k"]), names, strict=True)),
        words=f"{words}; {int(greedy['n'].max())} episodes{draws}, bands: 95 %",
    )


def name_places(data: Circuit) -> list[tuple[int, float, float, float, str]]:
    """Return k and share of every point that is named, where its name stands right of them, and the name.

    Args:
        data: Of `prepare_circuit`.

    Example:
        >>> rows = [{"k": 0, "kept": 0.0}, {"k": 1, "kept": 1.0, "layer": 0, "head": 3, "term": "content"}]
        >>> both = {"circuit": "greedy", "log_p": -1.0, "low": 0.0, "high": 1.0, "n": 9, "draws": 1}
        >>> table = pd.DataFrame([both | row for row in rows]).assign(enough=lambda t: t["kept"] >= 0.9)
        >>> name_places(prepare_circuit(table))
        [(1, 1.0, 1.07, 0.66, '1. L0H3 content')]
    """
    greedy = data.lines[GREEDY]
    kept = dict(zip(greedy["k"].tolist(), greedy["kept"].tolist(), strict=True))
    x = max((k for k, _ in data.named), default=0) + 0.07 * max(kept)
    return [(k, kept[k], x, 0.66 - 0.07 * at, f"{k}. {name}") for at, (k, name) in enumerate(data.named)]


def plot_circuit(table: pd.DataFrame) -> go.Figure:
    """Draw what share of the answers is kept by circuits of so many pairs of a head and a term.

    The line of the circuits that were found and that of random ones have bands of their 95 % intervals;
    dashes mark the model without any of the pairs and with all of them. A dotted line stands at the fewest
    pairs that are enough. The first pairs have their names beside the line, and all in the hover box.

    Args:
        table: Of `model.analysis.circuits.sufficient_heads`.

    Returns:
        The figure.

    Raises:
        ValueError: For missing columns, no greedy circuit, or a whole model that is never right.

    Example:
        >>> import sisa_viz
        >>> rows = [{"k": 0, "kept": 0.0}, {"k": 1, "kept": 1.0, "layer": 0, "head": 3, "term": "content"}]
        >>> both = {"circuit": "greedy", "log_p": -1.0, "low": 0.0, "high": 1.0, "n": 9, "draws": 1}
        >>> table = pd.DataFrame([both | row for row in rows]).assign(enough=lambda t: t["kept"] >= 0.9)
        >>> sisa_viz.plot_circuit(table).layout.title.text
        'How few heads are enough'
    """
    data = prepare_circuit(table)
    figure = figures.panels([""], columns=1, height=480)
    for circuit in reversed(data.lines):  # the greedy line lies on top
        rows = data.lines[circuit]
        figure.add_traces([_band(rows, circuit), _line(rows, circuit)])
    for share, words in ((data.full, "all pairs"), (data.empty, "no pair")):
        figure.add_hline(y=share, line={"color": INK, "dash": "dash", "width": 1})
        figure.add_annotation(x=1, xref="paper", y=share, text=words, xanchor="left", showarrow=False)
    if data.enough is not None:
        figure.add_vline(x=data.enough, line={"color": COLOURS[GREEDY], "dash": "dot", "width": 1})
    _name(figure, data)
    figure.update_xaxes(title=X_LABEL, rangemode="tozero", zeroline=False)
    figure.update_yaxes(title=Y_LABEL, range=[-0.06, 1.06], tickformat=".0%", zeroline=False)
    legend = {"orientation": "h", "y": 0, "yref": "container", "yanchor": "bottom"}
    figure.update_layout(legend=legend, margin={"b": 95, "r": 75})
    figures.entitle(figure, "How few heads are enough", data.words)
    return figure


def _name(figure: go.Figure, data: Circuit) -> None:
    """Write the names of the first pairs in a column, with a thin line from each to its point."""
    for k, kept, x, y, name in name_places(data):
        figure.add_annotation(
            x=k,
            y=kept,
            ax=x,
            ay=y,
            axref="x",
            ayref="y",
            showarrow=True,
            arrowhead=0,
            arrowwidth=0.7,
            arrowcolor=INK,
            text=escape(name),
            xanchor="left",
        )


def _band(rows: pd.DataFrame, circuit: str) -> go.Scatter:
    """Return the interval as one closed outline; a circuit without one has no width there."""
    low, high = [rows[end].fillna(rows["kept"]).to_numpy(float) for end in ("low", "high")]
    return figures.band(rows["k"], high, low, colour=faint(COLOURS[circuit], 0.2), group=circuit)


def _line(rows: pd.DataFrame, circuit: str) -> go.Scatter:
    joined = [
        f"with {head_name(int(layer), int(head))} {escape(term)}" if pd.notna(layer) else LABELS[circuit]
        for layer, head, term in zip(rows["layer"], rows["head"], rows["term"], strict=True)
    ]
    numbers = [figures.short(rows[name].to_numpy(float)) for name in ("low", "high", "log_p")]
    return go.Scatter(
        x=rows["k"].to_numpy(),
        y=rows["kept"].to_numpy(float),
        mode="lines+markers",
        name=LABELS[circuit],
        legendgroup=circuit,
        line={"color": COLOURS[circuit], "width": 2},
        marker={"size": 5},
        customdata=figures.cells(joined, *numbers),
        hovertemplate="<b>%{x} pairs</b>, %{customdata[0]}<br>kept: %{y:.1%} (%{customdata[1]} to "
        "%{customdata[2]})<br>log p(answer): %{customdata[3]} nats<extra></extra>",
    )
