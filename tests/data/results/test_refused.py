"""Numbers that are none, and rows that no run writes: refused, and never counted."""
# what is no number, table or folder is given where one is meant: what is tested
# pyright: reportArgumentType=false

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data import NIAHTask, TrainingBatches, score, summarise
from data.results.intervals import (
    further_run,
    mean_interval,
    paired_difference,
    share_interval,
    slope_interval,
    wilson,
)
from data.results.runs import read_runs

NO_LISTS: list[Any] = [None, 5, "abc", ["a"], [[1, 2], [3, 4]], [True, False, True], [1j], [10**400]]
HEADER = "step,tokens,name,value\n"


@pytest.mark.parametrize("values", NO_LISTS, ids=lambda values: repr(values)[:20])
def test_an_interval_is_of_one_number_a_seed(values):
    calls = [
        lambda: mean_interval(values),
        lambda: share_interval(values, episodes=8),
        lambda: further_run(values),
        lambda: paired_difference(values, [1.0]),
        lambda: paired_difference([1.0], values),
        lambda: slope_interval(values, [1.0], groups=[0]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"(values|rates|first|second|x) is .*; legal: one number"):
            call()


@pytest.mark.parametrize("fewest", [float("nan"), "3", True, -1], ids=repr)
def test_fewest_seeds_are_counted(fewest):
    with pytest.raises(ValueError, match=r"fewest is .*; legal: whole numbers >= 0"):
        mean_interval([1, 2, 3], fewest=fewest)


@pytest.mark.parametrize("successes", ["3", None, True, float("nan"), -1, 6], ids=repr)
def test_successes_are_counted(successes):
    with pytest.raises(ValueError, match=r"successes is .*; legal: 0 to n = 5"):
        wilson(successes, 5)


@pytest.mark.parametrize("level", ["0.95", None, True, 0, 95], ids=repr)
def test_a_level_is_a_share(level):
    with pytest.raises(ValueError, match=r"level is .*; legal: above 0, below 1"):
        wilson(3, 5, level=level)


def test_a_slope_is_of_as_many_numbers_each():
    for x, y, groups in (([1, 2, 3], [1, 2], [0, 0, 0]), ([1, 2, 3], [1, 2, 3], [0, 0])):
        with pytest.raises(ValueError, match=r"x, y and groups is .*; legal: as many of each"):
            slope_interval(x, y, groups=groups)


@pytest.fixture(scope="module")
def scores():
    episodes = NIAHTask(lengths=(16,)).build(seed=0, n_episodes=3)
    return score(episodes, predictions=np.zeros_like(episodes.tokens), nll=np.zeros(episodes.tokens.shape))


@pytest.mark.parametrize("value", [float("nan"), 2, "yes", None], ids=repr)
def test_an_episode_that_was_not_scored_is_no_success(scores, value):
    unscored = scores.assign(exact_match=scores["exact_match"].astype(object))
    unscored.loc[1, "exact_match"] = value
    with pytest.raises(ValueError, match=r"exact_match is .*; legal: True or False"):
        summarise(unscored)


def test_right_and_wrong_may_be_0_and_1_as_in_a_file(scores):
    assert summarise(scores.assign(exact_match=[0, 1, 1.0]))["successes"].tolist() == [2]


def test_no_group_is_left_out_for_lack_of_a_name(scores):
    with pytest.raises(ValueError, match=r"requested_depth is nan; legal: a value for every episode"):
        summarise(scores.assign(requested_depth=[0.5, np.nan, 0.5]), by=("requested_depth",))


@pytest.mark.parametrize("table", [None, [], "x", {}], ids=repr)
def test_scores_are_a_table(table):
    with pytest.raises(ValueError, match=r"scores is .*; legal: a table of episodes"):
        summarise(table)


def test_scores_have_their_columns(scores):
    with pytest.raises(ValueError, match=r"scores' column is 'nll'; legal: "):
        summarise(scores.drop(columns="nll"))


@pytest.mark.parametrize("dtype", [bool, object, "U3", complex])
def test_predictions_are_ids(dtype):
    episodes = NIAHTask(lengths=(16,)).build(seed=0, n_episodes=2)
    with pytest.raises(ValueError, match=r"predictions.dtype is .*; legal: whole numbers"):
        score(episodes, predictions=episodes.tokens.astype(dtype), nll=np.zeros(episodes.tokens.shape))


@pytest.mark.parametrize("task", [5, "niah", NIAHTask], ids=str)
def test_batches_are_of_a_task_and_a_corpus(task):
    with pytest.raises(ValueError, match=r"task is .*; legal: a NIAHTask or None"):
        TrainingBatches(task=task, batch_size=2)
    with pytest.raises(ValueError, match=r"corpus is .*; legal: a TokenCorpus or None"):
        TrainingBatches(corpus=task, batch_size=2, n_ctx=8)


def a_run(folder: Path, rows: str) -> Path:
    (folder / "config.json").write_text('{"d_state": 4, "seed": 0}')
    (folder / "metrics.csv").write_text(HEADER + rows)
    return folder


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (",9,lr,1\n", "step is nan; legal: whole numbers from 0 on"),
        ("1.5,9,lr,1\n", "step is 1.5; legal: whole numbers from 0 on"),
        ("-1,9,lr,1\n", "step is -1; legal: whole numbers from 0 on"),
        ("inf,9,lr,1\n", "step is inf; legal: whole numbers from 0 on"),
        (f"{10**30},9,lr,1\n", "step is 10+; legal: whole numbers from 0 on"),
        ("1,,lr,1\n", "tokens is nan; legal: whole numbers from 0 on"),
        ("1,9,,1\n", "has a row without a name"),
    ],
)
def test_rows_that_no_run_writes_are_refused(tmp_path, rows, message):
    with pytest.raises(ValueError, match=rf"metrics.csv.*{message}.*Put the table back"):
        read_runs(a_run(tmp_path, rows))


def test_one_run_is_not_counted_twice(tmp_path):
    run = a_run(tmp_path, "1,9,lr,1\n")
    with pytest.raises(ValueError, match=r"folders is .*; legal: different folders"):
        read_runs([run, str(run)])


@pytest.mark.parametrize("folders", [None, 5, b"x", [None], [5], [b"x"], ["a\0b"], [""]], ids=repr)
def test_folders_are_paths(folders):
    with pytest.raises(ValueError, match=r"folders? is .*; legal: "):
        read_runs(folders)


def test_runs_may_lie_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "run").mkdir()
    a_run(tmp_path / "run", "1,9,lr,1\n")
    assert isinstance(read_runs("~/run"), pd.DataFrame)
