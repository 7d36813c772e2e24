"""How λ and half-life grow in training, by layer: the median head and the middle half of the heads."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.results.head_table import INITIAL_LAM
from data.results.tables import check_table
from sisa_viz.look import figures
from sisa_viz.look.colours import INK, faint, layer_colour
from sisa_viz.look.labels import column_label, log_ticks
from sisa_viz.look.text import escape
from sisa_viz.trace.axes import HEADS

GROWTH_PANELS = ("lam", "half_life")


def prepare_atlas_growth(heads: pd.DataFrame) -> pd.DataFrame:
    """Summarise λ and half-life over the heads of each layer at each step.

    Several runs of one variant are pooled: 12 runs of 6 heads a layer are 72 heads. Rows without λ, as of
    layers that have none, are left out.

    Args:
        heads: A row a head and step: step, layer, head, lam and half_life, as `sisa_viz.read_heads` and
            `data.measured.heads` have them.

    Returns:
        The columns panel ("lam" or "half_life"), layer, step, median, low and high (quartiles), heads.

    Raises:
        ValueError: For missing columns, for several variants, or where no head has λ.

    Example:
        >>> row = {"step": 50, "layer": 0, "half_life": 8.0}
        >>> heads = pd.DataFrame([row | {"head": head, "lam": head / 4} for head in range(5)])
        >>> growth = prepare_atlas_growth(heads)
        >>> growth.loc[growth["panel"] == "lam", ["median", "low", "high"]].values.tolist()
        [[0.5, 0.25, 0.75]]
    """
    rows = check_table(heads, ("step", *HEADS, *GROWTH_PANELS), what="the table of heads")
    rows = rows.dropna(subset=["lam"])
    if rows.empty:
        raise ValueError("no head of this table has λ; legal: runs of SISA")
    for name in ("variant", "architecture"):
        kinds = sorted(map(str, rows[name].unique())) if name in rows else []
        if len(kinds) > 1:
            raise ValueError(f"the table holds {len(kinds)} of {name}: {kinds}; legal: one, to pool its runs")
    long = rows.melt(id_vars=["layer", "step"], value_vars=list(GROWTH_PANELS), var_name="panel")
    found = long.groupby(["panel", "layer", "step"])["value"]
    table = found.quantile(np.array([0.25, 0.5, 0.75])).unstack()
    named = table.set_axis(["low", "median", "high"], axis=1).assign(heads=found.count())
    return named.reset_index().loc[:, ["panel", "layer", "step", "median", "low", "high", "heads"]]


def growth_words(growth: pd.DataFrame) -> str:
    """Say what the lines and bands are made of.

    Args:
        growth: Of `prepare_atlas_growth`.

    Example:
        >>> row = {"step": 50, "layer": 0, "half_life": 8.0}
        >>> heads = pd.DataFrame([row | {"head": head, "lam": head / 4} for head in range(5)])
        >>> growth_words(prepare_atlas_growth(heads))
        'line: median of the 5 heads of a layer, all runs together · band: the middle half of them'
    """
    return (
        f"line: median of the {max(growth['heads'].tolist())} heads of a layer, all runs together · "
        "band: the middle half of them"
    )


def plot_atlas_growth(heads: pd.DataFrame) -> go.Figure:
    """Draw λ and half-life over training, a line and a band for each layer.

    The dashed line is 0.313, where λ starts. Half-lives start near 103 tokens and stand on a logarithmic
    scale.

    Args:
        heads: A row a head and step: step, layer, head, lam and half_life; one variant.

    Returns:
        The figure.

    Raises:
        ValueError: For missing columns, for several variants, or where no head has λ.

    Example:
        >>> import sisa_viz
        >>> rows = [{"step": step, "layer": 0, "head": 0, "lam": 0.3, "half_life": 8.0} for step in (0, 50)]
        >>> [line.name for line in sisa_viz.plot_atlas_growth(pd.DataFrame(rows)).data if line.showlegend]
        ['layer 0']
    """
    growth = prepare_atlas_growth(heads)
    figure = figures.panels(["", ""], columns=2, height=460, horizontal_spacing=0.1)
    steps = growth["step"].tolist()
    ends = [min(steps), max(steps)]
    for column, panel in enumerate(GROWTH_PANELS, start=1):
        of_panel = growth.loc[growth["panel"] == panel]
        curves = [(int(str(layer)), curve) for layer, curve in of_panel.groupby("layer")]
        figure.add_traces([_band(layer, curve) for layer, curve in curves], rows=1, cols=column)
        figure.add_traces(
            [_line(layer, curve).update(showlegend=column == 1) for layer, curve in curves],
            rows=1,
            cols=column,
        )
        figure.update_yaxes(title=escape(column_label(panel)), col=column)
    figure.add_trace(_start(ends), row=1, col=1)
    figure.update_xaxes(title=escape(column_label("step")), range=ends if ends[0] < ends[1] else None)
    ticks = log_ticks(growth.loc[growth["panel"] == "half_life", ["low", "high"]].to_numpy().ravel())
    figure.update_yaxes(type="log", tickvals=ticks, col=2)
    figure.update_layout(legend={"orientation": "h", "y": -0.2, "yanchor": "top"}, margin={"b": 90})
    figures.entitle(figure, "λ and half-life over training, by layer", growth_words(growth))
    return figure


def _band(layer: int, curve: pd.DataFrame) -> go.Scatter:
    colour = faint(layer_colour(layer), 0.12)
    return figures.band(curve["step"], curve["low"], curve["high"], colour=colour, group=str(layer))


def _line(layer: int, curve: pd.DataFrame) -> go.Scatter:
    low, high = figures.short(curve["low"].to_numpy()), figures.short(curve["high"].to_numpy())
    return go.Scatter(
        x=curve["step"].to_numpy(),
        y=curve["median"].to_numpy(),
        mode="lines",
        name=f"layer {layer}",
        legendgroup=str(layer),
        line={"color": layer_colour(layer), "width": 2},
        customdata=figures.cells([f"layer {layer}"] * len(curve), low, high, curve["heads"]),
        hovertemplate="<b>%{customdata[0]}</b>, step %{x}<br>median of %{customdata[3]} heads: %{y:.4g}"
        "<br>middle half: %{customdata[1]} to %{customdata[2]}<extra></extra>",
    )


def _start(ends: list[float]) -> go.Scatter:
    return go.Scatter(
        x=ends,
        y=[INITIAL_LAM] * 2,
        mode="lines",
        showlegend=False,
        hoverinfo="skip",
        line={"color": INK, "dash": "dash", "width": 1},
    )
