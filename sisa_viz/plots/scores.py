"""Content, importance, their sum and the weights that it gives, of one head, side by side."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from sisa_viz.look import figures
from sisa_viz.look.blocks import pool
from sisa_viz.look.colours import GROUND, SPANS, signed_limit, top_limit
from sisa_viz.look.labels import of_model
from sisa_viz.look.text import escape, token_axis
from sisa_viz.trace import scores as maths
from sisa_viz.trace.axes import DERIVED, axis_label, head_name
from sisa_viz.trace.check import check_span, check_trace
from sisa_viz.trace.maps import HeadMaps
from sisa_viz.trace.numbers import check_coordinate, check_lam_scale, check_limit
from sisa_viz.trace.weights import Weighing

SCORE_MAPS = ("content", "importance", "scores", "pattern")
MOST_CELLS = 512  # a side; longer windows show blocks
MOST_QUERIES = 256  # computed at once
FULL_HOVER = 256  # a side; in longer windows the hover box shows the number of its own panel only


@dataclass(frozen=True)
class Scores:
    """Hold what plot_scores draws.

    Attributes:
        parts: The names of SCORE_MAPS that are shown, in order.
        maps: Numbers [query, key] of every one of SCORE_MAPS, NaN above the diagonal.
        queries, keys: The first position of each row and of each column.
        query_tokens, key_tokens: The tokens there.
        name: The head's, such as "L2H5".
        titles: What each part is called.
        weighing: How this mixer makes weights of scores.
        lam: λ of the head; None where there is no importance term.
        lam_scale: What λ is multiplied by.
        clamped: At how many positions the clamp acts.
        length: Of the whole sequence.
        block: Positions in a cell, each side; 1 unless the window is longer than 512.
        limit: Where the signed colours saturate, in nats.
        spans: Named half-open spans of positions.
    """

    parts: tuple[str, ...]
    maps: dict[str, np.ndarray]
    queries: np.ndarray
    keys: np.ndarray
    query_tokens: list[str]
    key_tokens: list[str]
    name: str
    titles: dict[str, str]
    weighing: Weighing
    lam: float | None
    lam_scale: float
    clamped: int
    length: int
    block: int
    limit: float
    spans: dict[str, tuple[int, int]]

    @property
    def words(self) -> str:
        """What a reader must know: λ, how much of the decay is lost, what a cell stands for."""
        scaled = "" if self.lam_scale == 1 else f" × {self.lam_scale:g}"
        if self.lam is None:
            parts = ["no importance term"]
        elif len(self.parts) == 1:
            parts = [f"weight of each key in the output at each query{scaled}"]
        else:
            clamp = f"clamp acts at {self.clamped} of {self.length} positions"
            parts = [f"λ = {self.lam:.3g}{scaled}", clamp]
        if self.block > 1:
            cells = f"{self.block} × {self.block}"
            parts.append(f"each cell is the largest of {cells}; choose a window for exact cells")
        return " · ".join(parts)


def prepare_scores(
    trace: xr.Dataset,
    *,
    layer: int,
    head: int,
    query_window: tuple[int, int] | None = None,
    key_window: tuple[int, int] | None = None,
    lam_scale: float = 1.0,
    limit: float | None = None,
) -> Scores:
    """Compute the four maps of one head inside two windows of positions.

        pattern_ij = softmax_j(content_ij + lam_scale · importance_ij), or what the mixer has in its place

    A window longer than 512 is shown in blocks, each by its value of largest magnitude: no spike is lost.

    Args:
        trace: A trace of any mixer.
        layer, head: Coordinates of the head.
        query_window, key_window: Half-open (start, stop) of rows and of columns; default: everything.
        lam_scale: What the importance term is multiplied by; 0 leaves content alone.
        limit: Where the signed colours saturate, in nats; the largest magnitude where left out.

    Raises:
        ValueError: For a window outside the trace, an unknown head, or a limit not above 0.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> prepare_scores(example_trace(), layer=0, head=1, query_window=(6, 8)).query_tokens
        [' code', ' is']
    """
    access, length = check_trace(trace).sisa, trace.sizes["position"]
    layer = check_coordinate("layer", layer, trace["layer"].values)
    head = check_coordinate("head", head, trace["head"].values)
    lam_scale = check_lam_scale(lam_scale)
    rows, columns = _window(query_window, length, "query_window"), _window(key_window, length, "key_window")
    factors = access.factors(layer=layer, head=head)
    block = -(-max(rows.stop - rows.start, columns.stop - columns.start) // MOST_CELLS)
    maps = _pooled(factors, rows, columns, lam_scale, block)
    tokens, where = trace["token"].values.tolist(), {"layer": layer, "head": head}
    return Scores(
        parts=_parts(access),
        maps=maps,
        queries=np.arange(rows.start, rows.stop, block),
        keys=np.arange(columns.start, columns.stop, block),
        query_tokens=tokens[rows][::block],
        key_tokens=tokens[columns][::block],
        name=head_name(layer, head),
        titles=_titles(access.terms, factors.weighing),
        weighing=factors.weighing,
        lam=None if access.is_plain else float(trace["lam"].sel(where)),
        lam_scale=lam_scale,
        clamped=int(access.clamp_count().sel(where)),
        length=length,
        block=block,
        limit=signed_limit(*[maps[name] for name in SCORE_MAPS[:3]]) if limit is None else check_limit(limit),
        spans=access.spans,
    )


def _parts(access: HeadMaps) -> tuple[str, ...]:
    """Return the maps worth a panel: without importance the sum is content; a state space has weights."""
    attention = ("content", "pattern") if access.is_plain else SCORE_MAPS
    return ("pattern",) if access.is_state_space else attention


def _window(window: tuple[int, int] | None, length: int, name: str) -> slice:
    """Return the positions of a window, all of them where none was chosen."""
    return slice(0, length) if window is None else slice(*check_span(window, length, name=name))


def _pooled(head: maths.Head, rows: slice, keys: slice, scale: float, block: int) -> dict[str, np.ndarray]:
    """Every part in blocks. A softmax needs whole rows, but few at a time: no L × L array is made."""
    pieces, step = [], block * max(1, MOST_QUERIES // block)
    for start in range(rows.start, rows.stop, step):
        queries = np.arange(start, min(start + step, rows.stop))
        parts = maths.parts_of(head, queries, lam_scale=scale)
        pieces.append([pool(part[:, keys], block) for part in parts.values()])
    return {part: np.concatenate([piece[at] for piece in pieces]) for at, part in enumerate(SCORE_MAPS)}


def plot_scores(
    trace: xr.Dataset,
    *,
    layer: int,
    head: int,
    query_window: tuple[int, int] | None = None,
    key_window: tuple[int, int] | None = None,
    lam_scale: float = 1.0,
    limit: float | None = None,
) -> go.Figure:
    """Draw content, importance, their sum and the weights of one head as four linked maps.

    Rows are queries (row 0 on top), columns keys; zooming one map zooms all. Content, importance and sum
    share one symmetric scale in nats; the pattern starts at 0. A mixer without softmax shows the weights that
    it has: signed ones on the scores' own scale, those of a sigmoid from 0 to 1. Attention alone has two
    panels, content and weights, a state space one, of weights. Up to 256 positions a side the hover box holds
    tokens and all numbers, up to 512 tokens and one number; beyond that cells are blocks.

    Arguments, their defaults and errors are those of `prepare_scores`. Returns the figure.

    Example:
        >>> import sisa_viz
        >>> from sisa_viz.examples import example_trace
        >>> figure = sisa_viz.plot_scores(example_trace(), layer=0, head=1)
        >>> figure.layout.title.text, figure.layout.title.subtitle.text
        ('Attention scores of L0H1', 'λ = 1 · clamp acts at 0 of 8 positions')
    """
    windows = {"query_window": query_window, "key_window": key_window}
    data = prepare_scores(trace, layer=layer, head=head, lam_scale=lam_scale, limit=limit, **windows)
    alone = len(data.parts) == 1
    figure = figures.panels(
        [""] if alone else [data.titles[part] for part in data.parts],
        columns=min(len(data.parts), 2),
        height={1: 640, 2: 540, 4: 880}[len(data.parts)],
        horizontal_spacing=0.04,
        vertical_spacing=0.07,
    )
    for at, part in enumerate(data.parts):
        figure.add_trace(_map(data, part), row=at // 2 + 1, col=at % 2 + 1)
    _axes(figure, data)
    for at, (name, span) in enumerate(data.spans.items()):
        _mark(figure, data, name, span, line=at)
    title = f"Mixing weights M of {data.name} (state space)" if alone else f"Attention scores of {data.name}"
    figures.entitle(figure, of_model(title, trace.sisa.config), data.words)
    return figure


def _titles(terms: dict[str, str], weighing: Weighing) -> dict[str, str]:
    own = {part: f"{name} score" for part, name in terms.items()}
    return own | {"scores": DERIVED["scores"].long_name, "pattern": weighing.kind.quantity.long_name}


def _map(data: Scores, part: str) -> go.Heatmap:
    z = data.maps[part]
    detailed = data.block == 1 and max(z.shape) <= FULL_HOVER
    others = [data.maps[name] for name in data.parts if name != part]
    return go.Heatmap(
        z=z,
        x=data.keys,
        y=data.queries,
        coloraxis="coloraxis2" if part == "pattern" and not data.weighing.kind.signed else "coloraxis",
        hoverongaps=False,
        customdata=np.stack(others, axis=-1) if detailed and others else None,
        hovertemplate=_hover(part, data, detailed),
    )


def _hover(part: str, data: Scores, detailed: bool) -> str:
    """Our own words only, for tokens come in through the axes and numbers through customdata."""
    where = "" if data.block == 1 else f"<br>largest of the {data.block} × {data.block} cells from here"
    others = [name for name in data.parts if name != part] if detailed else []
    numbers = {name: f"customdata[{at}]" for at, name in enumerate(others)} | {part: "z"}
    words = {name: DERIVED[name].long_name for name in SCORE_MAPS}
    words["pattern"] = data.weighing.kind.quantity.long_name
    lines = [f"{words[name]}: %{{{numbers[name]}:.4g}}" for name in SCORE_MAPS if name in numbers]
    return "<br>".join([f"query %{{y}}<br>key %{{x}}{where}", *lines]) + "<extra></extra>"


def _axes(figure: go.Figure, data: Scores) -> None:
    half = data.block / 2
    bare = {"showgrid": False, "zeroline": False, "showticklabels": False}
    figure.update_xaxes(token_axis(data.keys, data.key_tokens, most=20) | bare)
    figure.update_yaxes(token_axis(data.queries, data.query_tokens, most=20) | bare)
    figure.update_xaxes(range=[data.keys[0] - half, data.keys[-1] + half])
    figure.update_yaxes(range=[data.queries[-1] + half, data.queries[0] - half])
    figure.update_xaxes(
        title=axis_label("key"), tickangle=-60, showticklabels=True, row=-(-len(data.parts) // 2)
    )
    figure.update_yaxes(title=axis_label("query"), showticklabels=True, col=1)
    figures.link(figure)
    if len(data.queries) == len(data.keys):  # square cells, however wide the page; other axes match the first
        figure.update_yaxes(scaleanchor="x", row=1, col=1)
        figure.update_yaxes(constrain="domain")
        figure.update_xaxes(constrain="domain")
    figure.update_layout(plot_bgcolor=GROUND, margin={"r": 90})
    _colour_axes(figure, data)


def _colour_axes(figure: go.Figure, data: Scores) -> None:
    """One symmetric scale for scores, and for signed weights; a second one from 0 for all other weights."""
    kind = data.weighing.kind
    if len(data.parts) == 1:
        figure.update_layout(coloraxis=figures.signed_axis(data.limit, kind.quantity.long_name, x=1.01))
    else:
        units = "" if kind.score_units == "1" else kind.score_units
        bar = figures.signed_axis(data.limit, units, x=1.01, y=0.77, len=0.47)
        figure.update_layout(coloraxis=bar)
    if not kind.signed:
        top = kind.top or top_limit(data.maps["pattern"])
        bar = figures.zero_axis(top, kind.quantity.units, x=1.01, y=0.23, len=0.47)
        figure.update_layout(coloraxis2=bar)


def _mark(figure: go.Figure, data: Scores, name: str, span: tuple[int, int], *, line: int) -> None:
    """Dotted lines at the edges of a span of keys; its name in the first panel, a line lower for each."""
    colour = SPANS[line % len(SPANS)]
    left, right = span[0] - 0.5, span[1] - 0.5
    if right < data.keys[0] or left > data.keys[-1]:
        return
    for at in range(len(data.parts)):
        edges = {"x0": left, "x1": right, "y0": 0, "y1": 1, "yref": "y domain"}
        line_of_dots = {"color": colour, "dash": "dot", "width": 1}
        figure.add_shape(type="rect", **edges, line=line_of_dots, row=at // 2 + 1, col=at % 2 + 1)
    # The name stands on the side where there is more room.
    in_right_half = span[1] + span[0] > data.keys[0] + data.keys[-1]
    figure.add_annotation(
        text=escape(name),
        x=left if in_right_half else right,
        xanchor="right" if in_right_half else "left",
        y=1,
        yref="y domain",
        yanchor="top",
        yshift=-13 * line,
        showarrow=False,
        font={"color": colour, "size": 11},
        row=1,
        col=1,
    )
