"""Needle lens: which heads look at the needle when the answer is due, and by which term of the score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from data import Episodes
from data.results.head_table import head_table
from model.network.network import SISAModel

MEASURED_EPISODES = 16  # enough for a mean, few enough to build their score matrices
SCORE_HOOKS = ("content_scores", "attn_scores", "pattern")
HOOKS_OF_THE_OTHER_TERM = {"importance_scores", "bias_scores"}  # a mixer with one of them has two terms


@torch.no_grad()
def needle_lens(model: SISAModel, episodes: Episodes) -> pd.DataFrame:
    """Return the share of each head's attention that lies on the value, seen from before the answer.

    The query is the token before the answer, where the model has to know it. Beside the share under the whole
    score stands what each term of the score would give alone.

    Args:
        model: of any architecture; mixers without scores are left out.
        episodes: the first 16 count.

    Returns:
        layer, head, needle_mass (under the whole score), needle_content (under the softmax of the content
        score alone) and, where there is another term, needle_importance (under that of the other term
        alone). Weights of a sigmoid, which have no sum, are divided by theirs.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> needle_lens(model, task.build(0, n_episodes=2)).columns.tolist()
        ['layer', 'head', 'needle_content', 'needle_importance', 'needle_mass']
    """
    layers = [layer for layer, block in enumerate(model.blocks) if "pattern" in block.attn.score_sized]
    episode_tokens = torch.tensor(episodes.tokens[:MEASURED_EPISODES], device=model.device)
    answer = _positions(model, episodes, "answer_start")
    start, stop = _positions(model, episodes, "value_start"), _positions(model, episodes, "value_stop")
    key = torch.arange(model.config.n_meta + episode_tokens.shape[1], device=model.device)
    visible, value = key < answer[:, None], (key >= start[:, None]) & (key < stop[:, None])
    rows = _query_rows(model, episode_tokens, answer - 1, layers)
    numbers: list[tuple[int, int, str, float]] = []
    for layer in layers:
        two_terms = bool(HOOKS_OF_THE_OTHER_TERM & set(model.blocks[layer].attn.score_sized))
        for name, weight in _weights(rows[layer], visible, two_terms=two_terms).items():
            mass = (weight * value[:, None]).sum(-1).mean(0).tolist()
            numbers += [(layer, head, f"needle_{name}", x) for head, x in enumerate(mass)]
    return head_table(numbers)


def _positions(model: SISAModel, episodes: Episodes, knob: str) -> Tensor:
    """Return a position of every measured episode, counted with the meta tokens before the text."""
    given = episodes.knobs[knob].head(MEASURED_EPISODES).tolist()
    return model.config.n_meta + torch.tensor(given, device=model.device)


def _query_rows(
    model: SISAModel, tokens: Tensor, query: Tensor, layers: Sequence[int]
) -> dict[int, dict[str, Tensor]]:
    """Return, by layer and hook, the scores of one query of each episode: batch × head × key.

    A hook keeps one row of each matrix as soon as it fires, so that at most one layer's matrices exist.
    """
    rows: dict[int, dict[str, Tensor]] = {layer: {} for layer in layers}

    def hook(layer: int, score: str) -> tuple[str | Callable, Callable]:
        def keep(scores: Tensor, hook: HookPoint) -> None:
            rows[layer][score] = scores[torch.arange(len(scores)), :, query].float()

        return f"blocks.{layer}.attn.hook_{score}", keep

    hooks = [hook(layer, score) for layer in layers for score in SCORE_HOOKS]
    model.run_with_hooks(tokens, fwd_hooks=hooks, return_type=None)
    return rows


def _weights(
    rows: Mapping[str, Tensor], visible: Bool[Tensor, "batch key"], *, two_terms: bool
) -> dict[str, Float[Tensor, "batch head key"]]:
    """Return the weights of the whole score, of content alone and of the other term alone, by name."""
    shares = rows["pattern"] / rows["pattern"].sum(-1, keepdim=True)
    if not two_terms:
        return {"mass": shares, "content": shares}
    content, scores = rows["content_scores"], rows["attn_scores"]
    other = scores - content
    return {"mass": shares, "content": _softmax(content, visible), "importance": _softmax(other, visible)}


def _softmax(
    scores: Float[Tensor, "batch head key"], visible: Bool[Tensor, "batch key"]
) -> Float[Tensor, "batch head key"]:
    """Return the softmax over the visible keys."""
    return scores.masked_fill(~visible[:, None], -torch.inf).softmax(-1)
