"""Rotation of pairs of channels: RoPE turns q and k by it, SISA and Mamba-3 turn B and C."""

from __future__ import annotations

from typing import Any

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


def rotated_pair(
    x: Float[Tensor, "*dims channel"],
    y: Float[Tensor, "*dims channel"],
    phase: Float[Tensor, "*phase_dims pair"],
) -> tuple[Float[Tensor, "*dims channel"], Float[Tensor, "*dims channel"]]:
    """Return R(phase) x and R(phase) y, for which cosines and sines are taken once.

    Args:
        x: vectors with an even number of channels.
        y: others, turned by the same angles.
        phase: radians, one a pair; `rotate` says in which dtype.

    Example:
        >>> one, two = rotated_pair(torch.ones(1, 2), torch.zeros(1, 2), torch.zeros(1, 1))
        >>> one.tolist(), two.tolist()
        ([[1.0, 1.0]], [[0.0, 0.0]])
    """
    by_pairs = x.shape == y.shape == (*phase.shape[:-1], 2 * phase.shape[-1])  # a hook may give fewer angles
    on_cpu = x.device.type == "cpu" and x.dtype == y.dtype and x.dtype in COMPLEX
    if by_pairs and on_cpu and not torch.compiler.is_compiling():
        return _RotatedPair.apply(x, y, phase)
    return rotate(x, phase), rotate(y, phase)


class _RotatedPair(torch.autograd.Function):
    """x e^{iφ} and y e^{iφ} on a CPU, whose gradients take no cosine again.

    That of φ is Im(g · conj(x e^{iφ})), with g the gradient of x e^{iφ}, and the same of y.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, phase: Tensor) -> tuple[Tensor, Tensor]:
        table = torch.stack((phase.cos(), phase.sin()), dim=-1).to(x.dtype)
        turned_x, turned_y = _as_complex_numbers(x, table), _as_complex_numbers(y, table)
        ctx.save_for_backward(table, turned_x, turned_y)
        ctx.phase_dtype = phase.dtype
        return turned_x, turned_y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        table, turned_x, turned_y = ctx.saved_tensors
        back = torch.view_as_complex(table).conj()
        g_x, g_y = _pairs(grads[0]), _pairs(grads[1])
        of_phase = (g_x * _pairs(turned_x).conj()).imag + (g_y * _pairs(turned_y).conj()).imag
        d_x, d_y = torch.view_as_real(g_x * back).flatten(-2), torch.view_as_real(g_y * back).flatten(-2)
        return d_x, d_y, of_phase.to(ctx.phase_dtype)


def _pairs(x: Tensor) -> Tensor:
    """Return pairs of channels as complex numbers."""
    return torch.view_as_complex(x.contiguous().unflatten(-1, (-1, 2)))


def _by_parts(x: Tensor, table: Tensor) -> Tensor:
    """Return R(φ) x from its two channels apart, which compilers fuse."""
    even, odd, cos, sin = x[..., 0::2], x[..., 1::2], table[..., 0], table[..., 1]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


def _as_complex_numbers(x: Tensor, table: Tensor) -> Tensor:
    """Return (a + ib) e^{iφ}, which is the same in one pass over memory instead of eight with gaps."""
    return torch.view_as_real(_pairs(x) * torch.view_as_complex(table)).flatten(-2)
