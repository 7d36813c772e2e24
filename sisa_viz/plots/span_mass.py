"""Where importance moves attention: the mass one query puts on a span, with λ and without."""

from collections.abc import Sequence

import plotly.graph_objects as go
import xarray as xr

from sisa_viz.look import figures
from sisa_viz.look.colours import signed_limit, top_limit
from sisa_viz.look.labels import compact_cells, of_model
from sisa_viz.trace.axes import label
from sisa_viz.trace.check import check_span, check_trace
from sisa_viz.trace.numbers import check_position

LEAST_LIMIT = 0.1  # probability; maps of smaller masses and differences stay pale
NUMBERS = 9  # pixels, so that eight heads' fit beside each other in three panels
SPAN_MASS_PANELS = {"with_lam": "with λ", "without_lam": "λ = 0", "difference": "difference"}


def prepare_span_mass(
    trace: xr.Dataset, *, span: str | Sequence[int] = "needle", query: int = -1
) -> xr.Dataset:
    """Compute the attention mass of one query on a span, with the trained λ and with λ = 0.

    The mass of a head is Σ_j pattern_ij over the keys j of the span. In a mixer without softmax it is the
    span's share of the absolute weights.

    Args:
        trace: A trace of any mixer.
        span: The name of a span of the trace, or half-open (start, stop) in positions.
        query: The position i that looks; negative numbers count from the end.

    Returns:
        The maps with_lam, without_lam and difference over (layer, head), probabilities; the attributes start,
        stop and query say where.

    Raises:
        ValueError: For a span or query that the trace does not have.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> data = prepare_span_mass(example_trace())
        >>> data["difference"].dims, data.attrs
        (('layer', 'head'), {'start': 3, 'stop': 4, 'query': 7})
    """
    access = check_trace(trace).sisa
    with_lam = access.span_mass(span=span, query=query)
    without = access.span_mass(span=span, query=query, lam_scale=0.0)
    difference = (with_lam - without).assign_attrs(with_lam.attrs)
    length = trace.sizes["position"]
    start, stop = check_span(access.spans[span] if isinstance(span, str) else span, length)
    where = {"start": start, "stop": stop, "query": check_position(query, length)}
    return xr.Dataset({"with_lam": with_lam, "without_lam": without, "difference": difference}, attrs=where)


def mass_limits(data: xr.Dataset) -> tuple[float, float]:
    """Return where the colours of the masses and those of the difference saturate.

    Args:
        data: Of `prepare_span_mass`.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> [round(limit, 2) for limit in mass_limits(prepare_span_mass(example_trace()))]
        [0.12, 0.1]
    """
    mass = top_limit(data["with_lam"].values, data["without_lam"].values)
    return max(mass, LEAST_LIMIT), max(signed_limit(data["difference"].values), LEAST_LIMIT)


def span_words(data: xr.Dataset) -> str:
    """Say which query looks at which positions, and what λ = 0 leaves out.

    Args:
        data: Of `prepare_span_mass`.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> span_words(prepare_span_mass(example_trace())).split(" · ")[0]
        'query 7 on positions 3 to 3'
    """
    where = f"query {data.attrs['query']} on positions {data.attrs['start']} to {data.attrs['stop'] - 1}"
    return f"{where} · λ = 0 is exact within each layer, later layers are not run again"


def plot_span_mass(trace: xr.Dataset, *, span: str | Sequence[int] = "needle", query: int = -1) -> go.Figure:
    """Draw the mass that one query puts on a span, head by head: with λ, with λ = 0, and the difference.

    The first two maps share a scale from 0, the difference has a symmetric one. Setting λ to 0 is exact
    within each layer; later layers are not run again on what the earlier ones would have given.

    Args:
        trace: A trace of any mixer.
        span: The name of a span of the trace, or half-open (start, stop) in positions.
        query: The position that looks; negative numbers count from the end.

    Returns:
        The figure.

    Raises:
        ValueError: For a span or query that the trace does not have.

    Example:
        >>> import sisa_viz
        >>> from sisa_viz.examples import example_trace
        >>> sisa_viz.plot_span_mass(example_trace()).layout.title.text
        'Attention mass on the needle'
    """
    data = prepare_span_mass(trace, span=span, query=query)
    height = figures.HEADER + 130 + 30 * min(max(data.sizes["layer"], 4), 16)
    figure = figures.panels(
        list(SPAN_MASS_PANELS.values()), columns=3, height=height, horizontal_spacing=0.05
    )
    hover = {words: data[name] for name, words in SPAN_MASS_PANELS.items()}
    for at, name in enumerate(SPAN_MASS_PANELS):
        axis = "coloraxis2" if name == "difference" else "coloraxis"
        words = compact_cells(data[name], 2)
        cells = figures.head_map(data[name], coloraxis=axis, hover=hover, words=words, size=NUMBERS)
        figure.add_trace(cells, row=1, col=at + 1)
    figures.head_axes(figure, data["with_lam"])
    figures.link(figure)
    figure.update_yaxes(title=None, showticklabels=False, col=2)
    figure.update_yaxes(title=None, showticklabels=False, col=3)
    mass, moved = mass_limits(data)
    figure.update_layout(
        margin={"r": 170},
        coloraxis=figures.zero_axis(mass, label(data["with_lam"]), x=1.02),
        coloraxis2=figures.signed_axis(moved, f"moved by λ ({data['with_lam'].attrs['units']})", x=1.13),
    )
    name = span if isinstance(span, str) else "span"
    figures.entitle(figure, of_model(f"Attention mass on the {name}", trace.sisa.config), span_words(data))
    return figure
