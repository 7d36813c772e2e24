"""FoX, the Forgetting Transformer (arXiv 2503.02130): attention that fades by a forget gate.

    s_ij = q_i·k_j / sqrt(d_h) + Σ_{j < k ≤ i} log f_k ,   f_t = σ(w_f·x_t + b_f) a head

In the block of a plain transformer ("LLaMA" in the paper), by default without a position code. hook_log_decay
fires log f, hook_cum_decay its running sum; see `model.mixers.attention.decay_bias`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from model.config import SISAConfig
from model.mixers.attention.decay_bias import DecayBiasAttention
from model.mixers.parts.float32 import Float32Linear


class FoXAttention(DecayBiasAttention):
    """Attention with a data-dependent forget gate."""

    def __init__(self, config: SISAConfig, layer: int = 0) -> None:
        super().__init__(config, layer)
        self.to_forget = Float32Linear(config.d_model, config.n_heads)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Linear maps normal(0, 0.02), b_f = 0: every token halves the past, until training says less."""
        super().initialise(generator)
        self.to_forget.bias.zero_()

    def _log_decay(self, x: Tensor) -> Tensor:
        return F.logsigmoid(self.to_forget(x)).transpose(1, 2)
