"""Rotation of pairs of channels: RoPE turns q and k by it, SISA and Mamba-3 turn B and C."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def rotate(
    x: Float[Tensor, "*dims channel"], phase: Float[Tensor, "*phase_dims pair"]
) -> Float[Tensor, "*dims channel"]:
    """Return R(phase) x, every interleaved pair of channels (0, 1), (2, 3), … turned by its angle.

        R(φ) (a, b) = (a cos φ − b sin φ, a sin φ + b cos φ)

    Because R(Φ_i)ᵀ R(Φ_j) = R(Φ_j − Φ_i), the product of two turned vectors depends on the difference of
    their angles alone.

    Args:
        x: vectors with an even number of channels.
        phase: angles in radians, half as many as channels. Cosines are taken in its own dtype, float64 as a
            rule, and rounded to that of x afterwards.

    Returns:
        The turned vectors, of the shape and dtype of x.

    Example:
        >>> import math
        >>> quarter = torch.tensor([math.pi / 2])
        >>> rotate(torch.tensor([1.0, 0.0]), quarter).round(decimals=3).tolist()[1]
        1.0
    """
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = phase.cos().to(x.dtype), phase.sin().to(x.dtype)
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)
