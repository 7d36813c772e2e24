"""Anchors of the running decay: from g to ĝ, whose powers e^ĝ and e^−ĝ fit a dtype.

    importance_ij = λ e^{ĝ_i − ĝ_j} (R(Φ_i)C_i)·(R(Φ_j)B_j)       (arXiv 2606.02332, eq. 2)

One fused call wants e^{ĝ_i − c} on the queries and e^{c − ĝ_j} on the keys. The anchor c cancels in the
product, but g falls without end, so that either factor leaves the range of a dtype sooner or later. Then a
clamp acts, and what it makes of a pair is not small but wrong: two tokens that share one ĝ look equally old.

| anchor    | c                             | exact while                                                  |
| --------- | ----------------------------- | ------------------------------------------------------------ |
| "exact"   | of every block of queries     | g falls by at most 2R within a block, whatever the length    |
| "causal"  | −R, one for the whole text    | g falls by at most 2R in the whole text                      |
| "minimax" | (max g + min g)/2, the paper's | g falls by at most 22 in the whole text; later tokens move c |

| symbol | variable  | shape                                              |
| ------ | --------- | -------------------------------------------------- |
| g      | cum_decay | batch head position, nats, float64, never grows    |
| R      | bound     | nats, half of what a dtype holds, `causal_range`   |
| ĝ      | g_hat     | batch head position, nats                          |
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from model.config import Anchor

MINIMAX_RANGE = 11.0
NARROW = (
    'anchor "{anchor}" in float16 holds 12 nats of decay in the whole text, and what decays by more gets '
    'wrong scores; use model.with_anchor(model, "exact"), or bfloat16'
)


class Clamp(NamedTuple):
    """What a clamp does to a running decay.

    Args:
        centred: the decay before the clamp, batch head position, nats.
        limit: what takes its place where the clamp acts.
        clamped: True where it acts.
    """

    centred: Tensor
    limit: Tensor
    clamped: Tensor


def causal_range(dtype: torch.dtype) -> float:
    """Return R, half of the decay that an anchor holds in a dtype: the largest |ĝ − c| whose e^R leaves room.

    e^R·s·|C| must stay below the dtype's largest value. float32 and bfloat16 end at 3.4e38; e^38 is 3.2e16.
    float16 ends at 65,504: e^11 = 59,874 would fit alone, but then an s·|C| above 1.09 overflows, and trained
    models reach 10. e^6 = 403 leaves room for 160.

    Args:
        dtype: of the fused score.

    Returns:
        R in nats; an anchor is exact up to a decay of 2R.

    Example:
        >>> causal_range(torch.bfloat16), causal_range(torch.float16)
        (38.0, 6.0)
    """
    return 6.0 if dtype == torch.float16 else 38.0


def queries_in_block(anchor_block: int, dtype: torch.dtype) -> int:
    """Return how many queries share an anchor in a dtype.

    float16 holds 12 nats where the others hold 76, so its blocks are an eighth as long: a head that halves
    every 0.6 tokens falls by 74 nats in 64 tokens and by 9 in 8.

    Args:
        anchor_block: as the config says, for float32 and bfloat16.
        dtype: of the fused score.

    Example:
        >>> queries_in_block(64, torch.bfloat16), queries_in_block(64, torch.float16)
        (64, 8)
    """
    return max(1, anchor_block // 8) if dtype == torch.float16 else anchor_block


def clamp_of(
    cum_decay: Float[Tensor, "*dims position"],
    *,
    anchor: Anchor,
    dtype: torch.dtype,
    anchor_block: int,
    past: Float[Tensor, "*dims earlier"] | None = None,
) -> Clamp:
    """Return where the clamp of an anchor acts on a running decay, and what it puts there.

    * "exact": a block of queries holds a fall of 2R from its first position on. Anything older is either in
      range or so faint that it underflows to 0, as it should.
    * "causal": g + R, clamped to ±R. No later token decides what t sees. With R = 38, g from 0 to −76 becomes
      38 to −38, exact; at g = −100 the clamp acts and ĝ stays −38.
    * "minimax", the paper's: g − c with c = (max g + min g) / 2, clamped to ±11. g never increases, so
      max g = g_1 and min g = g_L and no reduction is needed. c depends on the last token, which matters once
      the total decay passes 22: there the clamp acts on early positions because of later ones.

    Args:
        cum_decay: g, nats, never increasing.
        anchor: which one.
        dtype: of the fused score; it decides R of all but the paper's.
        anchor_block: of the config, for "exact" alone; float16 has shorter ones, `queries_in_block`.
        past: g of the positions before, where decoding goes on from a cache; blocks count from its first.

    Returns:
        The decay before the clamp, its limit, and True where the clamp acts.

    Example:
        >>> g = torch.tensor([-1.0, -50.0, -100.0, -180.0])
        >>> clamp_of(g, anchor="causal", dtype=torch.float32, anchor_block=2).clamped.tolist()
        [False, False, True, True]
        >>> clamp_of(g, anchor="exact", dtype=torch.float32, anchor_block=2).clamped.tolist()  # 80 nats
        [False, False, False, True]
    """
    if anchor == "exact":
        earlier = 0 if past is None else past.shape[-1]
        whole = cum_decay if past is None else torch.cat((past, cum_decay), dim=-1)
        block = queries_in_block(anchor_block, dtype)
        limit = at_block_start(whole, block)[..., earlier:] - 2 * causal_range(dtype)
        return Clamp(cum_decay, limit, cum_decay < limit)
    if dtype == torch.float16:
        warnings.warn(NARROW.format(anchor=anchor), stacklevel=2)
    if anchor == "causal":
        bound = causal_range(dtype)
        centred = cum_decay + bound
    else:
        bound = MINIMAX_RANGE
        centred = cum_decay - (cum_decay[..., :1] + cum_decay[..., -1:]) / 2
    return Clamp(centred, bound * centred.sign(), centred.abs() > bound)


def at_block_start(
    g: Float[Tensor, "*dims position"], block: int, *, offset: int = 0
) -> Float[Tensor, "*dims position"]:
    """Return the decay at the first position of every position's block.

    Args:
        g: a running decay, nats.
        block: positions that share an anchor.
        offset: where in its block the first position stands; what came before it is not there, and it stands
            for it.

    Example:
        >>> at_block_start(torch.tensor([-1.0, -2.0, -3.0, -4.0]), 2, offset=1).tolist()
        [-1.0, -2.0, -2.0, -4.0]
    """
    length = offset + g.shape[-1]
    aligned = torch.cat((g[..., :1].expand(*g.shape[:-1], offset), g), dim=-1) if offset else g
    # Not g[..., ::block] repeated: torch 2.13 compiles that for a CPU into other numbers.
    by_block = F.pad(aligned, (0, -length % block)).unflatten(-1, (-1, block))
    return by_block[..., :1].expand_as(by_block).flatten(-2)[..., offset:length]


def anchored_decay(
    centred: Float[Tensor, "*dims position"],
    limit: Float[Tensor, "*dims position"],
    clamped: Bool[Tensor, "*dims position"],
) -> Float[Tensor, "*dims position"]:
    """Return ĝ: the limit where the clamp acts, the decay itself elsewhere.

    The mask passes through a hook before it comes here, so that an edit of it (clamp nowhere, clamp more)
    reaches the logits.

    Args:
        centred: the decay before the clamp, nats.
        limit: what takes its place, nats.
        clamped: True where the clamp acts.

    Returns:
        ĝ, nats.

    Example:
        >>> centred, limit = torch.tensor([20.0, -62.0]), torch.tensor([38.0, -38.0])
        >>> anchored_decay(centred, limit, torch.tensor([False, True])).tolist()
        [20.0, -38.0]
    """
    return torch.where(clamped, limit, centred)
