"""Masks: which keys a query may look at."""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor


def causal_mask(length: int, device: torch.device | None = None) -> Bool[Tensor, "query key"]:
    """Return the causal mask, True where the key stands at the query's position or before it.

    Args:
        length: number of positions; queries and keys are the same ones.
        device: where the mask is built, the CPU by default.

    Returns:
        query × key. Row i has i + 1 True entries.

    Example:
        >>> causal_mask(3).int().tolist()
        [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()


def lower_right_mask(query: int, key: int, device: torch.device | None = None) -> Bool[Tensor, "query key"]:
    """Return the causal mask of queries that are the last of the keys.

    Args:
        query: number of queries.
        key: number of keys, at least as many.
        device: where the mask is built, the CPU by default.

    Returns:
        query × key. The last row is True throughout.

    Example:
        >>> lower_right_mask(2, 4).int().tolist()
        [[1, 1, 1, 0], [1, 1, 1, 1]]
    """
    return torch.ones(query, key, dtype=torch.bool, device=device).tril(key - query)
