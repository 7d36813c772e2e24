"""RMSNorm, hooked."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from model.mixers.parts.float32 import KeepsFloat32
from model.mixers.parts.hooks import at_least_float32

RMS_EPS = 1e-6


class RMSNorm(KeepsFloat32):
    """Scale every position to unit mean square: w ⊙ x / sqrt(mean(x²) + eps).

    It is computed in float32 and returned in x's dtype. hook_scale fires the root, hook_normalized what the
    weight w multiplies, as TransformerLens' own norms do.

    Args:
        d_model: channels, the last dimension of x.
        eps: keeps a row of zeros finite.

    Example:
        >>> RMSNorm(2)(torch.tensor([3.0, 4.0])).square().mean().round(decimals=3).item()
        1.0
    """

    def __init__(self, d_model: int, *, eps: float = RMS_EPS) -> None:
        super().__init__()
        self.eps, self.w = eps, nn.Parameter(torch.ones(d_model))
        self.hook_scale, self.hook_normalized = HookPoint(), HookPoint()

    def forward(self, x: Float[Tensor, "*dims d_model"]) -> Float[Tensor, "*dims d_model"]:
        """Return the normalised x, each row for itself."""
        wide = at_least_float32(x)
        scale = self.hook_scale((wide.square().mean(-1, keepdim=True) + self.eps).sqrt())
        return (self.w * self.hook_normalized(wide / scale)).to(x.dtype)
