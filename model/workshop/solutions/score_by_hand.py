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
    return q @ k / math.sqrt(len(q))
