"""Solutions of part 1, a score by hand."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float


def content_score(q: Float[torch.Tensor, " d_head"], k: Float[torch.Tensor, " d_head"]) -> torch.Tensor:
    """Return the content score of one query and one key: q · k / √d_head.

    Args:
        q: what the query asks for.
        k: what the key offers.

    Example:
        >>> import torch
        >>> float(content_score(torch.ones(4), torch.ones(4)))
        2.0
    """
    product = q @ k
    return product / math.sqrt(len(q))


def content_scores(
    q: Float[torch.Tensor, "query d_head"], k: Float[torch.Tensor, "key d_head"]
) -> Float[torch.Tensor, "query key"]:
    """Return the content score of every pair: q_i · k_j / √d_head in row i, column j.

    Args:
        q: what each token asks for.
        k: what each token offers.

    Example:
        >>> import torch
        >>> content_scores(torch.ones(1, 4), torch.ones(2, 4)).tolist()
        [[2.0, 2.0]]
    """
    return q @ k.T / math.sqrt(q.shape[1])


def hide_later(scores: Float[torch.Tensor, "query key"]) -> Float[torch.Tensor, "query key"]:
    """Return the scores with −∞ wherever the key comes later than the query.

    Args:
        scores: of every pair, nats.

    Example:
        >>> import torch
        >>> hide_later(torch.ones(2, 2)).tolist()
        [[1.0, -inf], [1.0, 1.0]]
    """
    position = torch.arange(len(scores))
    later = position[None, :] > position[:, None]
    return scores.masked_fill(later, -math.inf)


def causal_softmax(scores: Float[torch.Tensor, "query key"]) -> Float[torch.Tensor, "query key"]:
    """Return how a query shares its attention among itself and the keys before it; every row sums to 1.

    Args:
        scores: of every pair, nats.

    Example:
        >>> import torch
        >>> causal_softmax(torch.ones(2, 2)).tolist()
        [[1.0, 0.0], [0.5, 0.5]]
    """
    weights = scores.exp().tril()
    return weights / weights.sum(dim=1, keepdim=True)


def fused_pattern(
    content: Float[torch.Tensor, "query key"], product: Float[torch.Tensor, "query key"], lam: float
) -> Float[torch.Tensor, "query key"]:
    """Return the weights of both terms in one softmax: that of content + λ · product.

    Args:
        content: q_i·k_j / √d_head, nats.
        product: C̄_i·B̄_j, nats at λ = 1.
        lam: λ, how loud the second term is.

    Example:
        >>> import torch
        >>> fused_pattern(torch.zeros(2, 2), torch.zeros(2, 2), 1.0).tolist()
        [[1.0, 0.0], [0.5, 0.5]]
    """
    scores = content + lam * product
    return causal_softmax(scores)


def lam_for_odds(
    content: Float[torch.Tensor, " key"], product: Float[torch.Tensor, " key"], odds: float
) -> torch.Tensor:
    """Return the λ at which the first of two keys is weighed `odds` times as much as the second.

        ln odds = (content_0 − content_1) + λ (product_0 − product_1)

    Args:
        content: q·k / √d_head of both keys, nats.
        product: C̄·B̄ of both keys.
        odds: weight of the first over weight of the second, positive.

    Example:
        >>> import math, torch
        >>> float(lam_for_odds(torch.tensor([0.0, 0.0]), torch.tensor([2.0, 0.0]), math.e))
        0.5
    """
    content_gap = content[0] - content[1]
    product_gap = product[0] - product[1]
    return (math.log(odds) - content_gap) / product_gap
