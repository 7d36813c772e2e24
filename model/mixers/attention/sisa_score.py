"""The score of SISA as pure functions, and its explicit twin (arXiv 2606.02332, eqs. 2 and 5).

    s_ij = q_i·k_j / sqrt(d_h)  +  λ · C̄_i·B̄_j ,   i ≥ j        (content + importance)
    C̄_i = e^{ĝ_i − c} R(Φ_i) C_i ,   B̄_j = e^{c − ĝ_j} R(Φ_j) B_j

| symbol  | variable  | shape                       | meaning                                          |
| ------- | --------- | --------------------------- | ------------------------------------------------ |
| q, k, v | q, k, v   | batch head position d_head  | query and key after RoPE, value                  |
| R(Φ)B   | b_rot     | batch head position d_state | rotated input vector                             |
| R(Φ)C   | c_rot     | batch head position d_state | rotated output vector                            |
| log α_t | log_decay | batch head position         | −softplus(w_α·x + b_α), nats, always < 0         |
| g_t     | cum_decay | batch head position         | running sum of log α, nats, float64, never grows |
| ĝ_t     | g_hat     | batch head position         | g within the range of an anchor c, which cancels |
| Φ_t     | phase     | batch head position pair    | running sum of θ, radians, float64               |
| λ_h     | lam       | head                        | softplus(λ_raw)                                  |

λ enters in two places that must agree: `augmented` for the fused call, `importance_scores` for the twin.
How ĝ and c are chosen stands in `model.mixers.attention.anchor`, the content term in
`model.mixers.attention.softmax`, the fused call in `model.mixers.attention.sdpa`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from model.mixers.parts.masks import causal_mask

FAINTEST = -80.0  # log gain of a query or key, nats


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
        """Return Q̂ = [q ; s C̄] and K̂ = [k ; s B̄] of the anchors that are one for the whole text."""
        q_hat = augmented(q, self.c_rot, self.g_hat, self.lam)
        k_hat = augmented(k, self.b_rot, -self.g_hat, self.lam)
        return q_hat, k_hat

    def of_last(self, n: int) -> Importance:
        """Return the factors of the last n queries: R(Φ)C and ĝ are theirs, R(Φ)B is of all keys."""
        return self._replace(c_rot=self.c_rot[..., -n:, :], g_hat=self.g_hat[..., -n:])

    def scores(self) -> Tensor:
        """Return the term of every pair of positions: batch head query key, nats."""
        return importance_scores(self.c_rot, self.b_rot, self.g_hat, self.lam)


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
    # e^ĝ in the dtype of ĝ, float64: rounded once, with s, and not before the product.
    gain = (state_scale(lam, d_head=x.shape[-1]) * faded(log_gain).exp()).to(rotated.dtype)
    return torch.cat((x, (gain[..., None] * rotated).to(x.dtype)), dim=-1)


def state_scale(lam: Float[Tensor, " head"], *, d_head: int) -> Float[Tensor, "head 1"]:
    """Return s = d_h^{1/4} sqrt(λ), by which both C̄ and B̄ are multiplied (eq. 5).

    Args:
        lam: λ, positive.
        d_head: d_h, by whose root the fused call divides.

    Example:
        >>> state_scale(torch.tensor([0.25]), d_head=16).tolist()
        [[1.0]]
    """
    return d_head**0.25 * lam.sqrt()[:, None]


def faded(log_gain: Tensor) -> Tensor:
    """Return log gains with −∞ in place of what is too faint to matter, below −80 nats.

    e^−80 is 2e-35 and an anchor's own share of it at most e^−38. float32 would go on to 1e-45, but in numbers
    without a leading digit, which a CPU multiplies a hundred times more slowly.

    Args:
        log_gain: of queries or keys, nats.

    Example:
        >>> faded(torch.tensor([-79.0, -81.0])).tolist()
        [-79.0, -inf]
    """
    return log_gain.masked_fill(log_gain < FAINTEST, -math.inf)


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
