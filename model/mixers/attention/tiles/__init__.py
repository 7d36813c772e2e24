"""Attention with exact decay in one launch on a GPU: Triton kernels that anchor in every tile.

    s_ij = q_i·k_j / sqrt(d_h) + λ e^{ĝ_i − ĝ_j} c_i·b_j ,  j ≤ i         (arXiv 2606.02332, eq. 2)

A tile of queries and an older tile of keys share two numbers, ĝ at the first query f and at the last key l:

    e^{ĝ_i − ĝ_j} = e^{ĝ_i − ĝ_f} · e^{ĝ_f − ĝ_l} · e^{ĝ_l − ĝ_j}

Each power is at most 1, so that nothing overflows and no clamp is needed: what underflows has faded. Both
outer ones scale the rows of c and b before their product, and the one in the middle is a number. Where a tile
holds the diagonal the power is taken pair by pair. The twin is `model.mixers.attention.softmax`.

| symbol        | variable   | shape                                                            |
| ------------- | ---------- | ---------------------------------------------------------------- |
| q, k, v       | q, k, v    | batch head position d_head, 16 bits                              |
| R(Φ)C, R(Φ)B  | c, b       | batch head position d_state, float32                             |
| ĝ             | g_hat      | batch head position, nats, float64; never grows                  |
| λ             | lam        | head, float32                                                    |
| log Z         | log_sum    | batch head position, float32, in base 2                          |

With I the importance and S the scores, the gradient of ĝ_t is Σ_j dS_tj I_tj − Σ_i dS_it I_it. The pair
(t, t) is in both sums and cancels, but as a rule it is the largest: left in, its rounding would drown the
rest. So pairs of a position with itself stay out of all sums that pass 16 bits, and are added in float32.
"""
# pyright: reportIndexIssue=false
# a kernel is launched by kernel[grid](…), which no type checker knows

import math
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

WIDEST = 128  # channels of a head or a state that the kernels take
# positions in a tile, warps and stages of loading that were fast on an H100 (d_head 64, d_state 16)
TILING = {
    "forward": {"QUERIES": 128, "KEYS": 64, "num_warps": 8, "num_stages": 3},
    "keys": {"QUERIES": 64, "KEYS": 64, "num_warps": 4, "num_stages": 2},
    "queries": {"QUERIES": 64, "KEYS": 64, "num_warps": 4, "num_stages": 2},
}
HAS_TRITON = find_spec("triton") is not None  # it comes with PyTorch for GPUs
Gradients = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def fits(q: Float[Tensor, "*dims d_head"], b_rot: Float[Tensor, "*dims d_state"]) -> bool:
    """Return whether the kernels take these: on a GPU, in 16 bits, at most 128 channels a head.

    Everything else takes the blocks of `model.mixers.attention.blocks`.

    Args:
        q: queries.
        b_rot: R(Φ)B.

    Example:
        >>> fits(torch.zeros(1, 1, 4, 16), torch.zeros(1, 1, 4, 16))  # on a CPU
        False
    """
    narrow = q.dtype in (torch.bfloat16, torch.float16)
    return q.is_cuda and narrow and max(q.shape[-1], b_rot.shape[-1]) <= WIDEST and HAS_TRITON


def attention_by_tiles(
    q: Float[Tensor, "batch head position d_head"],
    k: Float[Tensor, "batch head position d_head"],
    v: Float[Tensor, "batch head position d_head"],
    *,
    c_rot: Float[Tensor, "batch head position d_state"],
    b_rot: Float[Tensor, "batch head position d_state"],
    g_hat: Float[Tensor, "batch head position"],
    lam: Float[Tensor, " head"],
) -> Float[Tensor, "batch head position d_head"]:
    """Return SISA's attention of a whole text from one launch, exact at any decay, with gradients of all.

    Args:
        q: after RoPE; `fits` says which.
        k: likewise.
        v: values.
        c_rot: R(Φ)C, float32.
        b_rot: R(Φ)B, float32.
        g_hat: ĝ, float64, never growing.
        lam: λ, float32.

    Returns:
        The output in the dtype of v.

    Example:
        >>> x, g = torch.zeros(1, 1, 2, 16, device="meta"), torch.zeros(1, 1, 2, device="meta")
        >>> attention_by_tiles(x, x, x, c_rot=x, b_rot=x, g_hat=g, lam=torch.ones(1, device="meta")).shape
        torch.Size([1, 1, 2, 16])
    """
    return _attention(q, k, v, c_rot, b_rot, g_hat, lam)[0]


@torch.library.custom_op("sisa::attention_by_tiles", mutates_args=())
def _attention(
    q: Tensor, k: Tensor, v: Tensor, c: Tensor, b: Tensor, g_hat: Tensor, lam: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the output, and log Z of every row."""
    from model.mixers.attention.tiles.forward import forward

    q, k, v, c, b = _dense_channels(q, k, v, c, b)
    batch, n_heads, length, _ = q.shape
    out, log_sum = _empty_output(q)
    tiling = _tiling("forward", q, b)
    forward[-(-length // tiling["QUERIES"]), batch * n_heads](
        *(q, k, v, c, b, g_hat.contiguous(), lam, out, log_sum),
        *_shape(q, k, v, c, b, out),
        **_channels(q, b),
        **tiling,
    )
    return out, log_sum


@torch.library.custom_op("sisa::attention_by_tiles_backward", mutates_args=())
def _attention_backward(
    d_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    c: Tensor,
    b: Tensor,
    g_hat: Tensor,
    lam: Tensor,
    out: Tensor,
    log_sum: Tensor,
) -> Gradients:
    """Return gradients of q, k, v, c and b, then Σ_j dS I, Σ_i dS I and dS_tt of every position.

    Those of c and b and both sums are without pairs of a position with itself.
    """
    from model.mixers.attention.tiles.backward import backward_of_keys, backward_of_queries

    q, k, v, c, b, d_out = _dense_channels(q, k, v, c, b, d_out)
    batch, n_heads, length, _ = q.shape
    d_q, d_k, d_v, d_c, d_b, of_query, of_key, itself = _empty_gradients(q, b, log_sum)
    dot, g_hat, rows = torch.empty_like(log_sum), g_hat.contiguous(), batch * n_heads
    channels, tiling = _channels(q, b), _tiling("queries", q, b)
    backward_of_queries[-(-length // tiling["QUERIES"]), rows](
        *(q, k, v, c, b, g_hat, lam, out, d_out, log_sum, dot, d_q, d_c, of_query, itself),
        *_shape(q, k, v, c, b, d_out, out),
        **channels,
        **tiling,
    )
    tiling = _tiling("keys", q, b)
    backward_of_keys[-(-length // tiling["KEYS"]), rows](
        *(q, k, v, c, b, g_hat, lam, d_out, log_sum, dot, d_k, d_v, d_b, of_key),
        *_shape(q, k, v, c, b, d_out),
        **channels,
        **tiling,
    )
    return d_q, d_k, d_v, d_c, d_b, of_query, of_key, itself


def _keep(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs, *output)
    ctx.mark_non_differentiable(output[1])


def _gradients(ctx: Any, d_out: Tensor, _: Tensor) -> tuple[Tensor, ...]:
    q, k, v, c, b, g_hat, lam, out, log_sum = ctx.saved_tensors
    d_q, d_k, d_v, d_c, d_b, of_query, of_key, itself = _attention_backward(
        d_out, q, k, v, c, b, g_hat, lam, out, log_sum
    )
    itself = itself[..., None] * lam[:, None, None]  # λ dS_tt: of c_t·b_t there is one number a position
    d_lam = (of_query.sum(-1) + (itself * c * b).sum((-1, -2))).sum(0) / lam
    d_g = of_query.to(g_hat.dtype) - of_key.to(g_hat.dtype)
    return d_q, d_k, d_v, d_c + itself * b, d_b + itself * c, d_g, d_lam


# what torch.compile knows of both: the room for their results, by arguments in the order of the signatures
_attention.register_fake(lambda q, *_: _empty_output(q))
_attention_backward.register_fake(lambda *given: _empty_gradients(given[1], given[5], given[9]))
_attention.register_autograd(_gradients, setup_context=_keep)


def _channels(q: Tensor, b: Tensor) -> dict[str, int]:
    """Return the channels of heads and states, and the powers of 2 that tiles are as wide as, 16 at least."""
    sizes = {"d_head": q.shape[-1], "d_state": b.shape[-1]}
    return sizes | {"HEAD": _power_of_2(q.shape[-1]), "STATE": _power_of_2(b.shape[-1])}


def _tiling(kernel: str, q: Tensor, b: Tensor) -> dict[str, int]:
    """Return the tiles of a kernel; those of wide heads are small enough for the memory of one processor."""
    if max(q.shape[-1], b.shape[-1]) <= 64:
        return TILING[kernel]
    return {"QUERIES": 64, "KEYS": 64, "num_warps": 8, "num_stages": 1}


def _power_of_2(width: int) -> int:
    return max(16, 1 << (width - 1).bit_length())


def _shape(*tensors: Tensor) -> list[float]:
    """Return strides of all axes but the channels, then heads, length and 1 / sqrt(d_head)."""
    strides = [stride for t in tensors for stride in t.stride()[:3]]
    _, n_heads, length, d_head = tensors[0].shape
    return [*strides, n_heads, length, 1 / math.sqrt(d_head)]


def _dense_channels(*tensors: Tensor) -> list[Tensor]:
    """Return tensors whose channels lie side by side."""
    return [t if t.stride(-1) == 1 else t.contiguous() for t in tensors]


def _empty_output(q: Tensor) -> tuple[Tensor, Tensor]:
    """Return room for the output, positions before heads in memory as W_O reads them, and for log Z."""
    batch, n_heads, length, d_head = q.shape
    out = q.new_empty((batch, length, n_heads, d_head)).transpose(1, 2)
    return out, q.new_empty((batch, n_heads, length), dtype=torch.float32)


def _empty_gradients(q: Tensor, b: Tensor, log_sum: Tensor) -> Gradients:
    """Return room for what the backward kernels write."""
    wide, state = [q.new_empty(q.shape) for _ in range(3)], [b.new_empty(b.shape) for _ in range(2)]
    sums = [torch.empty_like(log_sum) for _ in range(3)]
    return wide[0], wide[1], wide[2], state[0], state[1], sums[0], sums[1], sums[2]
