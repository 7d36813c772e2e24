"""Part 1, a score by hand: the product of a query and a key, its scale, the softmax and the mask."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float

from model.workshop.exercise import Computed, Exercise, Mistake

Vector = Float[torch.Tensor, " d_head"]


def _query_and_key(generator: torch.Generator) -> tuple[Vector, Vector]:
    """Draw a query and a key of four to eleven numbers."""
    d_head = int(torch.randint(4, 12, (), generator=generator))
    q, k = torch.randn(2, d_head, generator=generator, dtype=torch.float64)
    return q, k


EXERCISES: tuple[Exercise, ...] = (
    Computed(
        name="content_score",
        results={"score": ()},
        arguments=_query_and_key,
        expected=lambda q, k: torch.einsum("d,d->", q, k) * len(q) ** -0.5,
        mistakes=(
            Mistake(
                "The scale 1/√d_head is missing: it keeps scores near 1 however long q and k are.",
                lambda q, k: q @ k,
            ),
            Mistake(
                "The scale is 1/d_head. The score needs its root, 1/√d_head.", lambda q, k: q @ k / len(q)
            ),
            Mistake("You multiplied by √d_head. Divide by it.", lambda q, k: q @ k * math.sqrt(len(q))),
            Mistake(
                "This is q · k entry by entry, scaled: the sum over d_head is missing.",
                lambda q, k: q * k / math.sqrt(len(q)),
            ),
        ),
    ),
)
