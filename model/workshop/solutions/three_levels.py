"""Solutions of part 3, three levels of fusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float

from data.results.intervals import mean_interval

Map = Float[torch.Tensor, "to of"]


def head_level(attention: Map, state: Map) -> Map:
    """Return what each position has of each other one after a layer that fuses heads.

    Args:
        attention: weights of attention, a row a position that reads.
        state: what a state space carries, likewise.

    Example:
        >>> import torch
        >>> head_level(torch.eye(2), 3 * torch.eye(2)).tolist()
        [[3.0, 0.0], [0.0, 3.0]]
    """
    mean = (attention + state) / 2
    return torch.eye(len(attention)) + mean


def score_level(content: Map, importance: Map, lam: float) -> Map:
    """Return what each position has of each other one after a layer that fuses scores.

    Args:
        content: scores of every query and key, nats.
        importance: likewise, without λ.
        lam: λ of the head.

    Example:
        >>> import torch
        >>> score_level(torch.zeros(2, 2), torch.zeros(2, 2), 0.3).tolist()
        [[2.0, 0.0], [0.5, 1.5]]
    """
    score = content + lam * importance
    later = torch.ones(score.shape).triu(1).bool()
    return torch.eye(len(score)) + score.masked_fill(later, -torch.inf).softmax(dim=-1)


def first_steps(
    steps: Float[torch.Tensor, " evaluation"], curves: Float[torch.Tensor, "run evaluation"], level: float
) -> Float[torch.Tensor, " run"]:
    """Return the first step at which each run finds at least a share of the needles, ∞ where it never did.

    Args:
        steps: of the evaluations, in order.
        curves: share of needles that a run finds there.
        level: the share that is asked for.

    Example:
        >>> import torch
        >>> first_steps(torch.tensor([10.0, 20.0]), torch.tensor([[0.2, 0.6], [0.1, 0.4]]), 0.5).tolist()
        [20.0, inf]
    """
    reached = curves >= level
    first = steps[reached.int().argmax(dim=1)]
    return torch.where(reached.any(dim=1), first, torch.inf)


def median_steps(first: Float[torch.Tensor, " run"]) -> float:
    """Return the median over runs of their first steps, in which ∞ is the largest number.

    Args:
        first: of `first_steps`.

    Example:
        >>> import torch
        >>> median_steps(torch.tensor([40.0, torch.inf, 20.0])), median_steps(torch.tensor([40.0, torch.inf]))
        (40.0, inf)
    """
    ordered = sorted(first.tolist())
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def paired_interval(first: Mapping[int, float], second: Mapping[int, float]) -> tuple[float, float, float]:
    """Return the mean of first − second over the seeds that both have, and the ends of its 95 % interval.

    Args:
        first: a number of each seed.
        second: what is taken away, likewise; its seeds may be others, in another order.

    Example:
        >>> mean, low, high = paired_interval({0: 0.5, 1: 0.7, 2: 0.9}, {2: 0.8, 1: 0.6, 0: 0.4, 7: 0.1})
        >>> round(mean, 3), round(low, 3), round(high, 3)
        (0.1, 0.1, 0.1)
    """
    seeds = sorted(set(first) & set(second))
    found = mean_interval([first[seed] - second[seed] for seed in seeds])
    return found.value, found.low, found.high


def verdict(differences: Sequence[float]) -> str:
    """Return what differences of pairs, one a seed, allow to say: "ahead", "behind" or "undecided".

    Args:
        differences: of the first less the second, one a seed.

    Example:
        >>> verdict([0.1, 0.12, 0.11]), verdict([0.1]), verdict([0.1, -0.1, 0.2])
        ('ahead', 'undecided', 'undecided')
    """
    found = mean_interval(differences)
    if found.low > 0:  # NaN, where there is no interval, is neither above nor below
        return "ahead"
    return "behind" if found.high < 0 else "undecided"
