"""The kernels of the gradients: one program a tile of keys, and one a tile of queries.

Weights A are computed anew from log Z; the gradient of the scores is dS = A ∘ (dA − row sums of A ∘ dA), and
those row sums are dot, output times its gradient. I is the importance, in nats.
"""

# what a kernel computes with has no types that a checker could know
# pyright: reportArgumentType=false, reportIndexIssue=false, reportOptionalMemberAccess=false
# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false, reportMissingImports=false
# pyright: reportPossiblyUnboundVariable=false

import triton
import triton.language as tl

from model.mixers.attention.tiles.parts import LOG2_E, falls, rows_of, state_dot


@triton.jit
def backward_of_keys(
    q, k, v, c, b, g, lam, d_out, log_sum, dot, d_k, d_v, d_b, of_key,
    q_b, q_h, q_l, k_b, k_h, k_l, v_b, v_h, v_l, c_b, c_h, c_l, b_b, b_h, b_l, o_b, o_h, o_l,
    n_heads, length, scale,
    HEAD: tl.constexpr, STATE: tl.constexpr, d_head: tl.constexpr, d_state: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    """Write gradients of k, v and b of a tile of keys, and Σ_i dS_ij I_ij."""
    tile, row = tl.program_id(0), tl.program_id(1)
    batch, head, row = (row // n_heads).to(tl.int64), (row % n_heads).to(tl.int64), row.to(tl.int64)
    g += row * length
    log_sum, dot = log_sum + row * length, dot + row * length
    q, c = q + batch * q_b + head * q_h, c + batch * c_b + head * c_h
    d_out += batch * o_b + head * o_h
    first = tile * KEYS
    last = tl.minimum(first + KEYS, length) - 1
    at, channel, state = first + tl.arange(0, KEYS), tl.arange(0, HEAD), tl.arange(0, STATE)
    k_tile = rows_of(k + batch * k_b + head * k_h, k_l, at, channel, length, d_head)
    v_tile = rows_of(v + batch * v_b + head * v_h, v_l, at, channel, length, d_head)
    b_raw = rows_of(b + batch * b_b + head * b_h, b_l, at, state, length, d_state)
    g_last = tl.load(g + last)
    ahead = falls(g, at, g_last, length)  # of the last key, so that it is at least 0
    faded = tl.exp(tl.where(at < length, -ahead, 0.0))
    grad_k, grad_v = tl.zeros([KEYS, HEAD], tl.float32), tl.zeros([KEYS, HEAD], tl.float32)
    grad_b, total = tl.zeros([KEYS, STATE], tl.float32), tl.zeros([KEYS], tl.float32)
    importance = tl.load(lam + head)
    grad_k, grad_v, grad_b, total = _over_queries(
        grad_k, grad_v, grad_b, total, k_tile, v_tile, b_raw * faded[:, None], ahead, at, q, c, d_out,
        log_sum, dot, g, g_last, q_l, c_l, o_l, first + KEYS, length, length, scale * LOG2_E, importance,
        channel, state, d_head, d_state, QUERIES, False,
    )  # fmt: skip
    end = tl.minimum(first + KEYS, length)
    grad_k, grad_v, grad_b, total = _over_queries(
        grad_k, grad_v, grad_b * faded[:, None], total, k_tile, v_tile, b_raw, ahead, at, q, c, d_out,
        log_sum, dot, g, g_last, q_l, c_l, o_l, first, end, length, scale * LOG2_E, importance,
        channel, state, d_head, d_state, QUERIES, True,
    )  # fmt: skip
    inside = (at[:, None] < length) & (channel[None, :] < d_head)
    place = (row * length + at)[:, None]
    tl.store(d_k + place * d_head + channel[None, :], (grad_k * scale).to(k_tile.dtype), mask=inside)
    tl.store(d_v + place * d_head + channel[None, :], grad_v.to(v_tile.dtype), mask=inside)
    inside = (at[:, None] < length) & (state[None, :] < d_state)
    tl.store(d_b + place * d_state + state[None, :], grad_b, mask=inside)
    tl.store(of_key + row * length + at, total, mask=at < length)


@triton.jit
def _over_queries(
    grad_k, grad_v, grad_b, total, k_tile, v_tile, b_tile, ahead, at_k, q, c, d_out, log_sum, dot,
    g, g_last, q_l, c_l, o_l, low, high, length, content, importance, channel, state,
    d_head: tl.constexpr, d_state: tl.constexpr, QUERIES: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    """Add what the queries from low to high give; DIAGONAL: pair by pair, with the mask."""
    for query in range(low, high, QUERIES):
        at = query + tl.arange(0, QUERIES)
        q_tile = rows_of(q, q_l, at, channel, length, d_head)
        o_tile = rows_of(d_out, o_l, at, channel, length, d_head)
        c_tile = rows_of(c, c_l, at, state, length, d_state)
        # past the end log Z is +∞, so that every weight there is 0
        log_z = tl.load(log_sum + at, mask=at < length, other=float("inf"))
        scores = tl.dot(k_tile, tl.trans(q_tile)) * content - log_z[None, :]
        if DIAGONAL:
            seen = (at_k[:, None] <= at[None, :]) & (at[None, :] < length)
            between = falls(g, at, g_last, length)[None, :] - ahead[:, None]
            share = importance * tl.exp(tl.where(seen, between, 0.0))
        else:
            g_first = tl.load(g + query)
            c_tile *= tl.exp(falls(g, at, g_first, length))[:, None]
            share = importance * tl.exp((g_first - g_last).to(tl.float32))
        terms = state_dot(b_tile, tl.trans(c_tile)) * share
        scores += terms * LOG2_E
        if DIAGONAL:
            scores = tl.where(seen, scores, float("-inf"))
        weights = tl.exp2(scores)
        grad_v += tl.dot(weights.to(k_tile.dtype), o_tile)
        row_sums = tl.load(dot + at, mask=at < length, other=0.0)
        d_scores = weights * (tl.dot(v_tile, tl.trans(o_tile)) - row_sums[None, :])
        grad_k += tl.dot(d_scores.to(k_tile.dtype), q_tile)
        if DIAGONAL:
            d_scores = tl.where(at_k[:, None] == at[None, :], 0.0, d_scores)
            grad_b += state_dot(d_scores * share, c_tile)
        else:
            grad_b += state_dot(d_scores, c_tile) * share
        total += tl.sum(d_scores * terms, 1)
    return grad_k, grad_v, grad_b, total


@triton.jit
def backward_of_queries(
    q, k, v, c, b, g, lam, out, d_out, log_sum, dot, d_q, d_c, of_query, itself,
    q_b, q_h, q_l, k_b, k_h, k_l, v_b, v_h, v_l, c_b, c_h, c_l, b_b, b_h, b_l, o_b, o_h, o_l,
    out_b, out_h, out_l,
    n_heads, length, scale,
    HEAD: tl.constexpr, STATE: tl.constexpr, d_head: tl.constexpr, d_state: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    """Write gradients of q and c of a tile of queries, Σ_j dS_ij I_ij and dS_ii."""
    tile, row = tl.num_programs(0) - 1 - tl.program_id(0), tl.program_id(1)  # the longest rows first
    batch, head, row = (row // n_heads).to(tl.int64), (row % n_heads).to(tl.int64), row.to(tl.int64)
    g += row * length
    k, v, b = k + batch * k_b + head * k_h, v + batch * v_b + head * v_h, b + batch * b_b + head * b_h
    first = tile * QUERIES
    at, channel, state = first + tl.arange(0, QUERIES), tl.arange(0, HEAD), tl.arange(0, STATE)
    q_tile = rows_of(q + batch * q_b + head * q_h, q_l, at, channel, length, d_head)
    o_tile = rows_of(d_out + batch * o_b + head * o_h, o_l, at, channel, length, d_head)
    c_raw = rows_of(c + batch * c_b + head * c_h, c_l, at, state, length, d_state)
    g_first = tl.load(g + first)
    fallen = falls(g, at, g_first, length)
    log_z = tl.load(log_sum + row * length + at, mask=at < length, other=0.0)
    out_tile = rows_of(out + batch * out_b + head * out_h, out_l, at, channel, length, d_head)
    row_sums = tl.sum(o_tile.to(tl.float32) * out_tile.to(tl.float32), 1)
    tl.store(dot + row * length + at, row_sums, mask=at < length)  # for the kernel of keys, which comes next
    faded = tl.exp(fallen)
    grad_q, grad_c = tl.zeros([QUERIES, HEAD], tl.float32), tl.zeros([QUERIES, STATE], tl.float32)
    total, own = tl.zeros([QUERIES], tl.float32), tl.zeros([QUERIES], tl.float32)
    importance = tl.load(lam + head)
    grad_q, grad_c, total, own = _over_keys(
        grad_q, grad_c, total, own, q_tile, o_tile, c_raw * faded[:, None], fallen, log_z, row_sums, at,
        k, v, b, g, g_first, k_l, v_l, b_l, 0, first, length, scale * LOG2_E, importance,
        channel, state, d_head, d_state, KEYS, False,
    )  # fmt: skip
    end = tl.minimum(first + QUERIES, length)
    grad_q, grad_c, total, own = _over_keys(
        grad_q, grad_c * faded[:, None], total, own, q_tile, o_tile, c_raw, fallen, log_z, row_sums, at,
        k, v, b, g, g_first, k_l, v_l, b_l, first, end, length, scale * LOG2_E, importance,
        channel, state, d_head, d_state, KEYS, True,
    )  # fmt: skip
    place = (row * length + at)[:, None]
    inside = (at[:, None] < length) & (channel[None, :] < d_head)
    tl.store(d_q + place * d_head + channel[None, :], (grad_q * scale).to(q_tile.dtype), mask=inside)
    inside = (at[:, None] < length) & (state[None, :] < d_state)
    tl.store(d_c + place * d_state + state[None, :], grad_c, mask=inside)
    tl.store(of_query + row * length + at, total, mask=at < length)
    tl.store(itself + row * length + at, own, mask=at < length)


@triton.jit
def _over_keys(
    grad_q, grad_c, total, own, q_tile, o_tile, c_tile, fallen, log_z, row_sums, at_q, k, v, b,
    g, g_first, k_l, v_l, b_l, low, high, length, content, importance, channel, state,
    d_head: tl.constexpr, d_state: tl.constexpr, KEYS: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    """Add what the keys from low to high give; DIAGONAL: pair by pair, with the mask."""
    for key in range(low, high, KEYS):
        at = key + tl.arange(0, KEYS)
        k_tile = rows_of(k, k_l, at, channel, length, d_head)
        v_tile = rows_of(v, v_l, at, channel, length, d_head)
        b_tile = rows_of(b, b_l, at, state, length, d_state)
        scores = tl.dot(q_tile, tl.trans(k_tile)) * content - log_z[:, None]
        if DIAGONAL:
            seen = at[None, :] <= at_q[:, None]
            between = fallen[:, None] - falls(g, at, g_first, length)[None, :]
            share = importance * tl.exp(tl.where(seen, between, 0.0))
        else:
            g_last = tl.load(g + key + KEYS - 1)
            b_tile *= tl.exp(-falls(g, at, g_last, length))[:, None]
            share = importance * tl.exp((g_first - g_last).to(tl.float32))
        terms = state_dot(c_tile, tl.trans(b_tile)) * share
        scores += terms * LOG2_E
        if DIAGONAL:
            scores = tl.where(seen, scores, float("-inf"))
        d_scores = tl.exp2(scores) * (tl.dot(o_tile, tl.trans(v_tile)) - row_sums[:, None])
        grad_q += tl.dot(d_scores.to(q_tile.dtype), k_tile)
        if DIAGONAL:
            same = at[None, :] == at_q[:, None]
            own += tl.sum(tl.where(same, d_scores, 0.0), 1)
            d_scores = tl.where(same, 0.0, d_scores)
            grad_c += state_dot(d_scores * share, b_tile)
        else:
            grad_c += state_dot(d_scores, b_tile) * share
        total += tl.sum(d_scores * terms, 1)
    return grad_q, grad_c, total, own
