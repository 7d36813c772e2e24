"""How long each head remembers: half-lives, and what is left along the tokens."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from data.results.tables import Frame
from sisa_viz.look import figures
from sisa_viz.look.colours import CLAMPED, INK, layer_colour
from sisa_viz.look.text import escape, token_axis
from sisa_viz.trace.axes import DERIVED, HEADS, axis_label, head_name, label, log_ticks
from sisa_viz.trace.check import check_trace

MOST_NAMES = 24  # heads that the axis names; of more, the first of each layer
MOST_POINTS = 256  # of one retention curve; a longer one is thinned evenly, its ends and the clamp kept


@dataclass(frozen=True)
class Decay:
    """Plain data of plot_decay. `heads`: layer, head, name, half_life, clamped, clamp_start (NaN: never).

    `retention`: layer, head, name, position, retention, clamped; rows in order of position.
    """

    heads: Frame
    retention: Frame
    tokens: list[str]
    origin: int
    labels: dict[str, str]


def prepare_decay(trace: xr.Dataset, *, origin: int = 0) -> Decay:
    """Half-life of every head in tokens, and what is left of the token at `origin` at each later one."""
    access = check_trace(trace).sisa
    half_life, retention, clamped = access.half_life(), access.retention(origin=origin), trace["clamped"]
    start = xr.where(clamped.any("position"), clamped.argmax("position"), np.nan)
    heads = _tidy(xr.Dataset({"half_life": half_life, "clamped": access.clamp_count(), "clamp_start": start}))
    kept = np.unique(
        np.linspace(origin % trace.sizes["position"], trace.sizes["position"] - 1, MOST_POINTS).astype(int)
    )
    edges = heads["clamp_start"].dropna().astype(int)
    kept = np.union1d(kept, edges[edges >= kept[0]])
    curves = xr.Dataset({"retention": retention, "clamped": clamped}).isel(position=kept)
    labels = {"half_life": label(half_life), "retention": label(retention)} | {
        axis: axis_label(axis) for axis in ("position", "head")
    }
    return Decay(heads, _tidy(curves), trace["token"].values.tolist(), int(kept[0]), labels)


def _tidy(data: xr.Dataset) -> Frame:
    frame = data.drop_vars(["token", "token_id"], errors="ignore").to_dataframe().reset_index()
    frame = frame.sort_values(list(HEADS), kind="stable", ignore_index=True)
    frame["name"] = [
        head_name(layer, head) for layer, head in zip(frame["layer"], frame["head"], strict=True)
    ]
    return frame


def named_heads(data: Decay) -> Frame:
    """The heads that get a tick: all, or the first of each layer where there are more than 24."""
    return data.heads if len(data.heads) <= MOST_NAMES else data.heads.groupby("layer").head(1)


def half_life_ticks(data: Decay) -> list[float]:
    return log_ticks(data.heads["half_life"].to_numpy(), np.array([len(data.tokens)]))


def plot_decay(trace: xr.Dataset, *, origin: int = 0) -> go.Figure:
    """Half-life of every head (log scale) over retention exp(ĝ_t − ĝ_origin) along the tokens, by layer.

    Crosses mark where the clamp begins to act: from there decay is lost and the curve stays flat (dotted). A
    dashed line marks the length of the sequence. Heads that never decay have an infinite half-life and no
    point. Returns the figure.
    """
    data = prepare_decay(trace, origin=origin)
    titles = [DERIVED[name].long_name for name in ("half_life", "retention")]
    figure = figures.panels(titles, columns=1, height=720, vertical_spacing=0.17, row_heights=[0.42, 0.58])
    for layer, heads in data.heads.groupby("layer"):
        figure.add_trace(_points(int(layer), heads), row=1, col=1)
    for (layer, _), curve in data.retention.groupby(list(HEADS)):
        for trace_ in _curve(int(layer), curve):
            figure.add_trace(trace_, row=2, col=1)
    figure.add_trace(_length(data), row=1, col=1)
    _axes(figure, data)
    total = int(data.heads["clamped"].sum())
    clamp = (
        "the clamp never acts"
        if not total
        else f"clamp acts at {total} positions in {int((data.heads['clamped'] > 0).sum())} heads (×)"
    )
    figures.entitle(figure, "Decay of every head", f"{clamp} · retention since position {data.origin}")
    return figure


def _points(layer: int, heads: Frame) -> go.Scatter:
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


def _curve(layer: int, curve: Frame) -> list[go.Scatter]:
    """The free part of one retention curve and, where the clamp acts, a flat part that a cross begins."""
    common = {
        "legendgroup": str(layer),
        "showlegend": False,
        "customdata": np.array(curve["name"], dtype=object),
    }
    hover = "<b>%{customdata}</b><br>position %{x}<br>retention: %{y:.4g}"
    x, y, clamped = (curve[name].to_numpy() for name in ("position", "retention", "clamped"))
    line = {"color": layer_colour(layer), "width": 1.4}
    traces = [
        go.Scatter(
            x=x,
            y=np.where(clamped, np.nan, y),
            mode="lines",
            line=line,
            hovertemplate=hover + "<extra></extra>",
            **common,
        )
    ]
    if clamped.any():
        size = np.where(np.arange(len(x)) == clamped.argmax(), 9, 0)
        marker = {"symbol": "x-thin", "size": size, "line": {"color": CLAMPED, "width": 2}}
        traces.append(
            go.Scatter(
                x=x,
                y=np.where(clamped, y, np.nan),
                mode="lines+markers",
                line=line | {"dash": "dot"},
                marker=marker,
                hovertemplate=hover + "<br>the clamp acts here<extra></extra>",
                **common,
            )
        )
    return traces


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
        title=escape(data.labels["position"]),
        **token_axis(range(len(data.tokens)), data.tokens, most=24),
        tickangle=-45,
        row=2,
    )
    figure.update_yaxes(title=escape(data.labels["retention"]), range=[-0.05, 1.05], row=2)
