"""Claims: estimates and verdicts on made-up measurements whose answer is known."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from data import published, wilson
from data.results.claims import claims, end, ratio, steps_to
from data.results.estimate import Estimate
from data.results.verdicts import (
    COLUMNS,
    NO_CLAIM,
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    Claim,
    claims_table,
    in_few_columns,
)

NAME = "SISA d_state=16"
STEPS = range(25, 201, 25)
INF = np.inf


def run(architecture, seed, *, reaches, needles="niah", n=128, last=None):
    """One run: 10 %, then 95 % from a step on (None: never); `last`, if given, at the last step."""
    rows = []
    for step in STEPS:
        rate = 0.95 if reaches is not None and step >= reaches else 0.1
        rate = last if last is not None and step == STEPS[-1] else rate
        rows += [
            (step, f"{needles}/exact_match", rate),
            (step, f"{needles}/n", n),
            (step, "train/loss", 0.99),
        ]
    return pd.DataFrame(rows, columns=["step", "name", "value"]).assign(architecture=architecture, seed=seed)


def study(sisa, transformer, *, name=NAME, **options):
    """Runs whose seeds are the places in two lists of the steps they reach 95 % at."""
    runs = [run(name, seed, reaches=step, **options) for seed, step in enumerate(sisa)]
    runs += [run("transformer", seed, reaches=step, **options) for seed, step in enumerate(transformer)]
    return pd.concat(runs, ignore_index=True)


def faster(metrics, level=90):
    return claims(metrics).set_index("claim").filter(like=f": fewer steps to {level} %", axis=0).iloc[0]


def table(variant, baseline):
    """As `steps_to` returns it."""
    return pd.DataFrame([variant, baseline], index=["a", "transformer"], dtype=float)


def test_steps_to_is_the_first_step_at_the_level_and_infinite_where_there_is_none():
    runs = [run("a", 0, reaches=75), run("a", 1, reaches=None), run("b", 0, reaches=25, last=1.0)]
    steps = steps_to(pd.concat(runs), level=0.95)
    assert steps.loc["a"].tolist() == [75, INF]
    assert steps.loc["b", 0] == 25
    assert np.isnan(steps.loc["b", 1])  # there is no such run
    assert steps_to(pd.concat(runs), level=0.96).loc["b", 0] == 200  # only the last step says 100 %
    assert steps_to(pd.concat(runs), level=0.99, metric="train/loss").loc["a"].tolist() == [25, 25]


ESTIMATES = partial(steps_to, level=0.5), partial(end, variant="a", needles="niah")


@pytest.mark.parametrize("estimate", ESTIMATES, ids=["steps_to", "end"])
def test_two_runs_of_one_variant_and_seed_are_not_taken_for_one(estimate):
    runs = pd.concat([run("a", 0, reaches=25), run("a", 0, reaches=75)])
    with pytest.raises(ValueError, match="several runs of a, seed 0"):
        estimate(runs)


def test_ratio_is_the_median_over_pairs_of_one_seed():
    found = ratio(table([50, 100, 300], [100, 100, 100]), variant="a")
    assert (found.value, found.n, found.censored, found.lost) == (1.0, 3, 0, 0)
    assert (found.low, found.high) == (0, INF)  # three pairs have no interval
    alike = ratio(table(np.arange(50, 350, 50), np.arange(100, 700, 100)), variant="a")
    assert (alike.value, alike.low, alike.high) == (0.5, 0.5, 0.5)


def test_the_end_has_a_t_interval_over_seeds():
    """With so many episodes and no skew, nothing widens it."""
    rates = 0.5 + np.array([-3, -2, -1, 0, 0, 1, 2, 3]) / 100
    runs = [run("a", seed, reaches=None, n=10**9, last=rate) for seed, rate in enumerate(rates)]
    found = end(pd.concat(runs), variant="a", needles="niah")
    expected = stats.t.interval(0.95, 7, loc=rates.mean(), scale=stats.sem(rates))
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-4)


def test_steps_are_counted_as_far_as_all_runs_go():
    """Whoever stopped at step 100 may be the faster one: nothing after it counts."""
    short, whole = run("a", 0, reaches=None), run("b", 0, reaches=150)
    steps = steps_to(pd.concat([short.loc[short["step"] <= 100], whole]), level=0.9)
    assert steps[0].to_dict() == {"a": INF, "b": INF}


@pytest.mark.parametrize(
    ("variant", "baseline", "expected"),
    [
        ([INF, INF, 50], [100, 100, 100], (INF, 0, INF, 3, 2, 0)),
        ([INF] * 5 + [50], [100] * 6, (INF, 0.5, INF, 6, 5, 0)),
        ([50] * 6, [INF] * 5 + [100], (0, 0, 0.5, 6, 5, 0)),
        ([INF] + [50] * 5, [INF] + [100] * 5, (0.5, 0, INF, 5, 0, 1)),
        ([INF] + [50] * 9, [INF] + [100] * 9, (0.5, 0.5, 0.5, 9, 0, 1)),
        ([50, INF, INF], [100, 100, INF], (INF, 0, INF, 2, 1, 1)),
        ([INF, INF], [INF, INF], (np.nan, 0, INF, 0, 0, 2)),
        ([np.nan, 50], [100, np.nan], (np.nan, 0, INF, 0, 0, 0)),
    ],
)
def test_censored_runs_count_as_infinite_and_unknown_pairs_are_left_out(variant, baseline, expected):
    found = ratio(table(variant, baseline), variant="a")
    got = (found.value, found.low, found.high, found.n, found.censored, found.lost)
    np.testing.assert_equal(got, expected)


@given(st.lists(st.tuples(*[st.sampled_from([25, 50, 100, 200, INF])] * 2), min_size=1, max_size=7))
def test_interval_holds_its_median_and_every_pair_is_accounted_for(pairs):
    found = ratio(table(*zip(*pairs, strict=True)), variant="a")
    assert found.n + found.lost == len(pairs)
    assert (found.low, found.high) == (0, INF) or len(pairs) >= 6
    assert found.n == 0 or found.low <= found.value <= found.high


@pytest.mark.parametrize(
    ("sisa", "transformer", "verdict", "missing"),
    [
        ([50, 50, 75, 50, 50, 50], [150, 175, 200, 200, 200, 200], REPRODUCED, ""),
        ([150, 175, 200, 200, 200, 200], [50, 50, 75, 50, 50, 50], NOT_REPRODUCED, ""),
        ([None] * 6, [150, 175, 200, 150, 200, 200], NOT_REPRODUCED, ""),
        (
            [50, 150, 100, 50, 50, 50],
            [100, 100, 125, 75, 75, 75],
            UNDECIDED,
            "more seeds: the interval holds 1, about 17 at this spread",
        ),
        ([50] * 6, [50] * 6, UNDECIDED, "more seeds: the interval holds 1"),
        ([50] * 4, [100] * 4, UNDECIDED, "more seeds: 4 of at least 6, about 6 at this spread"),
        ([50, 75, 50, 75, 75, None], [100] * 6, UNDECIDED, "longer training: 1 of 6 pairs censored"),
        ([None] * 6, [None] * 6, UNDECIDED, "longer training: 6 of 6 pairs censored"),
        (
            [None] * 5,
            [None] * 5,
            UNDECIDED,
            "more seeds: 5 of at least 6; longer training: 5 of 5 pairs censored",
        ),
        ([50] * 5 + [None] * 3, [100] * 5 + [None] * 3, UNDECIDED, "longer training: 3 of 8 pairs censored"),
    ],
)
def test_verdict_on_speed_says_no_more_than_its_interval(sisa, transformer, verdict, missing):
    row = faster(study(sisa, transformer))
    assert (row.verdict, row["what would decide it"]) == (verdict, missing)


def test_speed_is_written_with_its_interval_and_counts():
    row = faster(study([50, 75, None, None], [100, 100, 100, None]))
    assert (row.measured, row.low, row.high) == ("0.75", "0.00", "∞")
    assert (row.seeds, row.censored, row["left out"]) == (3, 1, 1)
    assert faster(study([None], [None])).measured == ""


def test_both_levels_are_compared():
    metrics = study([50] * 6, [100] * 6)
    half = metrics.assign(value=metrics["value"].where(metrics["value"] != 0.95, 0.6))
    assert faster(half, 50).verdict == REPRODUCED
    assert faster(half, 90).verdict == UNDECIDED


@pytest.mark.parametrize(
    ("last", "verdict", "missing"),
    [
        (1.0, REPRODUCED, ""),
        (0.5, NOT_REPRODUCED, ""),
        (0.953125, UNDECIDED, "more seeds: the interval holds 0.95, more than 100 at this spread"),
    ],
)
def test_the_end_counts_the_shared_test_episodes_once(last, verdict, missing):
    rows = claims(study([50, 50, 75], [50, 50, 75], last=last)).set_index("claim")
    row = rows.loc[f"{NAME} ends at 95 % or more"]
    low, high = wilson(round(last * 128), 128)
    assert (row.measured, row.low, row.high) == tuple(f"{100 * x:.1f} %" for x in (last, low, high))
    assert (row.verdict, row["what would decide it"], row.seeds) == (verdict, missing, 3)


def test_the_end_is_a_mean_over_seeds_that_differ():
    runs = [run("a", seed, reaches=None, last=last) for seed, last in enumerate((0.0, 0.5, 1.0))]
    found = end(pd.concat(runs), variant="a", needles="niah")
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)
    assert np.isnan(end(pd.concat(runs[:2]), variant="a", needles="niah").low)


def test_every_run_counts_with_its_own_last_evaluation():
    early, late = run("a", 0, reaches=50, last=1.0), run("a", 1, reaches=50, last=0.0)
    metrics = pd.concat([early, late.loc[late["step"] < late["step"].max()]])
    assert end(metrics, variant="a", needles="niah").value == pytest.approx((1 + 0.95) / 2)


def test_rows_one_a_claim_and_speed_only_beside_a_baseline():
    rows = claims(study([50] * 3, [75] * 3))
    assert list(rows.columns) == COLUMNS
    assert rows["variant"].tolist() == ["transformer", NAME, NAME, NAME]
    assert claims(study([50] * 3, []))["claim"].tolist() == [f"{NAME} ends at 95 % or more"]
    turned = claims(study([50] * 3, [75] * 3), baseline=NAME).iloc[-1]
    assert turned["claim"] == "transformer: fewer steps to 90 % (ratio < 1)"
    assert turned["measured"] == "1.50"


def test_every_set_of_episodes_has_its_rows():
    both = pd.concat([study([50] * 3, [75] * 3, needles=f"corpus{length}") for length in (256, 512)])
    rows = claims(both)
    assert rows["needles"].value_counts().to_dict() == {"corpus256": 4, "corpus512": 4}


def test_what_the_paper_does_not_claim_gets_no_verdict():
    rows = claims(study([50] * 3, [75] * 3, name="fox"))
    fox = rows[rows["variant"] == "fox"]
    assert set(fox["verdict"]) == {NO_CLAIM}
    assert set(fox["what would decide it"]) == {""}
    assert set(fox["seeds needed"]) == {""}
    assert fox["measured"].tolist() == ["95.0 %", "0.67", "0.67"]


def test_a_claim_follows_the_published_figures():
    """Where all sizes end below 95 %, that is the claim; where they disagree, there is none."""
    made_up: Any = SimpleNamespace(curves=published.curves)
    metrics = study([50] * 3, [50] * 3, last=0.5)
    for shares, claim, verdict in (
        ([12.0, 60.0], f"{NAME} ends below 95 %", REPRODUCED),
        ([12.0, 97.0], f"{NAME} ends at 95 % or more", NO_CLAIM),
    ):
        final = pd.DataFrame({"scale": ["50M", "152M"], "model": "sisa", "d_state": 16, "niah_pct": shares})
        made_up.final = lambda final=final: final
        row = claims(metrics, published=made_up).query("variant == @NAME").iloc[0]
        assert (row["claim"], row["verdict"]) == (claim, verdict)
    assert row["published"] == "50M: 12 %; 152M: 97 %"


def with_surprisal(name, seed, curve):
    """A run whose −log p of the answer has these values at steps 50, 100, …; exact match stays at 10 %."""
    steps = [50 * at for at in range(1, len(curve) + 1)]
    tables = [
        pd.DataFrame({"step": steps, "name": f"niah/{metric}", "value": values})
        for metric, values in (("nll", curve), ("exact_match", 0.1), ("n", 128))
    ]
    return pd.concat(tables).assign(architecture=name, seed=seed)


def surprisal_rows(runs):
    rows = claims(pd.concat(runs, ignore_index=True))
    return rows[rows["claim"].str.contains("−log p")]


def test_surprisal_is_compared_over_paired_seeds_at_the_end_and_over_training():
    pairs = [([9, 6, 3], [9, 9, 4.5]), ([8, 5, 2], [8, 8, 4]), ([9, 5, 3], [9, 8, 5])]
    runs = [with_surprisal(NAME, seed, own) for seed, (own, _) in enumerate(pairs)]
    runs += [with_surprisal("transformer", seed, other) for seed, (_, other) in enumerate(pairs)]
    rows = surprisal_rows(runs)
    last, mean = rows.iloc[0], rows.iloc[1]
    gains = np.array([-1.5, -2.0, -2.0])
    low, high = stats.t.interval(0.95, 2, loc=gains.mean(), scale=stats.sem(gains))
    assert (last["measured"], last["low"], last["high"]) == (
        f"{gains.mean():+.3f} nats",
        f"{low:+.3f}",
        f"{high:+.3f}",
    )
    area = [(0.5 * 0 + 3 + 0.5 * 1.5) / 2, (3 + 0.5 * 2) / 2, (3 + 0.5 * 2) / 2]  # trapezia of two intervals
    assert mean["measured"] == f"{-np.mean(area):+.3f} nats"
    assert (
        last["claim"] == f"{NAME}: lower −log p of the answer than transformer, at the end (difference < 0)"
    )
    assert {last["verdict"], mean["verdict"]} == {NO_CLAIM}
    assert last["seeds"] == 3


def test_surprisal_is_compared_where_all_runs_were_measured():
    runs = [with_surprisal(NAME, seed, [9, 5, 1]) for seed in range(3)]
    runs += [with_surprisal("transformer", seed, [9, 6]) for seed in range(3)]
    assert surprisal_rows(runs)["measured"].tolist() == ["-1.000 nats", "-0.500 nats"]
    diverged = with_surprisal(NAME, 3, [np.nan] * 3)
    assert surprisal_rows([*runs, diverged])["seeds"].tolist() == [3, 3]
    alone = [with_surprisal("transformer", 0, [np.nan]), with_surprisal(NAME, 0, [np.nan])]
    assert surprisal_rows(alone).empty


def test_eight_columns_keep_what_the_table_says():
    estimate = Estimate(value=0.95, n=7, low=0.57, high=1.2, censored=2, lost=1)
    unknown = Estimate(value=np.nan, n=0)
    rows = [
        Claim(claim="a is faster", published="yes", estimate=estimate, verdict="undecided", variant="a"),
        Claim(claim="b is faster", published="", estimate=unknown, verdict="undecided"),
    ]
    shown = in_few_columns(claims_table(rows))
    assert shown.shape == (2, 8)
    first, second = shown.to_dict("records")
    assert (first["95 % interval"], first["seeds"]) == ("0.57 to 1.20", "7, 2 censored, 1 left out")
    assert (second["measured"], second["95 % interval"], second["seeds"]) == ("", "", "0")
