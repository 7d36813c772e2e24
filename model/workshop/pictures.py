"""Figures of the workshop's notebooks: one head's map with its numbers, λ as a dial, and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import torch
from jaxtyping import Float

from data.refusal import refusal
from sisa_viz.look import figures
from sisa_viz.look.colours import GROUND, LAYERS, signed_limit
from sisa_viz.look.text import escape, token_axis, token_label
from sisa_viz.trace.axes import axis_label

CELL = 56  # pixels
FROM_ZERO = ("probability", "share")  # units that have no negative numbers


def token_map(
    values: Float[torch.Tensor, "query key"], *, tokens: Sequence[str], title: str, units: str
) -> go.Figure:
    """Return a map of one number a pair of tokens, written into its cells.

    Rows are queries, row 0 on top, columns keys. What is −∞ or NaN has no colour and no number: the grey
    ground shows.

    Args:
        values: numbers of every pair.
        tokens: the text, a string a token.
        title: what is shown.
        units: "nats", or "probability" or "share", whose colours start at zero.

    Raises:
        ValueError: there is not one row and one column a token.

    Example:
        >>> figure = token_map(torch.eye(2), tokens=["a", "b"], title="Scores", units="nats")
        >>> [list(row) for row in figure.data[0].text]
        [['1.00', '0.00'], ['0.00', '1.00']]
    """
    shape = tuple(values.shape)
    if shape != (len(tokens), len(tokens)):
        legal = f"({len(tokens)}, {len(tokens)}), a row and a column a token"
        raise refusal("shape of values", shape, legal=legal, step="Give the map of one head.")
    numbers = values.detach().double()
    numbers = torch.where(numbers.isfinite(), numbers, torch.nan).numpy()
    words = [["" if number != number else f"{number:.2f}" for number in row] for row in numbers]
    figure = figures.panels([""], columns=1, height=150 + CELL * len(tokens))
    hover = f"query %{{y}}<br>key %{{x}}<br>%{{z:.4g}} {escape(units)}<extra></extra>"
    figure.add_trace(
        go.Heatmap(
            z=numbers,
            text=words,
            texttemplate="%{text}",
            coloraxis="coloraxis",
            xgap=1,
            ygap=1,
            hoverongaps=False,
            hovertemplate=hover,
        )
    )
    axis = figures.zero_axis(1.0, units) if units in FROM_ZERO else None
    figure.update_layout(coloraxis=axis or figures.signed_axis(signed_limit(numbers), units))
    _token_axes(figure, tokens)
    figures.entitle(figure, title, "")
    return figure


def _token_axes(figure: go.Figure, tokens: Sequence[str]) -> None:
    """Name rows and columns by their tokens, cells square, row 0 on top."""
    bare = {"showgrid": False, "zeroline": False, "constrain": "domain"}
    ticks = token_axis(range(len(tokens)), tokens) | bare
    figure.update_xaxes(ticks, title=axis_label("key"))
    figure.update_yaxes(ticks, title=axis_label("query"), autorange="reversed", scaleanchor="x")
    figure.update_layout(plot_bgcolor=GROUND)


def lam_dial(weights: Mapping[float, Float[torch.Tensor, " key"]], *, tokens: Sequence[str]) -> go.Figure:
    """Return bars of what one query gives each key, with a slider that turns λ; it needs no kernel.

    Args:
        weights: by λ, the row of a pattern.
        tokens: the keys.

    Raises:
        ValueError: there is no λ.

    Example:
        >>> rows = {0.0: torch.tensor([0.5, 0.5]), 1.0: torch.tensor([0.9, 0.1])}
        >>> figure = lam_dial(rows, tokens=["a", "b"])
        >>> [step.label for step in figure.layout.sliders[0].steps]
        ['0', '1']
    """
    if not weights:
        raise refusal("weights", "{}", legal="one row a λ", step="Compute the pattern at some λ.")
    rows = {f"{lam:g}": row.detach().double().tolist() for lam, row in weights.items()}
    names = [f"{at} {token_label(token)}" for at, token in enumerate(tokens)]
    figure = figures.panels([""], columns=1, height=420)
    hover = "%{x}<br>%{y:.4g}<extra></extra>"
    first = next(iter(rows.values()))
    figure.add_trace(
        go.Bar(x=names, y=first, marker={"color": LAYERS[0]}, texttemplate="%{y:.2f}", hovertemplate=hover)
    )
    steps = [{"label": lam, "method": "restyle", "args": [{"y": [row]}]} for lam, row in rows.items()]
    slider = {"steps": steps, "currentvalue": {"prefix": "λ = "}, "pad": {"t": 60}}
    figure.update_xaxes(title=axis_label("key"), type="category")
    figure.update_yaxes(title="weight (probability)", range=[0, 1])
    figure.update_layout(sliders=[slider], margin={"b": 120})
    figures.entitle(figure, "What the last token looks at", "softmax of content + λ · product; turn λ below")
    return figure


def curves(
    values: Mapping[str, Float[torch.Tensor, " position"]], *, title: str, x: str, y: str
) -> go.Figure:
    """Return a line for each of some quantities over positions or distances, named in a legend.

    Args:
        values: by name, a number a position, from position 0 on. Infinities and NaN are gaps.
        title: what is shown.
        x: what the positions are, with its unit.
        y: what the numbers are, with their unit.

    Example:
        >>> figure = curves({"α = 0.5": 0.5 ** torch.arange(3)}, title="Left", x="tokens", y="share")
        >>> figure.data[0].name, figure.data[0].y.tolist()
        ('α = 0.5', [1.0, 0.5, 0.25])
    """
    figure = figures.panels([""], columns=1, height=420)
    for at, (name, numbers) in enumerate(values.items()):
        line = numbers.detach().double()
        figure.add_trace(
            go.Scatter(
                y=torch.where(line.isfinite(), line, torch.nan).numpy(),
                name=escape(name),
                mode="lines",
                line={"color": LAYERS[at % len(LAYERS)], "width": 2},
                hovertemplate=f"<b>{escape(name)}</b><br>%{{x}}: %{{y:.4g}}<extra></extra>",
            )
        )
    figure.update_xaxes(title=escape(x))
    figure.update_yaxes(title=escape(y))
    figure.update_layout(showlegend=True, legend={"x": 1.01, "y": 1})
    figures.entitle(figure, title, "")
    return figure
