"""Causal softmax attention by one SDPA call, each part behind a hook; the plain transformer's mixer.

| symbol    | hook                                   | shape                          |
| --------- | -------------------------------------- | ------------------------------ |
| q, k, v   | hook_q, hook_k, hook_v                 | batch position head d_head     |
| RoPE q, k | hook_rot_q, hook_rot_k                 | batch position head d_head     |
| score     | hook_content_scores, hook_attn_scores, | batch head query key           |
|           | hook_pattern                           |                                |
| y         | hook_z                                 | batch position head d_head     |
| W_O y     | hook_result, one head's share          | batch position head d_model    |

An edit of any of them reaches the logits. The score-sized hooks and hook_result cost nothing until someone
watches. What adds a term to the score (SISA, FoX, ALiBi) derives from Attention and gives `_term`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.config import SISAConfig
from model.mixers.attention.sisa_score import content_scores, fused_attention, softmax_pattern
from model.mixers.base import Mixer
from model.mixers.parts.cache import LayerCache
from model.mixers.parts.hooks import at_least_float32, hook_points
from model.mixers.parts.rope import positioned


@runtime_checkable
class Term(Protocol):
    """What is added to q_i·k_j / sqrt(d_h)."""

    def widen(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Q̂ and K̂, whose scaled product is the whole score up to what a row shares."""
        ...

    def scores(self) -> Tensor:
        """The term itself, batch head query key, nats, in at least float32."""
        ...


class Attention(Mixer):
    """Multi-head attention, RoPE on q and k. With a cache, input holds the positions after those in it."""

    score_sized: ClassVar[tuple[str, ...]] = ("content_scores", "attn_scores", "pattern")
    trace_hooks: ClassVar[tuple[str, ...]] = ("rot_q", "rot_k")  # what `factors` is made from

    def __init__(self, config: SISAConfig, layer: int = 0) -> None:
        super().__init__()
        self.config, d = config, config.d_model
        self.to_q, self.to_k, self.to_v, self.to_o = (nn.Linear(d, d, bias=False) for _ in range(4))
        self.hook_q, self.hook_k, self.hook_v, self.hook_rot_q, self.hook_rot_k = hook_points(5, pos_dim=1)
        self.hook_content_scores, self.hook_attn_scores, self.hook_pattern = hook_points(3, pos_dim=2)
        self.hook_z, self.hook_result = hook_points(2, pos_dim=1)

    @property
    def decodes_from_cache(self) -> bool:
        """Whether the past stays as it was when a token is added, and nobody wants whole score matrices."""
        return self.config.rope != "dynamic_ntk" and not self.scores_watched()

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Linear maps normal(0, 0.02)."""
        for linear in self.children():
            if isinstance(linear, nn.Linear):
                linear.weight.normal_(std=0.02, generator=generator)

    def forward(
        self, x: Float[Tensor, "batch position d_model"], cache: LayerCache | None = None
    ) -> Float[Tensor, "batch position d_model"]:
        """W_O Y."""
        start = cache.length if cache else 0
        q, k, v = self._content(x, start)
        term = self._term(x, cache, dtype=q.dtype)
        z = self._explicit(q, k, v, term) if self.scores_watched() else self._fused(q, k, v, term, cache)
        return self._output(self.hook_z(z.transpose(1, 2)))

    def _term(self, x: Tensor, cache: LayerCache | None, *, dtype: torch.dtype) -> Term | None:
        """What is added to the content score; dtype is that of the fused score."""

    def _content(self, x: Tensor, start: int) -> tuple[Tensor, Tensor, Tensor]:
        """q, k after RoPE, and v: batch head position d_head."""
        q, k, v = (
            hook(linear(x).unflatten(-1, (self.config.n_heads, -1)))
            for linear, hook in ((self.to_q, self.hook_q), (self.to_k, self.hook_k), (self.to_v, self.hook_v))
        )
        q, k = (
            hook(positioned(t, self.config, start=start))
            for hook, t in ((self.hook_rot_q, q), (self.hook_rot_k, k))
        )
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    def factors(self, fired: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Trace variables (`sisa_viz.build_trace`) of one sequence, from what trace_hooks fired for it."""
        return rotated_factors(fired)

    def parts(self, length: int) -> dict[str, Any]:
        """What a trace of length positions may show of this layer, by name."""
        return {"attention": self}

    @property
    def trace_config(self) -> dict[str, Any]:
        """What a trace's config says beside the model's own; here nothing."""
        return {}

    def _fused(self, q: Tensor, k: Tensor, v: Tensor, term: Term | None, cache: LayerCache | None) -> Tensor:
        """Q̂, K̂ and one SDPA call: no query × key tensor is built."""
        if term:
            q, k = term.widen(q, k)
        if cache:
            k, v = cache.extend(k, v)
        return self._attend(q, k, v)

    def _attend(self, q_hat: Tensor, k_hat: Tensor, v: Tensor) -> Tensor:
        """The mean of v by the scores' weights, without query × key tensors; queries are the last keys."""
        return fused_attention(q_hat, k_hat, v)

    def _explicit(self, q: Tensor, k: Tensor, v: Tensor, term: Term | None) -> Tensor:
        """The same output with every score in sight, in at least float32."""
        with torch.autocast(q.device.type, enabled=False):
            scores = self.hook_content_scores(content_scores(at_least_float32(q), at_least_float32(k)))
            if term:
                scores = scores + self._watched_term(term.scores().to(scores.dtype))
            pattern = self.hook_pattern(self._weights(self.hook_attn_scores(scores)))
            return (pattern @ at_least_float32(v)).to(v.dtype)

    def _weights(self, scores: Tensor) -> Tensor:
        """What each key's value is multiplied by, batch head query key; 0 above the diagonal."""
        return softmax_pattern(scores)

    def _watched_term(self, scores: Tensor) -> Tensor:
        """The term's scores through the hook that names them."""
        return scores

    @property
    def n_output_heads(self) -> int:
        return self.config.n_heads

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


def rotated_factors(fired: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """q and k of a trace, head position d_head, from what hook_rot_q and hook_rot_k fired."""
    return {name: fired[f"rot_{name}"][0].transpose(0, 1) for name in ("q", "k")}
