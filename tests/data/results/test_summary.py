"""What runs come to: states of runs, means over seeds, the step at 50 %."""

import numpy as np
import pandas as pd
import pytest

from data.results.runs import read_plans
from data.results.summary import state, summary


def rows(rates, *, variant="fox", episodes=128):
    """Runs of one seed each, evaluated every 50 steps at these rates."""
    found = []
    for seed, own in enumerate(rates):
        for at, rate in enumerate(own, start=1):
            found += [(variant, seed, 50 * at, "niah/exact_match", rate)]
            found += [(variant, seed, 50 * at, "niah/n", episodes)] if episodes else []
    return pd.DataFrame(found, columns=["architecture", "seed", "step", "name", "value"])


@pytest.mark.parametrize(
    ("step", "planned", "said"),
    [(399, 400, "unfinished"), (400, 400, "finished"), (0, np.nan, "unknown")],
)
def test_a_run_is_finished_once_its_last_step_is_logged(step, planned, said):
    assert state(step, planned) == said


def test_means_are_of_the_last_evaluations_and_lie_within_their_interval():
    (row,) = summary(rows([[0.0, 0.5], [0.5, 1.0], [0.25, 0.75]])).to_dict("records")
    assert (row["seeds"], row["mean"]) == (3, 0.75)
    assert 0 <= row["low"] < 0.75 < row["high"] <= 1
    assert (row["reached"], row["steps"]) == (3, 100)


@pytest.mark.parametrize(
    ("rates", "reached", "steps"),
    [
        ([[0.6, 0.9], [0.1, 0.9]], 2, 75),
        ([[0.6, 0.9], [0.1, 0.2]], 1, np.inf),  # half of a pair is beyond: so is the middle
        ([[0.1, 0.2], [0.1, 0.2]], 0, np.inf),
        ([[0.6, 0.9], [0.6, 0.9], [0.1, 0.2]], 2, 50),
    ],
)
def test_the_median_step_is_infinite_where_most_seeds_were_not_there(rates, reached, steps):
    (row,) = summary(rows(rates)).to_dict("records")
    assert (row["reached"], row["steps"]) == (reached, steps)


def test_without_a_number_of_episodes_there_is_a_mean_and_no_interval():
    (row,) = summary(rows([[1.0], [0.5], [0.0]], episodes=0)).to_dict("records")
    assert (row["seeds"], row["mean"]) == (3, 0.5)
    assert np.isnan([row["low"], row["high"]]).all()


def test_every_variant_has_its_row_and_nothing_measured_has_none():
    both = pd.concat([rows([[1.0]]), rows([[0.0]], variant="transformer")])
    assert sorted(summary(both)["architecture"]) == ["fox", "transformer"]
    assert summary(both.iloc[:0]).empty


def test_a_plan_that_the_config_does_not_tell_is_unknown(tmp_path):
    (tmp_path / "config.json").write_text('{"d_state": 0, "seed": 3}')
    assert np.isnan(read_plans(tmp_path)["planned"]).all()
    (tmp_path / "config.json").write_text('{"d_state": 0, "seed": 3, "training": {"steps": 40}}')
    assert read_plans(tmp_path)["planned"].tolist() == [40]
