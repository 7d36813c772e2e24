"""Exercises on where heads look: from which query, on which span, and by which term of the score."""

from __future__ import annotations

from itertools import product

import torch
from jaxtyping import Float

from model.workshop.exercise import Computed, Exercise, Mistake

Pattern = Float[torch.Tensor, "query key"]
Patterns = Float[torch.Tensor, "layer head query key"]
Span = tuple[int, int]
LENGTH, N_LAYERS, N_HEADS = 16, 2, 4
ANSWER_TOKENS = 2


def _draw_pattern(generator: torch.Generator) -> tuple[Pattern, Span, int]:
    """Draw weights of one head, a span of two or three keys, and where the answer starts."""
    scores = 2 * torch.randn(LENGTH, LENGTH, generator=generator, dtype=torch.float64)
    later = torch.ones(LENGTH, LENGTH).triu(1).bool()
    start = int(torch.randint(1, 4, (), generator=generator))
    stop = start + 2 + int(torch.randint(2, (), generator=generator))
    return scores.masked_fill(later, -torch.inf).softmax(-1), (start, stop), LENGTH - ANSWER_TOKENS


def _draw_patterns(generator: torch.Generator) -> tuple[Patterns, Span, int]:
    """Draw weights of all heads, of which another one looks most at each query that could be mistaken.

    The last one also looks at the span from every other query, so that an average over queries finds it.
    """
    drawn = [_draw_pattern(generator)[0] for _ in range(N_LAYERS * N_HEADS)]
    patterns = torch.stack(drawn).unflatten(0, (N_LAYERS, N_HEADS))
    _, (start, stop), answer_start = _draw_pattern(generator)
    asked = int(torch.randint(2, N_HEADS, (), generator=generator))
    lookers = [(1, asked), (0, 0), (0, 1), (1, 0)]  # (1, 2) or (1, 3): no head when turned round, or another
    queries = [[answer_start - 1], [answer_start], [LENGTH - 1], list(range(stop, answer_start - 1))]
    for (layer, head), of in zip(lookers, queries, strict=True):
        for query in of:
            patterns[layer, head, query] *= 0.02
            patterns[layer, head, query, start] = 1 - patterns[layer, head, query].sum()
    return patterns, (start, stop), answer_start


def _draw_term(generator: torch.Generator) -> tuple[Pattern, Span, int]:
    """Draw scores of one term, whole rows, a span, and a query in the middle of the text."""
    _, span, _ = _draw_pattern(generator)
    term = 2 * torch.randn(LENGTH, LENGTH, generator=generator, dtype=torch.float64)
    return term, span, LENGTH - 3


def _draw_terms(generator: torch.Generator) -> tuple[Pattern, Pattern, Span, int]:
    """Draw content and importance likewise."""
    content, span, query = _draw_term(generator)
    return content, _draw_term(generator)[0], span, query


def _mass(weights: Float[torch.Tensor, " key"], span: Span) -> torch.Tensor:
    return torch.stack([weights[key] for key in range(*span)]).sum()


def _weights(row: Float[torch.Tensor, " key"], query: int) -> Float[torch.Tensor, " key"]:
    """Return e to each visible score over the sum of all of them, 0 for later keys."""
    seen = torch.arange(len(row)) <= query
    raised = torch.where(seen, row.exp(), 0.0)
    return raised / raised.sum()


def _alone(term: Pattern, span: Span, query: int) -> torch.Tensor:
    return _mass(_weights(term[query], query), span)


def _looker(patterns: Patterns, span: Span, queries: range) -> tuple[int, int]:
    """Return layer and head with most on the span, from some queries together."""
    places = product(range(patterns.shape[0]), range(patterns.shape[1]))
    return max(places, key=lambda at: sum(float(_mass(patterns[at][query], span)) for query in queries))


def _one(query: int) -> range:
    return range(query, query + 1)


LOOKING: tuple[Exercise, ...] = (
    Computed(
        name="needle_mass",
        results={"mass": ()},
        arguments=_draw_pattern,
        expected=lambda pattern, value, start: _mass(pattern[start - 1], value),
        mistakes=(
            Mistake(
                "Off by one: at answer_start the first token of the answer is already being read. What says "
                "it is the token before.",
                lambda pattern, value, start: _mass(pattern[start], value),
            ),
            Mistake(
                "This is the last token of the text, which is part of the answer. Asked is the token that "
                "has to say the answer's first one.",
                lambda pattern, value, start: _mass(pattern[-1], value),
            ),
            Mistake(
                "This is averaged over all queries. Most of them have no reason to look at the needle; one "
                "query is asked.",
                lambda pattern, value, start: _mass(pattern.mean(0), value),
            ),
            Mistake(
                "This is summed over all queries. One query is asked.",
                lambda pattern, value, start: _mass(pattern.sum(0), value),
            ),
            Mistake(
                "The last token of the span is counted twice over its end: the second number is the position "
                "after it, as in a slice.",
                lambda pattern, value, start: _mass(pattern[start - 1], (value[0], value[1] + 1)),
            ),
            Mistake(
                "This is the mean over the span. Shares of disjoint keys add up.",
                lambda pattern, value, start: _mass(pattern[start - 1], value) / (value[1] - value[0]),
            ),
            Mistake(
                "This is the largest weight on the span. Shares of disjoint keys add up.",
                lambda pattern, value, start: pattern[start - 1, value[0] : value[1]].max(),
            ),
            Mistake(
                "Rows are queries and columns keys; this takes the attention that the question receives.",
                lambda pattern, value, start: _mass(pattern[:, start - 1], value),
            ),
        ),
    ),
    Computed(
        name="most_looking",
        results={"layer": (), "head": ()},
        arguments=_draw_patterns,
        expected=lambda patterns, value, start: _looker(patterns, value, _one(start - 1)),
        mistakes=(
            Mistake(
                "Off by one: this head looks at the needle from answer_start, when the first token of the "
                "answer is already there.",
                lambda patterns, value, start: _looker(patterns, value, _one(start)),
            ),
            Mistake(
                "This head looks at the needle from the end of the text. The answer is due before it starts.",
                lambda patterns, value, start: _looker(patterns, value, _one(LENGTH - 1)),
            ),
            Mistake(
                "Averaged over all queries, so a head that always looks there beats the one that looks when "
                "it counts. Take the one query that is asked.",
                lambda patterns, value, start: _looker(patterns, value, range(LENGTH)),
            ),
            Mistake(
                "Layer and head are swapped: first the layer, then the head.",
                lambda patterns, value, start: _looker(patterns, value, _one(start - 1))[::-1],
            ),
            Mistake(
                "This is one number for layer and head together. divmod by the number of heads parts it.",
                lambda patterns, value, start: (
                    _looker(patterns, value, _one(start - 1))[0] * N_HEADS
                    + _looker(patterns, value, _one(start - 1))[1]
                ),
            ),
        ),
    ),
    Computed(
        name="mass_alone",
        results={"mass": ()},
        arguments=_draw_term,
        expected=_alone,
        mistakes=(
            Mistake(
                "Keys after the query take part in the softmax. It sees itself and what came before.",
                lambda term, value, query: _alone_of_row(term[query], value),
            ),
            Mistake(
                "The query does not see itself here. It does: keys up to and with its own position.",
                lambda term, value, query: _mass(_weights(term[query], query - 1), value),
            ),
            Mistake(
                "These are scores, in nats. A share of attention takes the softmax over all visible keys.",
                lambda term, value, query: _mass(term[query], value),
            ),
            Mistake(
                "This is a softmax over the span alone, so it sums to 1. All visible keys take part.",
                lambda term, value, query: torch.ones(()),
            ),
            Mistake(
                "This is e to the score, not yet divided by the sum over all visible keys.",
                lambda term, value, query: _mass(term[query].exp(), value),
            ),
        ),
    ),
    Computed(
        name="moved_by_importance",
        results={"moved": ()},
        arguments=_draw_terms,
        expected=lambda content, importance, value, query: (
            _alone(content + importance, value, query) - _alone(content, value, query)
        ),
        mistakes=(
            Mistake(
                "The sign is turned round: above 0 should mean that importance draws attention there.",
                lambda content, importance, value, query: (
                    _alone(content, value, query) - _alone(content + importance, value, query)
                ),
            ),
            Mistake(
                "This is what importance alone would look at. Asked is what changes when it joins content.",
                lambda content, importance, value, query: _alone(importance, value, query),
            ),
            Mistake(
                "This compares each term alone. In the model they meet in one softmax: with both less "
                "without importance.",
                lambda content, importance, value, query: (
                    _alone(importance, value, query) - _alone(content, value, query)
                ),
            ),
            Mistake(
                "This is what content adds to importance. Asked is what importance adds to content.",
                lambda content, importance, value, query: (
                    _alone(content + importance, value, query) - _alone(importance, value, query)
                ),
            ),
            Mistake(
                "This is the share under the whole score. Take away what content alone gives.",
                lambda content, importance, value, query: _alone(content + importance, value, query),
            ),
            Mistake(
                "This is the importance of the span, in nats. Asked is a difference of two shares.",
                lambda content, importance, value, query: _mass(importance[query], value),
            ),
        ),
    ),
)


def _alone_of_row(row: Float[torch.Tensor, " key"], span: Span) -> torch.Tensor:
    return _mass(_weights(row, len(row)), span)
