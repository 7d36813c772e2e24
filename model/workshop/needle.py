"""What part 4 asks of the shipped model: weights of every head, the answer's probabilities, and a table."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import torch
import xarray as xr
from jaxtyping import Float

from data import Episodes
from model.analysis.interventions.asked import asked_of
from model.analysis.interventions.effects import Change
from model.analysis.interventions.hooking import intervened, listed
from model.analysis.knockouts import knockouts
from model.analysis.needle_lens import needle_lens
from model.mixers.parts.hooks import at_least_float32
from model.network.network import SISAModel
from sisa_viz.look import figures
from sisa_viz.trace.axes import head_name

TERM_COLOURS = {"content": "#0072b2", "importance": "#e69f00"}
TERM_MARKS = {"content": "circle", "importance": "diamond"}
NAMED_FROM = 0.5  # nats lost, or share of attention, from which a head's name stands beside its mark


def patterns_of(trace: xr.Dataset) -> Float[torch.Tensor, "layer head query key"]:
    """Return the attention weights of every head of a trace; keys after the query have 0.

    Args:
        trace: of `model.capture`.

    Example:
        >>> from model import SISAConfig, capture
        >>> patterns = patterns_of(capture(SISAModel(SISAConfig.preset("tiny")), [5, 3, 5]))
        >>> tuple(patterns.shape), round(patterns[1, 2, 2].sum().item(), 4)
        ((2, 4, 3, 3), 1.0)
    """
    layers = [
        torch.stack([_pattern(trace, layer, head) for head in trace["head"].values.tolist()])
        for layer in trace["layer"].values.tolist()
    ]
    return torch.stack(layers)


def _pattern(trace: xr.Dataset, layer: int, head: int) -> Float[torch.Tensor, "query key"]:
    return torch.as_tensor(trace.sisa.pattern(layer=layer, head=head).values).nan_to_num(0.0)


def terms_of(
    trace: xr.Dataset, *, layer: int, head: int
) -> tuple[Float[torch.Tensor, "query key"], Float[torch.Tensor, "query key"]]:
    """Return content and importance of one head of a trace, in nats; keys after the query have 0.

    Args:
        trace: of `model.capture`.
        layer, head: which head.

    Example:
        >>> from model import SISAConfig, capture
        >>> trace = capture(SISAModel(SISAConfig.preset("tiny")), [5, 3])
        >>> content, importance = terms_of(trace, layer=0, head=1)
        >>> content.shape == importance.shape
        True
    """
    content = torch.as_tensor(trace.sisa.content(layer=layer, head=head).values)
    importance = torch.as_tensor(trace.sisa.importance(layer=layer, head=head).values)
    return content.nan_to_num(0.0), importance.nan_to_num(0.0)


@torch.no_grad()
def answer_probabilities(
    model: SISAModel, episodes: Episodes, change: Change = ()
) -> Float[torch.Tensor, "episode token"]:
    """Return the probability that a model gives each token of the answer, all before it being as in the text.

    Args:
        model: it is left as it came.
        episodes: of one length.
        change: what is changed meanwhile; nothing where left out.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(lengths=(16,), n_symbols=16, value_length=2)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> answer_probabilities(model, task.build(0, n_episodes=3)).shape
        torch.Size([3, 2])
    """
    parts = []
    for asked in asked_of(model, episodes):
        with intervened(model, listed(change)):
            logits = at_least_float32(model(asked.tokens))
        at = torch.arange(len(logits))[:, None]
        said = logits[at, asked.queries - model.config.n_meta].double().softmax(-1)
        parts.append(said.gather(-1, asked.answer[..., None])[..., 0])
    return torch.cat(parts)


def looking_and_needing(model: SISAModel, episodes: Episodes) -> pd.DataFrame:
    """Return where every head looks, and what the answer loses without each of its terms.

    Args:
        model: a SISA; it is left as it came.
        episodes: needle episodes, all of which are knocked out; attention is averaged over 16 at most.

    Returns:
        head ("L1H0"), term, mass (share of attention on the value, when the answer is due), log_p_lost (mean
        nats an answer without the term) with its interval low to high.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> len(looking_and_needing(model, task.build(0, n_episodes=3)))  # 2 layers, 4 heads, 2 terms
        16
    """
    table = knockouts(model, episodes, controls=[]).merge(needle_lens(model, episodes), on=["layer", "head"])
    names = [head_name(layer, head) for layer, head in zip(table["layer"], table["head"], strict=True)]
    columns = ["head", "term", "mass", "log_p_lost", "low", "high"]
    return table.assign(head=names, mass=table["needle_mass"]).loc[:, columns]


def plot_looking_and_needing(table: pd.DataFrame) -> go.Figure:
    """Draw nats lost over attention on the needle, a mark a head and term, with intervals over episodes.

    Args:
        table: of `looking_and_needing`.

    Example:
        >>> row = {"head": "L1H4", "mass": 0.9, "log_p_lost": 0.1, "low": 0.0, "high": 0.2}
        >>> figure = plot_looking_and_needing(pd.DataFrame([row | {"term": "content"}]))
        >>> list(figure.data[0].text)
        ['L1H4']
    """
    figure = figures.panels([""], columns=1, height=440)
    for term, rows in table.groupby("term"):
        looks = (rows["mass"] > NAMED_FROM) & (term == "content")  # one name a head
        told = (rows["log_p_lost"] > NAMED_FROM) | looks
        figure.add_trace(
            go.Scatter(
                x=rows["mass"],
                y=rows["log_p_lost"],
                mode="markers+text",
                name=f"without its {term}",
                text=rows["head"].where(told, ""),
                customdata=rows["head"],
                textposition="middle right",
                marker={"color": TERM_COLOURS[str(term)], "symbol": TERM_MARKS[str(term)], "size": 9},
                error_y={
                    "type": "data",
                    "array": rows["high"] - rows["log_p_lost"],
                    "arrayminus": rows["log_p_lost"] - rows["low"],
                    "thickness": 1,
                    "width": 3,
                },
                hovertemplate="%{customdata}<br>attention %{x:.1%}<br>lost %{y:.2f} nats<extra></extra>",
            )
        )
    figure.update_xaxes(title="attention on the hidden number when the answer is due", tickformat=".0%")
    figure.update_yaxes(title="log p(answer) lost (nats)")
    figure.update_layout(xaxis_range=[-0.05, 1.12], legend={"orientation": "h", "y": -0.2, "yanchor": "top"})
    figures.entitle(
        figure, "Looking is not causing", "a mark a head and term; bars: 95 % interval over episodes"
    )
    return figure
