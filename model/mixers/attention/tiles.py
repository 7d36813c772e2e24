"""Attention with exact decay in one launch on a GPU: Triton kernels that anchor in every tile.

    s_ij = q_i·k_j / sqrt(d_h) + λ e^{ĝ_i − ĝ_j} c_i·b_j ,  j ≤ i         (arXiv 2606.02332, eq. 2)

A tile of queries and an older tile of keys share two numbers, ĝ at the first query f and at the last key l:

    e^{ĝ_i − ĝ_j} = e^{ĝ_i − ĝ_f} · e^{ĝ_f − ĝ_l} · e^{ĝ_l − ĝ_j}

Each power is at most 1, so that nothing overflows and no clamp is needed: what underflows has faded. Both outer
ones scale the rows of c and b before their product, and the one in the middle is a number. Where a tile holds
the diagonal the power is taken pair by pair. The explicit twin is `model.mixers.attention.softmax`.

| symbol        | variable   | shape                                                            |
| ------------- | ---------- | ---------------------------------------------------------------- |
| q, k, v       | q, k, v    | batch head position d_head, 16 bits                              |
| R(Φ)C, R(Φ)B  | c, b       | batch head position d_state, float32                             |
| ĝ             | g_hat      | batch head position, nats, float64; never grows                  |
| λ             | lam        | head, float32                                                    |
| ĝ at starts   | start      | batch head span, float64: of every SPAN positions the first      |
| ĝ within      | within     | batch head position, float32: ĝ less that of its span's start    |
| log Z         | log_sum    | batch head position, float32, in base 2                          |

The gradient of ĝ_t is Σ_j dS_tj I_tj − Σ_i dS_it I_it with I the importance. The pair (t, t) is in both sums and
cancels, but it is as a rule the largest of them: left in, its rounding would drown the rest. So pairs of a
position with itself are left out of all sums that pass 16 bits, and added in float32 where they do not cancel.
"""
# pyright: reportArgumentType=false, reportIndexIssue=false, reportOptionalMemberAccess=false
# what a kernel computes with has no types that a checker could know

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

SPAN = 128  # positions whose ĝ is kept relative to the first of them; every tile lies within one
LOG2_E = math.log2(math.e)
WIDEST = 128  # channels of a head or a state that fit the kernels
# positions in a tile, warps and stages of loading that were fastest on an H100 (d_head 64, d_state 16)
TILING = {
    "forward": {"QUERIES": 128, "KEYS": 64, "num_warps": 8, "num_stages": 3},
    "keys": {"QUERIES": 64, "KEYS": 64, "num_warps": 4, "num_stages": 2},
    "queries": {"QUERIES": 64, "KEYS": 64, "num_warps": 4, "num_stages": 2},
}


def fits(q: Tensor, b: Tensor) -> bool:
    """Return whether the kernels can do this: on a GPU, in 16 bits, heads and states of at most 128 channels.

    Args:
        q: queries, batch head position d_head.
        b: R(Φ)B, batch head position d_state.

    Example:
        >>> fits(torch.zeros(1, 1, 4, 16), torch.zeros(1, 1, 4, 16))  # on a CPU
        False
    """
    narrow = q.dtype in (torch.bfloat16, torch.float16)
    return q.is_cuda and narrow and max(q.shape[-1], b.shape[-1]) <= WIDEST


@triton.jit
def _rows(pointer, stride_row, stride_column, rows, columns, n_rows, n_columns):
    """Load a tile, 0 outside."""
    inside = (rows[:, None] < n_rows) & (columns[None, :] < n_columns)
    return tl.load(
        pointer + rows[:, None] * stride_row + columns[None, :] * stride_column, mask=inside, other=0.0
    )


@triton.jit
def _between(start, within, first, last, SPAN: tl.constexpr):
    """e^{ĝ_first − ĝ_last}, in float32 from a difference in float64."""
    spans = tl.load(start + first // SPAN) - tl.load(start + last // SPAN)
    return tl.exp(spans.to(tl.float32) + tl.load(within + first) - tl.load(within + last))


@triton.jit
def _forward(
    q, k, v, c, b, start, within, lam, out, log_sum,
    q_b, q_h, q_l, k_b, k_h, k_l, v_b, v_h, v_l, c_b, c_h, c_l, b_b, b_h, b_l, o_b, o_h, o_l,
    n_heads, length, n_spans, scale,
    HEAD: tl.constexpr, STATE: tl.constexpr, d_head: tl.constexpr, d_state: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, SPAN: tl.constexpr,
):  # fmt: skip
    tile, row = tl.num_programs(0) - 1 - tl.program_id(0), tl.program_id(1)
    batch, head = (row // n_heads).to(tl.int64), (row % n_heads).to(tl.int64)
    q += batch * q_b + head * q_h
    k += batch * k_b + head * k_h
    v += batch * v_b + head * v_h
    c += batch * c_b + head * c_h
    b += batch * b_b + head * b_h
    out += batch * o_b + head * o_h
    start += row.to(tl.int64) * n_spans
    within += row.to(tl.int64) * length
    log_sum += row.to(tl.int64) * length
    first = tile * QUERIES
    at_q, channel, state = first + tl.arange(0, QUERIES), tl.arange(0, HEAD), tl.arange(0, STATE)
    importance = tl.load(lam + head) * 1.4426950408889634
    content = scale * 1.4426950408889634
    q_tile = _rows(q, q_l, 1, at_q, channel, length, d_head)
    c_rows = _rows(c, c_l, 1, at_q, state, length, d_state)
    within_q = tl.load(within + at_q, mask=at_q < length, other=float("-inf"))
    c_tile = (c_rows * tl.exp(within_q - tl.load(within + first))[:, None]).to(q_tile.dtype)
    highest = tl.full([QUERIES], float("-inf"), tl.float32)
    total = tl.zeros([QUERIES], tl.float32)
    mean = tl.zeros([QUERIES, HEAD], tl.float32)
    for key in range(0, first, KEYS):
        at_k = key + tl.arange(0, KEYS)
        k_tile = _rows(k, k_l, 1, at_k, channel, length, d_head)
        v_tile = _rows(v, v_l, 1, at_k, channel, length, d_head)
        b_tile = _rows(b, b_l, 1, at_k, state, length, d_state)
        faded = tl.exp(tl.load(within + key + KEYS - 1) - tl.load(within + at_k))
        b_tile = (b_tile * faded[:, None]).to(q_tile.dtype)
        share = importance * _between(start, within, first, key + KEYS - 1, SPAN)
        scores = tl.dot(q_tile, tl.trans(k_tile)) * content + tl.dot(c_tile, tl.trans(b_tile)) * share
        highest_now = tl.maximum(highest, tl.max(scores, 1))
        weights = tl.exp2(scores - highest_now[:, None])
        kept = tl.exp2(highest - highest_now)
        total = total * kept + tl.sum(weights, 1)
        mean = mean * kept[:, None] + tl.dot(weights.to(v_tile.dtype), v_tile)
        highest = highest_now
    c_tile = c_rows.to(q_tile.dtype)
    for key in range(first, tl.minimum(first + QUERIES, length), KEYS):
        at_k = key + tl.arange(0, KEYS)
        k_tile = _rows(k, k_l, 1, at_k, channel, length, d_head)
        v_tile = _rows(v, v_l, 1, at_k, channel, length, d_head)
        b_tile = _rows(b, b_l, 1, at_k, state, length, d_state).to(q_tile.dtype)
        within_k = tl.load(within + at_k, mask=at_k < length, other=0.0)
        seen = at_k[None, :] <= at_q[:, None]
        decay = tl.exp(tl.where(seen, within_q[:, None] - within_k[None, :], 0.0))
        scores = tl.dot(q_tile, tl.trans(k_tile)) * content
        scores += tl.dot(c_tile, tl.trans(b_tile)) * decay * importance
        scores = tl.where(seen, scores, float("-inf"))
        highest_now = tl.maximum(highest, tl.max(scores, 1))
        weights = tl.exp2(scores - highest_now[:, None])
        kept = tl.exp2(highest - highest_now)
        total = total * kept + tl.sum(weights, 1)
        mean = mean * kept[:, None] + tl.dot(weights.to(v_tile.dtype), v_tile)
        highest = highest_now
    inside = (at_q[:, None] < length) & (channel[None, :] < d_head)
    mean = (mean / total[:, None]).to(out.dtype.element_ty)
    tl.store(out + at_q[:, None] * o_l + channel[None, :], mean, mask=inside)
    tl.store(log_sum + at_q, highest + tl.log2(total), mask=at_q < length)


@triton.jit
def _backward_of_keys(
    q, k, v, c, b, start, within, lam, d_out, log_sum, dot, d_k, d_v, d_b, of_key,
    q_b, q_h, q_l, k_b, k_h, k_l, v_b, v_h, v_l, c_b, c_h, c_l, b_b, b_h, b_l, o_b, o_h, o_l,
    n_heads, length, n_spans, scale,
    HEAD: tl.constexpr, STATE: tl.constexpr, d_head: tl.constexpr, d_state: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, SPAN: tl.constexpr,
):  # fmt: skip
    tile, row = tl.program_id(0), tl.program_id(1)
    batch, head, row = (row // n_heads).to(tl.int64), (row % n_heads).to(tl.int64), row.to(tl.int64)
    q += batch * q_b + head * q_h
    k += batch * k_b + head * k_h
    v += batch * v_b + head * v_h
    c += batch * c_b + head * c_h
    b += batch * b_b + head * b_h
    d_out += batch * o_b + head * o_h
    start += row * n_spans
    within += row * length
    log_sum += row * length
    dot += row * length
    first = tile * KEYS
    at_k, channel, state = first + tl.arange(0, KEYS), tl.arange(0, HEAD), tl.arange(0, STATE)
    importance, content = tl.load(lam + head), scale * 1.4426950408889634
    k_tile = _rows(k, k_l, 1, at_k, channel, length, d_head)
    v_tile = _rows(v, v_l, 1, at_k, channel, length, d_head)
    b_rows = _rows(b, b_l, 1, at_k, state, length, d_state)
    within_k = tl.load(within + at_k, mask=at_k < length, other=0.0)
    grad_k, grad_v = tl.zeros([KEYS, HEAD], tl.float32), tl.zeros([KEYS, HEAD], tl.float32)
    grad_b, total = tl.zeros([KEYS, STATE], tl.float32), tl.zeros([KEYS], tl.float32)
    last = tl.minimum(first + KEYS, length) - 1
    faded = tl.exp(tl.where(at_k < length, tl.load(within + last) - within_k, 0.0))
    b_tile = (b_rows * faded[:, None]).to(k_tile.dtype)
    for query in range(first + KEYS, length, QUERIES):
        at_q = query + tl.arange(0, QUERIES)
        q_tile = _rows(q, q_l, 1, at_q, channel, length, d_head)
        o_tile = _rows(d_out, o_l, 1, at_q, channel, length, d_head)
        c_tile = _rows(c, c_l, 1, at_q, state, length, d_state)
        within_q = tl.load(within + at_q, mask=at_q < length, other=float("-inf"))
        c_tile = (c_tile * tl.exp(within_q - tl.load(within + query))[:, None]).to(k_tile.dtype)
        share = importance * _between(start, within, query, last, SPAN)
        terms = tl.dot(b_tile, tl.trans(c_tile)) * share
        scores = tl.dot(k_tile, tl.trans(q_tile)) * content + terms * 1.4426950408889634
        # past the end log Z is +∞, so that every weight is 0
        weights = tl.exp2(scores - tl.load(log_sum + at_q, mask=at_q < length, other=float("inf"))[None, :])
        grad_v += tl.dot(weights.to(k_tile.dtype), o_tile)
        d_weights = tl.dot(v_tile, tl.trans(o_tile))
        d_scores = weights * (d_weights - tl.load(dot + at_q, mask=at_q < length, other=0.0)[None, :])
        total += tl.sum(d_scores * terms, 1)
        narrow = d_scores.to(k_tile.dtype)
        grad_k += tl.dot(narrow, q_tile)
        grad_b += tl.dot(narrow, c_tile) * share
    grad_b *= faded[:, None]
    b_tile = b_rows.to(k_tile.dtype)
    for query in range(first, tl.minimum(first + KEYS, length), QUERIES):
        at_q = query + tl.arange(0, QUERIES)
        q_tile = _rows(q, q_l, 1, at_q, channel, length, d_head)
        o_tile = _rows(d_out, o_l, 1, at_q, channel, length, d_head)
        c_tile = _rows(c, c_l, 1, at_q, state, length, d_state).to(k_tile.dtype)
        within_q = tl.load(within + at_q, mask=at_q < length, other=float("-inf"))
        seen = (at_k[:, None] <= at_q[None, :]) & (at_q[None, :] < length)
        decay = importance * tl.exp(tl.where(seen, within_q[None, :] - within_k[:, None], 0.0))
        terms = tl.dot(b_tile, tl.trans(c_tile)) * decay
        scores = tl.dot(k_tile, tl.trans(q_tile)) * content + terms * 1.4426950408889634
        scores -= tl.load(log_sum + at_q, mask=at_q < length, other=0.0)[None, :]
        weights = tl.exp2(tl.where(seen, scores, float("-inf")))
        grad_v += tl.dot(weights.to(k_tile.dtype), o_tile)
        d_weights = tl.dot(v_tile, tl.trans(o_tile))
        d_scores = weights * (d_weights - tl.load(dot + at_q, mask=at_q < length, other=0.0)[None, :])
        grad_k += tl.dot(d_scores.to(k_tile.dtype), q_tile)
        d_scores = tl.where(at_k[:, None] == at_q[None, :], 0.0, d_scores)
        total += tl.sum(d_scores * terms, 1)
        grad_b += tl.dot((d_scores * decay).to(k_tile.dtype), c_tile)
    inside = (at_k[:, None] < length) & (channel[None, :] < d_head)
    at = (row * length + at_k)[:, None]
    tl.store(d_k + at * d_head + channel[None, :], (grad_k * scale).to(d_k.dtype.element_ty), mask=inside)
    tl.store(d_v + at * d_head + channel[None, :], grad_v.to(d_v.dtype.element_ty), mask=inside)
    inside = (at_k[:, None] < length) & (state[None, :] < d_state)
    tl.store(d_b + at * d_state + state[None, :], grad_b, mask=inside)
    tl.store(of_key + row * length + at_k, total, mask=at_k < length)


@triton.jit
def _backward_of_queries(
    q, k, v, c, b, start, within, lam, d_out, log_sum, dot, d_q, d_c, of_query, itself,
    q_b, q_h, q_l, k_b, k_h, k_l, v_b, v_h, v_l, c_b, c_h, c_l, b_b, b_h, b_l, o_b, o_h, o_l,
    n_heads, length, n_spans, scale,
    HEAD: tl.constexpr, STATE: tl.constexpr, d_head: tl.constexpr, d_state: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, SPAN: tl.constexpr,
):  # fmt: skip
    tile, row = tl.num_programs(0) - 1 - tl.program_id(0), tl.program_id(1)
    batch, head, row = (row // n_heads).to(tl.int64), (row % n_heads).to(tl.int64), row.to(tl.int64)
    q += batch * q_b + head * q_h
    k += batch * k_b + head * k_h
    v += batch * v_b + head * v_h
    c += batch * c_b + head * c_h
    b += batch * b_b + head * b_h
    d_out += batch * o_b + head * o_h
    start += row * n_spans
    within += row * length
    first = tile * QUERIES
    at_q, channel, state = first + tl.arange(0, QUERIES), tl.arange(0, HEAD), tl.arange(0, STATE)
    importance, content = tl.load(lam + head), scale * 1.4426950408889634
    q_tile = _rows(q, q_l, 1, at_q, channel, length, d_head)
    o_tile = _rows(d_out, o_l, 1, at_q, channel, length, d_head)
    c_rows = _rows(c, c_l, 1, at_q, state, length, d_state)
    within_q = tl.load(within + at_q, mask=at_q < length, other=float("-inf"))
    log_z = tl.load(log_sum + row * length + at_q, mask=at_q < length, other=0.0)
    dot_q = tl.load(dot + row * length + at_q, mask=at_q < length, other=0.0)
    faded_q = tl.exp(within_q - tl.load(within + first))
    c_tile = (c_rows * faded_q[:, None]).to(q_tile.dtype)
    grad_q, grad_c = tl.zeros([QUERIES, HEAD], tl.float32), tl.zeros([QUERIES, STATE], tl.float32)
    total, own = tl.zeros([QUERIES], tl.float32), tl.zeros([QUERIES], tl.float32)
    for key in range(0, first, KEYS):
        at_k = key + tl.arange(0, KEYS)
        k_tile = _rows(k, k_l, 1, at_k, channel, length, d_head)
        v_tile = _rows(v, v_l, 1, at_k, channel, length, d_head)
        b_tile = _rows(b, b_l, 1, at_k, state, length, d_state)
        faded = tl.exp(tl.load(within + key + KEYS - 1) - tl.load(within + at_k))
        b_tile = (b_tile * faded[:, None]).to(q_tile.dtype)
        share = importance * _between(start, within, first, key + KEYS - 1, SPAN)
        terms = tl.dot(c_tile, tl.trans(b_tile)) * share
        scores = tl.dot(q_tile, tl.trans(k_tile)) * content + terms * 1.4426950408889634
        weights = tl.exp2(scores - log_z[:, None])
        d_scores = weights * (tl.dot(o_tile, tl.trans(v_tile)) - dot_q[:, None])
        total += tl.sum(d_scores * terms, 1)
        narrow = d_scores.to(q_tile.dtype)
        grad_q += tl.dot(narrow, k_tile)
        grad_c += tl.dot(narrow, b_tile) * share
    grad_c *= faded_q[:, None]
    c_tile = c_rows.to(q_tile.dtype)
    for key in range(first, tl.minimum(first + QUERIES, length), KEYS):
        at_k = key + tl.arange(0, KEYS)
        k_tile = _rows(k, k_l, 1, at_k, channel, length, d_head)
        v_tile = _rows(v, v_l, 1, at_k, channel, length, d_head)
        b_tile = _rows(b, b_l, 1, at_k, state, length, d_state).to(q_tile.dtype)
        within_k = tl.load(within + at_k, mask=at_k < length, other=0.0)
        seen = at_k[None, :] <= at_q[:, None]
        decay = importance * tl.exp(tl.where(seen, within_q[:, None] - within_k[None, :], 0.0))
        terms = tl.dot(c_tile, tl.trans(b_tile)) * decay
        scores = tl.dot(q_tile, tl.trans(k_tile)) * content + terms * 1.4426950408889634
        weights = tl.exp2(tl.where(seen, scores - log_z[:, None], float("-inf")))
        d_scores = weights * (tl.dot(o_tile, tl.trans(v_tile)) - dot_q[:, None])
        grad_q += tl.dot(d_scores.to(q_tile.dtype), k_tile)
        same = at_k[None, :] == at_q[:, None]
        own += tl.sum(tl.where(same, d_scores, 0.0), 1)
        d_scores = tl.where(same, 0.0, d_scores)
        total += tl.sum(d_scores * terms, 1)
        grad_c += tl.dot((d_scores * decay).to(q_tile.dtype), b_tile)
    at = (row * length + at_q)[:, None]
    inside = (at_q[:, None] < length) & (channel[None, :] < d_head)
    tl.store(d_q + at * d_head + channel[None, :], (grad_q * scale).to(d_q.dtype.element_ty), mask=inside)
    inside = (at_q[:, None] < length) & (state[None, :] < d_state)
    tl.store(d_c + at * d_state + state[None, :], grad_c, mask=inside)
    tl.store(of_query + row * length + at_q, total, mask=at_q < length)
    tl.store(itself + row * length + at_q, own, mask=at_q < length)


def _relative(g_hat: Tensor) -> tuple[Tensor, Tensor]:
    """Return ĝ at the start of every span, float64, and ĝ less that of its span, float32."""
    start = g_hat[..., ::SPAN].contiguous()
    length = g_hat.shape[-1]
    within = g_hat - start.repeat_interleave(SPAN, dim=-1, output_size=start.shape[-1] * SPAN)[..., :length]
    return start, within.float().contiguous()


def _sizes(q: Tensor, b: Tensor) -> dict[str, int]:
    d_head, d_state = q.shape[-1], b.shape[-1]
    padded = {
        "HEAD": max(16, triton.next_power_of_2(d_head)),
        "STATE": max(16, triton.next_power_of_2(d_state)),
    }
    return padded | {"d_head": d_head, "d_state": d_state, "SPAN": SPAN}


def _strides(*tensors: Tensor) -> list[int]:
    return [stride for t in tensors for stride in t.stride()[:3]]


def _last_axis_dense(*tensors: Tensor) -> list[Tensor]:
    return [t if t.stride(-1) == 1 else t.contiguous() for t in tensors]


@torch.library.custom_op("sisa::attention_by_tiles", mutates_args=())
def _attention(
    q: Tensor, k: Tensor, v: Tensor, c: Tensor, b: Tensor, g_hat: Tensor, lam: Tensor
) -> tuple[Tensor, Tensor]:
    """The output, and log Z of every row."""
    q, k, v, c, b = _last_axis_dense(q, k, v, c, b)
    batch, n_heads, length, d_head = q.shape
    # positions before heads in memory, as W_O reads them
    out = q.new_empty((batch, length, n_heads, d_head)).transpose(1, 2)
    log_sum = q.new_empty((batch, n_heads, length), dtype=torch.float32)
    start, within = _relative(g_hat)
    tiling = TILING["forward"]
    grid = (triton.cdiv(length, tiling["QUERIES"]), batch * n_heads)
    _forward[grid](
        q, k, v, c, b, start, within, lam, out, log_sum, *_strides(q, k, v, c, b, out),
        n_heads, length, start.shape[-1], 1 / math.sqrt(d_head), **_sizes(q, b), **tiling,
    )  # fmt: skip
    return out, log_sum


@_attention.register_fake
def _(q, k, v, c, b, g_hat, lam):
    batch, n_heads, length, d_head = q.shape
    out = q.new_empty((batch, length, n_heads, d_head)).transpose(1, 2)
    return out, q.new_empty((batch, n_heads, length), dtype=torch.float32)


@torch.library.custom_op("sisa::attention_by_tiles_backward", mutates_args=())
def _attention_backward(
    d_out: Tensor, q: Tensor, k: Tensor, v: Tensor, c: Tensor, b: Tensor, g_hat: Tensor, lam: Tensor,
    out: Tensor, log_sum: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of q, k, v, c and b without pairs of a position with itself in the last two; Σ_j dS I, Σ_i dS I, dS_tt."""
    q, k, v, c, b, d_out = _last_axis_dense(q, k, v, c, b, d_out)
    batch, n_heads, length, d_head = q.shape
    start, within = _relative(g_hat)
    dot = (d_out.float() * out.float()).sum(-1).contiguous()
    d_q, d_k, d_v = (t.new_empty(q.shape) for t in (q, k, v))
    d_c, d_b = c.new_empty(c.shape), b.new_empty(b.shape)
    of_query, of_key, itself = (torch.empty_like(log_sum) for _ in range(3))
    shared = (q, k, v, c, b, start, within, lam, d_out, log_sum, dot)
    shape = (*_strides(q, k, v, c, b, d_out), n_heads, length, start.shape[-1], 1 / math.sqrt(d_head))
    sizes, rows = _sizes(q, b), batch * n_heads
    tiling = TILING["keys"]
    _backward_of_keys[triton.cdiv(length, tiling["KEYS"]), rows](
        *shared, d_k, d_v, d_b, of_key, *shape, **sizes, **tiling
    )
    tiling = TILING["queries"]
    _backward_of_queries[triton.cdiv(length, tiling["QUERIES"]), rows](
        *shared, d_q, d_c, of_query, itself, *shape, **sizes, **tiling
    )
    return d_q, d_k, d_v, d_c, d_b, of_query, of_key, itself


@_attention_backward.register_fake
def _(d_out, q, k, v, c, b, g_hat, lam, out, log_sum):
    wide = [t.new_empty(q.shape) for t in (q, k, v)]
    sums = [torch.empty_like(log_sum) for _ in range(3)]
    return *wide, c.new_empty(c.shape), b.new_empty(b.shape), *sums


def _keep(ctx, inputs, output):
    ctx.save_for_backward(*inputs, *output)
    ctx.set_materialize_grads(False)


def _gradients(ctx, d_out, _):
    if d_out is None:
        return (None,) * 7
    q, k, v, c, b, g_hat, lam, out, log_sum = ctx.saved_tensors
    d_q, d_k, d_v, d_c, d_b, of_query, of_key, itself = _attention_backward(
        d_out, q, k, v, c, b, g_hat, lam, out, log_sum
    )
    # pairs of a position with itself, in float32: of c_t·b_t there is one number a position
    scaled = (itself * lam[:, None])[..., None]
    d_lam = (of_query.sum(-1) + (scaled * c * b).sum((-1, -2))).sum(0) / lam
    d_g = of_query.to(g_hat.dtype) - of_key.to(g_hat.dtype)
    return d_q, d_k, d_v, d_c + scaled * b, d_b + scaled * c, d_g, d_lam


_attention.register_autograd(_gradients, setup_context=_keep)


def attention(
    q: Tensor, k: Tensor, v: Tensor, c_rot: Tensor, b_rot: Tensor, g_hat: Tensor, lam: Tensor
) -> Tensor:
    """Return SISA's attention of a whole text, exact at any decay, from one launch.

    Args:
        q, k: after RoPE, batch head position d_head, bfloat16 or float16.
        v: values, likewise.
        c_rot, b_rot: R(Φ)C and R(Φ)B, batch head position d_state, float32.
        g_hat: ĝ, batch head position, float64, never growing.
        lam: λ, one a head, float32.

    Returns:
        batch head position d_head in the dtype of v; gradients of all seven.

    Example:
        >>> fits(torch.zeros(1, 1, 4, 16), torch.zeros(1, 1, 4, 16))  # it runs where this is True
        False
    """
    return _attention(q, k, v, c_rot, b_rot, g_hat, lam)[0]
