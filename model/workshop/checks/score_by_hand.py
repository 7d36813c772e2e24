"""Part 1, a score by hand: the product of a query and a key, its scale, the mask, the softmax and λ."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float

from model.mixers.attention.softmax import softmax_pattern
from model.workshop.exercise import Computed, Exercise, Mistake

Vector = Float[torch.Tensor, " d_head"]
Scores = Float[torch.Tensor, "query key"]
Pair = Float[torch.Tensor, "2"]


def _query_and_key(generator: torch.Generator) -> tuple[Vector, Vector]:
    """Draw a query and a key of five to eleven numbers: not four, which the notebook's example has."""
    d_head = int(torch.randint(5, 12, (), generator=generator))
    q, k = torch.randn(2, d_head, generator=generator, dtype=torch.float64)
    return q, k


def _queries_and_keys(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw queries and keys of five to seven tokens and eight to eleven channels."""
    length = int(torch.randint(5, 8, (), generator=generator))
    d_head = int(torch.randint(8, 12, (), generator=generator))
    q, k = torch.randn(2, length, d_head, generator=generator, dtype=torch.float64)
    return q, k


def _scores(generator: torch.Generator) -> tuple[Scores]:
    """Draw scores of four to seven tokens, those of later keys included."""
    length = int(torch.randint(4, 8, (), generator=generator))
    return (torch.randn(length, length, generator=generator, dtype=torch.float64),)


def _two_terms(generator: torch.Generator) -> tuple[Scores, Scores, float]:
    """Draw both terms of a score and a λ between 1.5 and 2.5."""
    (content,) = _scores(generator)
    product = torch.randn(content.shape, generator=generator, dtype=torch.float64)
    return content, product, 1.5 + float(torch.rand((), generator=generator))


def _two_keys(generator: torch.Generator) -> tuple[Pair, Pair, float]:
    """Draw the terms of two keys, and odds that a λ between 0.2 and 2 gives them."""
    content = torch.randn(2, generator=generator, dtype=torch.float64)
    product = torch.rand(2, generator=generator, dtype=torch.float64) + torch.tensor([1.0, -1.0])
    lam = 0.2 + 1.8 * float(torch.rand((), generator=generator))
    return content, product, math.exp(-float((content + lam * product).diff()))


def _pattern(scores: Scores) -> Scores:
    """Return the library's causal softmax, which takes a batch of heads, for one head."""
    return softmax_pattern(scores[None, None])[0, 0]


def _kept(scores: Scores, visible: torch.Tensor, *, rest: float = -math.inf) -> Scores:
    """Return scores with `rest` wherever a key is not visible."""
    return scores.where(visible, torch.tensor(rest, dtype=scores.dtype))


def _up_to(scores: Scores, latest: int = 0) -> torch.Tensor:
    """Return True where a key is at most `latest` positions later than the query."""
    return torch.ones_like(scores, dtype=torch.bool).tril(latest)


def _lam(content: Pair, product: Pair, log_odds: float, *, sign: float = 1.0) -> torch.Tensor:
    """Return (log_odds − sign · content's difference) / product's difference, first key minus second."""
    content_gap, product_gap = -content.diff(), -product.diff()
    return ((log_odds - sign * content_gap) / product_gap).squeeze()


CONTENT_SCORE = Computed(
    name="content_score",
    results={"score": ()},
    arguments=_query_and_key,
    expected=lambda q, k: torch.einsum("d,d->", q, k) * len(q) ** -0.5,
    mistakes=(
        Mistake(
            "The scale 1/√d_head is missing: it keeps scores near 1 however long q and k are.",
            lambda q, k: q @ k,
        ),
        Mistake("The scale is 1/d_head. The score needs its root, 1/√d_head.", lambda q, k: q @ k / len(q)),
        Mistake("You multiplied by √d_head. Divide by it.", lambda q, k: q @ k * math.sqrt(len(q))),
        Mistake(
            "This is q · k entry by entry, scaled: the sum over d_head is missing.",
            lambda q, k: q * k / math.sqrt(len(q)),
        ),
        Mistake(
            "You divided by √4, whatever comes. Heads have different widths here: d_head is len(q).",
            lambda q, k: q @ k / 2,
        ),
    ),
)
CONTENT_SCORES = Computed(
    name="content_scores",
    results={"scores": ("query", "key")},
    arguments=_queries_and_keys,
    expected=lambda q, k: torch.einsum("id,jd->ij", q, k) * q.shape[-1] ** -0.5,
    mistakes=(
        Mistake(
            "The scale 1/√d_head is missing: it keeps scores near 1 however long q and k are.",
            lambda q, k: q @ k.T,
        ),
        Mistake("The scale is 1/d_head. The score needs its root.", lambda q, k: q @ k.T / q.shape[1]),
        Mistake(
            "You divided by the root of the number of tokens: len(q) of a matrix counts its rows. "
            "d_head is the number of columns, q.shape[1].",
            lambda q, k: q @ k.T / math.sqrt(len(q)),
        ),
        Mistake(
            "This is the diagonal, the scores of each token with itself. Every query meets every key.",
            lambda q, k: (q * k).sum(1) / math.sqrt(q.shape[1]),
        ),
        Mistake(
            "You divided by √4, whatever comes. Heads have different widths here: d_head is q.shape[1].",
            lambda q, k: q @ k.T / 2,
        ),
    ),
)
HIDE_LATER = Computed(
    name="hide_later",
    results={"scores": ("query", "key")},
    arguments=_scores,
    expected=lambda scores: _kept(scores, _up_to(scores)),
    mistakes=(
        Mistake("Nothing is hidden yet: later keys still have their scores.", lambda scores: scores),
        Mistake(
            "The diagonal is hidden too, so a token does not see itself and the first one sees nothing. "
            "Hide keys with j > i, not j ≥ i.",
            lambda scores: _kept(scores, _up_to(scores, -1)),
        ),
        Mistake(
            "One key too many is visible: the token right after the query.",
            lambda scores: _kept(scores, _up_to(scores, 1)),
        ),
        Mistake(
            "You hid the past and kept the future. Rows are queries, columns keys: "
            "hide what is right of the diagonal.",
            lambda scores: _kept(scores, _up_to(scores).T),
        ),
        Mistake(
            "Hidden keys have the score 0. That is an ordinary score, and e⁰ = 1 gives them weight. Use −∞.",
            lambda scores: _kept(scores, _up_to(scores), rest=0.0),
        ),
        Mistake(
            "Hidden keys have a large negative score, which serves until all are as low. −∞ always does.",
            lambda scores: _kept(scores, _up_to(scores), rest=-1e9),
        ),
    ),
)
CAUSAL_SOFTMAX = Computed(
    name="causal_softmax",
    results={"pattern": ("query", "key")},
    arguments=_scores,
    expected=_pattern,
    mistakes=(
        Mistake(
            "The mask is missing: queries give weight to keys that come later.",
            lambda scores: scores.softmax(1),
        ),
        Mistake(
            "The softmax runs over the queries: columns sum to 1. "
            "Every query shares its attention among keys, so each row must.",
            lambda scores: _kept(scores, _up_to(scores)).softmax(0),
        ),
        Mistake(
            "The mask hides the diagonal too, so the first token sees nothing and its row is 0/0. "
            "A token sees itself: hide j > i, not j ≥ i.",
            lambda scores: _kept(scores, _up_to(scores, -1)).softmax(1),
        ),
        Mistake(
            "The mask hides the past and shows the future. Rows are queries, columns keys.",
            lambda scores: _kept(scores, _up_to(scores).T).softmax(1),
        ),
        Mistake(
            "You hid later keys after the softmax: they had taken their share, and rows no longer sum to 1. "
            "Hide first.",
            lambda scores: scores.softmax(1).tril(),
        ),
        Mistake(
            "Hidden keys have the score 0, and e⁰ = 1 gives them weight. Use −∞.",
            lambda scores: scores.tril().softmax(1),
        ),
        Mistake("Rows do not sum to 1: divide each by its sum.", lambda scores: scores.exp().tril()),
        Mistake(
            "You divided by the sum over all pairs. Each row has a sum of its own: sum(1, keepdim=True).",
            lambda scores: scores.exp().tril() / scores.exp().tril().sum(),
        ),
        Mistake(
            "You divided by a sum over all pairs, hidden ones too. Each row has its own, of what it sees.",
            lambda scores: scores.exp().tril() / scores.exp().sum(),
        ),
    ),
)
FUSED_PATTERN = Computed(
    name="fused_pattern",
    results={"pattern": ("query", "key")},
    arguments=_two_terms,
    expected=lambda content, product, lam: _pattern(torch.add(content, product, alpha=lam)),
    mistakes=(
        Mistake(
            "λ weighs the content. It belongs to the second term.", lambda c, u, lam: _pattern(lam * c + u)
        ),
        Mistake(
            "λ weighs both terms. It belongs to the second alone.", lambda c, u, lam: _pattern(lam * (c + u))
        ),
        Mistake("λ is missing.", lambda c, u, lam: _pattern(c + u)),
        Mistake("λ enters twice, so the term is weighed λ².", lambda c, u, lam: _pattern(c + lam**2 * u)),
        Mistake("The second term is missing: this is content alone.", lambda c, u, lam: _pattern(c)),
        Mistake(
            "You added the weights of two softmaxes. SISA adds the scores, inside one softmax.",
            lambda c, u, lam: _pattern(c) + lam * _pattern(u),
        ),
        Mistake(
            "λ · product stands outside the softmax. Add it to the content before.",
            lambda c, u, lam: _pattern(c) + lam * u,
        ),
        Mistake(
            "The softmax is taken twice: causal_softmax(…) makes weights, and weights are no scores.",
            lambda c, u, lam: _pattern(_pattern(c + lam * u)),
        ),
        Mistake(
            "The content has been through a softmax before the second term joins it. Add scores to scores.",
            lambda c, u, lam: _pattern(_pattern(c) + lam * u),
        ),
        Mistake("The mask is missing.", lambda c, u, lam: (c + lam * u).softmax(1)),
    ),
)
LAM_FOR_ODDS = Computed(
    name="lam_for_odds",
    results={"lam": ()},
    arguments=_two_keys,
    expected=lambda content, product, odds: (
        torch.log(odds * content.exp()[1] / content.exp()[0]) / (product[0] - product[1])
    ),
    mistakes=(
        Mistake(
            "The odds are a ratio of weights, a difference of scores is their logarithm: take ln(odds).",
            lambda c, u, odds: _lam(c, u, odds),
        ),
        Mistake(
            "This logarithm is to the base 10. Scores are in nats: math.log is to the base e.",
            lambda c, u, odds: _lam(c, u, math.log10(odds)),
        ),
        Mistake(
            "This logarithm is to the base 2. Scores are in nats: math.log is to the base e.",
            lambda c, u, odds: _lam(c, u, math.log2(odds)),
        ),
        Mistake(
            "The content is forgotten: it gives the keys odds of its own before λ does anything.",
            lambda c, u, odds: _lam(c, u, math.log(odds), sign=0.0),
        ),
        Mistake(
            "The difference of content has the wrong sign: take it away from ln(odds).",
            lambda c, u, odds: _lam(c, u, math.log(odds), sign=-1.0),
        ),
        Mistake(
            "These are the odds of the second key over the first. Swap them.",
            lambda c, u, odds: _lam(c, u, -math.log(odds)),
        ),
        Mistake(
            "Numerator and denominator are swapped: this is 1/λ.",
            lambda c, u, odds: 1 / _lam(c, u, math.log(odds)),
        ),
    ),
)
EXERCISES: tuple[Exercise, ...] = (
    CONTENT_SCORE,
    CONTENT_SCORES,
    HIDE_LATER,
    CAUSAL_SOFTMAX,
    FUSED_PATTERN,
    LAM_FOR_ODDS,
)
