"""Hymba: attention and state-space heads side by side in every layer (arXiv 2411.13676).

    [q, k, v, z, x B C, δ] = W_in u                    one input projection for both branches
    y_a = softmax(q·k / sqrt(d_h)) v ,   y_s = state space(x B C, δ) ⊙ SiLU(z)
    out = W_O ½ (RMSNorm_a(y_a) + RMSNorm_s(y_s))      each branch with a norm of its own

Both branches are 2·d_model wide: values are twice as wide as keys, which several query heads share. Learned
meta tokens stand before the text (`model.network`). The first, the middle and the last layer see everything,
the others the last `window` positions and the meta tokens: j ≤ i and (i − j ≤ window or j < n_meta).
Published Hymba has Mamba-1 heads; here they are those of Mamba-2, with B, C and δ from the shared projection,
and no keys are shared between layers.

Hooks: those of `model.mixers.attention` and of `model.mixers.state_space`, each key and value once a query
head; hook_z is what W_O maps, the mean of both branches. Positions count from the first meta token.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from model.config import SISAConfig
from model.config.placement import key_heads, sees_everything
from model.mixers.attention.attention import Attention, rotated_factors
from model.mixers.attention.sisa_score import causal_mask, content_scores
from model.mixers.parts.cache import LayerCache
from model.mixers.parts.hooks import any_watched, at_least_float32, hook_points
from model.mixers.parts.norm import RMSNorm
from model.mixers.parts.rope import positioned
from model.mixers.state_space.mamba2 import Euler

ATTENTION_SCORES = Attention.score_sized


class AttentionBranch:
    """What a trace shows of the attention of a layer."""

    trace_hooks: ClassVar[tuple[str, ...]] = Attention.trace_hooks
    trace_config: ClassVar[dict[str, Any]] = {}

    def factors(self, fired: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return rotated_factors(fired)


class Hymba(Euler):
    """The whole mixer; its input begins with the meta tokens."""

    score_sized: ClassVar[tuple[str, ...]] = (*ATTENTION_SCORES, *Euler.score_sized)
    no_weight_decay: ClassVar[tuple[str, ...]] = (*Euler.no_weight_decay, "norm_attention.w", "norm_state.w")

    def __init__(self, config: SISAConfig, layer: int = 0) -> None:
        super().__init__()
        self._add_euler(config)
        self.config, d, inner = config, config.d_model, 2 * config.d_model
        self.sees_everything = sees_everything(config, layer)
        keys = key_heads(config) * config.d_head
        # of q, k, v, z, x B C, δ
        self.widths = (d, keys, 2 * keys, inner, sum(self.sizes), self.n_state_heads)
        self.to_in = nn.Linear(d, sum(self.widths), bias=False)
        self.norm_attention, self.norm_state = RMSNorm(inner), RMSNorm(inner)
        self.to_o = nn.Linear(inner, d, bias=False)
        self.hook_q, self.hook_k, self.hook_v, self.hook_rot_q, self.hook_rot_k = hook_points(5, pos_dim=1)
        self.hook_content_scores, self.hook_attn_scores, self.hook_pattern = hook_points(3, pos_dim=2)

    def parts(self, length: int) -> dict[str, Any]:
        """Both branches; attention only where the layer sees every key, for a trace has no windows."""
        return super().parts(length) | ({"attention": AttentionBranch()} if self._sees_all(length) else {})

    def _sees_all(self, length: int) -> bool:
        """Whether the mask hides nothing of so many positions, meta tokens among them, but the future."""
        return self.sees_everything or length - self.config.n_meta <= self.config.window + 1

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """W_in and W_O normal(0, 0.02), the state space as Mamba-2."""
        for linear in (self.to_in, self.to_o):
            linear.weight.normal_(std=0.02, generator=generator)
        self._initialise_euler(generator)

    def forward(
        self, u: Float[Tensor, "batch position d_model"], cache: LayerCache | None = None
    ) -> Float[Tensor, "batch position d_model"]:
        q, k, v, gate, channels, dt = self.to_in(u).split(self.widths, dim=-1)
        y_a = self._attend(q, k, v).transpose(1, 2).flatten(2)
        y_s = (self._recur(channels, dt).flatten(2) * F.silu(gate)).to(u.dtype)
        mean = (self.norm_attention(y_a) + self.norm_state(y_s)) / 2
        return self._output(self.hook_z(mean.unflatten(-1, (self.n_state_heads, -1))))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """y_a, batch head position channel."""
        q, k = self.hook_q(self._heads(q, 1)), self.hook_k(self._heads(k, 1))
        v = self.hook_v(self._heads(v, 2))
        q, k = self.hook_rot_q(positioned(q, self.config)), self.hook_rot_k(positioned(k, self.config))
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        seen = any_watched(self, ATTENTION_SCORES)
        return self._explicit_attention(q, k, v) if seen else self._fused_attention(q, k, v)

    def _heads(self, x: Tensor, heads_wide: int) -> Tensor:
        """batch position head channel, shared heads once for each of their queries."""
        x = x.unflatten(-1, (-1, heads_wide * self.config.d_head))
        return x.repeat_interleave(self.config.n_heads // x.shape[2], dim=2)

    def visible(self, length: int, device: torch.device) -> Bool[Tensor, "query key"]:
        """What a position of this layer may look at; length counts meta tokens too."""
        position = torch.arange(length, device=device)
        near = position[:, None] - position <= self.config.window
        local = near | (position < self.config.n_meta)
        return causal_mask(length, device) & (local | self.sees_everything)

    def _fused_attention(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """One SDPA call; q and k are padded to the width of v, for which every kernel is made."""
        length, d_head = q.shape[-2:]
        q, k = (F.pad(x, (0, v.shape[-1] - d_head)) for x in (q, k))
        whole = self._sees_all(length)
        mask = None if whole else self.visible(length, q.device)
        kernels = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
        with sdpa_kernel(kernels, set_priority=True):
            return F.scaled_dot_product_attention(q, k, v, mask, is_causal=whole, scale=1 / math.sqrt(d_head))

    def _explicit_attention(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The same with every score in sight, in at least float32."""
        with torch.autocast(q.device.type, enabled=False):
            scores = self.hook_content_scores(content_scores(at_least_float32(q), at_least_float32(k)))
            hidden = ~self.visible(q.shape[-2], q.device)
            scores = self.hook_attn_scores(scores).masked_fill(hidden, -math.inf)
            return (self.hook_pattern(scores.softmax(-1)) @ at_least_float32(v)).to(v.dtype)
