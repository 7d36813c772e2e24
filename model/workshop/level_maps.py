"""Five tokens on which three levels of fusion are computed by hand, and the figure that compares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import plotly.graph_objects as go
import torch
from jaxtyping import Float

from sisa_viz.look import figures
from sisa_viz.look.colours import FROM_ZERO, scale
from sisa_viz.look.text import escape

TOKENS = ("3", "or", "7", "no", "?")
NUMBERS = (0, 2)  # positions of "3" and "7"
LIKED = 4.0  # nats of content of a number, whoever looks
FADING = 0.3  # nats a token

Map = Float[torch.Tensor, "to of"]


class Example(NamedTuple):
    """Five tokens, the content of every pair (nats), and what fading alone leaves of each (0 to 1)."""

    tokens: tuple[str, ...]
    content: Map
    fading: Map


def five_tokens() -> Example:
    """Return five tokens whose content likes both numbers alike, and a state that fades with distance.

    Example:
        >>> example = five_tokens()
        >>> example.content[-1].tolist(), example.fading[-1].round(decimals=2).tolist()
        ([4.0, 0.0, 4.0, 0.0, 0.0], [0.3..., 0.4..., 0.5..., 0.7..., 1.0])
    """
    content = torch.zeros(len(TOKENS), len(TOKENS))
    content[:, list(NUMBERS)] = LIKED
    place = torch.arange(len(TOKENS))
    distance = place[:, None] - place
    return Example(TOKENS, content.tril(), torch.exp(-FADING * distance).tril())


def causal_softmax(scores: Map) -> Map:
    """Return the weights of a causal softmax: each row sums to 1 over itself and what came before.

    Args:
        scores: of every query and key, nats.

    Example:
        >>> causal_softmax(torch.zeros(2, 2)).tolist()
        [[1.0, 0.0], [0.5, 0.5]]
    """
    later = torch.ones(scores.shape).triu(1).bool()
    return scores.masked_fill(later, -torch.inf).softmax(dim=-1)


def plot_maps(maps: Mapping[str, Map], tokens: tuple[str, ...] = TOKENS) -> go.Figure:
    """Draw what each position has of each other one, a panel a map, all on one scale of colours.

    Args:
        maps: by the words that stand over each.
        tokens: of the text, the same of every map.

    Example:
        >>> figure = plot_maps({"block": torch.eye(5), "head": torch.eye(5)})
        >>> len(figure.data), figure.layout.yaxis.title.text
        (2, 'token that reads')
    """
    figure = figures.panels(list(maps), columns=len(maps), height=380, horizontal_spacing=0.06)
    names = [escape(token) for token in tokens]
    most = max(float(each.max()) for each in maps.values())
    for at, each in enumerate(maps.values()):
        hidden = torch.ones(each.shape).triu(1).bool()
        figure.add_trace(
            go.Heatmap(
                z=each.masked_fill(hidden, torch.nan).numpy(),
                zmin=0,
                zmax=most,
                colorscale=scale(FROM_ZERO),
                texttemplate="%{z:.2f}",
                showscale=at == len(maps) - 1,
                colorbar=figures.colourbar("weight", {"x": 1.02, "len": 1.0}),
                hovertemplate="%{y} has %{z:.3f} times %{x}<extra></extra>",
            ),
            row=1,
            col=at + 1,
        )
    places = list(range(len(tokens)))
    figure.update_xaxes(
        tickvals=places, ticktext=names, title="token that is read", showgrid=False, zeroline=False
    )
    figure.update_yaxes(tickvals=places, ticktext=names, autorange="reversed", showgrid=False, zeroline=False)
    figure.update_yaxes(title="token that reads", row=1, col=1)
    figures.entitle(figure, "What each position has of each other one", "its own vector included")
    return figure
