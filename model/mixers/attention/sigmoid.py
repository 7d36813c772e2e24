"""Attention by sigmoids instead of a softmax, and SISA with it, which arXiv 2606.02332 names as future work.

    A_ij = σ(s_ij + b_i) ,  j ≤ i ,   y_i = Σ_j A_ij v_j        (arXiv 2409.04431; no row sums to one)

| symbol | variable, hook           | shape                       |
| ------ | ------------------------ | --------------------------- |
| s      | scores, hook_attn_scores | batch head query key, nats  |
| b      | bias                     | query, nats                 |
| A      | hook_pattern             | batch head query key        |

s is the content score, and λ C̄_i·B̄_j is added where there is a state. b_i is −log t for the t-th token
(sigmoid_bias "log_t": a row begins with a sum near one whatever its length) or −log n_ctx ("log_n", as
published). The source's norms of q and k are left out: the only difference from SISA is the sigmoid.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from model.config import SISAConfig
from model.mixers.attention.attention import Attention
from model.mixers.attention.sisa import SISAAttention
from model.mixers.base import TraceConfig


class SigmoidAttention(Attention):
    """Attention whose weights are sigmoids of the scores, computed by blocks of rows."""

    @property
    def trace_config(self) -> TraceConfig:
        """Weights are sigmoids of score + bias; the bias is a number, or "log_t" for −log t."""
        if self.config.sigmoid_bias == "log_n":
            return {"score": "sigmoid", "score_bias": -math.log(self.config.n_ctx)}
        return {"score": "sigmoid", "score_bias": "log_t"}

    def _bias(self, query: int, key: int, device: torch.device) -> Tensor:
        """Return b of the last `query` of `key` positions, nats, float64."""
        if self.config.sigmoid_bias == "log_n":
            return torch.full((query,), -math.log(self.config.n_ctx), device=device, dtype=torch.float64)
        return -torch.arange(key - query + 1, key + 1, device=device, dtype=torch.float64).log()

    def _attend(self, q_hat: Tensor, k_hat: Tensor, v: Tensor) -> Tensor:
        bias = self._bias(q_hat.shape[-2], k_hat.shape[-2], q_hat.device)
        return sigmoid_attention(q_hat, k_hat, v, bias=bias)

    def _weights(self, scores: Tensor) -> Tensor:
        query, key = scores.shape[-2:]
        return sigmoid_pattern(scores, bias=self._bias(query, key, scores.device))


class SigmoidSISA(SigmoidAttention, SISAAttention):
    """SISA by sigmoids: score and hooks of SISAAttention, weights of SigmoidAttention."""


def sigmoid_sisa(config: SISAConfig, layer: int = 0) -> SigmoidAttention:
    """Return the mixer of architecture sigmoid_sisa, with a state or, where d_state is 0, without.

    Args:
        config: shape of the model.
        layer: number of the layer, from 0.

    Example:
        >>> config = SISAConfig.preset("tiny", architecture="sigmoid_sisa")
        >>> type(sigmoid_sisa(config)).__name__
        'SigmoidSISA'
    """
    if config.d_state:
        return SigmoidSISA(config, layer)
    return SigmoidAttention(config, layer)


def sigmoid_pattern(
    scores: Float[Tensor, "batch head query key"], *, bias: Float[Tensor, " query"]
) -> Float[Tensor, "batch head query key"]:
    """Return the weights σ(s_ij + b_i), 0 where the key is later than the query.

    Args:
        scores: s in nats; the queries are the last of the keys' positions.
        bias: b, nats.

    Returns:
        Weights between 0 and 1, each by itself: a row need not sum to one.

    Example:
        >>> sigmoid_pattern(torch.zeros(1, 1, 2, 2), bias=torch.zeros(2)).tolist()
        [[[[0.5, 0.0], [0.5, 0.5]]]]
    """
    query, key = scores.shape[-2:]
    seen = torch.ones(query, key, dtype=torch.bool, device=scores.device).tril(key - query)
    biased = scores + bias.to(scores.dtype)[:, None]
    return biased.masked_fill(~seen, -math.inf).sigmoid()


def sigmoid_attention(
    q_hat: Float[Tensor, "batch head query width"],
    k_hat: Float[Tensor, "batch head key width"],
    v: Float[Tensor, "batch head key d_head"],
    *,
    bias: Float[Tensor, " query"],
    rows: int = 256,
) -> Float[Tensor, "batch head query d_head"]:
    """Return σ(Q̂ K̂ᵀ / sqrt(d_h) + b) V, causal, some queries at a time (arXiv 2409.04431).

    No kernel of PyTorch does this. The weights of a block of rows are thrown away and built again for its
    gradients, so that no query × key tensor is kept: at 2,048 positions a block holds 2 MiB a head in float32
    instead of 16 MiB.

    Args:
        q_hat: queries, the last of the keys' positions.
        k_hat: keys.
        v: values; d_h is their width.
        bias: b, nats, one a query.
        rows: queries in a block.

    Returns:
        y in the dtype of v.

    Example:
        >>> q, v = torch.zeros(1, 1, 2, 4), torch.ones(1, 1, 2, 4)
        >>> sigmoid_attention(q, q, v, bias=torch.zeros(2))[0, 0, :, 0].tolist()
        [0.5, 1.0]
    """
    query, key = q_hat.shape[-2], k_hat.shape[-2]
    blocks = []
    for start in range(0, query, rows):
        stop = min(start + rows, query)
        seen = key - query + stop
        block = q_hat[..., start:stop, :], k_hat[..., :seen, :], v[..., :seen, :], bias[start:stop]
        blocks.append(checkpoint(_sigmoid_rows, *block, use_reentrant=False, preserve_rng_state=False))
    return torch.cat(blocks, dim=-2)


def _sigmoid_rows(q_hat: Tensor, k_hat: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    # Scores in at least float32, also under autocast: 16 bits would round one of 8 nats by up to 0.03, and a
    # weight by 3 %. Softmax divides a part of that out again, a sigmoid does not.
    dtype = torch.promote_types(q_hat.dtype, torch.float32)
    with torch.autocast(q_hat.device.type, enabled=False):
        scores = q_hat.to(dtype) @ k_hat.to(dtype).mT / math.sqrt(v.shape[-1])
        return sigmoid_pattern(scores, bias=bias).to(v.dtype) @ v
