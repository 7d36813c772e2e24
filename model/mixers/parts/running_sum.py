"""Running sums over positions: g of the log-decays and Φ of the angles."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def running_sum(x: Float[Tensor, "*dims position"]) -> Float[Tensor, "*dims position"]:
    """Return the sum over positions up to and including each one, in float64.

        g_t = Σ_{k ≤ t} x_k

    An error of g or Φ enters every later score. In float32 a sum near 10,000 has steps of 0.001, so that
    e^{g_i − g_j} of two late neighbours would be off by up to 0.1 %; float64 leaves an error of 1e-12.

    Args:
        x: log-decays in nats, or angles in radians; positions along the last dimension.

    Returns:
        float64 of the same shape.

    Example:
        >>> import torch
        >>> running_sum(torch.tensor([-1.0, -2.0, -0.5])).tolist()
        [-1.0, -3.0, -3.5]
    """
    return x.cumsum(-1, dtype=torch.float64)
