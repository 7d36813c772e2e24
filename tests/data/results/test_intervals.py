"""Intervals against SciPy, and against counting by hand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from data.results.intervals import (
    further_run,
    mean_interval,
    paired_difference,
    share_interval,
    slope_interval,
    wilson,
)
from data.results.median import median_interval, median_rank

NUMBERS = st.lists(st.floats(-5, 5, width=16), min_size=3, max_size=12)


@given(st.integers(1, 500), st.data())
def test_wilson_is_that_of_scipy(n, data):
    successes = data.draw(st.integers(0, n))
    expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert wilson(0, n)[0] == 0
    assert wilson(n, n)[1] == 1


@given(NUMBERS)
def test_the_mean_has_student_s_interval(values):
    found = mean_interval(values)
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    assert (found.low, found.high) == pytest.approx(
        (np.mean(values) - half, np.mean(values) + half), abs=1e-9
    )
    further = further_run(values)
    wider = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) * np.sqrt(1 + 1 / len(values))
    assert further.high - further.value == pytest.approx(wider, abs=1e-9)


def test_few_seeds_have_a_mean_and_no_interval():
    for found in (mean_interval([1.0, 2.0]), share_interval([0.2, 0.4], episodes=8), further_run([3.0])):
        assert not found.has_interval
    assert mean_interval([1.0, 2.0]).value == 1.5
    assert mean_interval([1.0, 2.0], fewest=2).has_interval
    assert np.isnan(mean_interval([]).value)


def test_a_difference_is_the_mean_of_pairs():
    found = paired_difference([3.0, 5.0, 8.0], [1.0, 2.0, 4.0])
    alone = mean_interval([2.0, 3.0, 4.0])
    assert (found.value, found.low, found.high, found.n) == (3, alone.low, alone.high, 3)
    with pytest.raises(ValueError, match=r"second is 1; legal: 2 numbers, as many as first\. Leave out"):
        paired_difference([1.0, 2.0], [1.0])


def test_a_slope_is_that_of_a_regression_with_a_level_for_each_group():
    rng = np.random.default_rng(0)
    x, groups = np.tile([2.0, 3.0, 4.0, 6.0], 3), np.repeat(["a", "b", "c"], 4)
    y = 0.5 * x + rng.normal(size=12) + np.repeat([1.0, -4.0, 9.0], 4)
    found = slope_interval(x, y, groups=list(groups))
    design = np.column_stack([x, *(groups == name for name in "abc")]).astype(float)
    beta, residual, *_ = np.linalg.lstsq(design, y, rcond=None)
    error = np.sqrt(residual[0] / 8 * np.linalg.inv(design.T @ design)[0, 0])
    assert found.value == pytest.approx(beta[0])
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 8) * error)
    assert found.n == 3


@pytest.mark.parametrize(
    ("x", "groups"),
    [([], []), ([1.0, 2.0] * 3, [0] * 6), ([1.0, 2.0, 3.0], [0, 0, 0]), ([1.0, 2.0, 3.0], [0, 1, 2])],
)
def test_too_few_runs_have_no_slope(x, groups):
    assert not slope_interval(x, list(range(len(x))), groups=groups).has_interval


def test_ranks_of_a_median_by_counting_coins():
    for n in range(1, 13):
        heads = np.array([sum(tosses) for tosses in product((0, 1), repeat=n)])
        holds = [k for k in range(1, n // 2 + 1) if ((heads >= k) & (heads <= n - k)).mean() >= 0.95]
        assert median_rank(n) == max(holds, default=0)


def test_a_median_lies_between_two_of_the_values():
    found = median_interval([5, 1, 4, 2, 8, 7, 3, 6, 9])
    assert (found.value, found.low, found.high) == (5, 2, 8)  # 1 − 2 · 10 / 512 = 96.1 %
    assert median_interval([1, 2, 3, 4, 5]).high == np.inf


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([0.5] * 5 + [np.nan], (0.5, 0, np.inf, 5, 0, 1)),
        ([0.5] * 8 + [np.nan], (0.5, 0.5, 0.5, 8, 0, 1)),
        ([0.5] * 7 + [np.nan] * 2, (0.5, 0, np.inf, 7, 0, 2)),
        ([0.0, 0.0, 0.5, 0.6, 0.7, np.inf], (0.55, 0, np.inf, 6, 3, 0)),
        ([np.inf] * 6, (np.inf, np.inf, np.inf, 6, 6, 0)),
        ([np.nan] * 7, (np.nan, 0, np.inf, 0, 0, 7)),
    ],
)
def test_censored_and_unknown_pairs_count_by_rank(ratios, expected):
    found = median_interval(ratios)
    got = (found.value, found.low, found.high, found.n, found.censored, found.lost)
    np.testing.assert_equal(got, pytest.approx(expected, nan_ok=True))


@given(st.lists(st.integers(0, 40), min_size=3, max_size=12))
def test_a_share_has_an_interval_around_it_as_wide_as_its_parts(counts):
    rates = np.array(counts) / 40
    found, plain = share_interval(rates, episodes=40), mean_interval(rates)
    low, high = wilson(round(rates.mean() * 40), 40)
    assert 0 <= found.low <= rates.mean() + 1e-12
    assert rates.mean() - 1e-12 <= found.high <= 1
    assert found.low <= max(0, min(low, plain.low)) + 1e-12
    assert found.high >= min(1, max(high, plain.high)) - 1e-12


def test_a_skewed_share_reaches_further_than_students_t():
    """Two seeds near all, one far below: a fourth may be further below still."""
    rates = [1.0, 0.99, 0.98, 0.8]
    assert share_interval(rates, episodes=128).low < mean_interval(rates).low


@pytest.mark.parametrize(("rates", "episodes"), [([1.2, 1, 1], 8), ([np.nan, 1, 1], 8), ([1, 1, 1], 0)])
def test_shares_that_are_none_are_refused(rates, episodes):
    with pytest.raises(ValueError, match=r"rates is .*; legal: 0 to 1\. Give|episodes is 0; legal: whole"):
        share_interval(rates, episodes=episodes)
