"""Verdicts follow their intervals, and say how many seeds would decide."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from data.results.estimate import Estimate
from data.results.intervals import mean_interval, share_interval, slope_interval
from data.results.median import median_interval
from data.results.planning import seeds_needed
from data.results.verdicts import (
    COLUMNS,
    NO_CLAIM,
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    claims_table,
    judge,
)


@pytest.mark.parametrize(
    ("low", "high", "side", "verdict"),
    [
        (0.1, 0.9, "below", REPRODUCED),
        (0.1, 1.0, "below", UNDECIDED),
        (1.1, 1.9, "below", NOT_REPRODUCED),
        (1.0, 1.9, "below", UNDECIDED),
        (1.0, 1.9, "at least", REPRODUCED),
        (1.0, 1.9, "above", UNDECIDED),
        (1.1, np.inf, "above", REPRODUCED),
        (0.0, 0.9, "above", NOT_REPRODUCED),
        (0.0, np.inf, "above", UNDECIDED),
        (np.nan, np.nan, "below", UNDECIDED),
    ],
)
def test_a_verdict_never_says_more_than_its_interval(low, high, side, verdict):
    estimate = Estimate(value=1.0, low=low, high=high, n=7)
    assert judge("", "", estimate, border=1, side=side).verdict == verdict


def test_what_is_decided_or_not_claimed_needs_nothing():
    decided = judge("", "", mean_interval([1.0, 1.1, 1.2]), border=0, side="above")
    unclaimed = judge("", "", mean_interval([-1.0, 1.1, 1.2]), border=0, side="above", claimed=False)
    assert unclaimed.verdict == NO_CLAIM
    for claim in (decided, unclaimed):
        assert (claim.what_would_decide_it, claim.seeds_needed) == ("", "")


def test_a_table_has_its_columns_even_without_claims():
    assert list(claims_table([])) == COLUMNS
    assert isinstance(claims_table([]), pd.DataFrame)


@given(st.floats(0.1, 2), st.floats(0.3, 2))
def test_a_mean_needs_seeds_until_its_half_width_is_below_its_distance(distance, spread):
    values = distance + spread * np.array([-1.0, 0.0, 1.0])
    half = {n: stats.t.ppf(0.975, n - 1) * spread / np.sqrt(n) for n in range(4, 101)}
    expected = next((n for n in half if half[n] < distance), np.inf)
    assert seeds_needed(mean_interval(values), 0.0) == expected


def test_a_share_needs_more_than_seeds_where_the_episodes_hold_the_border():
    close = share_interval([0.95, 0.94, 0.93], episodes=128)
    assert seeds_needed(close, 0.95) == np.inf
    assert seeds_needed(share_interval([0.95, 0.94, 0.93], episodes=10_000), 0.95) < 30


def test_a_ratio_needs_the_pairs_at_which_a_sign_test_finds_it():
    assert seeds_needed(median_interval([0.5] * 3), 1.0) == 6
    found = seeds_needed(median_interval([0.5] * 5 + [2.0]), 1.0)

    def power(n):
        """Chance that as few pairs are above 1 as a two-sided sign test at 5 % wants."""
        return sum(
            stats.binom.pmf(above, n, 1 / 6)
            for above in range(n // 2)
            if stats.binomtest(above, n).pvalue <= 0.05
        )

    assert found == next(n for n in range(7, 101) if power(n) >= 0.8)


@pytest.mark.parametrize(
    ("ratios", "words"),
    [
        ([0.5, 2.0] * 4, "more than 100"),
        ([1.0] * 7, "unknown"),
        ([np.nan] * 7, "unknown"),
        ([0.5, 0.5], "unknown"),
        ([0.5] * 3, "6"),
    ],
)
def test_seeds_needed_in_words(ratios, words):
    claim = judge("", "", median_interval(ratios), border=1, side="below")
    assert claim.seeds_needed == words
    assert ("at this spread" in claim.what_would_decide_it) == (words != "unknown")


def test_seeds_of_a_slope_bring_all_their_sizes():
    rng = np.random.default_rng(0)
    x, seeds = np.tile([1.0, 2.0, 3.0, 4.0], 3), np.repeat([0, 1, 2], 4)
    found = slope_interval(x, -0.2 * x + rng.normal(size=12), groups=seeds.tolist())
    needed = seeds_needed(found, 0.0)
    # 4 runs a seed, less one level a seed and one slope: 3 n − 1 degrees of freedom
    halves = [stats.t.ppf(0.975, 3 * n - 1) * found.spread / np.sqrt(n) for n in (needed - 1, needed)]
    assert halves[1] < abs(found.value) <= halves[0]
