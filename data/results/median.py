"""The interval of a median, by order statistics: it lies between two of the sorted values.

Ratios of steps have no distribution that could be assumed, and some are 0 or ∞ because a run never came to
the level. Only their ranks count here, so such ratios need no special case.
tests/data/results/test_coverage.py simulates how often the interval holds the true median.
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
from scipy import special

from data.results.estimate import LEVEL, Estimate
from data.results.intervals import Values


def median_interval(ratios: Values) -> Estimate:
    """Return the median with an interval between two of the sorted values, whatever their distribution.

    How many of n values lie below the true median is a coin tossed n times, so the k-th smallest and the k-th
    largest hold it unless fewer than k tosses show one side. k is the largest number with
    1 − 2 P(Binomial(n, ½) < k) ≥ 95 %. For n = 6 that is k = 1, 1 − 2 / 2⁶ = 96.9 %; five values reach only
    93.75 %. Below six the interval is therefore (0, ∞) and decides nothing.

    Args:
        ratios: one a pair of runs, 0 or more. 0 and ∞ stand for pairs in which one run never came to the
            level, and count by rank as any other; NaN stands for pairs that nothing is known of. These are
            left out of the median, and taken as 0 for the low end and as ∞ for the high end.

    Example:
        >>> found = median_interval([0.5, 0.6, 0.7, 0.8, 0.9, np.inf])
        >>> round(found.value, 2), found.low, found.high, found.censored
        (0.75, 0.5, inf, 1)
    """
    every = np.asarray(ratios, dtype=float)
    known = np.sort(every[~np.isnan(every)])
    lost, place = len(every) - len(known), median_rank(len(every))
    # Sorted numbers have their median in the middle; np.median would sort them again, half of the time here.
    middle = known[(len(known) - 1) // 2] + known[len(known) // 2] if len(known) else np.nan
    lowest = np.concatenate([np.zeros(lost), known])
    highest = np.concatenate([known, np.full(lost, np.inf)])
    return Estimate(
        value=float(middle / 2),
        low=float(lowest[place - 1]) if place else 0.0,
        high=float(highest[-place]) if place else np.inf,
        n=len(known),
        censored=int(((known == 0) | np.isinf(known)).sum()),
        lost=lost,
        kind="order statistics",
        fewest=_fewest_pairs(),
        pairs=tuple(every.tolist()),
    )


@cache
def median_rank(n: int) -> int:
    """Return the rank k whose k-th smallest and k-th largest of n values hold the median in 95 % of studies.

    It is the largest k with 1 − 2 P(Binomial(n, ½) < k) ≥ 95 %, and 0 where even the whole range holds the
    median less often.

    Args:
        n: number of values.

    Example:
        >>> [median_rank(n) for n in (5, 6, 8, 9, 12)]
        [0, 1, 1, 2, 3]
    """
    ranks = np.arange(1, n // 2 + 1)
    holds = 1 - 2 * special.bdtr(ranks - 1, n, 0.5) >= LEVEL
    return int(holds.sum())


@cache
def _fewest_pairs() -> int:
    """Return the smallest number of pairs that an interval of their median takes: 6 at 95 %."""
    return next(n for n in itertools.count(1) if median_rank(n))
