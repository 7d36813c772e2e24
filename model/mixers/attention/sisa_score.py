"""The score of SISA as pure functions, and its explicit twin (arXiv 2606.02332, eqs. 2 and 5).

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

λ enters in two places that must agree: `augmented` for the one fused call, `importance_scores` for the twin.
The content term stands in `model.mixers.attention.softmax`, the fused call in `model.mixers.attention.sdpa`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from model.config import Anchor
from model.mixers.parts.masks import causal_mask

MINIMAX_RANGE = 11.0


class Importance(NamedTuple):
    """Factors of the importance term λ e^{ĝ_i − ĝ_j} (R(Φ_i)C_i)·(R(Φ_j)B_j).

    Args:
        c_rot: R(Φ)C, batch head position d_state.
        b_rot: R(Φ)B, batch head position d_state.
        g_hat: ĝ, batch head position, nats.
        lam: λ, one a head.
    """

    c_rot: Tensor
    b_rot: Tensor
    g_hat: Tensor
    lam: Tensor

    def widen(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Return Q̂ = [q ; s C̄] and K̂ = [k ; s B̄], whose scaled product is content plus importance."""
        q_hat = augmented(q, self.c_rot, self.g_hat, self.lam)
        k_hat = augmented(k, self.b_rot, -self.g_hat, self.lam)
        return q_hat, k_hat

    def scores(self) -> Tensor:
        """Return the term of every pair of positions: batch head query key, nats."""
        return importance_scores(self.c_rot, self.b_rot, self.g_hat, self.lam)


def causal_range(dtype: torch.dtype) -> float:
    """Return R of the causal anchor, the largest |ĝ| whose e^R leaves room in a dtype.

    e^R·s·|C| must stay below the dtype's largest value. float32 and bfloat16 end at 3.4e38; e^38 is 3.2e16.
    float16 ends at 65,504: e^11 = 59,874 would fit alone, but then an s·|C| above 1.09 overflows, and trained
    models reach 10. e^6 = 403 leaves room for 160.

    Args:
        dtype: of the fused score.

    Returns:
        R in nats; the anchor is exact up to a total decay of 2R.

    Example:
        >>> causal_range(torch.bfloat16), causal_range(torch.float16)
        (38.0, 6.0)
    """
    return 6.0 if dtype == torch.float16 else 38.0


def clamped_positions(
    cum_decay: Float[Tensor, "*dims position"], *, anchor: Anchor, dtype: torch.dtype
) -> tuple[Float[Tensor, "*dims position"], Bool[Tensor, "*dims position"], float]:
    """Return g − c, the positions where the clamp acts on it, and the bound R of the clamp.

    g falls without end while e^g must fit the dtype, so g is moved by an anchor c, which cancels in
    e^{(g_i − c) − (g_j − c)}, and then clamped to ±R.

    * "causal": c = −R. No later token decides what t sees. With R = 38, g from 0 to −76 becomes 38 to −38,
      exact; at g = −100 the clamp acts and ĝ stays −38.
    * "minimax", the paper's: c = (max g + min g) / 2 and R = 11. g never increases, so max g = g_1 and
      min g = g_L and no reduction is needed. c depends on the last token, which matters once the total decay
      passes 22: there the clamp acts on early positions because of later ones.

    Args:
        cum_decay: g, nats, never increasing.
        anchor: which c.
        dtype: of the fused score; it decides R of the causal anchor.

    Returns:
        g − c before the clamp, True where |g − c| > R, and R in nats.

    Example:
        >>> g = torch.tensor([-1.0, -50.0, -100.0])
        >>> centred, clamped, bound = clamped_positions(g, anchor="causal", dtype=torch.float32)
        >>> centred.tolist(), clamped.tolist(), bound
        ([37.0, -12.0, -62.0], [False, False, True], 38.0)
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
    """Return ĝ = clamp(g − c, −R, R), from the mask of the positions where the clamp acts.

    The mask passes through a hook before it comes here, so that an edit of it (clamp nowhere, clamp more)
    reaches the logits.

    Args:
        centred: g − c, nats.
        clamped: True where the clamp acts.
        bound: R, nats.

    Returns:
        ĝ, nats.

    Example:
        >>> anchored_decay(torch.tensor([20.0, -62.0]), torch.tensor([False, True]), bound=38.0).tolist()
        [20.0, -38.0]
    """
    return torch.where(clamped, bound * centred.sign(), centred)


def augmented(
    x: Float[Tensor, "batch head position d_head"],
    rotated: Float[Tensor, "batch head position d_state"],
    log_gain: Float[Tensor, "batch head position"],
    lam: Float[Tensor, " head"],
) -> Float[Tensor, "batch head position width"]:
    """Return Q̂ = [q ; s C̄] or K̂ = [k ; s B̄] with s = d_h^{1/4} sqrt(λ) (eq. 5).

    The fused call divides Q̂·K̂ by sqrt(d_h). s² = sqrt(d_h) λ undoes that for the second part and leaves λ:
    with d_h = 16 and λ = 0.25, s = 2 · 0.5 = 1 and s² / sqrt(16) = 0.25.

    Args:
        x: q or k.
        rotated: R(Φ)C for a query, R(Φ)B for a key.
        log_gain: ĝ for a query, −ĝ for a key, nats.
        lam: λ, positive.

    Returns:
        The widened vectors in the dtype of x; width = d_head + d_state.

    Example:
        >>> q, C = torch.zeros(1, 1, 1, 16), torch.tensor([[[[3.0, 5.0]]]])
        >>> augmented(q, C, torch.zeros(1, 1, 1), torch.tensor([0.25]))[..., 16:].tolist()
        [[[[3.0, 5.0]]]]
    """
    s = x.shape[-1] ** 0.25 * lam.sqrt()[:, None]
    # e^ĝ in the dtype of ĝ, float64: rounded once, with s, and not before the product.
    gain = (s * log_gain.exp()).to(rotated.dtype)
    return torch.cat((x, (gain[..., None] * rotated).to(x.dtype)), dim=-1)


def importance_scores(
    c_rot: Float[Tensor, "batch head query d_state"],
    b_rot: Float[Tensor, "batch head key d_state"],
    g_hat: Float[Tensor, "batch head position"],
    lam: Float[Tensor, " head"],
) -> Float[Tensor, "batch head query key"]:
    """Return the importance λ e^{ĝ_i − ĝ_j} (R(Φ_i)C_i)·(R(Φ_j)B_j) of every pair of positions.

    This is the slow twin of `augmented`: it builds query × key and subtracts the two ĝ before it takes the
    exponential, so that no e^ĝ has to fit a dtype.

    Args:
        c_rot: R(Φ)C.
        b_rot: R(Φ)B.
        g_hat: ĝ, nats.
        lam: λ.

    Returns:
        Nats; 0 above the diagonal, where the decay would grow instead of fade.

    Example:
        >>> ones = torch.ones(1, 1, 2, 1)
        >>> g_hat = torch.tensor([[[0.0, -math.log(2)]]])  # the second token halves the past
        >>> importance_scores(ones, ones, g_hat, torch.tensor([3.0])).round(decimals=3).tolist()
        [[[[3.0, 0.0], [1.5, 3.0]]]]
    """
    log_decay = (g_hat[..., :, None] - g_hat[..., None, :]).to(c_rot.dtype)
    # −∞ before the exponential and not 0 after it: e^{+100} above the diagonal is inf, and inf · 0 is nan.
    decay = log_decay.masked_fill(~causal_mask(g_hat.shape[-1], g_hat.device), -math.inf).exp()
    return lam[:, None, None] * decay * (c_rot @ b_rot.mT)
