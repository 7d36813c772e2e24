"""A layer of a real model taken apart for the course, and put together again from a learner's functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float

from model.mixers.attention.sisa import SISAAttention
from model.network.network import SISAModel
from model.weights.checkpoint import load

BLOCK = 64  # queries that share an anchor
SENTENCE = "The secret number is 4821. It rains, and the train to the coast is late. "
HOOKS = (
    *(f"attn.hook_{name}" for name in ("rot_q", "rot_k", "v", "C", "B", "log_decay", "z")),
    *("hook_resid_pre", "hook_attn_out"),
)
Rotate = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Gains = Callable[[torch.Tensor, int], tuple[torch.Tensor, torch.Tensor]]
Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, float], torch.Tensor]


class RealHead(NamedTuple):
    """Hold what goes into one head of a trained SISA layer, and what comes out.

    Args:
        q: queries after RoPE, position d_head.
        k: keys after RoPE, position d_head.
        v: values, position d_head.
        C: what each token reads, position d_state.
        B: what each token writes, position d_state.
        theta: by how much each token turns on, position pair, radians, float64.
        log_decay: log α of each token, nats, float64.
        lam: λ.
        z: what the library's layer gives for this head before W_O, position d_head.
    """

    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    C: torch.Tensor
    B: torch.Tensor
    theta: torch.Tensor
    log_decay: torch.Tensor
    lam: float
    z: torch.Tensor


class RealLayer(NamedTuple):
    """Hold the heads of a trained layer, the map W_O that joins them, and the layer's output.

    Args:
        heads: each with what goes in and what comes out.
        W_O: heads times d_head to d_model.
        output: what the library's layer adds to the residual stream, position d_model.
    """

    heads: list[RealHead]
    W_O: Float[torch.Tensor, "d_model width"]
    output: Float[torch.Tensor, "position d_model"]


@torch.no_grad()
def real_layer(*, layer: int, n_tokens: int) -> RealLayer:
    """Return a layer of the shipped checkpoint "niah" as it reads the first tokens of a repeated sentence.

    Args:
        layer: number of the layer, from 0.
        n_tokens: length of the text.

    Example:
        >>> taken = real_layer(layer=0, n_tokens=8)
        >>> len(taken.heads), tuple(taken.heads[0].q.shape), tuple(taken.output.shape)
        (8, (8, 32), (8, 256))
    """
    model = _shipped()
    mixer = cast("SISAAttention", model.blocks[layer].attn)
    tokens = model.to_tokens(SENTENCE * n_tokens)[:, :n_tokens]
    place = f"blocks.{layer}."
    names = {place + name: name.rpartition("hook_")[2] for name in HOOKS}
    _, fired = model.run_with_cache(tokens, names_filter=lambda name: name in names)
    found = {short: fired[name][0] for name, short in names.items()}
    x = model.blocks[layer].ln1(found["resid_pre"])
    theta = mixer.to_theta(x).unflatten(-1, (model.config.n_heads, -1))
    lam = F.softplus(mixer.lam_raw)
    heads = [
        RealHead(
            q=found["rot_q"][:, at],
            k=found["rot_k"][:, at],
            v=found["v"][:, at],
            C=found["C"][at],
            B=found["B"][at],
            theta=theta[:, at].double(),
            log_decay=found["log_decay"][at].double(),
            lam=float(lam[at]),
            z=found["z"][:, at],
        )
        for at in range(model.config.n_heads)
    ]
    return RealLayer(heads, mixer.to_o.weight, found["attn_out"])


@cache
def _shipped() -> SISAModel:
    """Return the shipped model, read once."""
    return load("niah")


@torch.no_grad()
def own_layer(
    real: RealLayer, *, rotate: Rotate, block_gains: Gains, attention: Attend
) -> Float[torch.Tensor, "position d_model"]:
    """Return what a layer adds to the residual stream, computed by functions that a learner wrote.

    Each block of 64 queries has an anchor of its own. `attention` is causal, so that it wants as many queries
    as keys: those before the block get a gain of 0, and their rows are dropped.

    Args:
        real: what goes into the layer.
        rotate: turns pairs of channels, from vectors and angles.
        block_gains: gives the gains of queries and keys, from g up to a block's end and its first query.
        attention: gives the mean of v, from q, k, v, C̄, B̄ and λ.

    Example:
        >>> from model.workshop.solutions import importance_term as part
        >>> real = real_layer(layer=1, n_tokens=80)
        >>> mine = own_layer(
        ...     real, rotate=part.rotate, block_gains=part.block_gains, attention=part.sisa_attention
        ... )
        >>> bool((mine - real.output).abs().max() < 1e-5)
        True
    """
    joined = []
    for head in real.heads:
        g, phase = head.log_decay.cumsum(0), head.theta.cumsum(0)
        C, B = rotate(head.C.double(), phase), rotate(head.B.double(), phase)
        rows = []
        for first in range(0, len(g), BLOCK):
            end = min(first + BLOCK, len(g))
            query_gain, key_gain = block_gains(g[:end], first)
            C_bar = F.pad(query_gain, (first, 0))[:, None] * C[:end]
            B_bar = key_gain[:, None] * B[:end]
            q, k, v = head.q[:end], head.k[:end], head.v[:end]
            rows.append(attention(q, k, v, C_bar.to(q.dtype), B_bar.to(q.dtype), head.lam)[first:])
        joined.append(torch.cat(rows))
    return torch.cat(joined, dim=1) @ real.W_O.T


@torch.no_grad()
def one_call(
    head: RealHead, g: Float[torch.Tensor, " position"], *, rotate: Rotate, attention: Attend
) -> Float[torch.Tensor, "position d_head"]:
    """Return what a head gives when one call serves the whole text: e^g on its queries, e^−g on its keys.

    Args:
        head: what goes into it.
        g: the running decay, whole or with an anchor, nats.
        rotate: turns pairs of channels, from vectors and angles.
        attention: gives the mean of v, from q, k, v, C̄, B̄ and λ.

    Example:
        >>> from model.workshop.solutions import importance_term as part
        >>> head = real_layer(layer=0, n_tokens=32).heads[2]
        >>> g = head.log_decay.cumsum(0)
        >>> mine = one_call(head, g, rotate=part.rotate, attention=part.sisa_attention)
        >>> bool((mine - head.z).abs().max() < 1e-5)
        True
    """
    phase = head.theta.cumsum(0)
    C_bar = g.exp()[:, None] * rotate(head.C.double(), phase)
    B_bar = (-g).exp()[:, None] * rotate(head.B.double(), phase)
    dtype = head.q.dtype
    return attention(head.q, head.k, head.v, C_bar.to(dtype), B_bar.to(dtype), head.lam)
