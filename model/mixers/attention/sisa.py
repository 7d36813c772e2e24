"""SISA attention: the score of arXiv 2606.02332, eq. 2, by SDPA calls (eq. 5), each part behind a hook.

Beside the hooks of `model.mixers.attention.attention`:

| symbol    | hook                    | shape                       |
| --------- | ----------------------- | --------------------------- |
| B, C      | hook_B, hook_C          | batch head position d_state |
| R(Φ)B, …  | hook_rot_B, hook_rot_C  | batch head position d_state |
| log α, g  | hook_log_decay, hook_cum_decay | batch head position  |
| clamp     | hook_clamped (bool)     | batch head position         |
| ĝ         | hook_anchored_decay     | batch head position         |
| Φ         | hook_phase              | batch head position pair    |
| λ         | hook_lam                | head                        |
| λ C̄·B̄     | hook_importance_scores  | batch head query key        |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from model.config import SISAConfig
from model.config.architectures import architecture
from model.mixers.attention.anchor import anchored_decay, clamp_of
from model.mixers.attention.attention import Attention, Term
from model.mixers.attention.blocks import Keys, attention_by_blocks
from model.mixers.attention.sisa_score import Importance
from model.mixers.attention.tiles import attention_by_tiles, fits
from model.mixers.parts.cache import LayerCache
from model.mixers.parts.float32 import Float32Linear
from model.mixers.parts.hooks import at_least_float32, hook_points
from model.mixers.parts.rotation import rotated_pair
from model.mixers.parts.running_sum import running_sum

INITIAL_DECAY_BIAS = -5.0  # log α = −softplus(−5) ≈ −0.0067: half-life 0.693 / 0.0067 ≈ 103 tokens
INITIAL_LAM_RAW = -1.0  # λ = softplus(−1) ≈ 0.3133


class SISAAttention(Attention):
    """Attention whose score has a content and an importance term.

    Weight decay reaches b_α, which starts at −5: 0.1 of it alone takes the half-life that b_α stands for from
    103 tokens to 52 over the steps of the study, to 38 over those of the shipped model.
    """

    score_sized: ClassVar[tuple[str, ...]] = (*Attention.score_sized, "importance_scores")
    trace_hooks: ClassVar[tuple[str, ...]] = (
        *Attention.trace_hooks,
        *("rot_B", "rot_C", "log_decay", "cum_decay", "anchored_decay", "clamped", "phase", "lam"),
    )

    def __init__(self, config: SISAConfig, layer: int = 0) -> None:
        super().__init__(config, layer)
        d, h, d_s = config.d_model, config.n_heads, config.layer_state(layer)
        self.to_B, self.to_C = nn.Linear(d, h * d_s, bias=False), nn.Linear(d, h * d_s, bias=False)
        self.to_decay = Float32Linear(d, h)
        self.to_theta = nn.Linear(d, h * d_s // 2, bias=False)
        self.lam_raw = nn.Parameter(torch.full((h,), INITIAL_LAM_RAW))
        self.has_softmax = architecture(config.architecture).score == "softmax"
        self.hook_log_decay, self.hook_cum_decay = hook_points(2, pos_dim=2)
        self.hook_clamped, self.hook_anchored_decay = hook_points(2, pos_dim=2)
        self.hook_B, self.hook_C, self.hook_rot_B, self.hook_rot_C = hook_points(4, pos_dim=2)
        self.hook_phase, self.hook_importance_scores = hook_points(2, pos_dim=2)
        self.hook_lam = HookPoint()

    @property
    def decodes_from_cache(self) -> bool:
        """Whether the past may be kept: the minimax anchor changes it with every token."""
        return self.config.anchor != "minimax" and super().decodes_from_cache

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Fill linear maps from normal(0, 0.02), W_θ from normal(0, 0.01), b_α with −5 and λ_raw with −1."""
        for name, linear in self.named_children():
            if isinstance(linear, nn.Linear):
                linear.weight.normal_(std=0.01 if name == "to_theta" else 0.02, generator=generator)
        self.to_decay.bias.fill_(INITIAL_DECAY_BIAS)
        self.lam_raw.fill_(INITIAL_LAM_RAW)

    def factors(self, fired: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return q, k, R(Φ)B, R(Φ)C, the four stages of the decay, Φ and λ."""
        decay = {name: fired[name][0] for name in ("log_decay", "cum_decay", "anchored_decay", "clamped")}
        state = {"b_rot": fired["rot_B"][0], "c_rot": fired["rot_C"][0], "phase": fired["phase"][0]}
        return super().factors(fired) | decay | state | {"lam": fired["lam"]}

    def _term(self, x: Tensor, cache: LayerCache | None, *, dtype: torch.dtype) -> Importance:
        """Return the factors of the importance term in float32; dtype, the score's, bounds ĝ."""
        B, C = self._state_channels(self.to_B(x)), self._state_channels(self.to_C(x))
        theta = self._state_channels(self.to_theta(x))
        B, C = self.hook_B(B), self.hook_C(C)
        log_decay = self.hook_log_decay(-F.softplus(self.to_decay(x)).transpose(1, 2))
        cum_decay, phase = running_sum(log_decay), running_sum(theta.mT).mT
        past = cache.cum_decay if cache else None
        if cache:
            cum_decay, phase = cache.continue_decay(cum_decay), cache.continue_phase(phase)
        cum_decay, phase = self.hook_cum_decay(cum_decay), self.hook_phase(phase)
        anchor, block = self.config.anchor, self.config.anchor_block
        clamp = clamp_of(cum_decay, anchor=anchor, dtype=dtype, anchor_block=block, past=past)
        clamped = self.hook_clamped(clamp.clamped)
        g_hat = self.hook_anchored_decay(anchored_decay(clamp.centred, clamp.limit, clamped))
        turned_C, turned_B = rotated_pair(C, B, phase)
        c_rot, b_rot = self.hook_rot_C(self._gated(turned_C)), self.hook_rot_B(turned_B)
        return Importance(c_rot, b_rot, g_hat, self.hook_lam(F.softplus(self.lam_raw)))

    def _fused(
        self, q: Tensor, k: Tensor, v: Tensor, term: Term | None, cache: LayerCache | None, *, last: int
    ) -> Tensor:
        """Return what attention gives, with an anchor a block of queries where the config says so."""
        if self.config.anchor != "exact" or not isinstance(term, Importance):
            return super()._fused(q, k, v, term, cache, last=last)
        whole = cache is None and last == q.shape[-2]
        if whole and self.has_softmax and fits(q, term.b_rot):
            return attention_by_tiles(q, k, v, **term._asdict())
        keys = Keys(k, v, term.b_rot, term.g_hat)
        if cache:
            k, v, b_rot, g_hat = cache.extend(k, v, term.b_rot, term.g_hat[..., None])
            keys = Keys(k, v, b_rot, g_hat[..., 0])
        block, queries = self.config.anchor_block, term.of_last(last)
        return attention_by_blocks(q[..., -last:, :], keys, queries, anchor_block=block, attend=self._attend)

    def _gated(self, c_rot: Tensor) -> Tensor:
        """Return R(Φ)C as the score uses it; here as it is."""
        return c_rot

    def _state_channels(
        self, x: Float[Tensor, "batch position width"]
    ) -> Float[Tensor, "batch head position channel"]:
        """Return what a linear map gives, heads side by side, head by head, in at least float32."""
        return at_least_float32(x.unflatten(-1, (self.config.n_heads, -1)).transpose(1, 2))

    def _watched_term(self, scores: Tensor) -> Tensor:
        return self.hook_importance_scores(scores)

    @property
    def W_B(self) -> Float[Tensor, "head d_model d_state"]:
        """W_B by head, laid out as W_Q is."""
        return self._by_head(self.to_B)

    @property
    def W_C(self) -> Float[Tensor, "head d_model d_state"]:
        """W_C by head, laid out as W_Q is."""
        return self._by_head(self.to_C)
