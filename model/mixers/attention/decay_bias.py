"""Attention whose score loses what has decayed since the key: what FoX and ALiBi share.

    s_ij = q_i·k_j / sqrt(d_h) + g_i − g_j ,  i ≥ j ,   g_t = Σ_{k ≤ t} log α_k

| symbol    | hook             | shape                                                |
| --------- | ---------------- | ---------------------------------------------------- |
| log α     | hook_log_decay   | batch head position, nats, as in SISA                |
| g         | hook_cum_decay   | batch head position, nats, float64, as in SISA       |
| g_i − g_j | hook_bias_scores | batch head query key, nats; 0 above the diagonal     |

Q̂ = [g s ; 1 ; q] and K̂ = [1 ; −g s ; k] with s = sqrt(d_h) make the whole score one SDPA call. Softmax would
drop g_i, which a row shares, but gradients need it: that of log α_t sums over i ≥ t > j, and only both sides
together leave out the rounding errors of all other pairs (b_f of FoX at 208 nats: 5e-6 instead of 2e-4).
g fills two channels, its first 8 bits and the rest, for 16 bits cannot hold it; kernels that put float32
together from TensorFloat-32 lose digits too. They stand first, so that a sum from left to right ends with g
before q·k is added, which would round to the digits of g otherwise (FoX in float32 on a CPU, 350 nats: logits
err by 5e-6 instead of 8e-5). The gradient of a gate that forgets within a few tokens still errs by some
percent in 16 bits, for kernels round what they return.
Source: arXiv 2503.02130 and 2108.12409.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from model.config import SISAConfig
from model.mixers.attention.attention import Attention
from model.mixers.base import TraceConfig
from model.mixers.parts.cache import LayerCache
from model.mixers.parts.hooks import hook_points
from model.mixers.parts.masks import causal_mask
from model.mixers.parts.running_sum import running_sum


class DecayBias(NamedTuple):
    """g, batch head position, of the bias g_i − g_j."""

    cum_decay: Tensor

    def widen(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Return Q̂ = [g sqrt(d_h) ; 1 ; q] and K̂ = [1 ; −g sqrt(d_h) ; k], each g as two channels."""
        of_query, of_key = channels(self.cum_decay * math.sqrt(k.shape[-1]), k.dtype)
        return torch.cat((of_query, q), dim=-1), torch.cat((of_key, k), dim=-1)

    def scores(self) -> Tensor:
        """Return g_i − g_j of every pair, nats, batch head query key; 0 above the diagonal."""
        bias = self.cum_decay[..., :, None] - self.cum_decay[..., None, :]
        return bias.masked_fill(~causal_mask(bias.shape[-1], bias.device), 0.0)


def channels(g: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return [g ; 1 ; rest ; 1] and [1 ; −g ; 1 ; −rest], whose product is g_i − g_j.

    g is split in two, because 16 bits cannot hold it: g = −100.3 is −100.5 in bfloat16, off by 0.2 nats. The
    first channel holds −100.5, the second what is left, 0.2, and both are accurate to 8 bits.

    Args:
        g: running sum of log-decays, nats, batch head position.
        dtype: of the result, that of q and k.

    Returns:
        Four channels of the query and four of the key.

    Example:
        >>> of_query, of_key = channels(torch.tensor([-100.3, -350.7], dtype=torch.float64), torch.bfloat16)
        >>> round((of_query[1].double() @ of_key[0].double()).item(), 2)  # g_1 − g_0
        -250.4
    """
    rounded = g.to(torch.bfloat16).to(g.dtype)
    rounded, rest = rounded.to(dtype), (g - rounded).to(dtype)
    one = torch.ones_like(rounded)
    return torch.stack((rounded, one, rest, one), dim=-1), torch.stack((one, -rounded, one, -rest), dim=-1)


class DecayBiasAttention(Attention):
    """Attention with the bias g_i − g_j; what derives from it gives `_log_decay`."""

    score_sized: ClassVar[tuple[str, ...]] = (*Attention.score_sized, "bias_scores")
    trace_hooks: ClassVar[tuple[str, ...]] = (*Attention.trace_hooks, "log_decay", "cum_decay")

    def __init__(self, config: SISAConfig, layer: int = 0) -> None:
        super().__init__(config, layer)
        self.hook_log_decay, self.hook_cum_decay, self.hook_bias_scores = hook_points(3, pos_dim=2)

    @abstractmethod
    def _log_decay(self, x: Tensor) -> Tensor:
        """Return log α of x, batch position d_model: batch head position, nats, in at least float32."""

    def _term(self, x: Tensor, cache: LayerCache | None, *, dtype: torch.dtype) -> DecayBias:
        cum_decay = running_sum(self.hook_log_decay(self._log_decay(x)))
        if cache:
            cum_decay = cache.continue_decay(cum_decay)
        return DecayBias(self.hook_cum_decay(cum_decay))

    def _watched_term(self, scores: Tensor) -> Tensor:
        return self.hook_bias_scores(scores)

    @property
    def trace_config(self) -> TraceConfig:
        """The second term is a bias, and plots shall call it so."""
        return {"score_terms": {"importance": "decay bias"}}

    def factors(self, fired: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the bias as a second term of its own: c_rot_i·b_rot_j = g_i − g_j, with λ = 1.

        Its two parts are subtracted one after the other, so that a difference of two large g keeps its digits
        also where a trace is stored in float16.
        """
        log_decay, g = fired["log_decay"][0], fired["cum_decay"][0]
        c_rot, b_rot = channels(g, g.dtype)
        none = torch.zeros_like(g)
        term = {"c_rot": c_rot, "b_rot": b_rot, "lam": torch.ones_like(g[:, 0])}
        decay = {"log_decay": log_decay, "cum_decay": g, "anchored_decay": none, "clamped": none.bool()}
        return super().factors(fired) | term | decay
