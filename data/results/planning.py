"""How many seeds a claim would need that its interval leaves open."""

from __future__ import annotations

import numpy as np
from scipy import special

from data.results.estimate import FEWEST_SEEDS, Estimate, t_quantile
from data.results.intervals import wilson
from data.results.median import median_rank

MOST_SEEDS = 100  # a number of seeds above it is "more than 100"
POWER = 0.8  # chance of a verdict at the number of pairs that a ratio would need


def seeds_needed(estimate: Estimate, border: float) -> float:
    """Return about how many seeds would decide on which side of a border the true value lies.

    For means and slopes it is the smallest n whose half-width t s/√n, with what the episodes add, is less
    than the distance of the value to the border. For a median it is the smallest n at which the interval
    leaves out the border in 80 % of studies, if ratios fall on either side of it as often as those seen. Both
    take the spread and the value seen for the true ones, so the number is a plan and no promise.

    Returns:
        A whole number; ∞ above 100; NaN where too few seeds show a spread, or none can tell.

    Example:
        >>> from data.results.intervals import mean_interval
        >>> from data.results.median import median_interval
        >>> seeds_needed(mean_interval([0.0, 1.0, 2.0]), 0.0)
        7
        >>> seeds_needed(median_interval([0.5, 0.6, 0.7]), 1.0)
        6
    """
    if estimate.kind == "order statistics":
        return _pairs_needed(estimate, border)
    distance = abs(estimate.value - border)
    if not estimate.spread >= 0:
        return np.nan
    for n in range(estimate.n + 1, MOST_SEEDS + 1):
        # Runs grow with seeds: a slope over 5 sizes has 5 n runs, less n + 1 for the levels and the slope.
        freedom = max(1, round((estimate.freedom + 1) * n / estimate.n) - 1)
        half = np.hypot(t_quantile(freedom) * estimate.spread / np.sqrt(n), _of_episodes(estimate, border))
        if half < distance:
            return n
    return np.inf


def _pairs_needed(estimate: Estimate, border: float) -> float:
    """Pairs at which the interval excludes the border with chance POWER."""
    ratios = np.array(estimate.pairs)
    if len(ratios) < FEWEST_SEEDS:
        return np.nan
    # Ratios at the border and unknown ones are on neither side and help neither verdict.
    aside = max((ratios < border).mean(), (ratios > border).mean())
    if aside == 0:
        return np.nan
    for n in range(max(len(ratios) + 1, estimate.fewest), MOST_SEEDS + 1):
        rank = median_rank(n)
        if special.bdtrc(n - rank, n, aside) >= POWER:
            return n
    return np.inf


def _of_episodes(estimate: Estimate, border: float) -> float:
    """Half-width that the shared episodes add on the side of the border, however many seeds there are."""
    if not estimate.episodes:
        return 0.0
    low, high = wilson(round(estimate.value * estimate.episodes), estimate.episodes)
    return max(estimate.value - low, 0.0) if border < estimate.value else max(high - estimate.value, 0.0)
