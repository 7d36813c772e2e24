"""Attention whose heads have plain channels more: SISA's term without decay and without rotation.

    s_ij = q_i·k_j / sqrt(d_h) + λ C_i·B_j

What is left of SISA when α = 1 and Φ = 0 everywhere: a second content term. It is the control that tells what
decay and rotation add. Hooks and traces are SISA's, with log α, ĝ and Φ at 0.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from model.config import SISAConfig
from model.mixers.attention.attention import Attention, Term
from model.mixers.attention.sisa import INITIAL_LAM_RAW, SISAAttention
from model.mixers.attention.sisa_score import Importance
from model.mixers.parts.cache import LayerCache


class WidenedAttention(SISAAttention):
    """SISA whose decay and angles are 0, and that has no parameters for them."""

    def __init__(self, config: SISAConfig, layer: int = 0) -> None:
        super().__init__(config, layer)
        del self.to_decay, self.to_theta

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Fill linear maps from normal(0, 0.02) and λ_raw with −1."""
        Attention.initialise(self, generator)
        self.lam_raw.fill_(INITIAL_LAM_RAW)

    def _term(self, x: Tensor, cache: LayerCache | None, *, dtype: torch.dtype) -> Importance:
        B, C = (
            self.hook_B(self._state_channels(self.to_B(x))),
            self.hook_C(self._state_channels(self.to_C(x))),
        )
        still = B.new_zeros(B.shape[:-1])
        for hook in (self.hook_log_decay, self.hook_cum_decay):
            hook(still)
        self.hook_clamped(still.bool())
        self.hook_phase(B.new_zeros(*B.shape[:-1], B.shape[-1] // 2))
        c_rot, b_rot = self.hook_rot_C(C), self.hook_rot_B(B)
        return Importance(
            c_rot, b_rot, self.hook_anchored_decay(still), self.hook_lam(F.softplus(self.lam_raw))
        )

    def _fused(
        self, q: Tensor, k: Tensor, v: Tensor, term: Term | None, cache: LayerCache | None, *, last: int
    ) -> Tensor:
        return Attention._fused(self, q, k, v, term, cache, last=last)  # nothing fades: no anchor is needed
