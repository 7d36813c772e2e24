"""Part 2, one fused call: both terms as one product of widened queries and keys, and its scale."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float

from model.mixers.attention.sisa_score import augmented
from model.mixers.attention.softmax import content_scores, softmax_pattern
from model.workshop.exercise import Computed, Mistake

Heads = Float[torch.Tensor, "position d_head"]
State = Float[torch.Tensor, "position d_state"]
Wide = Float[torch.Tensor, "position width"]


def _both_halves(generator: torch.Generator) -> tuple[Heads, State, float]:
    """Draw q or k of eight channels, C̄ or B̄ of four, and a λ between 1.5 and 2.5."""
    x = torch.randn(5, 8, generator=generator, dtype=torch.float64)
    bar = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    return x, bar, 1.5 + float(torch.rand((), generator=generator))


def _head(generator: torch.Generator) -> tuple[Heads, Heads, Heads, State, State, float]:
    """Draw q, k, v, C̄, B̄ and λ of six tokens."""
    q, k, v = torch.randn(3, 6, 8, generator=generator, dtype=torch.float64)
    C_bar, B_bar = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    return q, k, v, C_bar, B_bar, 1.5 + float(torch.rand((), generator=generator))


def _library_widened(x: Heads, bar: State, lam: float) -> Wide:
    """Return the library's widened vectors, for one head and without decay."""
    still, weight = torch.zeros(1, 1, len(x), dtype=torch.float64), torch.tensor([lam], dtype=torch.float64)
    return augmented(x[None, None], bar[None, None], still, weight)[0, 0]


def _explicit(q: Heads, k: Heads, v: Heads, C_bar: State, B_bar: State, lam: float) -> Heads:
    """Return the mean of v with every score in sight, by the library's twin of the fused call."""
    scores = content_scores(q[None, None], k[None, None])[0, 0] + lam * (C_bar @ B_bar.T)
    return softmax_pattern(scores[None, None])[0, 0] @ v


def _joined(x: Heads, bar: State, s: float) -> Wide:
    """Return [x ; s · bar]."""
    return torch.cat((x, s * bar), dim=1)


def _fused(q: Wide, k: Wide, v: Heads, *, scale: float | None, causal: bool = True) -> Heads:
    """Return what one fused call gives; PyTorch's own scale where it is None."""
    return F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=causal, scale=scale)[0]


def _called(arguments: tuple[Heads, Heads, Heads, State, State, float], *, scale: float | None) -> Heads:
    """Return the fused call of rightly widened vectors, with another scale."""
    q, k, v, C_bar, B_bar, lam = arguments
    return _fused(_library_widened(q, C_bar, lam), _library_widened(k, B_bar, lam), v, scale=scale)


WIDENED = Computed(
    name="widened",
    results={"widened": ("position", "channel")},
    arguments=_both_halves,
    expected=_library_widened,
    mistakes=(
        Mistake(
            "s is √λ. The call will divide by √d_head, also the second part: "
            "s needs d_head^(1/4) on either side to undo that.",
            lambda x, bar, lam: _joined(x, bar, lam**0.5),
        ),
        Mistake(
            "s has √d_head. It enters twice, with Q̂ and with K̂, so each side carries the fourth root.",
            lambda x, bar, lam: _joined(x, bar, (len(x[0]) * lam) ** 0.5),
        ),
        Mistake(
            "s has λ. It enters twice, with Q̂ and with K̂, so the term would weigh λ². Each side carries √λ.",
            lambda x, bar, lam: _joined(x, bar, len(x[0]) ** 0.25 * lam),
        ),
        Mistake(
            "λ is missing in s: each side carries √λ.",
            lambda x, bar, lam: _joined(x, bar, len(x[0]) ** 0.25),
        ),
        Mistake(
            "s has the fourth root of d_state. The call divides by √d_head.",
            lambda x, bar, lam: _joined(x, bar, len(bar[0]) ** 0.25 * lam**0.5),
        ),
        Mistake(
            "s has the fourth root of d_head + d_state. The call divides by √d_head.",
            lambda x, bar, lam: _joined(x, bar, (len(x[0]) + len(bar[0])) ** 0.25 * lam**0.5),
        ),
        Mistake(
            "s multiplies q or k too. Content is what it was: s belongs to the second part alone.",
            lambda x, bar, lam: len(x[0]) ** 0.25 * lam**0.5 * _joined(x, bar, 1.0),
        ),
        Mistake(
            "s has d_head/4: Python reads d_head ** 1/4 as (d_head ** 1) / 4. Write d_head ** 0.25.",
            lambda x, bar, lam: _joined(x, bar, len(x[0]) / 4 * lam**0.5),
        ),
        Mistake("s is missing.", lambda x, bar, lam: _joined(x, bar, 1.0)),
    ),
)
SISA_ATTENTION = Computed(
    name="sisa_attention",
    results={"output": ("position", "d_head")},
    arguments=_head,
    expected=_explicit,
    mistakes=(
        Mistake(
            "The scale is 1/√(d_head + d_state), PyTorch's own for widened vectors. "
            "It weakens the content: give scale=1/√d_head.",
            lambda *head: _called(head, scale=None),
        ),
        Mistake("The scale is 1. Give scale=1/√d_head.", lambda *head: _called(head, scale=1.0)),
        Mistake(
            "The scale is 1/d_head. Give scale=1/√d_head.",
            lambda *head: _called(head, scale=1 / head[0].shape[1]),
        ),
        Mistake(
            "Queries see later keys: is_causal=True is missing.",
            lambda q, k, v, C_bar, B_bar, lam: _fused(
                _library_widened(q, C_bar, lam),
                _library_widened(k, B_bar, lam),
                v,
                scale=q.shape[1] ** -0.5,
                causal=False,
            ),
        ),
        Mistake(
            "s, and with it √λ, stands on one side only. Both Q̂ and K̂ carry it.",
            lambda q, k, v, C_bar, B_bar, lam: _fused(
                _library_widened(q, C_bar, lam), _joined(k, B_bar, 1.0), v, scale=q.shape[1] ** -0.5
            ),
        ),
        Mistake(
            "The second term is missing: this is attention by content alone.",
            lambda q, k, v, C_bar, B_bar, lam: _fused(q, k, v, scale=q.shape[1] ** -0.5),
        ),
        Mistake(
            "C̄ and B̄ are swapped: C̄ is what the query reads, B̄ what the key wrote.",
            lambda q, k, v, C_bar, B_bar, lam: _explicit(q, k, v, B_bar, C_bar, lam),
        ),
        Mistake(
            "This is the mean over two softmaxes, one a term. Widen q and k, and call once.",
            lambda q, k, v, C_bar, B_bar, lam: (
                _fused(q, k, v, scale=None) + lam * _fused(C_bar, B_bar, v, scale=1.0)
            ),
        ),
    ),
)
