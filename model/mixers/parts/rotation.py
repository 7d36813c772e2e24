"""Rotation of pairs of channels: RoPE turns q and k by it, SISA and Mamba-3 turn B and C."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

COMPLEX = (torch.float32, torch.float64)  # whose pairs are complex numbers to PyTorch


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
    table = torch.stack((phase.cos(), phase.sin()), dim=-1).to(x.dtype)
    return turned(x, table)


def turned(
    x: Float[Tensor, "*dims channel"], table: Float[Tensor, "*phase_dims pair 2"]
) -> Float[Tensor, "*dims channel"]:
    """Return `rotate` of x from the cosine and sine of every pair's angle.

    Args:
        x: vectors with an even number of channels.
        table: cosine and sine, in the dtype of x.

    Example:
        >>> turned(torch.tensor([1.0, 0.0]), torch.tensor([[0.0, 1.0]])).tolist()
        [0.0, 1.0]
    """
    if x.device.type == "cpu" and x.dtype in COMPLEX and not torch.compiler.is_compiling():
        return _as_complex_numbers(x, table)
    return _by_parts(x, table)


def _by_parts(x: Tensor, table: Tensor) -> Tensor:
    """Return R(φ) x from its two channels apart, which compilers fuse."""
    even, odd, cos, sin = x[..., 0::2], x[..., 1::2], table[..., 0], table[..., 1]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


def _as_complex_numbers(x: Tensor, table: Tensor) -> Tensor:
    """Return (a + ib) e^{iφ}, which is the same in one pass over memory instead of eight with gaps."""
    pairs = torch.view_as_complex(x.contiguous().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.view_as_complex(table)).flatten(-2)
