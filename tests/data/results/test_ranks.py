"""Rank correlations: Spearman's number, the coverage of its interval, and tables of heads."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from data.results.intervals import mean_interval
from data.results.ranks import CORRELATION_COLUMNS, FEWEST_HEADS, atlas_correlations, rank_correlation


def spearman(x, y) -> float:
    """scipy's number."""
    return float(stats.spearmanr(x, y)[0])  # pyright: ignore[reportArgumentType] (a result without types)


@pytest.mark.parametrize("n", [10, 36, 48])
def test_the_number_is_spearman_s_with_ties(n):
    rng = np.random.default_rng(n)
    x, y = rng.integers(0, 6, n), rng.normal(size=n)
    found = rank_correlation(x, y)
    assert found.value == pytest.approx(spearman(x, y))
    assert found.low < found.value < found.high
    assert (found.n, found.kind) == (n, "Fisher's z")


def test_only_ranks_count():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30))
    assert rank_correlation(x, y) == rank_correlation(np.exp(x), y**3)
    assert rank_correlation(x, y).value == pytest.approx(-rank_correlation(-x, y).value)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_the_interval_holds_the_true_value_in_94_of_100_studies(correlation):
    """Normal pairs of correlation r have Spearman's ρ = 6/π asin(r/2); 1,000 studies of 48 heads."""
    rng, true = np.random.default_rng(1), 6 / np.pi * np.arcsin(correlation / 2)
    pairs = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], size=(1000, 48))
    found = [rank_correlation(x, y) for x, y in np.moveaxis(pairs, -1, 1)]
    assert 0.93 <= np.mean([one.low <= true <= one.high for one in found]) <= 0.97


def test_a_perfect_order_is_not_certain():
    found = rank_correlation(np.arange(48), np.arange(48) ** 2)
    assert found.value == pytest.approx(1)
    assert 0.99 < found.low < found.high < 1
    assert rank_correlation(np.arange(48), -np.arange(48)).low == pytest.approx(-found.high)


def test_few_heads_have_no_interval_and_equal_ones_no_number():
    few = rank_correlation(range(FEWEST_HEADS - 1), range(FEWEST_HEADS - 1))
    assert few.value == pytest.approx(1)
    assert not few.has_interval
    same = rank_correlation(np.ones(20), np.arange(20))
    assert np.isnan(same.value)
    assert not same.has_interval


@pytest.mark.parametrize("y", [[1.0], [1.0, np.nan], [[1.0, 2.0]], [1.0, np.inf]])
def test_numbers_that_do_not_belong_together_are_refused(y):
    with pytest.raises(ValueError, match=r"x and y is .*; legal: a finite number a head in both"):
        rank_correlation([1.0, 2.0], y)


def heads(runs=("a",)):
    at = itertools.product(runs, range(3), range(5))
    table = pd.DataFrame(at, columns=["run", "layer", "head"])
    rng = np.random.default_rng(3)
    return table.assign(lam=rng.normal(size=len(table)), half_life=rng.normal(size=len(table)))


def costs(table, **of_how):
    parts = [
        table[["run", "layer", "head"]].assign(term="importance", how=how, log_p_lost=cost)
        for how, cost in of_how.items()
    ]
    return pd.concat(parts).sample(frac=1, random_state=0)  # rows in any order


def test_of_one_run_each_kind_of_knockout_is_compared_with_each_column():
    table = heads().drop(columns="run")
    rng = np.random.default_rng(4)
    shuffled = rng.normal(size=len(table))
    asked = costs(heads(), zero=np.exp(table["lam"]), shuffle=shuffled)
    found = atlas_correlations(table, asked, predictors=["lam", "half_life"])
    assert found.columns.tolist() == CORRELATION_COLUMNS
    named = found.set_index(["how", "predictor"])
    assert named.loc[("zero", "lam"), "correlation"] == pytest.approx(1)
    for how, cost in (("zero", table["lam"]), ("shuffle", shuffled)):
        expected = spearman(table["half_life"], cost)
        assert named.loc[(how, "half_life"), "correlation"] == pytest.approx(expected)
    assert (set(found["n"]), set(found["runs"])) == ({15}, {1})
    assert bool((found["low"] < found["correlation"]).all())


def test_of_several_runs_it_is_the_mean_over_runs():
    table = heads(runs="abc")
    cost = np.random.default_rng(5).normal(size=len(table)) + table["lam"].to_numpy()
    asked = costs(table, zero=cost)
    found = atlas_correlations(table, asked, predictors=["lam"]).iloc[0]
    each = [spearman(run["lam"], cost[run.index]) for _, run in table.groupby("run")]
    expected = mean_interval(each)
    assert found["correlation"] == pytest.approx(np.mean(each))
    assert found["low"] == pytest.approx(max(expected.low, -1))
    assert found["high"] == pytest.approx(min(expected.high, 1))
    assert (found["n"], found["runs"]) == (15, 3)


def test_tables_of_different_heads_are_refused():
    table = heads()
    asked = costs(table, zero=table["lam"])
    with pytest.raises(ValueError, match=r"15 heads and the knock-outs of importance, zero 14, 14 of them"):
        atlas_correlations(table, asked.iloc[1:], predictors=["lam"])
    with pytest.raises(ValueError, match="the atlas has a head twice"):
        atlas_correlations(pd.concat([table, table]), asked, predictors=["lam"])
    with pytest.raises(ValueError, match=r"the table of knock-outs lacks columns \['how'\]"):
        atlas_correlations(table, asked.drop(columns="how"), predictors=["lam"])
    with pytest.raises(ValueError, match=r"the atlas lacks columns \['speed'\]"):
        atlas_correlations(table, asked, predictors=["speed"])
