"""Where importance moves attention: the mass one query puts on a span, with λ and without."""

from collections.abc import Sequence

import plotly.graph_objects as go
import xarray as xr

from sisa_viz.look import figures
from sisa_viz.look.colours import signed_limit, top_limit
from sisa_viz.trace.axes import label
from sisa_viz.trace.check import check_trace

SPAN_MASS_PANELS = {"with_lam": "with λ", "without_lam": "λ = 0", "difference": "difference"}


def prepare_span_mass(
    trace: xr.Dataset, *, span: str | Sequence[int] = "needle", query: int = -1
) -> xr.Dataset:
    """Attention mass (layer, head) of one query on a span: with_lam, without_lam, difference; probability.

    In mixers without softmax: the share of the absolute weights (`trace.sisa.span_mass`).
    """
    access = check_trace(trace).sisa
    with_lam = access.span_mass(span=span, query=query)
    without = access.span_mass(span=span, query=query, lam_scale=0.0)
    difference = (with_lam - without).assign_attrs(with_lam.attrs)
    start, stop = access.spans[span] if isinstance(span, str) else span
    where = {"start": int(start), "stop": int(stop), "query": query % trace.sizes["position"]}
    return xr.Dataset({"with_lam": with_lam, "without_lam": without, "difference": difference}, attrs=where)


def plot_span_mass(trace: xr.Dataset, *, span: str | Sequence[int] = "needle", query: int = -1) -> go.Figure:
    """Three maps over layer × head: mass on the span with the trained λ, with λ = 0, and the difference.

    λ = 0 is exact within each layer; later layers are not run again. Returns the figure.
    """
    data = prepare_span_mass(trace, span=span, query=query)
    height = figures.HEADER + 130 + 30 * min(max(data.sizes["layer"], 4), 16)
    figure = figures.panels(
        list(SPAN_MASS_PANELS.values()), columns=3, height=height, horizontal_spacing=0.05
    )
    hover = {words: data[name] for name, words in SPAN_MASS_PANELS.items()}
    for at, name in enumerate(SPAN_MASS_PANELS):
        axis = "coloraxis2" if name == "difference" else "coloraxis"
        figure.add_trace(figures.head_map(data[name], coloraxis=axis, hover=hover), row=1, col=at + 1)
    figures.head_axes(figure, data["with_lam"])
    figures.link(figure)
    figure.update_yaxes(title=None, showticklabels=False, col=2)
    figure.update_yaxes(title=None, showticklabels=False, col=3)
    mass, moved = (
        top_limit(data["with_lam"].values, data["without_lam"].values),
        signed_limit(data["difference"].values),
    )
    figure.update_layout(
        margin={"r": 170},
        coloraxis=figures.zero_axis(mass, label(data["with_lam"]), x=1.02),
        coloraxis2=figures.signed_axis(moved, f"moved by λ ({data['with_lam'].attrs['units']})", x=1.13),
    )
    name = span if isinstance(span, str) else "span"
    where = f"query {data.attrs['query']} on positions {data.attrs['start']} to {data.attrs['stop'] - 1}"
    figures.entitle(
        figure,
        f"Attention mass on the {name}",
        f"{where} · λ = 0 is exact within each layer, later layers are not run again",
    )
    return figure
