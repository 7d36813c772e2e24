"""How a verdict on differences of seeds is judged: on fresh differences, of which some decide nothing."""

from __future__ import annotations

from typing import NamedTuple

import torch

from data.refusal import brief
from model.workshop.exercise import Attempt

UNDECIDED = "undecided"
WORDS = ("ahead", "behind", UNDECIDED)
SEEDS = 6

ONE_SEED = (
    "One seed is taken as proof. One number has no interval: low and high are NaN, and no comparison with "
    "NaN is true. The verdict is undecided."
)
TWO_SEEDS = "Two seeds are taken as proof. An interval takes three at least; until then it is undecided."
VOTES = "Five of six seeds lie on one side, yet the interval holds 0: undecided. Seeds have no votes."
HOLDS_ZERO = "The interval holds 0, so both signs are possible: undecided, on whichever side the mean lies."
TURNED = "The sign is turned round: differences are the first less the second, so above 0 is ahead."
CLEAR = f"All {SEEDS} seeds and the whole interval lie on one side of 0: that may be said, it is decided."


class Case(NamedTuple):
    """Differences over seeds, what somebody is told who judges them otherwise, and the right verdict."""

    differences: list[float]
    says: str
    wanted: str = UNDECIDED


def judge_verdict(attempt: Attempt, generator: torch.Generator) -> str | None:
    """Return what is wrong with a function that judges differences, None where nothing is.

    Args:
        attempt: takes a list of differences, one a seed, and returns one of `WORDS`.
        generator: of the differences.

    Example:
        >>> import torch
        >>> judge_verdict(lambda differences: "undecided", torch.Generator())
        'All 6 seeds and the whole interval lie on one side of 0: that may be said, it is decided.'
    """
    for case in cases(generator):
        said = attempt(list(case.differences))
        if said not in WORDS:
            return f'It returns {brief(said)}; wanted: "ahead", "behind" or "undecided".'
        if said != case.wanted:
            return TURNED if UNDECIDED not in (said, case.wanted) else case.says
    return None


def cases(generator: torch.Generator) -> list[Case]:
    """Return differences whose verdict is known, drawn anew; those that decide nothing come first.

    Args:
        generator: of the differences.

    Example:
        >>> import torch
        >>> [case.wanted for case in cases(torch.Generator())][-2:]
        ['ahead', 'behind']
    """
    size = 0.2 + float(torch.rand((), generator=generator))
    clear = (size + 0.05 * size * torch.randn(SEEDS, generator=generator).clamp(-2, 2)).tolist()
    wide = torch.randn(SEEDS, generator=generator)
    wide = size * (wide - wide.mean()) / wide.std()  # whose interval is its mean ± 1.05 size
    most_above = [*[size] * (SEEDS - 1), -4 * size]
    minus, minus_most = [-number for number in clear], [-number for number in most_above]
    nothing = [
        *[Case([sign * size], ONE_SEED) for sign in (1, -1)],
        *[Case(numbers[:2], TWO_SEEDS) for numbers in (clear, minus)],
        *[Case(numbers, VOTES) for numbers in (most_above, minus_most)],
        *[Case((wide + sign * 0.5 * size).tolist(), HOLDS_ZERO) for sign in (1, -1)],
    ]
    return [*nothing, Case(clear, CLEAR, "ahead"), Case(minus, CLEAR, "behind")]
