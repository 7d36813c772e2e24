"""Hook points: how they are made, and who watches them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint


def hook_points(n: int, *, pos_dim: int) -> list[HookPoint]:
    """Return n new hook points of tensors whose positions lie along dimension pos_dim.

    A slice of positions (`run_with_cache(pos_slice=...)`) reads pos_dim, because q is batch position head
    channel while g is batch head position.

    Args:
        n: how many.
        pos_dim: dimension of the positions in what they fire, 1 or 2.

    Returns:
        The hook points, in a list that is as a rule unpacked into attributes.

    Example:
        >>> [hook.pos_dim for hook in hook_points(2, pos_dim=1)]
        [1, 1]
    """
    hooks = [HookPoint() for _ in range(n)]
    for hook in hooks:
        hook.pos_dim = pos_dim
    return hooks


def watched(hook: HookPoint) -> bool:
    """Return whether anybody receives what a hook fires.

    A tensor that costs much, such as query × key, is built only then. Both TransformerLens' registration and
    PyTorch's own count, forward and backward.

    Args:
        hook: of a mixer.

    Example:
        >>> hook = HookPoint()
        >>> before = watched(hook)
        >>> handle = hook.register_forward_hook(lambda module, inputs, output: None)
        >>> before, watched(hook)
        (False, True)
    """
    return bool(hook._forward_hooks or hook._backward_hooks)


def any_watched(module: nn.Module, names: Iterable[str]) -> bool:
    """Return whether anybody watches one of several hooks of a module.

    Args:
        module: owner of the hooks, a mixer.
        names: of its hooks, without "hook_".

    Example:
        >>> module = nn.Module()
        >>> module.hook_pattern = HookPoint()
        >>> any_watched(module, ["pattern"])
        False
    """
    return any(watched(getattr(module, f"hook_{name}")) for name in names)


def at_least_float32(x: Tensor) -> Tensor:
    """Return x in float32, or as it is where it is float64 already.

    Norms, decays and scores are computed so, also in a model of 16 bits: bfloat16 has 8 significant bits, so
    a score of 8 nats would be off by up to 0.03 and its weight by 3 %.

    Args:
        x: a tensor of any floating dtype.

    Example:
        >>> at_least_float32(torch.ones(1, dtype=torch.bfloat16)).dtype
        torch.float32
        >>> at_least_float32(torch.ones(1, dtype=torch.float64)).dtype
        torch.float64
    """
    return x if x.dtype == torch.float64 else x.float()
