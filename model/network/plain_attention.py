"""What a trace can hold of another model's head: queries and keys, and nothing beside them.

A trace of plain attention means

    pattern_ij = softmax_j(q_i·k_j / sqrt(d_head))                j ≤ i

A model may do more: cap its scores, add a bias by distance, look through a window, give weight to a sink that
is no token. Architectures say so in many ways, or not at all. So the model's own pattern decides: it is
computed again from q and k, and where it does not come out, the refusal says what the pattern shows.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from data.refusal import refusal

Queries = Float[Tensor, "head position d_head"]
Keys = Float[Tensor, "key_value_head position d_head"]
Pattern = Float[Tensor, "head query key"]
LEGAL = "the softmax of q·k over every token up to the query, with nothing added"
VISIBLE = 1e-3  # of the largest weight of a row: a weight that no float rounds to 0


@torch.no_grad()
def plain_factors(q: Queries, k: Keys, pattern: Pattern, *, name: str) -> tuple[Queries, Queries]:
    """Return the q and k whose product over sqrt(d_head) is the score of a head, or refuse.

    Heads that share their keys get a copy each. Where a model scales its scores by another number than
    1/sqrt(d_head), that number is read from the pattern and folded into q. In half precision the check is as
    coarse as the model's own scores.

    Args:
        q: queries after their position code [head, position, d_head].
        k: keys after their position code [key_value_head, position, d_head]; as many heads of q in a row
            share one as there are more of them.
        pattern: the model's own weights on its values [head, query, key].
        name: of this attention, for the message.

    Raises:
        ValueError: the pattern is no causal softmax of q·k times a number; the message says what it is.

    Example:
        >>> q, k = torch.randn(2, 3, 4), torch.randn(1, 3, 4)
        >>> scores = (q @ k.mT).masked_fill(torch.ones(3, 3).triu(1).bool(), -torch.inf)  # without 1/sqrt(4)
        >>> folded, keys = plain_factors(q, k, scores.softmax(-1), name="attention")
        >>> torch.allclose(folded, 2 * q), torch.equal(keys[1], k[0])
        (True, True)
    """
    # float32 at least, in which many a model of float64 takes its softmax
    rounding = 2 * max(torch.finfo(each).eps for each in (torch.float32, q.dtype, k.dtype, pattern.dtype))
    wide = torch.promote_types(q.dtype, torch.float32)
    q = q.to(wide)
    k = k.to(wide).repeat_interleave(len(q) // len(k), dim=0)
    pattern = pattern.to(wide)
    _check_rows(pattern, rounding, name)
    scores = (q @ k.mT / q.shape[-1] ** 0.5).tril()
    factor = _factor(pattern, scores)
    largest = float(scores.abs().max())
    if abs(factor - 1) * largest > rounding * (1 + largest):  # else it moves no score by more than rounding
        q, scores = factor * q, factor * scores
    later = torch.ones_like(scores[0], dtype=torch.bool).triu(1)
    _check_weights(
        pattern, scores.masked_fill(later, -torch.inf).softmax(-1), _tolerance(q, k, scores, rounding), name
    )
    return q, k


def _tolerance(q: Queries, k: Queries, scores: Pattern, rounding: float) -> float:
    """Return how far rounding may move a weight, which is no further than it moves a score.

    A score is rounded as often as it is stored, and every product of its sum in float32 or better. The
    products may be larger than the score: together at most |q||k| / sqrt(d_head).
    """
    products = float(q.norm(dim=-1).max() * k.norm(dim=-1).max()) / q.shape[-1] ** 0.5
    return rounding * (1 + float(scores.abs().max())) + 8 * torch.finfo(torch.float32).eps * products


def _factor(pattern: Pattern, scores: Pattern) -> float:
    """Return the number c for which log p_ij is c·x_ij and something of the row alone, by least squares.

    Weighed by p itself, c = Σ p (x − x̄) log p / Σ p (x − x̄)², where x̄ = Σ_j p x is a row's mean. A weight too
    small for its float then says nothing: p log p is 0 where p is 0.
    """
    centred = scores - (pattern * scores).sum(-1, keepdim=True)
    log_weighed = torch.special.xlogy(pattern, pattern)
    spread = (pattern * centred**2).sum(dtype=torch.float64)
    return float((centred * log_weighed).sum(dtype=torch.float64) / spread) if spread > 0 else 1.0


def _check_rows(pattern: Pattern, rounding: float, name: str) -> None:
    """Refuse weights on later tokens, and rows whose weights are not all on tokens."""
    later = pattern.triu(1)
    if later.max() > 0:
        head, query, key = _largest(later)
        came = (
            f"bidirectional: query {query} of head {head} gives token {key} {later.max():.2g} of its weight"
        )
        raise refusal(name, came, legal=LEGAL, step="A trace holds no score of a later token.")
    missing = (1 - pattern.sum(-1)).abs()
    if missing.max() > 4 * rounding:
        head, query = _largest(missing)
        total = f"{pattern[head, query].sum():.3g}"
        came = f"a softmax with a sink: weights of query {query} in head {head} sum to {total}"
        step = "A trace holds tokens alone; if it was dropout that took the weight, call model.eval()."
        raise refusal(name, came, legal=LEGAL, step=step)


def _check_weights(pattern: Pattern, ours: Pattern, tolerance: float, name: str) -> None:
    """Refuse a pattern that q and k do not give: one of a window, or of scores that hold more."""
    unseen = ours * ((pattern == 0) & (ours > VISIBLE * ours.amax(-1, keepdim=True)))
    if unseen.max() > 0:
        head, query, key = _largest(unseen)
        came = f"a window: query {query} of head {head} does not see token {key}"
        raise refusal(name, came, legal=LEGAL, step="Capture a text no longer than the window.")
    apart = (pattern - ours).abs().nan_to_num(torch.inf)
    if apart.max() > tolerance:
        head, query, key = _largest(apart)
        weights = f"{pattern[head, query, key]:.3g}, by q·k {ours[head, query, key]:.3g}"
        came = f"more than q·k: query {query} of head {head} gives token {key} {weights}"
        step = "A bias by distance, a cap, or a turn of q and k after their hooks cannot be traced."
        raise refusal(name, came, legal=LEGAL, step=step)


def _largest(values: Tensor) -> list[int]:
    """Return the index of the largest value, one number an axis."""
    return [int(i) for i in torch.unravel_index(values.argmax(), values.shape)]
