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
    """w ⊙ x / sqrt(mean(x²) + eps), computed in float32, returned in x's dtype."""

    def __init__(self, d_model: int, *, eps: float = RMS_EPS) -> None:
        super().__init__()
        self.eps, self.w = eps, nn.Parameter(torch.ones(d_model))
        self.hook_scale, self.hook_normalized = HookPoint(), HookPoint()

    def forward(self, x: Float[Tensor, "*dims d_model"]) -> Float[Tensor, "*dims d_model"]:
        wide = at_least_float32(x)
        scale = self.hook_scale((wide.square().mean(-1, keepdim=True) + self.eps).sqrt())
        return (self.w * self.hook_normalized(wide / scale)).to(x.dtype)
