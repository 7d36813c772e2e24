"""How long each head remembers: half-lives, and what is left along the tokens."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from sisa_viz.look import figures
from sisa_viz.look.colours import CLAMPED, INK, faint, layer_colour
from sisa_viz.look.labels import log_ticks, of_model
from sisa_viz.look.text import escape, token_axis
from sisa_viz.trace.axes import DERIVED, HEADS, axis_label, head_name, label
from sisa_viz.trace.check import check_trace
from sisa_viz.trace.numbers import check_position

MOST_NAMES = (
    24  # heads that the axis names and that have a curve; of more, the first and the median of a layer
)
GONE = 0.01  # retention below which curves of layers are not followed
MOST_POINTS = 256  # of one retention curve; a longer one is thinned evenly, its ends and the clamp kept


@dataclass(frozen=True)
class Decay:
    """Hold what plot_decay draws.

    Attributes:
        heads: A row a head: layer, head, name, half_life in tokens, clamped (how many positions) and
            clamp_start (the first of them, NaN where the clamp never acts).
        retention: A row a head and position: layer, head, name, position, retention, clamped; in order of
            position.
        tokens: Every token of the sequence.
        origin: The position whose retention is followed.
        labels: Axis labels of position, head, half_life and retention.
    """

    heads: pd.DataFrame
    retention: pd.DataFrame
    tokens: list[str]
    origin: int
    labels: dict[str, str]


def prepare_decay(trace: xr.Dataset, *, origin: int = 0) -> Decay:
    """Compute the half-life of every head and what is left of the token at `origin` further on.

    Retention is exp(ĝ_t − ĝ_origin), with ĝ the cumulative log decay as the score sees it; the half-life is
    the number of tokens after which it falls to one half at the head's mean decay. Long curves are thinned to
    256 points, of which the place where the clamp begins is always one.

    Args:
        trace: A trace of a model that has decay.
        origin: A position; negative numbers count from the end.

    Returns:
        Half-lives, retention curves and their labels.

    Raises:
        ValueError: For a trace without decay, or an origin outside it.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> data = prepare_decay(example_trace())
        >>> [f"{name} {tokens:.1f}" for name, tokens in zip(data.heads["name"], data.heads["half_life"])]
        ['L0H0 13.9', 'L0H1 6.9', 'L1H0 4.6', 'L1H1 3.5']
    """
    access = check_trace(trace).sisa
    half_life, retention, clamped = access.half_life(), access.retention(origin=origin), trace["clamped"]
    start = xr.where(clamped.any("position"), clamped.argmax("position"), np.nan)
    heads = _tidy(xr.Dataset({"half_life": half_life, "clamped": access.clamp_count(), "clamp_start": start}))
    length = trace.sizes["position"]
    first = check_position(origin, length, name="origin")
    kept = np.unique(np.linspace(first, length - 1, MOST_POINTS).astype(int))
    edges = heads["clamp_start"].dropna().astype(int)
    kept = np.union1d(kept, edges[edges >= kept[0]])
    curves = xr.Dataset({"retention": retention, "clamped": clamped}).isel(position=kept)
    labels = {"half_life": label(half_life), "retention": label(retention)} | {
        axis: axis_label(axis) for axis in ("position", "head")
    }
    return Decay(heads, _tidy(curves), trace["token"].values.tolist(), int(kept[0]), labels)


def _tidy(data: xr.Dataset) -> pd.DataFrame:
    frame = data.drop_vars(["token", "token_id"], errors="ignore").to_dataframe().reset_index()
    frame = frame.sort_values(list(HEADS), kind="stable", ignore_index=True)
    frame["name"] = [
        head_name(layer, head) for layer, head in zip(frame["layer"], frame["head"], strict=True)
    ]
    return frame


def named_heads(data: Decay) -> pd.DataFrame:
    """Return the rows of the heads that the axis names.

    These are all heads, or the first of each layer where there are more than 24, as more would overlap.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> named_heads(prepare_decay(example_trace()))["name"].tolist()
        ['L0H0', 'L0H1', 'L1H0', 'L1H1']
    """
    return data.heads if len(data.heads) <= MOST_NAMES else data.heads.groupby("layer").head(1)


def half_life_ticks(data: Decay) -> list[float]:
    """Return the ticks of the half-life axis, around all half-lives and the length of the sequence.

    The length counts because it is drawn as a line; an infinite half-life has no place on the axis.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> half_life_ticks(prepare_decay(example_trace()))
        [2.0, 5.0, 10.0, 20.0]
    """
    return log_ticks(data.heads["half_life"].to_numpy(), np.array([len(data.tokens)]))


def plot_decay(trace: xr.Dataset, *, origin: int = 0) -> go.Figure:
    """Draw the half-life of every head, and below it what each head retains along the tokens.

    Half-lives stand on a logarithmic scale, retention exp(ĝ_t − ĝ_origin) is between 0 and 1; colours are the
    layers'. Each head has its curve, and a cross marks where the clamp begins to act: from there on decay is
    lost and the curve stays flat (dotted). Of more than 24 heads there is the median head of each layer with
    the middle half as a band, as far as any is above 0.01. A dashed line marks the length of the sequence. A
    head that never decays has an infinite half-life, and so no point.

    Args:
        trace: A trace of a model that has decay.
        origin: The position whose retention is followed; 0 is the first token.

    Returns:
        The figure.

    Raises:
        ValueError: For a trace without decay, or an origin outside it.

    Example:
        >>> import sisa_viz
        >>> from sisa_viz.examples import example_trace
        >>> figure = sisa_viz.plot_decay(example_trace())
        >>> figure.layout.title.subtitle.text
        'the clamp never acts · retention since position 0'
    """
    data = prepare_decay(trace, origin=origin)
    titles = [DERIVED[name].long_name for name in ("half_life", "retention")]
    figure = figures.panels(titles, columns=1, height=720, vertical_spacing=0.17, row_heights=[0.42, 0.58])
    for _, heads in data.heads.groupby("layer"):
        figure.add_trace(_points(heads), row=1, col=1)
    layers = layer_retention(data) if len(data.heads) > MOST_NAMES else None
    drawn = _curves(data.retention) if layers is None else _layer_curves(layers)
    figure.add_traces(drawn, rows=2, cols=1)
    figure.add_trace(_length(data), row=1, col=1)
    _axes(figure, data)
    of = ""
    if layers is not None:
        figure.update_xaxes(range=[data.origin, layers["position"].max()], row=2)
        of = ": median head of a layer, band: the middle half"
    subtitle = f"{_clamp_words(data)} · retention since position {data.origin}{of}"
    figures.entitle(figure, of_model("Decay of every head", trace.sisa.config), subtitle)
    return figure


def layer_retention(data: Decay) -> pd.DataFrame:
    """Summarise the retention of the heads of each layer, from the origin to where all have forgotten it.

    Returns:
        A row a layer and position: layer, position, low, median and high (quartiles).

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> layer_retention(prepare_decay(example_trace())).groupby("layer")["median"].first().tolist()
        [1.0, 1.0]
    """
    found = data.retention.groupby(["layer", "position"])["retention"]
    table = found.quantile(np.array([0.25, 0.5, 0.75])).unstack()
    table = table.set_axis(["low", "median", "high"], axis=1).reset_index()
    last = table.loc[table["high"] > GONE, "position"].max()
    return table.loc[table["position"] <= last]


def _layer_curves(layers: pd.DataFrame) -> list[go.Scatter]:
    """Draw the median head of each layer over the band of their middle half."""
    curves = []
    for key, rows in layers.groupby("layer"):
        layer = int(str(key))
        x, group = rows["position"].to_numpy(), str(layer)
        colour = faint(layer_colour(layer), 0.12)
        band = figures.band(x, rows["low"], rows["high"], colour=colour, group=group)
        line = go.Scatter(
            x=x,
            y=rows["median"].to_numpy(),
            mode="lines",
            line={"color": layer_colour(layer), "width": 2},
            hovertemplate=f"<b>layer {layer}, median head</b><br>position %{{x}}"
            "<br>retention: %{y:.4g}<extra></extra>",
            legendgroup=group,
            showlegend=False,
        )
        curves += [band, line]
    return curves


def _curves(retention: pd.DataFrame) -> list[go.Scatter]:
    """Draw every head."""
    return [line for _, curve in retention.groupby(list(HEADS)) for line in _curve(curve)]


def _clamp_words(data: Decay) -> str:
    clamped = data.heads["clamped"].to_numpy()
    if not clamped.any():
        return "the clamp never acts"
    return f"clamp acts at {clamped.sum()} positions in {(clamped > 0).sum()} heads (×)"


def _points(heads: pd.DataFrame) -> go.Scatter:
    layer = int(heads["layer"].iloc[0])
    return go.Scatter(
        x=heads.index.to_numpy(),
        y=heads["half_life"].to_numpy(),
        mode="markers",
        name=f"layer {layer}",
        legendgroup=str(layer),
        marker={"color": layer_colour(layer), "size": 9},
        customdata=figures.cells(heads["name"], heads["clamped"]),
        hovertemplate="<b>%{customdata[0]}</b><br>half-life: %{y:.4g} tokens"
        "<br>clamped positions: %{customdata[1]}<extra></extra>",
    )


def _length(data: Decay) -> go.Scatter:
    ends = [-0.5, len(data.heads) - 0.5]  # a line drawn as a shape would stretch the logarithmic axis
    return go.Scatter(
        x=ends,
        y=[len(data.tokens)] * 2,
        mode="lines",
        name="length of the sequence",
        hoverinfo="skip",
        line={"dash": "dash", "color": INK, "width": 1},
    )


def _curve(curve: pd.DataFrame) -> list[go.Scatter]:
    """Draw the free part of one retention curve and, where the clamp acts, the flat part after its cross."""
    x, y = curve["position"].to_numpy(), curve["retention"].to_numpy()
    clamped = curve["clamped"].to_numpy()
    line = {"color": layer_colour(int(curve["layer"].iloc[0])), "width": 1.4}
    names = np.array(curve["name"], dtype=object)
    hover = "<b>%{customdata}</b><br>position %{x}<br>retention: %{y:.4g}"
    common = {"x": x, "legendgroup": str(curve["layer"].iloc[0]), "showlegend": False, "customdata": names}
    free = np.where(clamped, np.nan, y)
    lines = [go.Scatter(y=free, mode="lines", line=line, hovertemplate=hover + "<extra></extra>", **common)]
    if clamped.any():
        size = np.where(np.arange(len(x)) == clamped.argmax(), 9, 0)
        flat = go.Scatter(
            y=np.where(clamped, y, np.nan),
            mode="lines+markers",
            line=line | {"dash": "dot"},
            marker={"symbol": "x-thin", "size": size, "line": {"color": CLAMPED, "width": 2}},
            hovertemplate=hover + "<br>the clamp acts here<extra></extra>",
            **common,
        )
        lines.append(flat)
    return lines


def _axes(figure: go.Figure, data: Decay) -> None:
    named = named_heads(data)
    figure.update_xaxes(
        title=escape(data.labels["head"]),
        tickmode="array",
        tickvals=named.index.tolist(),
        ticktext=named["name"].tolist(),
        tickangle=-45,
        row=1,
    )
    figure.update_yaxes(
        title=escape(data.labels["half_life"]), type="log", tickvals=half_life_ticks(data), row=1
    )
    figure.update_xaxes(
        token_axis(range(len(data.tokens)), data.tokens, most=24),
        title=escape(data.labels["position"]),
        tickangle=-45,
        row=2,
    )
    figure.update_yaxes(title=escape(data.labels["retention"]), range=[-0.05, 1.05], row=2)
    figure.update_layout(legend={"orientation": "h", "y": -0.16, "yanchor": "top"}, margin={"b": 110})
