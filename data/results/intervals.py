"""The intervals of means, shares and slopes: Student's t and Wilson's. Medians have `data.results.median`.

An interval holds the true value in 95 % of all studies. tests/data/results/test_coverage.py simulates that
at 3 to 12 seeds. A verdict is read off the interval alone (`data.results.verdicts`), so no other place may
widen or narrow one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from data.refusal import as_number, refusal, whole
from data.results.estimate import FEWEST_SEEDS, LEVEL, Estimate, t_quantile

Values = Sequence[float] | np.ndarray

SPREAD_QUANTILE = 0.75  # of the spread between seeds, see `share_interval`
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(31)


def wilson(successes: int, n: int, *, level: float = LEVEL) -> tuple[float, float]:
    """Return Wilson's interval of a success rate: (low, high), both 0 to 1.

    With p = successes / n and z the normal quantile of the level, it is
    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n). Unlike p ± z √(p(1 − p)/n) it does not shrink to a
    point at 0 or n successes.

    Args:
        successes: episodes that were answered.
        n: all episodes, at least 1.
        level: share of studies in which the interval holds the true rate.

    Raises:
        ValueError: n, successes or level is not possible.

    Example:
        >>> low, high = wilson(128, 128)
        >>> round(low, 3), high
        (0.971, 1.0)
    """
    n, counted, share = whole("n", n, least=1), as_number(successes), as_number(level)
    if counted is None or not 0 <= counted <= n:
        raise refusal("successes", successes, legal=f"0 to n = {n}", step="Count them among the n trials.")
    if share is None or not 0 < share < 1:
        raise refusal("level", level, legal="above 0, below 1", step="Use 0.95 for a 95 % interval.")
    low, high = _wilson(successes / n, n, level)
    # At the ends the root cancels in theory only: (z²/2n − z √(z²/4n²)) leaves about 1e-19 in floating point.
    return (0.0 if successes == 0 else low), (1.0 if successes == n else high)


def mean_interval(values: Values, *, fewest: int = FEWEST_SEEDS) -> Estimate:
    """Return the mean of one number a seed with Student's t-interval: mean ± t √(s² / n).

    The interval holds the true mean in 95 % of studies where numbers spread symmetrically, and in at least
    93 % where they are skewed like a log-normal of σ = 0.25. A stronger skew takes more: at σ = 0.5 it is
    92 %, so compare differences of pairs, whose skew cancels, or use `share_interval` for shares.

    Args:
        values: one finite number a seed.
        fewest: seeds below which there is no interval; 2 at least.

    Example:
        >>> found = mean_interval([2.0, 4.0, 9.0])
        >>> round(found.value, 2), round(found.low, 2), round(found.high, 2)
        (5.0, -3.96, 13.96)
    """
    seeds, fewest = _numbers("values", values), whole("fewest", fewest, least=0)
    n = len(seeds)
    mean = float(seeds.mean()) if n else np.nan
    if n < max(fewest, 2):
        return Estimate(value=mean, n=n, fewest=fewest)
    spread = float(seeds.std(ddof=1))
    half = t_quantile(n - 1) * spread / float(np.sqrt(n))
    return Estimate(
        value=mean,
        low=mean - half,
        high=mean + half,
        n=n,
        kind="Student's t",
        fewest=fewest,
        spread=spread,
        freedom=n - 1,
    )


def share_interval(rates: Values, *, episodes: int) -> Estimate:
    """Return the mean of shares of right answers over seeds, with an interval that 0 and 1 bound.

    All seeds answer the same episodes, so two things are uncertain and a plain t-interval sees the first one
    alone: another seed, and another draw of episodes. The half-width is √(t² s²/n + w²), where w is that of
    Wilson's interval of the episodes. Near 0 and 1 shares are skewed: three seeds at 99 % say little about
    the rare one that ends at 60 %. Therefore the interval is at least as wide as a t-interval of the logits,
    turned back into the mean share of logit-normal seeds.

    It holds the true mean in at least 93 % of studies while the logits of seeds spread by 1.5 or less; that
    is, as far as from 50 % to 18 or 82 %. At a spread of 2 and a mean of 95 % it is about 90 %.

    Args:
        rates: one share a seed, 0 to 1.
        episodes: number of episodes behind each share, the same ones for all seeds.

    Raises:
        ValueError: a rate lies outside 0 to 1, or there are no episodes.

    Example:
        >>> found = share_interval([1.0, 1.0, 1.0], episodes=128)
        >>> found.value, round(found.low, 3), found.high
        (1.0, 0.971, 1.0)
    """
    episodes, seeds = whole("episodes", episodes, least=1), _numbers("rates", rates)
    if len(seeds) and not (seeds.min() >= 0 and seeds.max() <= 1):
        raise refusal("rates", seeds.tolist(), legal="0 to 1", step="Give shares, not per cent.")
    plain = mean_interval(seeds)
    if not plain.has_interval:
        return plain
    mean, half = plain.value, plain.high - plain.value
    least, most = wilson(round(mean * episodes), episodes)
    low = mean - np.hypot(half, max(mean - least, 0.0))
    high = mean + np.hypot(half, max(most - mean, 0.0))
    skewed_low, skewed_high = _logit_normal_interval(seeds, episodes)
    return Estimate(
        value=mean,
        low=float(np.clip(min(low, skewed_low), 0, 1)),
        high=float(np.clip(max(high, skewed_high), 0, 1)),
        n=plain.n,
        kind="Student's t",
        spread=plain.spread,
        freedom=plain.freedom,
        episodes=episodes,
    )


def paired_difference(first: Values, second: Values) -> Estimate:
    """Return the mean of first − second over pairs of one seed, with its t-interval.

    Runs of one seed saw the same batches in the same order, so what a seed does to both cancels, and so does
    most of the skew.

    Args:
        first: one number a seed.
        second: the numbers that are taken away, of the same seeds in the same order.

    Raises:
        ValueError: the two have different lengths.

    Example:
        >>> found = paired_difference([0.5, 0.7, 0.9], [0.4, 0.6, 0.8])
        >>> round(found.value, 3), round(found.low, 3), found.n
        (0.1, 0.1, 3)
    """
    one, other = _numbers("first", first), _numbers("second", second)
    if len(one) != len(other):
        step = "Leave out seeds that only one of the two was trained with."
        raise refusal("second", len(other), legal=f"{len(one)} numbers, as many as first", step=step)
    return mean_interval(one - other)


def slope_interval(x: Values, y: Values, *, groups: Sequence[object]) -> Estimate:
    """Return the least-squares slope of y over x within groups, with its t-interval.

    Each group has a level of its own: x and y are taken relative to their means in the group, which leaves
    runs − groups − 1 degrees of freedom. No interval below 2 of them or three values of x.

    Args:
        x: what is varied, such as log₂ d_state, one number a run.
        y: what was measured.
        groups: the seed of each run.

    Example:
        >>> found = slope_interval([2, 3, 4] * 2, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], groups=[0] * 3 + [1] * 3)
        >>> round(found.value, 3), found.n
        (0.1, 2)
    """
    x, y = _numbers("x", x), _numbers("y", y)
    if not len(x) == len(y) == len(groups):
        came, step = f"{len(x)}, {len(y)} and {len(groups)} numbers", "Give one of each a run."
        raise refusal("x, y and groups", came, legal="as many of each", step=step)
    _, places = np.unique(np.asarray(groups), return_inverse=True)
    within_x, within_y = _within(x, places), _within(y, places)
    n, room = len(set(places)), float(within_x @ within_x)
    freedom = len(places) - n - 1
    if len(set(x)) < 3 or freedom < 2 or room == 0:
        return Estimate(value=np.nan, n=n)
    slope = float(within_x @ within_y / room)
    error = float(np.sqrt(((within_y - slope * within_x) ** 2).sum() / freedom / room))
    half = t_quantile(freedom) * error
    return Estimate(
        value=slope,
        low=slope - half,
        high=slope + half,
        n=n,
        kind="Student's t",
        fewest=1,
        spread=error * float(np.sqrt(n)),
        freedom=freedom,
    )


def further_run(values: Values) -> Estimate:
    """Return the interval in which one further seed is expected: mean ± t s √(1 + 1/n).

    It is wider than the interval of the mean, since the new seed spreads on its own. Use it to ask whether a
    second training of a run looks like another seed or like the same one.

    Args:
        values: one number a seed; two at least give an interval.

    Example:
        >>> found = further_run([0.5, 0.6, 0.7])
        >>> round(found.low, 2), round(found.high, 2)
        (0.1, 1.1)
    """
    mean = mean_interval(values, fewest=2)
    if not mean.has_interval:
        return mean
    half = t_quantile(mean.freedom) * mean.spread * float(np.sqrt(1 + 1 / mean.n))
    return Estimate(
        value=mean.value,
        low=mean.value - half,
        high=mean.value + half,
        n=mean.n,
        kind="one more seed",
        fewest=2,
        spread=mean.spread,
        freedom=mean.freedom,
    )


def _numbers(name: str, values: Values) -> np.ndarray:
    """Return one number a seed as an array, or refuse what is no list of numbers."""
    step = "Leave out seeds that were not measured."
    try:
        found = np.asarray(values)
        numbers = found.astype(float) if found.dtype.kind in "iufO" else None
    except (TypeError, ValueError, OverflowError):
        numbers = None
    if numbers is not None and not np.size(numbers):
        return np.zeros(0)
    if numbers is None or numbers.ndim != 1:
        raise refusal(name, values, legal="one number a seed, in a list", step=step)
    return numbers


def _wilson(rate: float, n: int, level: float) -> tuple[float, float]:
    z = float(special.ndtri(0.5 + level / 2))
    centre = rate + z**2 / (2 * n)
    half = z * float(np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2)))
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def _within(values: Values, places: np.ndarray) -> np.ndarray:
    """Values relative to the mean of their group."""
    numbers = np.asarray(values, dtype=float)
    means = np.bincount(places, weights=numbers) / np.bincount(places)
    return numbers - means[places]


def _logit_normal_interval(rates: np.ndarray, episodes: int) -> tuple[float, float]:
    """Mean share of logit-normal seeds at both ends of the t-interval of their mean logit."""
    # Half an episode is added on both sides, since 128 of 128 has no logit: it counts as 128.5 of 129, 5.55.
    logits = special.logit((rates * episodes + 0.5) / (episodes + 1))
    freedom, spread = len(rates) - 1, logits.std(ddof=1)
    half = t_quantile(freedom) * spread / np.sqrt(len(rates))
    # Three seeds show too small a spread more often than not. Its quantile makes up for that: √(2 / 0.575) =
    # 1.86 times the spread seen at three seeds, 1.2 times at twelve.
    likely = spread * np.sqrt(freedom / special.chdtri(freedom, SPREAD_QUANTILE))
    ends = logits.mean() + np.array([[-half], [half]]) + likely * NODES
    low, high = special.expit(ends) @ WEIGHTS / WEIGHTS.sum()
    return float(low), float(high)
