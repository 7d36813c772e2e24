"""data.measured: tables that agree with each other, and one learning rate a variant."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from data import measured as tables

measured: Any = tables  # static types cannot follow what pandas returns


@pytest.fixture
def made_up(monkeypatch):
    """Tables of runs, as (variant, seed, lr, episode_fraction, final val/loss): of "small", then of "50m"."""

    def use(*rows, large=()):
        runs = pd.DataFrame([*rows, *large], columns=["variant", "seed", "lr", "episode_fraction", "loss"])
        runs = runs.assign(
            run=[f"r{at}" for at in range(len(runs))], steps=20, tokens=2000, d_state=16, corpus_sha256="c"
        )
        runs = runs.assign(preset=["small"] * len(rows) + ["50m"] * len(large))
        steps = [runs.assign(step=step, value=runs["loss"] + extra) for step, extra in ((10, 5), (20, 0))]
        metrics = pd.concat(steps).assign(name="val/loss")[["run", "step", "name", "value"]]
        tables = {"runs": runs.drop(columns="loss"), "metrics": metrics}
        monkeypatch.setattr(measured, "_table", tables.__getitem__)

    return use


def test_every_number_belongs_to_a_run():
    runs = measured.runs()
    assert runs["run"].is_unique
    assert runs[["gpu", "commit", "date", "command", "corpus_sha256"]].notna().all(axis=None)
    metrics = measured.metrics()
    assert set(metrics["run"]) == set(runs["run"])
    assert set(metrics["architecture"]) == set(runs["variant"])
    assert set(measured.heads()["run"]) <= set(runs["run"])
    assert not metrics.duplicated(["run", "step", "name"]).any()
    assert not measured.heads().duplicated(["run", "step", "layer", "head"]).any()


def test_second_trainings_are_of_known_runs_and_as_long():
    again = measured.repeats()
    assert not again.duplicated(["run", "step", "name"]).any()
    assert again[["gpu", "commit", "date", "command"]].notna().all(axis=None)
    steps = measured.runs().set_index("run")["steps"]
    assert (again.groupby("run")["step"].max() == steps[again["run"].unique()].sort_index()).all()


def test_runs_are_whole():
    last = measured.metrics().groupby("run")[["step", "tokens"]].max()
    runs = measured.runs().set_index("run")
    pd.testing.assert_frame_equal(
        last.rename(columns={"step": "steps"}), runs[["steps", "tokens"]], check_like=True, check_names=False
    )


def test_values_have_their_ranges():
    metrics, heads = measured.metrics(), measured.heads()
    shares = metrics.loc[metrics["name"].str.contains("exact_match|first_token"), "value"]
    assert shares.between(0, 1).all()
    parts = heads.filter(like="needle_")
    assert (parts.isna() | ((parts >= 0) & (parts <= 1))).all(axis=None)
    assert (heads["lam"].dropna() > 0).all()
    assert (heads["half_life"].dropna() > 0).all()


def test_tables_are_copies():
    for table in (measured.runs, measured.tiny):
        mine = table()
        mine["seed"] = -1
        assert (table()["seed"] >= 0).all()


def test_the_small_study_is_that_of_notebook_03():
    tiny = measured.tiny()
    assert tiny["run"].nunique() == 50
    assert tiny.groupby("architecture")["seed"].unique().map(sorted).tolist() == [[0, 1, 2, 3, 4]] * 10
    assert tiny["step"].max() == 400
    assert set(tiny["name"]) == {f"niah/{name}" for name in ("exact_match", "first_token", "nll", "n")}


def test_chosen_is_one_learning_rate_a_variant_with_the_lowest_loss():
    table = measured.lr_table()
    chosen = measured.chosen(measured.runs())
    assert (chosen["episode_fraction"] == 0).all()
    assert (chosen.groupby("variant")["lr"].nunique() == 1).all()
    assert set(chosen["variant"]) == set(table["variant"])
    most = table.loc[table["seeds"] == table.groupby("variant")["seeds"].transform("max")]
    least = most.loc[most.groupby("variant")["val/loss"].idxmin()].set_index("variant")["lr"]
    assert chosen.groupby("variant")["lr"].first().to_dict() == least.to_dict()
    assert table.loc[table["chosen"]].set_index("variant")["lr"].to_dict() == least.to_dict()
    for other in (measured.metrics(), measured.heads()):
        assert set(measured.chosen(other)["run"]) <= set(chosen["run"])


def test_rates_are_compared_on_the_seeds_that_tried_them(made_up):
    made_up(
        *(("a", seed, lr, 0.0, loss) for seed in (0, 1) for lr, loss in ((1.0, 3.0), (2.0, 2.0 + seed / 2))),
        ("a", 2, 1.0, 0.0, 0.5),  # would win with its low loss
        ("a", 3, 2.0, 0.0, 9.0),
        ("a", 0, 2.0, 0.5, 0.1),  # episodes in training: another question
        ("b", 0, 4.0, 0.0, 9.0),
    )
    table = measured.lr_table()
    assert table.values.tolist() == [
        ["a", 1.0, 3.0, 2, 3, False],
        ["a", 2.0, 2.25, 2, 3, True],
        ["b", 4.0, 9.0, 1, 1, True],
    ]
    assert measured.chosen(measured.runs())["run"].tolist() == ["r1", "r3", "r5", "r7"]
    assert set(measured.chosen(measured.metrics())["run"]) == {"r1", "r3", "r5", "r7"}


def test_a_rate_that_fewer_seeds_were_trained_at_is_shown_but_not_chosen(made_up):
    made_up(*(("a", seed, 1.0, 0.0, 3.0) for seed in range(3)), ("a", 0, 2.0, 0.0, 2.0))
    assert measured.lr_table().values.tolist() == [["a", 1.0, 3.0, 1, 3, True], ["a", 2.0, 2.0, 1, 1, False]]
    assert measured.chosen(measured.runs())["run"].tolist() == ["r0", "r1", "r2"]


def test_sizes_are_compared_apart(made_up):
    made_up(
        ("a", 0, 1.0, 0.0, 3.0),
        ("a", 0, 2.0, 0.0, 2.0),
        large=[("a", 0, 1.0, 0.0, 1.0), ("a", 0, 2.0, 0.0, 1.5)],
    )
    assert measured.chosen(measured.runs())["run"].tolist() == ["r1"]
    assert measured.chosen(measured.metrics(), preset="50m")["run"].unique().tolist() == ["r2"]


def test_a_rate_that_diverged_is_not_chosen(made_up):
    made_up(
        ("a", 0, 1.0, 0.0, np.nan), ("a", 0, 2.0, 0.0, 7.0), ("a", 1, 1.0, 0.0, 6.0), ("a", 1, 2.0, 0.0, 8.0)
    )
    assert measured.chosen(measured.runs())["lr"].unique().tolist() == [2.0]


def test_final_is_the_last_step_of_each_run(made_up):
    made_up(("a", 0, 1.0, 0.0, 3.0), ("b", 1, 2.0, 0.0, 4.0))
    row = measured.final(measured.metrics()).set_index("run").loc["r1"]
    assert (row["architecture"], row["step"], row["val/loss"], row["d_state"]) == ("b", 20, 4.0, 16)


def test_tokens_count_from_the_start(made_up):
    made_up(("a", 0, 1.0, 0.0, 3.0))
    assert measured.metrics()["tokens"].tolist() == [1000, 2000]
