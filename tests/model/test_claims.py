"""Claims: verdicts on made-up measurements whose answer is known."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from data import wilson
from model.claims import NOT_REPRODUCED, REPRODUCED, claims, geometric_mean, steps_to

NAME = "SISA d_state=16"
STEPS = range(25, 201, 25)


def run(architecture, seed, *, reaches, n=128, last=1.0):
    """One run: 10 %, then 95 % from a step on (None: never), and `last` at the last step."""
    rows = []
    for step in STEPS:
        rate = 0.95 if reaches is not None and step >= reaches else 0.1
        rows += [(step, "niah/exact_match", last if step == STEPS[-1] else rate), (step, "niah/n", n)]
        rows += [(step, "train/loss", 0.99)]
    return pd.DataFrame(rows, columns=["step", "name", "value"]).assign(architecture=architecture, seed=seed)


def study(sisa, transformer, **options):
    """Runs whose seeds are the places in two lists of the steps they reach 90 % at."""
    runs = [run(NAME, seed, reaches=step, **options) for seed, step in enumerate(sisa)]
    runs += [run("transformer", seed, reaches=step, **options) for seed, step in enumerate(transformer)]
    return pd.concat(runs, ignore_index=True)


def faster(metrics):
    return claims(metrics).set_index("claim").filter(like=": fewer steps", axis=0).iloc[0]


def test_steps_to_is_the_first_step_at_the_level_and_nan_where_there_is_none():
    metrics = pd.concat(
        [run("a", 0, reaches=75), run("a", 1, reaches=None, last=0.2), run("b", 0, reaches=25)]
    )
    table = steps_to(metrics, level=0.95)
    assert table.loc["a", 0] == 75
    assert table.loc["b", 0] == 25
    assert np.isnan(table.loc["a", 1])
    assert steps_to(metrics, level=0.96).loc["b", 0] == 200  # only the last step says 100 %
    assert steps_to(metrics, level=0.99, metric="train/loss").loc["a"].tolist() == [25, 25]


def test_geometric_mean_by_hand():
    mean, low, high = geometric_mean(np.array([0.5, 1.0, 2.0, 4.0]))
    assert mean == pytest.approx(4**0.25)
    logs = np.log([0.5, 1.0, 2.0, 4.0])
    expected = stats.t(df=3, loc=logs.mean(), scale=stats.sem(logs)).interval(0.95)
    assert (low, high) == pytest.approx(tuple(np.exp(expected)))
    assert geometric_mean(np.array([0.5, 2.0]))[0] == pytest.approx(1)


def test_one_ratio_has_no_interval_and_none_has_no_mean():
    mean, low, high = geometric_mean(np.array([3.0]))
    assert mean == pytest.approx(3)
    assert np.isnan([low, high, *geometric_mean(np.array([]))]).all()


@pytest.mark.parametrize(
    ("sisa", "transformer", "verdict"),
    [
        ([50, 50, 75], [150, 175, 200], REPRODUCED),
        ([150, 175, 200], [50, 50, 75], NOT_REPRODUCED),
        ([50, 150, 100], [100, 100, 125], "undecided: interval holds 1"),
        ([50, 50], [50, 50], "undecided: interval holds 1"),
        ([50], [100], "undecided: fewer than two shared seeds"),
    ],
)
def test_verdict_on_speed_says_no_more_than_its_interval(sisa, transformer, verdict):
    assert faster(study(sisa, transformer)).verdict.startswith(verdict)


def test_speed_is_a_ratio_of_the_same_seed():
    row = faster(study([50, 100], [100, 50]))
    assert row.measured == "1.00"
    row = faster(study([50, 100], [100, 200]))
    assert (row.measured, row.low, row.high, row.runs) == ("0.50", "0.50", "0.50", 4)


def test_a_run_that_never_gets_there_leaves_speed_undecided():
    row = faster(study([50, 50, None], [150, 175, 200], last=0.5))
    assert row.verdict.startswith("undecided: 1 of 3 pairs below 90 %")
    assert row.runs == 4


def test_no_run_that_gets_there_leaves_nothing_to_measure():
    row = faster(study([None, None], [None, None], last=0.0))
    assert row.verdict.startswith("undecided: 2 of 2 pairs below 90 %")
    assert (row.measured, row.runs) == ("nan", 0)


@pytest.mark.parametrize(
    ("last", "verdict"),
    [(1.0, REPRODUCED), (0.5, NOT_REPRODUCED), (0.953125, "undecided: interval holds 95 %")],
)
def test_end_of_training_counts_the_shared_test_episodes_once(last, verdict):
    table = claims(study([50, 50, 75], [50, 50, 75], last=last)).set_index("claim")
    row = table.loc[f"{NAME} ends at 95 % or more"]
    low, high = wilson(round(last * 128), 128)
    assert (row.measured, row.low, row.high) == (f"{last:.1%}", f"{low:.1%}", f"{high:.1%}")
    assert (row.verdict, row.runs) == (verdict, 3)


def test_every_run_counts_with_its_own_last_evaluation():
    early = run("a", 0, reaches=50, last=1.0)
    late = run("a", 1, reaches=50, last=0.0)
    late = late.loc[late["step"] < late["step"].max()]
    assert claims(pd.concat([early, late])).runs.tolist() == [2]


def test_a_seed_of_one_architecture_alone_is_no_lost_pair():
    row = faster(pd.concat([study([50, 75], [100, 150]), run(NAME, 7, reaches=None, last=0.0)]))
    assert (row.measured, row.runs) == ("0.50", 4)
    assert "below 90 %" not in row.verdict


def test_an_interval_that_ends_at_one_decides_nothing():
    assert faster(study([50, 50], [50, 50])).verdict.startswith("undecided: interval holds 1")


def test_rows_one_a_claim_and_speed_only_beside_a_baseline():
    both, alone = claims(study([50, 50], [75, 75])), claims(study([50, 50], []))
    assert list(both.columns) == ["claim", "published", "measured", "low", "high", "runs", "verdict"]
    subjects = [re.split(" ends|: fewer", claim)[0] for claim in both.claim]
    assert subjects == [NAME, "transformer", NAME]
    assert alone.claim.tolist() == [f"{NAME} ends at 95 % or more"]
    turned = claims(study([50, 50], [75, 75]), baseline=NAME).iloc[-1]
    assert turned.claim.startswith("transformer: fewer steps to 90 %")
    assert turned.measured == "1.50"
