"""Attention by sigmoids instead of a softmax, and SISA with it, which arXiv 2606.02332 names as future work.

    A_ij = σ(s_ij + b_i) ,  j ≤ i ,   y_i = Σ_j A_ij v_j        (arXiv 2409.04431; no row sums to one)

s is the content score, and λ C̄_i·B̄_j is added where there is a state. b_i is −log t for the t-th token
(sigmoid_bias "log_t": a row begins with a sum near one whatever its length) or −log n_ctx ("log_n", as
published). hook_attn_scores fires s without b, hook_pattern A. Norms of q and k, which the source adds, are
left out, so that the only difference from SISA is the sigmoid.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from model.config import SISAConfig
from model.mixers.attention.attention import Attention
from model.mixers.attention.sisa import SISAAttention
from model.mixers.attention.sisa_score import sigmoid_attention, sigmoid_pattern


class SigmoidAttention(Attention):
    """Attention whose weights are sigmoids of the scores, computed by blocks of rows."""

    @property
    def trace_config(self) -> dict[str, Any]:
        log_n = -math.log(self.config.n_ctx)
        return {"score": "sigmoid", "score_bias": log_n if self.config.sigmoid_bias == "log_n" else "log_t"}

    def _bias(self, query: int, key: int, device: torch.device) -> Tensor:
        """b of the last `query` of `key` positions, nats."""
        if self.config.sigmoid_bias == "log_n":
            return torch.full((query,), -math.log(self.config.n_ctx), device=device, dtype=torch.float64)
        return -torch.arange(key - query + 1, key + 1, device=device, dtype=torch.float64).log()

    def _attend(self, q_hat: Tensor, k_hat: Tensor, v: Tensor) -> Tensor:
        return sigmoid_attention(
            q_hat, k_hat, v, bias=self._bias(q_hat.shape[-2], k_hat.shape[-2], q_hat.device)
        )

    def _weights(self, scores: Tensor) -> Tensor:
        query, key = scores.shape[-2:]
        return sigmoid_pattern(scores, bias=self._bias(query, key, scores.device))


class SigmoidSISA(SigmoidAttention, SISAAttention):
    """SISA by sigmoids."""


def sigmoid_sisa(config: SISAConfig, layer: int = 0) -> SigmoidAttention:
    """The mixer of architecture sigmoid_sisa, with or without a state."""
    return (SigmoidSISA if config.d_state else SigmoidAttention)(config, layer)
