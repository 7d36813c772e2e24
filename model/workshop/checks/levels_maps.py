"""Exercises on what a layer of each level of fusion gives every position of every other one."""

from __future__ import annotations

import torch
from jaxtyping import Float

from model.workshop.exercise import Computed, Exercise, Mistake

Map = Float[torch.Tensor, "to of"]


def _draw_maps(generator: torch.Generator) -> tuple[Map, Map]:
    """Draw weights of attention and a state space's map, both causal, of four to six positions."""
    n = int(torch.randint(4, 7, (), generator=generator))
    drawn = torch.randn(2, n, n, generator=generator)
    return _causal(drawn[0]), drawn[1].tril()


def _draw_scores(generator: torch.Generator) -> tuple[Map, Map, float]:
    """Draw content, importance and λ of four to six positions."""
    n = int(torch.randint(4, 7, (), generator=generator))
    content, importance = torch.randn(2, n, n, generator=generator)
    return content, 2 * importance, 0.3 + float(torch.rand((), generator=generator))


def _causal(scores: Map) -> Map:
    """Return weights of a causal softmax, one row after the other."""
    rows = torch.zeros_like(scores)
    for query in range(len(scores)):
        weights = scores[query, : query + 1].exp()
        rows[query, : query + 1] = weights / weights.sum()
    return rows


def _kept(added: Map) -> Map:
    """Return what a layer adds, and the position's own vector, which the residual stream keeps."""
    return added + torch.eye(len(added))


def _over_queries(scores: Map) -> Map:
    hidden = torch.ones_like(scores).triu(1).bool()
    return scores.masked_fill(hidden, -torch.inf).softmax(0)


MAPS: tuple[Exercise, ...] = (
    Computed(
        name="head_level",
        results={"map": ("to", "of")},
        arguments=_draw_maps,
        expected=lambda attention, state: _kept(torch.stack([attention, state]).mean(0)),
        mistakes=(
            Mistake(
                "This is the sum of both. Hymba takes their mean, so that neither outvotes the stream.",
                lambda attention, state: _kept(attention + state),
            ),
            Mistake(
                "The position's own vector is missing: a layer adds to the residual stream, it does not "
                "replace it.",
                lambda attention, state: torch.stack([attention, state]).mean(0),
            ),
            Mistake(
                "One layer after the other: this is the block level. Side by side, neither sees the other.",
                lambda attention, state: _kept(attention) @ _kept(state),
            ),
            Mistake(
                "Only one of them is halved: attention + state / 2 needs brackets.",
                lambda attention, state: _kept(attention + state / 2),
            ),
            Mistake(
                "Both are multiplied, so one reads what the other wrote. Side by side they add up.",
                lambda attention, state: _kept(attention @ state),
            ),
            Mistake(
                "Half of the residual stream is lost: the mean is over what both add, not over the stream.",
                lambda attention, state: torch.stack([torch.eye(len(state)), attention + state]).mean(0),
            ),
        ),
    ),
    Computed(
        name="score_level",
        results={"map": ("to", "of")},
        arguments=_draw_scores,
        expected=lambda content, importance, lam: _kept(_causal(content + lam * importance)),
        mistakes=(
            Mistake(
                "Two softmaxes, then added: the head level again. Add the scores, then one softmax.",
                lambda content, importance, lam: _kept(_causal(content) + lam * _causal(importance)),
            ),
            Mistake(
                "Two softmaxes and their mean: the head level again. Add the scores, then one softmax.",
                lambda content, importance, lam: _kept((_causal(content) + _causal(importance)) / 2),
            ),
            Mistake(
                "Importance is added after the softmax. It belongs inside, beside the content.",
                lambda content, importance, lam: _kept(_causal(content) + lam * importance.tril()),
            ),
            Mistake(
                "Importance is added after the softmax, where no mask hides it. It belongs inside.",
                lambda content, importance, lam: _kept(_causal(content) + lam * importance),
            ),
            Mistake(
                "Importance is added after the softmax, and the position's own vector is missing.",
                lambda content, importance, lam: _causal(content) + lam * importance,
            ),
            Mistake(
                "λ is missing: importance counts in full.",
                lambda content, importance, lam: _kept(_causal(content + importance)),
            ),
            Mistake(
                "λ multiplies the content too. It is the weight of importance alone.",
                lambda content, importance, lam: _kept(_causal(lam * (content + importance))),
            ),
            Mistake(
                "λ multiplies the content. It is the weight of importance.",
                lambda content, importance, lam: _kept(_causal(lam * content + importance)),
            ),
            Mistake(
                "The mask is missing: queries look at later keys.",
                lambda content, importance, lam: _kept((content + lam * importance).softmax(-1)),
            ),
            Mistake(
                "Later keys have a score of 0, which is not hidden: e⁰ = 1. They need −∞ before the softmax.",
                lambda content, importance, lam: _kept((content + lam * importance).tril().softmax(-1)),
            ),
            Mistake(
                "The softmax runs over queries. Each query shares itself out over keys: the last axis.",
                lambda content, importance, lam: _kept(_over_queries(content + lam * importance)),
            ),
            Mistake(
                "The position's own vector is missing: a layer adds to the residual stream.",
                lambda content, importance, lam: _causal(content + lam * importance),
            ),
        ),
    ),
)
