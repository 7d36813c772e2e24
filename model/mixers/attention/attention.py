"""Causal softmax attention by one SDPA call, each part behind a hook; the plain transformer's mixer.

    y_i = Σ_{j ≤ i} A_ij v_j ,   A_i = softmax_j(s_ij) ,   s_ij = q_i·k_j / sqrt(d_h) + term_ij

| symbol    | hook                                   | shape                          |
| --------- | -------------------------------------- | ------------------------------ |
| q, k, v   | hook_q, hook_k, hook_v                 | batch position head d_head     |
| RoPE q, k | hook_rot_q, hook_rot_k                 | batch position head d_head     |
| score     | hook_content_scores, hook_attn_scores, | batch head query key           |
|           | hook_pattern                           |                                |
| y         | hook_z                                 | batch position head d_head     |
| W_O y     | hook_result, one head's share          | batch position head d_model    |

An edit of any of them reaches the logits. The score-sized hooks and hook_result cost nothing until someone
watches. What adds a term to the score (SISA, FoX, ALiBi) derives from Attention and gives `_term`. A mixer
that has attention beside something else (Hymba) derives from ScoredHeads.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from model.config import SISAConfig
from model.mixers.attention.sdpa import fused_attention
from model.mixers.attention.softmax import content_scores, softmax_pattern
from model.mixers.base import Mixer, PartName, TracedPart
from model.mixers.parts.cache import LayerCache
from model.mixers.parts.hooks import any_watched, at_least_float32, hook_points
from model.mixers.parts.masks import causal_mask
from model.mixers.parts.rope import positioned


@runtime_checkable
class Term(Protocol):
    """What is added to q_i·k_j / sqrt(d_h)."""

    def widen(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Return Q̂ and K̂, whose scaled product is the whole score, up to what all of a row share."""
        ...

    def scores(self) -> Tensor:
        """Return the term of every pair, batch head query key, nats, in at least float32."""
        ...


class ScoredHeads(Mixer):
    """Attention heads behind hooks, whatever projects into them and whatever reads their output."""

    score_sized: ClassVar[tuple[str, ...]] = ("content_scores", "attn_scores", "pattern")
    trace_hooks: ClassVar[tuple[str, ...]] = ("rot_q", "rot_k")

    config: SISAConfig
    hook_q: HookPoint
    hook_k: HookPoint
    hook_v: HookPoint
    hook_rot_q: HookPoint
    hook_rot_k: HookPoint
    hook_content_scores: HookPoint
    hook_attn_scores: HookPoint
    hook_pattern: HookPoint

    @property
    @abstractmethod
    def W_Q(self) -> Float[Tensor, "head d_model d_head"]:
        """W_Q by head: the normed residual stream times it is q before the position code."""

    @property
    @abstractmethod
    def W_K(self) -> Float[Tensor, "head d_model d_head"]:
        """W_K by query head, likewise."""

    def _add_score_hooks(self) -> None:
        """Make the hooks of q, k, v and of every score."""
        self.hook_q, self.hook_k, self.hook_v, self.hook_rot_q, self.hook_rot_k = hook_points(5, pos_dim=1)
        self.hook_content_scores, self.hook_attn_scores, self.hook_pattern = hook_points(3, pos_dim=2)

    def _positioned(self, q: Tensor, k: Tensor, v: Tensor, *, start: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return q, k and v through their hooks, q and k with the position code.

        What comes is batch position head channel, what goes is batch head position channel. `start` is the
        position of the first.
        """
        q, k, v = self.hook_q(q), self.hook_k(k), self.hook_v(v)
        q = self.hook_rot_q(positioned(q, self.config, start=start))
        k = self.hook_rot_k(positioned(k, self.config, start=start))
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    def visible(self, length: int, device: torch.device) -> Bool[Tensor, "query key"]:
        """Return the mask of what each of `length` positions may look at; here every one up to itself."""
        return causal_mask(length, device)

    def _explicit(self, q: Tensor, k: Tensor, v: Tensor, term: Term | None) -> Tensor:
        """Return the output of the fused call with every score in sight, in at least float32."""
        with torch.autocast(q.device.type, enabled=False):
            scores = self.hook_content_scores(content_scores(at_least_float32(q), at_least_float32(k)))
            if term:
                scores = scores + self._watched_term(term.scores().to(scores.dtype))
            pattern = self.hook_pattern(self._weights(self.hook_attn_scores(scores)))
            return (pattern @ at_least_float32(v)).to(v.dtype)

    def _weights(self, scores: Tensor) -> Tensor:
        """Return what each key's value is multiplied by, batch head query key; 0 where it is hidden."""
        return softmax_pattern(scores, self.visible(scores.shape[-1], scores.device))

    def _watched_term(self, scores: Tensor) -> Tensor:
        """Pass the term's scores through the hook that names them."""
        return scores

    def attention_factors(self, fired: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return q and k of a trace, head position d_head, from what hook_rot_q and hook_rot_k fired."""
        return {name: fired[f"rot_{name}"][0].transpose(0, 1) for name in ("q", "k")}


class Attention(ScoredHeads):
    """Multi-head attention, RoPE on q and k. With a cache, input holds the positions after those in it."""

    def __init__(self, config: SISAConfig, layer: int = 0) -> None:
        super().__init__()
        self.config, d = config, config.d_model
        self.to_q = nn.Linear(d, d, bias=False)
        self.to_k = nn.Linear(d, d, bias=False)
        self.to_v = nn.Linear(d, d, bias=False)
        self.to_o = nn.Linear(d, d, bias=False)
        self._add_score_hooks()
        self.hook_z, self.hook_result = hook_points(2, pos_dim=1)

    @property
    def decodes_from_cache(self) -> bool:
        """Whether the past stays as it was when a token is added, and nobody wants whole score matrices."""
        return self.config.rope != "dynamic_ntk" and not self.scores_watched()

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Fill linear maps from normal(0, 0.02)."""
        for linear in self.children():
            if isinstance(linear, nn.Linear):
                linear.weight.normal_(std=0.02, generator=generator)

    def forward(
        self, x: Float[Tensor, "batch position d_model"], /, cache: LayerCache | None = None
    ) -> Float[Tensor, "batch position d_model"]:
        """Return W_O Y."""
        start = cache.length if cache else 0
        q, k, v = self._content(x, start)
        term = self._term(x, cache, dtype=q.dtype)
        if self.scores_watched():
            z = self._explicit(q, k, v, term)
        else:
            z = self._fused(q, k, v, term, cache, last=x.shape[1])
        return self._output(self.hook_z(z.transpose(1, 2)))

    def last_outputs(
        self, x: Float[Tensor, "batch position d_model"], n: int
    ) -> Float[Tensor, "batch last d_model"]:
        """Return forward(x)[:, -n:]; only those queries look at keys, unless somebody watches all outputs."""
        if any_watched(self, (*self.score_sized, "z", "result")):
            return super().last_outputs(x, n)
        q, k, v = self._content(x, 0)
        z = self._fused(q, k, v, self._term(x, None, dtype=q.dtype), None, last=n)
        return self._output(z.transpose(1, 2))

    def _term(self, x: Tensor, cache: LayerCache | None, *, dtype: torch.dtype) -> Term | None:
        """Return what is added to the content score, here nothing; dtype is that of the fused score."""

    def _content(self, x: Tensor, start: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return q and k after RoPE, and v: batch head position d_head."""
        heads = (self.config.n_heads, -1)
        q, k, v = self.to_q(x), self.to_k(x), self.to_v(x)
        return self._positioned(
            q.unflatten(-1, heads), k.unflatten(-1, heads), v.unflatten(-1, heads), start=start
        )

    def factors(self, fired: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return q and k after RoPE, head position d_head."""
        return self.attention_factors(fired)

    def parts(self, length: int) -> dict[PartName, TracedPart]:
        """Return the attention, which a trace can show at any length."""
        return {"attention": self.as_part()}

    def _fused(
        self, q: Tensor, k: Tensor, v: Tensor, term: Term | None, cache: LayerCache | None, *, last: int
    ) -> Tensor:
        """Return what the last queries get of Q̂, K̂ and V through one SDPA call; no score is in sight."""
        if term:
            q, k = term.widen(q, k)
        if cache:
            k, v = cache.extend(k, v)
        return self._attend(q[..., -last:, :], k, v)

    def _attend(self, q_hat: Tensor, k_hat: Tensor, v: Tensor) -> Tensor:
        """Return the mean of v by the scores' weights; the queries are the last of the keys."""
        return fused_attention(q_hat, k_hat, v)

    @property
    def n_output_heads(self) -> int:
        """Number of attention heads."""
        return self.config.n_heads

    def _by_head(self, linear: nn.Linear) -> Tensor:
        return linear.weight.unflatten(0, (self.config.n_heads, -1)).mT

    @property
    def W_Q(self) -> Float[Tensor, "head d_model d_head"]:
        """W_Q by head, as TransformerLens lays it out."""
        return self._by_head(self.to_q)

    @property
    def W_K(self) -> Float[Tensor, "head d_model d_head"]:
        """W_K by head, as TransformerLens lays it out."""
        return self._by_head(self.to_k)

    @property
    def W_V(self) -> Float[Tensor, "head d_model d_head"]:
        """W_V by head, as TransformerLens lays it out."""
        return self._by_head(self.to_v)
