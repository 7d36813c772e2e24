"""The record of a number over seeds with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from scipy import special

Kind = Literal["none", "Student's t", "one more seed", "order statistics", "Fisher's z"]

LEVEL = 0.95
FEWEST_SEEDS = 3  # a mean of fewer is shown without an interval


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number over seeds with its interval; low and high are NaN where there is none.

    Args:
        value: the mean, median or slope itself.
        n: seeds, or pairs of seeds, that `value` rests on.
        censored: pairs among them in which one run had not reached the level (ratios of steps).
        lost: pairs in which both had not; they are not in `value`, but in the interval.
        kind: how the interval was made.
        level: share of studies in which such an interval holds the true value.
        fewest: pairs that an interval of this kind takes.
        spread: standard deviation of what one seed adds; the standard error is spread / √n.
        freedom: degrees of freedom of `spread`.
        episodes: held-out episodes that all seeds share; 0 where the number is no share of them.
        pairs: the ratios themselves, for a median.
    """

    value: float
    low: float = np.nan
    high: float = np.nan
    n: int = 0
    censored: int = 0
    lost: int = 0
    kind: Kind = "none"
    level: float = LEVEL
    fewest: int = FEWEST_SEEDS
    spread: float = np.nan
    freedom: int = 0
    episodes: int = 0
    pairs: tuple[float, ...] = ()

    @property
    def has_interval(self) -> bool:
        """Whether low and high are known; ±∞ counts as known."""
        return not (np.isnan(self.low) or np.isnan(self.high))


@cache
def t_quantile(freedom: float) -> float:
    """Return how many standard errors a 95 % interval reaches to each side, by Student's t.

    It is the factor t of every mean ± t s/√n here, and falls from 12.7 at one degree of freedom to 1.96.

    Args:
        freedom: degrees of freedom; seeds less one for a mean.

    Example:
        >>> round(t_quantile(1), 1), round(t_quantile(4), 2)
        (12.7, 2.78)
    """
    return float(special.stdtrit(freedom, 0.5 + LEVEL / 2))
