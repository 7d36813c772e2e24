"""The kernel of the output: one program a tile of queries, as in flash attention (arXiv 2205.14135)."""

# what a kernel computes with has no types that a checker could know
# pyright: reportArgumentType=false, reportIndexIssue=false, reportOptionalMemberAccess=false
# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false, reportMissingImports=false
# pyright: reportPossiblyUnboundVariable=false

import triton
import triton.language as tl

from model.mixers.attention.tiles.parts import LOG2_E, falls, rows_of, state_dot


@triton.jit
def forward(
    q, k, v, c, b, g, lam, out, log_sum,
    q_b, q_h, q_l, k_b, k_h, k_l, v_b, v_h, v_l, c_b, c_h, c_l, b_b, b_h, b_l, o_b, o_h, o_l,
    n_heads, length, scale,
    HEAD: tl.constexpr, STATE: tl.constexpr, d_head: tl.constexpr, d_state: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    """Write the output and log Z of a tile of queries."""
    tile, row = tl.num_programs(0) - 1 - tl.program_id(0), tl.program_id(1)  # the longest rows first
    batch, head, row = (row // n_heads).to(tl.int64), (row % n_heads).to(tl.int64), row.to(tl.int64)
    g += row * length
    k, v, b = k + batch * k_b + head * k_h, v + batch * v_b + head * v_h, b + batch * b_b + head * b_h
    first = tile * QUERIES
    at, channel, state = first + tl.arange(0, QUERIES), tl.arange(0, HEAD), tl.arange(0, STATE)
    q_tile = rows_of(q + batch * q_b + head * q_h, q_l, at, channel, length, d_head)
    c_raw = rows_of(c + batch * c_b + head * c_h, c_l, at, state, length, d_state)
    g_first = tl.load(g + first)
    fallen = falls(g, at, g_first, length)
    c_tile = c_raw * tl.exp(fallen)[:, None]
    highest = tl.full([QUERIES], float("-inf"), tl.float32)
    total, mean = tl.zeros([QUERIES], tl.float32), tl.zeros([QUERIES, HEAD], tl.float32)
    content, importance = scale * LOG2_E, tl.load(lam + head) * LOG2_E
    highest, total, mean = _over_keys(
        highest, total, mean, q_tile, c_tile, fallen, at, k, v, b, g, g_first, k_l, v_l, b_l,
        0, first, length, content, importance, channel, state, d_head, d_state, KEYS, False,
    )  # fmt: skip
    end = tl.minimum(first + QUERIES, length)
    highest, total, mean = _over_keys(
        highest, total, mean, q_tile, c_raw, fallen, at, k, v, b, g, g_first, k_l, v_l, b_l,
        first, end, length, content, importance, channel, state, d_head, d_state, KEYS, True,
    )  # fmt: skip
    inside = (at[:, None] < length) & (channel[None, :] < d_head)
    out += batch * o_b + head * o_h
    mean = (mean / total[:, None]).to(out.dtype.element_ty)
    tl.store(out + at[:, None] * o_l + channel[None, :], mean, mask=inside)
    tl.store(log_sum + row * length + at, highest + tl.log2(total), mask=at < length)


@triton.jit
def _over_keys(
    highest, total, mean, q_tile, c_tile, fallen, at_q, k, v, b, g, g_first, k_l, v_l, b_l,
    low, high, length, content, importance, channel, state,
    d_head: tl.constexpr, d_state: tl.constexpr, KEYS: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    """Take the keys from low to high into the running softmax; DIAGONAL: pair by pair, with the mask."""
    for key in range(low, high, KEYS):
        at = key + tl.arange(0, KEYS)
        k_tile = rows_of(k, k_l, at, channel, length, d_head)
        v_tile = rows_of(v, v_l, at, channel, length, d_head)
        b_tile = rows_of(b, b_l, at, state, length, d_state)
        scores = tl.dot(q_tile, tl.trans(k_tile)) * content
        if DIAGONAL:
            seen = at[None, :] <= at_q[:, None]
            between = fallen[:, None] - falls(g, at, g_first, length)[None, :]
            share = importance * tl.exp(tl.where(seen, between, 0.0))
            scores += state_dot(c_tile, tl.trans(b_tile)) * share
            scores = tl.where(seen, scores, float("-inf"))
        else:
            g_last = tl.load(g + key + KEYS - 1)
            b_tile *= tl.exp(-falls(g, at, g_last, length))[:, None]
            share = importance * tl.exp((g_first - g_last).to(tl.float32))
            scores += state_dot(c_tile, tl.trans(b_tile)) * share
        highest_now = tl.maximum(highest, tl.max(scores, 1))
        weights = tl.exp2(scores - highest_now[:, None])
        kept = tl.exp2(highest - highest_now)
        total = total * kept + tl.sum(weights, 1)
        mean = mean * kept[:, None] + tl.dot(weights.to(v_tile.dtype), v_tile)
        highest = highest_now
    return highest, total, mean
