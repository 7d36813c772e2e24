"""SISA attention: the score of arXiv 2606.02332, eq. 2, by one SDPA call (eq. 5), each part behind a hook.

| symbol    | hook                                   | shape                          |
| --------- | -------------------------------------- | ------------------------------ |
| q, k, v   | hook_q, hook_k, hook_v                 | batch position head d_head     |
| RoPE q, k | hook_rot_q, hook_rot_k                 | batch position head d_head     |
| B, C      | hook_B, hook_C                         | batch head position d_state    |
| R(Φ)B, …  | hook_rot_B, hook_rot_C                 | batch head position d_state    |
| log α, g  | hook_log_decay, hook_cum_decay         | batch head position            |
| clamp     | hook_clamped (bool)                    | batch head position            |
| ĝ         | hook_anchored_decay                    | batch head position            |
| Φ         | hook_phase                             | batch head position pair       |
| λ         | hook_lam                               | head                           |
| score     | hook_content_scores, hook_attn_scores  | batch head query key           |
|           | hook_importance_scores, hook_pattern   |                                |
| y         | hook_z                                 | batch position head d_head     |
| W_O y     | hook_result, one head's share          | batch position head d_model    |

An edit of any of them reaches the logits. The four score-sized hooks and hook_result cost nothing until
someone watches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from model.cache import LayerCache
from model.config import SISAConfig
from model.float32 import Float32Linear, KeepsFloat32
from model.scores import (
    anchored_decay,
    augmented,
    clamped_positions,
    content_scores,
    fused_attention,
    importance_scores,
    rope_phase,
    rotate,
    running_sum,
    softmax_pattern,
)

DECAY_BIAS = -5.0  # log α ≈ −0.0067: half-life ≈ 103 tokens
LAM_RAW = -1.0  # λ = softplus(−1) ≈ 0.3133

SCORE_SIZED = ("content_scores", "importance_scores", "attn_scores", "pattern")


class Importance(NamedTuple):
    """Factors of λ e^{ĝ_i − ĝ_j} (R(Φ_i)C_i)·(R(Φ_j)B_j)."""

    c_rot: Tensor
    b_rot: Tensor
    g_hat: Tensor
    lam: Tensor


def at_least_float32(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def hook_points(n: int, *, pos_dim: int) -> Iterator[HookPoint]:
    """n hooks of tensors whose positions lie along dimension pos_dim."""
    for _ in range(n):
        hook = HookPoint()
        hook.pos_dim = pos_dim
        yield hook


def watched(hook: HookPoint) -> bool:
    """Whether anybody receives what this hook fires, by TransformerLens' or by PyTorch's own registration."""
    return bool(hook._forward_hooks or hook._backward_hooks)


class SISAAttention(KeepsFloat32):
    """Causal self-attention whose score has a content and an importance term; plain RoPE if d_state = 0."""

    def __init__(self, config: SISAConfig) -> None:
        super().__init__()
        self.config = config
        d, h, d_s = config.d_model, config.n_heads, config.d_state
        self.to_q, self.to_k, self.to_v, self.to_o = (nn.Linear(d, d, bias=False) for _ in range(4))
        self.hook_q, self.hook_k, self.hook_v, self.hook_rot_q, self.hook_rot_k = hook_points(5, pos_dim=1)
        self.hook_content_scores, self.hook_attn_scores, self.hook_pattern = hook_points(3, pos_dim=2)
        self.hook_z, self.hook_result = hook_points(2, pos_dim=1)
        if d_s:
            self.to_B, self.to_C = nn.Linear(d, h * d_s, bias=False), nn.Linear(d, h * d_s, bias=False)
            self.to_decay = Float32Linear(d, h)
            self.to_theta = nn.Linear(d, h * d_s // 2, bias=False)
            self.lam_raw = nn.Parameter(torch.full((h,), LAM_RAW))
            self.hook_log_decay, self.hook_cum_decay = hook_points(2, pos_dim=2)
            self.hook_clamped, self.hook_anchored_decay = hook_points(2, pos_dim=2)
            self.hook_B, self.hook_C, self.hook_rot_B, self.hook_rot_C = hook_points(4, pos_dim=2)
            self.hook_phase, self.hook_importance_scores = hook_points(2, pos_dim=2)
            self.hook_lam = HookPoint()

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Linear maps normal(0, 0.02), W_θ normal(0, 0.01), b_α = −5, λ_raw = −1 (arXiv 2606.02332)."""
        for name, linear in self.named_children():
            if isinstance(linear, nn.Linear):
                linear.weight.normal_(std=0.01 if name == "to_theta" else 0.02, generator=generator)
        if self.config.d_state:
            self.to_decay.bias.fill_(DECAY_BIAS)
            self.lam_raw.fill_(LAM_RAW)

    def forward(
        self, x: Float[Tensor, "batch position d_model"], cache: LayerCache | None = None
    ) -> Float[Tensor, "batch position d_model"]:
        """W_O Y. With a cache, x holds the positions after those in it."""
        start = cache.length if cache else 0
        q, k, v = self._content(x, start)
        term = self._importance(x, cache, dtype=q.dtype) if self.config.d_state else None
        z = self._explicit(q, k, v, term) if self.scores_watched() else self._fused(q, k, v, term, cache)
        return self._output(self.hook_z(z.transpose(1, 2)))

    def _content(self, x: Tensor, start: int) -> tuple[Tensor, Tensor, Tensor]:
        """q, k after RoPE, and v: batch head position d_head."""
        q, k, v = (
            hook(linear(x).unflatten(-1, (self.config.n_heads, -1)))
            for linear, hook in ((self.to_q, self.hook_q), (self.to_k, self.hook_k), (self.to_v, self.hook_v))
        )
        phase = rope_phase(x.shape[1], self.config.d_head, start=start, device=x.device)[:, None]
        q, k = (
            hook(rotate(at_least_float32(t), phase).to(t.dtype))
            for t, hook in ((q, self.hook_rot_q), (k, self.hook_rot_k))
        )
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    def _importance(self, x: Tensor, cache: LayerCache | None, *, dtype: torch.dtype) -> Importance:
        """Factors of the importance term in float32; dtype is that of the score, which bounds ĝ."""
        B, C, theta = (self._state_channels(linear(x)) for linear in (self.to_B, self.to_C, self.to_theta))
        B, C = self.hook_B(B), self.hook_C(C)
        log_decay = self.hook_log_decay(-F.softplus(self.to_decay(x)).transpose(1, 2))
        cum_decay, phase = running_sum(log_decay), running_sum(theta.mT).mT
        if cache:
            cum_decay, phase = cache.continue_sums(cum_decay, phase)
        cum_decay, phase = self.hook_cum_decay(cum_decay), self.hook_phase(phase)
        centred, clamped, bound = clamped_positions(cum_decay, anchor=self.config.anchor, dtype=dtype)
        g_hat = self.hook_anchored_decay(anchored_decay(centred, self.hook_clamped(clamped), bound=bound))
        c_rot, b_rot = self.hook_rot_C(rotate(C, phase)), self.hook_rot_B(rotate(B, phase))
        return Importance(c_rot, b_rot, g_hat, self.hook_lam(F.softplus(self.lam_raw)))

    def _state_channels(self, x: Tensor) -> Tensor:
        """batch position (head channel) -> batch head position channel, at least float32."""
        return at_least_float32(x.unflatten(-1, (self.config.n_heads, -1)).transpose(1, 2))

    def scores_watched(self) -> bool:
        """Whether anybody watches a score-sized hook of this layer."""
        hooks = [getattr(self, f"hook_{name}", None) for name in SCORE_SIZED]
        return any(watched(hook) for hook in hooks if hook is not None)

    def _fused(
        self, q: Tensor, k: Tensor, v: Tensor, term: Importance | None, cache: LayerCache | None
    ) -> Tensor:
        """Q̂, K̂ and one SDPA call: no query × key tensor is built."""
        if term:
            q, k = (
                augmented(q, term.c_rot, term.g_hat, term.lam),
                augmented(k, term.b_rot, -term.g_hat, term.lam),
            )
        if cache:
            k, v = cache.extend(k, v)
        return fused_attention(q, k, v)

    def _explicit(self, q: Tensor, k: Tensor, v: Tensor, term: Importance | None) -> Tensor:
        """The same output with every score in sight, in at least float32."""
        with torch.autocast(q.device.type, enabled=False):
            scores = self.hook_content_scores(content_scores(at_least_float32(q), at_least_float32(k)))
            if term:
                scores = scores + self.hook_importance_scores(importance_scores(*term))
            pattern = self.hook_pattern(softmax_pattern(self.hook_attn_scores(scores)))
            return (pattern @ at_least_float32(v)).to(v.dtype)

    def _output(self, z: Tensor) -> Tensor:
        if watched(self.hook_result):
            return self.hook_result(torch.einsum("bphd,hdm->bphm", z, self.W_O)).sum(2)
        return self.to_o(z.flatten(2))

    def _by_head(self, linear: nn.Linear) -> Tensor:
        return linear.weight.unflatten(0, (self.config.n_heads, -1)).mT

    @property
    def W_Q(self) -> Float[Tensor, "head d_model d_head"]:
        return self._by_head(self.to_q)

    @property
    def W_K(self) -> Float[Tensor, "head d_model d_head"]:
        return self._by_head(self.to_k)

    @property
    def W_V(self) -> Float[Tensor, "head d_model d_head"]:
        return self._by_head(self.to_v)

    @property
    def W_O(self) -> Float[Tensor, "head d_head d_model"]:
        return self.to_o.weight.T.unflatten(0, (self.config.n_heads, -1))
