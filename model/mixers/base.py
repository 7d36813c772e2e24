"""What every mixer has: hooks of score size, output heads, parameters that must not decay."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from model.mixers.parts.float32 import KeepsFloat32
from model.mixers.parts.hooks import any_watched, watched


class Mixer(KeepsFloat32):
    """Derive and give `forward`, `initialise`, and to_o, hook_result and n_output_heads."""

    score_sized: ClassVar[tuple[str, ...]]  # hooks of query × key tensors
    no_weight_decay: ClassVar[tuple[str, ...]] = ()  # names of parameters

    to_o: nn.Linear
    hook_result: HookPoint

    @property
    def n_output_heads(self) -> int:
        """Heads that W_O maps."""
        raise NotImplementedError

    def scores_watched(self) -> bool:
        """Whether anybody watches a score-sized hook of this layer."""
        return any_watched(self, self.score_sized)

    def _output(self, z: Float[Tensor, "batch position head channel"]) -> Tensor:
        """W_O z, batch position d_model."""
        if watched(self.hook_result):
            return self.hook_result(torch.einsum("bphd,hdm->bphm", z, self.W_O)).sum(2)
        return self.to_o(z.flatten(2))

    @property
    def W_O(self) -> Float[Tensor, "head channel d_model"]:
        return self.to_o.weight.T.unflatten(0, (self.n_output_heads, -1))
