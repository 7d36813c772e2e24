"""ALiBi (arXiv 2108.12409): attention that fades with distance at a fixed rate a head, no position code.

    s_ij = q_i·k_j / sqrt(d_h) − m_h·(i − j)

The same as FoX with log f = −m_h everywhere; hooks as in `model.mixers.attention.decay_bias`.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from model.mixers.attention.decay_bias import DecayBiasAttention


class ALiBiAttention(DecayBiasAttention):
    """Attention with a fixed linear bias."""

    def _log_decay(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        m = slopes(self.config.n_heads, device=x.device).to(torch.promote_types(x.dtype, torch.float32))
        return (-m[:, None]).expand(batch, -1, length)


def slopes(n_heads: int, *, device: torch.device | None = None) -> Float[Tensor, " head"]:
    """Return the slope m_h of every head, in nats a token, float64.

    m_h = 2^(−8h/H) for h = 1 to H, where H is a power of two. For another H come the slopes of the power
    of two below it, and then every other slope of twice that power.

    Args:
        n_heads: H.
        device: where the slopes are built.

    Example:
        >>> slopes(4).tolist()
        [0.25, 0.0625, 0.015625, 0.00390625]
    """
    p = 2 ** math.floor(math.log2(n_heads))
    step = torch.arange(1, n_heads + 1, device=device, dtype=torch.float64)
    return 2 ** (-8 * torch.where(step <= p, step, step - p - 0.5) / p)
