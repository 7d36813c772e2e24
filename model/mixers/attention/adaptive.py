"""SISA that learns how many state channels a layer uses: a gate on every pair of them.

Our reading of the "scale-adaptive d_s" that arXiv 2606.02332 names as future work: importance becomes
λ Σ_p a_p C̄_{i,p}·B̄_{j,p} with a_p = σ(gate_p) for the p-th pair of channels, shared by the heads of a layer.
One gate a pair, for R mixes its two channels. hook_gate fires a [pair], hook_rot_C what it gated.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from model.config import SISAConfig
from model.mixers.attention.sisa import SISAAttention

INITIAL_GATE_RAW = 4.0  # a = σ(4) ≈ 0.982: every pair is in use at the start


class AdaptiveSISA(SISAAttention):
    """SISA whose layers weigh their pairs of state channels."""

    no_weight_decay: ClassVar[tuple[str, ...]] = ("gate_raw",)  # σ(0) = 1/2 is a gate half closed

    def __init__(self, config: SISAConfig, layer: int = 0) -> None:
        super().__init__(config, layer)
        self.gate_raw = nn.Parameter(torch.empty(config.layer_state(layer) // 2))
        self.hook_gate = HookPoint()

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Fill what SISA has as SISA does, and gates near one."""
        super().initialise(generator)
        self.gate_raw.fill_(INITIAL_GATE_RAW)

    def _gated(self, c_rot: Tensor) -> Tensor:
        gate = self.hook_gate(self.gate_raw.sigmoid())
        return c_rot * gate.repeat_interleave(2)
