"""How often intervals hold the truth, and how often verdicts are false where there is nothing to find.

Studies are drawn with fixed seeds at 3 to 12 training seeds; each is judged as tables judge it.
"""

from collections.abc import Callable, Iterable
from itertools import chain

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit

from data.results.estimate import Estimate
from data.results.intervals import (
    further_run,
    mean_interval,
    paired_difference,
    share_interval,
    slope_interval,
)
from data.results.median import median_interval
from data.results.verdicts import UNDECIDED, Side, verdict_on

SEEDS = range(3, 13)
STUDIES = 800
EPISODES = 128
HOLDS = 0.93
FALSE = 0.05
Estimates = dict[int, list[Estimate]]
Rng = np.random.Generator


def held(estimates, truth):
    """Share of intervals that hold the truth."""
    return np.mean([found.low <= truth <= found.high for found in estimates])


def false_verdicts(estimates, border, side: Side):
    """Share of verdicts where the truth is the border itself."""
    verdicts = [verdict_on(found, border=border, side=side) for found in estimates]
    return np.mean([verdict != UNDECIDED for verdict in verdicts])


def noise(estimates: list[Estimate]) -> float:
    """Three standard errors of a simulated share of 5 %: 2.3 points of 800 studies.

    A rate of exactly 5 %, as that of Student's t, shows more than 5 % in half of all simulations.
    """
    return float(3 * np.sqrt(FALSE * (1 - FALSE) / len(estimates)))


def check(by_seeds: Estimates, *, truth: float, side: Side) -> float:
    """Coverage and false verdicts at every number of seeds; returns the false ones over all of them."""
    false = {n: false_verdicts(estimates, truth, side) for n, estimates in by_seeds.items()}
    for n, estimates in by_seeds.items():
        assert held(estimates, truth) >= HOLDS, n
        assert false[n] <= FALSE + noise(estimates), n
    assert len(set(map(len, by_seeds.values()))) == 1  # so that the mean of shares is the share of all
    pooled = float(np.mean(list(false.values())))
    assert pooled <= FALSE + noise(list(chain.from_iterable(by_seeds.values())))
    return pooled


def studies(
    draw: Callable[[Rng, int], Estimate], *, seeds: Iterable[int] = SEEDS, count: int = STUDIES
) -> Estimates:
    """Estimates of many studies, by number of seeds."""
    rng = np.random.default_rng(17)
    return {n: [draw(rng, n) for _ in range(count)] for n in seeds}


def test_a_mean_of_normal_numbers():
    check(studies(lambda rng, n: mean_interval(rng.normal(2, 3, n))), truth=2, side="above")


def test_a_mean_of_skewed_numbers():
    """Log-normal of σ = 0.25, as far as the docstring promises; 93 % less the noise of the simulation."""
    drawn = studies(lambda rng, n: mean_interval(rng.lognormal(0, 0.25, n)))
    truth = np.exp(0.25**2 / 2)
    for n, estimates in drawn.items():
        assert held(estimates, truth) >= HOLDS - noise(estimates), n
    assert held(list(chain.from_iterable(drawn.values())), truth) >= HOLDS


def test_a_difference_of_skewed_pairs():
    """What skews both runs of a seed cancels."""

    def draw(rng, n):
        seed = rng.lognormal(0, 1, n)
        return paired_difference(seed + rng.lognormal(0, 0.5, n), seed + rng.lognormal(0, 0.5, n))

    check(studies(draw), truth=0, side="below")


def test_a_slope():
    """Five sizes a seed; seeds differ by much more than sizes."""
    sizes = {n: np.tile(np.arange(2.0, 7.0), n) for n in SEEDS}
    groups = {n: np.repeat(np.arange(n), 5).tolist() for n in SEEDS}

    def draw(rng, n):
        levels = rng.normal(0, 3, n).repeat(5)
        return slope_interval(sizes[n], levels + rng.normal(0, 1, 5 * n), groups=groups[n])

    check(studies(draw), truth=0, side="above")


def rates(rng: Rng, n: int, *, centre: float, seeds: float, episodes: float) -> np.ndarray:
    """Shares of right answers: logits of seeds and of the episodes, which all seeds share, are normal."""
    logits = centre + seeds * rng.standard_normal((n, 1)) + episodes * rng.standard_normal((1, EPISODES))
    return (rng.random((n, EPISODES)) < expit(logits)).mean(axis=1)


def mean_share(*, centre: float, seeds: float, episodes: float) -> float:
    """The true mean of `rates`: the sum of two normal logits is one."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    return float(expit(centre + np.hypot(seeds, episodes) * nodes) @ weights / weights.sum())


def centre_of(share: float, *, seeds: float, episodes: float):
    """The logit at which the mean share is the asked one."""
    return brentq(lambda at: mean_share(centre=at, seeds=seeds, episodes=episodes) - share, -12, 12)


SPREADS = [(0.3, 1.5), (1.0, 0.0), (1.5, 1.0)]


@pytest.mark.parametrize(("seeds", "episodes"), SPREADS)
@pytest.mark.parametrize("share", [0.95, 0.5, 0.05])
def test_a_share_of_shared_episodes(share, seeds, episodes):
    centre = centre_of(share, seeds=seeds, episodes=episodes)
    spread = {"centre": centre, "seeds": seeds, "episodes": episodes}
    drawn = studies(
        lambda rng, n: share_interval(rates(rng, n, **spread), episodes=EPISODES), count=STUDIES // 4
    )
    assert check(drawn, truth=share, side="at least") <= FALSE


def censored(ratios: np.ndarray, rng: Rng, *, share: float) -> np.ndarray:
    """Some pairs in which one run never came to the level, and some in which both did not."""
    outcome = rng.random(len(ratios))
    ratios = np.where(outcome < share, np.where(ratios > 1, np.inf, 0.0), ratios)
    return np.where(outcome > 1 - share / 2, np.nan, ratios)


DRAWS = {
    "log-normal": lambda rng, n: rng.lognormal(0, 0.3, n),
    "heavy tails": lambda rng, n: np.exp(np.clip(rng.standard_cauchy(n), -50, 50)),
    "skewed": lambda rng, n: rng.exponential(1 / np.log(2), n),
    "steps of 50": lambda rng, n: rng.integers(4, 9, n) / rng.integers(4, 9, n),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_median_ratio(name, share):
    """All have a true median of 1, censored or not: neither side is faster."""
    drawn = studies(lambda rng, n: median_interval(censored(DRAWS[name](rng, n), rng, share=share)))
    for n, estimates in drawn.items():
        assert held(estimates, 1) >= HOLDS, n
        false = false_verdicts(estimates, 1, "below")
        assert false <= FALSE, n
        assert n >= 6 or false == 0


def test_a_verdict_on_a_clear_ratio_is_found():
    """Intervals that say nothing would hold the truth, too."""
    fast = studies(lambda rng, n: median_interval(rng.lognormal(-1, 0.3, n)), seeds=(5, 6, 12))
    found = {n: false_verdicts(estimates, 1, "below") for n, estimates in fast.items()}
    assert found[5] == 0
    assert min(found[6], found[12]) > 0.95
    shares = studies(lambda rng, n: share_interval(rates(rng, n, **NARROW), episodes=EPISODES), seeds=(5, 12))
    assert min(false_verdicts(estimates, 0.95, "at least") for estimates in shares.values()) > 0.95


NARROW = {"centre": 1.0, "seeds": 0.3, "episodes": 1.0}


def test_a_further_seed():
    rng = np.random.default_rng(3)
    for n in SEEDS:
        inside = []
        for _ in range(STUDIES):
            numbers = rng.normal(0, 1, n + 1)
            found = further_run(numbers[:n])
            inside.append(found.low <= numbers[n] <= found.high)
        assert np.mean(inside) >= HOLDS
