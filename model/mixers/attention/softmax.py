"""Softmax attention with every score in sight: the explicit twin of `model.mixers.attention.sdpa`.

    s_ij = q_i·k_j / sqrt(d_h) ,   A_ij = e^{s_ij} / Σ_{l ≤ i} e^{s_il}

| symbol | variable | shape                      |
| ------ | -------- | -------------------------- |
| q, k   | q, k     | batch head position d_head |
| s      | scores   | batch head query key, nats |
| A      | pattern  | batch head query key       |
"""

from __future__ import annotations

import math

from jaxtyping import Bool, Float
from torch import Tensor

from model.mixers.parts.masks import causal_mask


def content_scores(
    q: Float[Tensor, "batch head query d_head"], k: Float[Tensor, "batch head key d_head"]
) -> Float[Tensor, "batch head query key"]:
    """Return the content score q_i·k_j / sqrt(d_h) of every pair of positions.

    Pairs whose key comes later are among them; `softmax_pattern` hides those.

    Args:
        q: queries, after the position code where there is one.
        k: keys, likewise.

    Returns:
        Scores in nats.

    Example:
        >>> import torch
        >>> q = torch.tensor([[[[2.0, 0, 0, 0]]]])
        >>> content_scores(q, torch.tensor([[[[3.0, 0, 0, 0], [0, 1.0, 0, 0]]]])).tolist()
        [[[[3.0, 0.0]]]]
    """
    return q @ k.mT / math.sqrt(q.shape[-1])


def softmax_pattern(
    scores: Float[Tensor, "batch head query key"], visible: Bool[Tensor, "query key"] | None = None
) -> Float[Tensor, "batch head query key"]:
    """Return the softmax of scores over the keys that a query may look at.

    Args:
        scores: in nats, of any sign.
        visible: True where a query may look; by default the causal mask, key ≤ query.

    Returns:
        Probabilities; a row sums to one, and what is hidden has 0.

    Example:
        >>> import torch
        >>> softmax_pattern(torch.zeros(1, 1, 2, 2)).tolist()
        [[[[1.0, 0.0], [0.5, 0.5]]]]
    """
    seen = causal_mask(scores.shape[-1], scores.device) if visible is None else visible
    return scores.masked_fill(~seen, -math.inf).softmax(-1)
