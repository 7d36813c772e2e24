"""What every mixer needs of hooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint


def hook_points(n: int, *, pos_dim: int) -> Iterator[HookPoint]:
    """n hooks of tensors whose positions lie along dimension pos_dim."""
    for _ in range(n):
        hook = HookPoint()
        hook.pos_dim = pos_dim
        yield hook


def watched(hook: HookPoint) -> bool:
    """Whether anybody receives what this hook fires, by TransformerLens' or by PyTorch's own registration."""
    return bool(hook._forward_hooks or hook._backward_hooks)


def any_watched(module: nn.Module, names: Iterable[str]) -> bool:
    """Whether anybody watches one of these hooks of a module, named without "hook_"."""
    return any(watched(getattr(module, f"hook_{name}")) for name in names)


def at_least_float32(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
