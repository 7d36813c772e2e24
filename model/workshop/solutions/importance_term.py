"""Solutions of part 2, the importance term."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float


def half_life(log_decay: Float[torch.Tensor, " position"]) -> torch.Tensor:
    """Return after how many tokens half is left, at the mean decay: ln 2 / −mean(log α).

    Args:
        log_decay: log α of each token, nats, negative.

    Example:
        >>> import torch
        >>> round(float(half_life(torch.tensor([-0.1, -0.1]))), 2)
        6.93
    """
    rate = -log_decay.mean()
    return math.log(2) / rate


def retention(log_decay: Float[torch.Tensor, " position"]) -> Float[torch.Tensor, "query key"]:
    """Return how much of each key is left at each query, e^(g_i − g_j), and 0 where the key is later.

    Args:
        log_decay: log α of each token, nats, negative.

    Example:
        >>> import torch
        >>> retention(torch.tensor([0.5, 0.5]).log()).tolist()
        [[1.0, 0.0], [0.5, 1.0]]
    """
    g = log_decay.cumsum(0)
    return (g[:, None] - g[None, :]).exp().tril()


def rotate(
    x: Float[torch.Tensor, "position channel"], phase: Float[torch.Tensor, "position pair"]
) -> Float[torch.Tensor, "position channel"]:
    """Return x with every pair of neighbouring channels (a, b) turned by its angle.

    Args:
        x: a vector a token, with an even number of channels.
        phase: an angle a token and pair, radians.

    Example:
        >>> import math, torch
        >>> rotate(torch.tensor([[1.0, 0.0]]), torch.tensor([[math.pi / 2]])).round(decimals=3).tolist()
        [[-0.0, 1.0]]
    """
    a, b = x[:, 0::2], x[:, 1::2]
    cos, sin = phase.cos(), phase.sin()
    pairs = torch.stack((a * cos - b * sin, a * sin + b * cos), dim=2)
    return pairs.flatten(1)


def state_product(
    C: Float[torch.Tensor, "position d_state"],
    B: Float[torch.Tensor, "position d_state"],
    theta: Float[torch.Tensor, "position pair"],
    log_decay: Float[torch.Tensor, " position"],
) -> Float[torch.Tensor, "query key"]:
    """Return C̄_i·B̄_j of every pair: turned, multiplied, faded; 0 where the key is later.

    Args:
        C: what each token reads.
        B: what each token writes.
        theta: by how much each token turns on, radians.
        log_decay: log α of each token, nats, negative.

    Example:
        >>> import torch
        >>> ones, still = torch.ones(2, 2), torch.zeros(2, 1)
        >>> state_product(ones, ones, still, torch.zeros(2)).tolist()
        [[2.0, 0.0], [2.0, 2.0]]
    """
    phase = theta.cumsum(0)
    return retention(log_decay) * (rotate(C, phase) @ rotate(B, phase).T)


def widened(
    x: Float[torch.Tensor, "position d_head"], bar: Float[torch.Tensor, "position d_state"], lam: float
) -> Float[torch.Tensor, "position width"]:
    """Return [x ; s · bar] with s = d_head^(1/4) √λ: Q̂ from q and C̄, K̂ from k and B̄.

    Args:
        x: q or k.
        bar: C̄ beside q, B̄ beside k.
        lam: λ, positive.

    Example:
        >>> import torch
        >>> widened(torch.zeros(1, 16), torch.tensor([[3.0, 5.0]]), 0.25)[:, 16:].tolist()
        [[3.0, 5.0]]
    """
    d_head = x.shape[1]
    s = d_head**0.25 * lam**0.5
    return torch.cat((x, s * bar), dim=1)


def sisa_attention(
    q: Float[torch.Tensor, "position d_head"],
    k: Float[torch.Tensor, "position d_head"],
    v: Float[torch.Tensor, "position d_head"],
    C_bar: Float[torch.Tensor, "position d_state"],
    B_bar: Float[torch.Tensor, "position d_state"],
    lam: float,
) -> Float[torch.Tensor, "position d_head"]:
    """Return the mean of v by the weights of both terms, in one call.

    Args:
        q: queries.
        k: keys.
        v: values.
        C_bar: C̄, turned and faded.
        B_bar: B̄, likewise.
        lam: λ, positive.

    Example:
        >>> import torch
        >>> one = torch.ones(1, 4)
        >>> sisa_attention(one, one, one * 3, one, one, 0.5).tolist()
        [[3.0, 3.0, 3.0, 3.0]]
    """
    q_hat, k_hat = widened(q, C_bar, lam), widened(k, B_bar, lam)
    scale = 1 / math.sqrt(q.shape[1])
    return F.scaled_dot_product_attention(q_hat[None], k_hat[None], v[None], is_causal=True, scale=scale)[0]


def causal_anchor(g: Float[torch.Tensor, " position"], bound: float) -> Float[torch.Tensor, " position"]:
    """Return g − c for the fixed anchor c = −bound, and −bound where that would fall below.

    Args:
        g: the running decay, nats, never rising.
        bound: R, half of what a dtype holds, nats.

    Example:
        >>> import torch
        >>> causal_anchor(torch.tensor([-1.0, -50.0, -100.0]), 38.0).tolist()
        [37.0, -12.0, -38.0]
    """
    centred = g + bound
    return centred.clamp(min=-bound)


def block_gains(
    g: Float[torch.Tensor, " position"], first: int
) -> tuple[Float[torch.Tensor, " query"], Float[torch.Tensor, " key"]]:
    """Return e^(g_i − c) of the queries from `first` on, and e^(c − g_j) of all keys, with c = g_first.

    Args:
        g: the running decay up to the end of a block of queries, nats, never rising.
        first: position of the block's first query.

    Example:
        >>> import torch
        >>> queries, keys = block_gains(torch.zeros(3), 1)
        >>> queries.tolist(), keys.tolist()
        ([1.0, 1.0], [1.0, 1.0, 1.0])
    """
    c = g[first]
    return (g[first:] - c).exp(), (c - g).exp()
