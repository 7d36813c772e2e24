"""The SISA score as pure functions, and its explicit twin (arXiv 2606.02332, eqs. 2 and 5).

    s_ij = q_i·k_j / sqrt(d_h)  +  λ · C̄_i·B̄_j ,   i ≥ j        (content + importance)
    C̄_i = e^{ĝ_i} R(Φ_i) C_i ,   B̄_j = e^{−ĝ_j} R(Φ_j) B_j ,   ĝ = clamp(g − c)

| symbol  | variable  | shape                       | meaning                                          |
| ------- | --------- | --------------------------- | ------------------------------------------------ |
| q, k, v | q, k, v   | batch head position d_head  | query and key after RoPE, value                  |
| R(Φ)B   | b_rot     | batch head position d_state | rotated input vector                             |
| R(Φ)C   | c_rot     | batch head position d_state | rotated output vector                            |
| log α_t | log_decay | batch head position         | −softplus(w_α·x + b_α), nats, always < 0         |
| g_t     | cum_decay | batch head position         | running sum of log α, nats, float64, never grows |
| ĝ_t     | g_hat     | batch head position         | g − c, clamped; c cancels in the product         |
| Φ_t     | phase     | batch head position pair    | running sum of θ, radians, float64               |
| λ_h     | lam       | head                        | softplus(λ_raw)                                  |
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from model.config import Anchor

MINIMAX_RANGE = 11.0


def causal_range(dtype: torch.dtype) -> float:
    """R of the causal anchor: e^R·s·|C| must fit the dtype. float16 ends at 65,504, the others at 3.4e38.

    e^11 alone would fit float16, but then s·|C| above 1.09 overflows, and trained models reach 10. e^6 leaves
    room for 160.
    """
    return 6.0 if dtype == torch.float16 else 38.0


def running_sum(x: Float[Tensor, "*dims position"]) -> Float[Tensor, "*dims position"]:
    """Sum over positions up to and including t, in float64: an error of g or Φ enters every later score."""
    return x.cumsum(-1, dtype=torch.float64)


def rotate(
    x: Float[Tensor, "*dims channel"], phase: Float[Tensor, "*phase_dims pair"]
) -> Float[Tensor, "*dims channel"]:
    """R(phase) x: turns each interleaved pair of channels (0,1), (2,3), … by its angle, in radians."""
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = phase.cos().to(x.dtype), phase.sin().to(x.dtype)
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


def clamped_positions(
    cum_decay: Float[Tensor, "*dims position"], *, anchor: Anchor, dtype: torch.dtype
) -> tuple[Float[Tensor, "*dims position"], Bool[Tensor, "*dims position"], float]:
    """g − c, where the clamp acts on it, and its bound R.

    causal: c = −R, so nothing after t decides what t sees; exact up to a total decay of 2R (76 nats; 12 in
    float16).
    minimax: the paper's c = (max g + min g)/2 with R = 11. g never increases, so max g = g_1 and min g = g_L:
    no reduction is needed, and c looks ahead, which matters once the total decay passes 22.
    """
    if anchor == "causal":
        bound = causal_range(dtype)
        centred = cum_decay + bound
    else:
        bound = MINIMAX_RANGE
        centred = cum_decay - (cum_decay[..., :1] + cum_decay[..., -1:]) / 2
    return centred, centred.abs() > bound, bound


def anchored_decay(
    centred: Float[Tensor, "*dims position"], clamped: Bool[Tensor, "*dims position"], *, bound: float
) -> Float[Tensor, "*dims position"]:
    """ĝ = clamp(g − c, −R, R), written with the mask of the positions where the clamp acts."""
    return torch.where(clamped, bound * centred.sign(), centred)


def augmented(
    x: Float[Tensor, "batch head position d_head"],
    rotated: Float[Tensor, "batch head position d_state"],
    log_gain: Float[Tensor, "batch head position"],
    lam: Float[Tensor, " head"],
) -> Float[Tensor, "batch head position width"]:
    """Q̂ = [q ; s C̄] (log_gain = ĝ) or K̂ = [k ; s B̄] (log_gain = −ĝ), s = d_h^{1/4} sqrt(λ) (eq. 5)."""
    s = x.shape[-1] ** 0.25 * lam.sqrt()[:, None]
    gain = (s * log_gain.exp()).to(rotated.dtype)
    return torch.cat((x, (gain[..., None] * rotated).to(x.dtype)), dim=-1)


def fused_attention(
    q_hat: Float[Tensor, "batch head query width"],
    k_hat: Float[Tensor, "batch head key width"],
    v: Float[Tensor, "batch head key d_head"],
) -> Float[Tensor, "batch head query d_head"]:
    """softmax(Q̂ K̂ᵀ / sqrt(d_h)) V by one SDPA call; causal, the queries being the last of the keys.

    The scale is given because the default, 1/sqrt(width), would break the score. On a CPU V is padded with
    zeros to the width of Q̂: unequal sizes would fall back to a kernel that builds the query × key matrix. On
    CUDA cuDNN is the fastest kernel that takes unequal sizes.
    """
    d_head, query, key = v.shape[-1], q_hat.shape[-2], k_hat.shape[-2]
    mask = causal_mask(key, v.device)[-query:] if 1 < query < key else None
    options = {"attn_mask": mask, "is_causal": query == key, "scale": 1 / math.sqrt(d_head)}
    if q_hat.is_cuda:
        uneven = -q_hat.shape[-1] % 8  # kernels of 16 bits want a multiple of 8
        q_hat, k_hat = F.pad(q_hat, (0, uneven)), F.pad(k_hat, (0, uneven))
        kernels = [SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
        with sdpa_kernel(kernels, set_priority=True):
            return F.scaled_dot_product_attention(q_hat, k_hat, v, **options)
    padded = F.pad(v, (0, q_hat.shape[-1] - d_head))
    y = F.scaled_dot_product_attention(q_hat, k_hat, padded, **options)
    return y[..., :d_head]


def content_scores(
    q: Float[Tensor, "batch head query d_head"], k: Float[Tensor, "batch head key d_head"]
) -> Float[Tensor, "batch head query key"]:
    """q_i·k_j / sqrt(d_h), every pair, nats."""
    return q @ k.mT / math.sqrt(q.shape[-1])


def importance_scores(
    c_rot: Float[Tensor, "batch head query d_state"],
    b_rot: Float[Tensor, "batch head key d_state"],
    g_hat: Float[Tensor, "batch head position"],
    lam: Float[Tensor, " head"],
) -> Float[Tensor, "batch head query key"]:
    """λ e^{ĝ_i − ĝ_j} (R(Φ_i)C_i)·(R(Φ_j)B_j), nats; 0 above the diagonal, where the decay would grow."""
    log_decay = (g_hat[..., :, None] - g_hat[..., None, :]).to(c_rot.dtype)
    decay = log_decay.masked_fill(~causal_mask(g_hat.shape[-1], g_hat.device), -math.inf).exp()
    return lam[:, None, None] * decay * (c_rot @ b_rot.mT)


def softmax_pattern(scores: Float[Tensor, "batch head query key"]) -> Float[Tensor, "batch head query key"]:
    """Causal softmax over keys, probability."""
    return scores.masked_fill(~causal_mask(scores.shape[-1], scores.device), -math.inf).softmax(-1)


def causal_mask(length: int, device: torch.device) -> Bool[Tensor, "query key"]:
    """True where key ≤ query."""
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()


def sigmoid_pattern(
    scores: Float[Tensor, "batch head query key"], *, bias: Float[Tensor, " query"]
) -> Float[Tensor, "batch head query key"]:
    """σ(s_ij + b_i), 0 where the key is later than the query; queries are the last of the keys."""
    query, key = scores.shape[-2:]
    seen = torch.ones(query, key, dtype=torch.bool, device=scores.device).tril(key - query)
    biased = scores + bias.to(scores.dtype)[:, None]
    return biased.masked_fill(~seen, -math.inf).sigmoid()


def sigmoid_attention(
    q_hat: Float[Tensor, "batch head query width"],
    k_hat: Float[Tensor, "batch head key width"],
    v: Float[Tensor, "batch head key d_head"],
    *,
    bias: Float[Tensor, " query"],
    rows: int = 256,
) -> Float[Tensor, "batch head query d_head"]:
    """σ(Q̂ K̂ᵀ / sqrt(d_h) + b) V, causal, `rows` queries at a time (arXiv 2409.04431).

    The weights of a block are built again for its gradients, so that no query × key tensor is kept. Scores
    are in at least float32, also under autocast: 16 bits would round one of 8 nats by up to 3 %.
    """
    query, key = q_hat.shape[-2], k_hat.shape[-2]
    blocks = []
    for start in range(0, query, rows):
        stop = min(start + rows, query)
        seen = key - query + stop
        parts = q_hat[..., start:stop, :], k_hat[..., :seen, :], v[..., :seen, :], bias[start:stop]
        blocks.append(checkpoint(_sigmoid_rows, *parts, use_reentrant=False, preserve_rng_state=False))
    return torch.cat(blocks, dim=-2)


def _sigmoid_rows(q_hat: Tensor, k_hat: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    dtype = torch.promote_types(q_hat.dtype, torch.float32)
    with torch.autocast(q_hat.device.type, enabled=False):
        scores = q_hat.to(dtype) @ k_hat.to(dtype).mT / math.sqrt(v.shape[-1])
        return sigmoid_pattern(scores, bias=bias).to(v.dtype) @ v
