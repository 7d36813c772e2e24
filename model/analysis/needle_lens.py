"""Needle lens: which heads look at the needle when the answer is due, and by which part of the score."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from torch import Tensor

from data import Episodes
from data.results.head_table import head_table
from model.network.network import SISAModel

EPISODES = 16  # of a measurement: enough for a mean, few enough to build their score matrices
PARTS = ("content_scores", "attn_scores", "pattern")
TERMS = {"importance_scores", "bias_scores"}


@torch.no_grad()
def needle_lens(model: SISAModel, episodes: Episodes) -> pd.DataFrame:
    """Share of each head's attention that lies on the value, seen from the token before the answer.

    Args:
        episodes: the first 16 count.

    Returns:
        layer, head, needle_mass (under the whole score), needle_content (under the softmax of the content
        score alone) and, where there is another term, needle_importance (under that of the other term
        alone). Weights of a sigmoid, which have no sum, are divided by theirs. Mixers without scores are left
        out.
    """
    layers = [layer for layer, block in enumerate(model.blocks) if "pattern" in block.attn.score_sized]
    knobs = episodes.knobs.head(EPISODES)
    tokens = torch.tensor(episodes.tokens[:EPISODES], device=model.device)
    query, start, stop = (
        model.config.n_meta + torch.tensor(knobs[name].tolist(), device=model.device)
        for name in ("answer_start", "value_start", "value_stop")
    )
    key = torch.arange(model.config.n_meta + tokens.shape[1], device=model.device)
    visible, value = key < query[:, None], (key >= start[:, None]) & (key < stop[:, None])
    rows: dict[str, Tensor] = {}

    def keep(scores: Tensor, hook: Any) -> None:
        rows[hook.name] = scores[torch.arange(len(scores)), :, query - 1].float()  # batch head key

    names = [f"blocks.{layer}.attn.hook_{part}" for layer in layers for part in PARTS]
    hooks: list[tuple[Any, Any]] = [(name, keep) for name in names]
    model.run_with_hooks(tokens, fwd_hooks=hooks, return_type=None)
    numbers = []
    for layer in layers:
        content, scores, pattern = (rows[f"blocks.{layer}.attn.hook_{part}"] for part in PARTS)
        shares = pattern / pattern.sum(-1, keepdim=True)
        weights = {"mass": shares, "content": shares}
        if TERMS & set(model.blocks[layer].attn.score_sized):
            weights["content"] = _softmax(content, visible)
            weights["importance"] = _softmax(scores - content, visible)
        for name, weight in weights.items():
            mass = (weight * value[:, None]).sum(-1).mean(0).tolist()
            numbers += [(layer, head, f"needle_{name}", x) for head, x in enumerate(mass)]
    return head_table(numbers)


def _softmax(scores: Tensor, visible: Tensor) -> Tensor:
    """Over the visible keys; scores batch head key, visible batch key."""
    return scores.masked_fill(~visible[:, None], -torch.inf).softmax(-1)
