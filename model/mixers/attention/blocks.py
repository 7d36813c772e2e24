"""Attention with an anchor of the decay for every block of queries: exact at any length.

For the queries [s, e) of a block, with c = ĝ_s − R,

    Q̂_i = [q_i ; s e^{ĝ_i − c} R(Φ_i)C_i] ,   K̂_j = [k_j ; s e^{c − ĝ_j} R(Φ_j)B_j] ,   j < e

and one SDPA call a block, whose causal mask ends at its last query. Within a block ĝ falls by 2R at most, so
that both powers lie between e^−R and e^R. Older keys have faded since, and what has faded enough becomes 0.

| symbol        | variable      | shape                           |
| ------------- | ------------- | ------------------------------- |
| q             | q             | batch head query d_head         |
| k, v          | Keys.k, .v    | batch head key d_head           |
| R(Φ)B         | Keys.b_rot    | batch head key d_state          |
| ĝ of keys     | Keys.g_hat    | batch head key, nats            |
| R(Φ)C, ĝ, λ   | importance    | of the queries                  |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from model.mixers.attention.anchor import at_block_start, causal_range, queries_in_block
from model.mixers.attention.sisa_score import Importance, augmented, faded, state_scale

MOST_COPIES = 32  # blocks whose K̂ are kept for gradients: 2,048 tokens in blocks of 64
COPIES_AT_ONCE = 2  # of longer texts
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]  # Q̂, K̂, V; the queries are the last of the keys


class Keys(NamedTuple):
    """What queries look at, those of a cache among them: k, v, R(Φ)B and ĝ of every position so far."""

    k: Tensor
    v: Tensor
    b_rot: Tensor
    g_hat: Tensor


def attention_by_blocks(
    q: Tensor, keys: Keys, importance: Importance, *, anchor_block: int, attend: Attend
) -> Tensor:
    """Return what `attend` gives for every query, from one call a block of queries.

    Args:
        q: queries after RoPE; they are the last of the keys' positions.
        keys: of all positions.
        importance: R(Φ)C, ĝ and λ of the queries.
        anchor_block: of the config; blocks count from the first key.
        attend: one fused call, such as `model.mixers.attention.sdpa.fused_attention`.

    Returns:
        batch head query d_head, in the dtype of v.

    Example:
        >>> from model.mixers.attention.sdpa import fused_attention
        >>> q, b, g = torch.zeros(1, 1, 4, 2), torch.zeros(1, 1, 4, 2), torch.zeros(1, 1, 4)
        >>> v = torch.tensor([[[[4.0, 0.0], [2.0, 0.0], [0.0, 0.0], [2.0, 0.0]]]])
        >>> term = Importance(b, b, g, torch.ones(1))
        >>> mean = attention_by_blocks(q, Keys(q, v, b, g), term, anchor_block=3, attend=fused_attention)
        >>> mean[0, 0, :, 0].tolist()  # equal scores, hence running means
        [4.0, 3.0, 2.0, 2.0]
    """
    block, length = queries_in_block(anchor_block, q.dtype), keys.k.shape[-2]
    first = length - q.shape[-2]
    stops = [*range((first // block + 1) * block, length, block), length]
    sizes = [stop - start for start, stop in zip([first, *stops], stops, strict=False)]
    # c cancels, and so does its share of every gradient: nothing is lost by leaving it out
    c = at_block_start(importance.g_hat.detach(), block, offset=first % block) - causal_range(q.dtype)
    q_hats = augmented(q, importance.c_rot, importance.g_hat - c, importance.lam).split(sizes, dim=-2)
    scaled = state_scale(importance.lam, d_head=q.shape[-1])[:, None] * keys.b_rot

    def some(chosen: slice) -> Tensor:
        """Return the output of some blocks, whose K̂ are in memory together."""
        few = stops[chosen]
        prefixes = _Prefixes.apply(keys.k, scaled, keys.g_hat, keys.v, c, few)
        parts = zip(q_hats[chosen], prefixes[: len(few)], prefixes[len(few) :], strict=True)
        return torch.cat([attend(*part) for part in parts], dim=-2)

    if len(stops) <= MOST_COPIES:
        return some(slice(None))
    # K̂ of all blocks would grow with the square of the length; a few are made at a time, again for gradients
    few = [slice(at, at + COPIES_AT_ONCE) for at in range(0, len(stops), COPIES_AT_ONCE)]
    outputs = [checkpoint(some, chosen, use_reentrant=False, preserve_rng_state=False) for chosen in few]
    return torch.cat(outputs, dim=-2)


class _Prefixes(torch.autograd.Function):
    """K̂ and V as every block of queries sees them: up to its last position, anchored at its first.

    A sum over the blocks is what their gradients come to. PyTorch would make every share of it as long as the
    text, filled with zeros past the block, and round it to the dtype of k before it is added; here each is
    added in its place, in at least float32.
    """

    @staticmethod
    def forward(
        ctx: Any, k: Tensor, scaled: Tensor, g_hat: Tensor, v: Tensor, c: Tensor, stops: list[int]
    ) -> tuple[Tensor, ...]:
        first = k.shape[-2] - c.shape[-1]
        gains = [
            faded(c[..., stop - 1 - first, None] - g_hat[..., :stop]).exp().to(scaled.dtype) for stop in stops
        ]
        ctx.save_for_backward(scaled, *gains)
        ctx.stops, ctx.d_head = stops, k.shape[-1]
        ctx.dtypes = k.dtype, v.dtype, g_hat.dtype
        k_hats = [
            torch.cat((k[..., :stop, :], (gain[..., None] * scaled[..., :stop, :]).to(k.dtype)), dim=-1)
            for gain, stop in zip(gains, stops, strict=True)
        ]
        return *k_hats, *(v[..., :stop, :] for stop in stops)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        scaled, *gains = ctx.saved_tensors
        of_keys, of_values = grads[: len(gains)], grads[len(gains) :]
        d_head, (k_dtype, v_dtype, g_dtype) = ctx.d_head, ctx.dtypes
        d_k = scaled.new_zeros((*scaled.shape[:-1], d_head))
        d_v = scaled.new_zeros((*scaled.shape[:-1], of_values[0].shape[-1]))
        d_scaled, d_g = torch.zeros_like(scaled), scaled.new_zeros(scaled.shape[:-1], dtype=g_dtype)
        for gain, stop, of_key, of_value in zip(gains, ctx.stops, of_keys, of_values, strict=True):
            d_k[..., :stop, :] += of_key[..., :d_head]
            d_v[..., :stop, :] += of_value
            through_gain = gain[..., None] * of_key[..., d_head:]
            d_scaled[..., :stop, :] += through_gain
            d_g[..., :stop] -= (through_gain * scaled[..., :stop, :]).sum(-1)
        return d_k.to(k_dtype), d_scaled, d_g, d_v.to(v_dtype), None, None
