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

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from model.config import SISAConfig
from model.config.placement import key_heads, sees_everything
from model.mixers.attention.attention import ScoredHeads
from model.mixers.attention.sdpa import wide_value_attention
from model.mixers.base import PartName, TracedPart
from model.mixers.parts.cache import LayerCache
from model.mixers.parts.hooks import any_watched
from model.mixers.parts.masks import causal_mask
from model.mixers.parts.norm import RMSNorm
from model.mixers.state_space.mamba2 import Mamba2Recurrence


class Hymba(ScoredHeads, Mamba2Recurrence):
    """The whole mixer; its input begins with the meta tokens."""

    score_sized: ClassVar[tuple[str, ...]] = (*ScoredHeads.score_sized, *Mamba2Recurrence.score_sized)
    no_weight_decay: ClassVar[tuple[str, ...]] = (
        *Mamba2Recurrence.no_weight_decay,
        *("norm_attention.w", "norm_state.w"),
    )
    trace_hooks: ClassVar[tuple[str, ...]] = Mamba2Recurrence.trace_hooks  # of the state space

    def __init__(self, config: SISAConfig, layer: int = 0) -> None:
        super().__init__()
        self._add_recurrence(config)
        self.config, d, inner = config, config.d_model, 2 * config.d_model
        self.sees_everything = sees_everything(config, layer)
        keys = key_heads(config) * config.d_head
        # of q, k, v, z, x B C, δ
        self.widths = (d, keys, 2 * keys, inner, sum(self.sizes), self.n_state_heads)
        self.to_in = nn.Linear(d, sum(self.widths), bias=False)
        self.norm_attention, self.norm_state = RMSNorm(inner), RMSNorm(inner)
        self.to_o = nn.Linear(inner, d, bias=False)
        self._add_score_hooks()

    @property
    def n_output_heads(self) -> int:
        """Number of heads of either branch."""
        return self.n_state_heads

    def factors(self, fired: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return those of the state space; the attention's are `attention_factors`."""
        return Mamba2Recurrence.factors(self, fired)

    def parts(self, length: int) -> dict[PartName, TracedPart]:
        """Return both branches; attention only where the layer sees every key, for a trace has no windows."""
        found: dict[PartName, TracedPart] = {"ssm": self.as_part()}
        if self._sees_all(length):
            found["attention"] = TracedPart(ScoredHeads.trace_hooks, self.attention_factors, {})
        return found

    def _sees_all(self, length: int) -> bool:
        """Whether the mask hides nothing of so many positions, meta tokens among them, but the future."""
        return self.sees_everything or length - self.config.n_meta <= self.config.window + 1

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Fill the weights: W_in and W_O normal(0, 0.02), the state space as Mamba-2."""
        for linear in (self.to_in, self.to_o):
            linear.weight.normal_(std=0.02, generator=generator)
        self._initialise_recurrence(generator)

    def forward(
        self, u: Float[Tensor, "batch position d_model"], /, cache: LayerCache | None = None
    ) -> Float[Tensor, "batch position d_model"]:
        """Return W_O of the mean of both normed branches; the cache is not used, see decodes_from_cache."""
        q, k, v, gate, channels, dt = self.to_in(u).split(self.widths, dim=-1)
        y_a = self._attention(q, k, v).transpose(1, 2).flatten(2)
        y_s = (self._recur(channels, dt).flatten(2) * F.silu(gate)).to(u.dtype)
        mean = (self.norm_attention(y_a) + self.norm_state(y_s)) / 2
        return self._output(self.hook_z(mean.unflatten(-1, (self.n_state_heads, -1))))

    def _attention(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return y_a, batch head position channel, from the projections, batch position (head channel)."""
        q, k, v = self._heads(q, 1), self._heads(k, 1), self._heads(v, 2)
        q, k, v = self._positioned(q, k, v, start=0)
        if any_watched(self, ScoredHeads.score_sized):
            return self._explicit(q, k, v, None)
        length = q.shape[-2]
        mask = None if self._sees_all(length) else self.visible(length, q.device)
        return wide_value_attention(q, k, v, mask=mask)

    def _heads(self, x: Tensor, heads_wide: int) -> Tensor:
        """Return x by heads, batch position head channel, a shared head once for each of its queries."""
        x = x.unflatten(-1, (-1, heads_wide * self.config.d_head))
        return x.repeat_interleave(self.config.n_heads // x.shape[2], dim=2)

    @property
    def W_Q(self) -> Float[Tensor, "head d_model d_head"]:
        """W_Q by head, as TransformerLens lays it out."""
        return self.to_in.weight[: self.widths[0]].unflatten(0, (self.config.n_heads, -1)).mT

    @property
    def W_K(self) -> Float[Tensor, "head d_model d_head"]:
        """W_K by query head: a shared head stands once for each of its queries."""
        shared = self.to_in.weight[self.widths[0] :][: self.widths[1]]
        by_head = shared.unflatten(0, (-1, self.config.d_head)).mT
        return by_head.repeat_interleave(self.config.n_heads // len(by_head), dim=0)

    def visible(self, length: int, device: torch.device) -> Bool[Tensor, "query key"]:
        """Return what a position of this layer may look at; length counts meta tokens too."""
        position = torch.arange(length, device=device)
        near = position[:, None] - position <= self.config.window
        local = near | (position < self.config.n_meta)
        return causal_mask(length, device) & (local | self.sees_everything)
