"""Training in class: what is refused, what is trained once only, and the curves of several runs."""

from typing import Any

import pandas as pd
import pytest

from data import measured
from model.workshop.training import LEVELS, class_curves, share_found, train_in_class


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("class")


@pytest.mark.slow
def test_a_finished_run_is_read_and_not_trained_again(folder):
    first: Any = train_in_class("sisa", seed=3, folder=folder, smoke=True)
    weights = folder / "sisa-seed3-smoke" / "model.safetensors"
    written = weights.stat().st_mtime_ns
    again = train_in_class("sisa", seed=3, folder=folder, smoke=True)
    assert weights.stat().st_mtime_ns == written
    pd.testing.assert_frame_equal(first, again)
    assert first["step"].max() == 4
    assert set(first["architecture"]) == {"SISA d_state=16"}
    assert "niah/exact_match" in set(first["name"])
    with pytest.raises(FileNotFoundError, match="holds no run of the class"):
        class_curves(folder=folder)  # four steps are no curve


def test_what_is_no_level_or_seed_is_refused(folder):
    with pytest.raises(ValueError, match="architecture is 'mamba2'; legal: 'jamba', 'hymba', 'sisa'"):
        train_in_class("mamba2", seed=0, folder=folder)
    with pytest.raises(ValueError, match="seed is -1"):
        train_in_class("sisa", seed=-1, folder=folder)
    with pytest.raises(ValueError, match="smoke is 'yes'"):
        train_in_class("sisa", seed=0, folder=folder, smoke="yes")  # pyright: ignore[reportArgumentType]


def test_kept_curves_are_whole_and_rise_well_above_chance():
    curves: Any = measured.in_class()
    assert not curves.duplicated(["run", "step", "name"]).any()
    assert curves["architecture"].nunique() == len(LEVELS)
    assert curves.groupby("run")["step"].agg(["min", "max", "nunique"]).drop_duplicates().values.tolist() == [
        [10, 160, 16]
    ]
    ends = curves.loc[(curves["name"] == "niah/exact_match") & (curves["step"] == 160), "value"]
    assert ends.between(0.6, 1).all()  # 1 of 16 by guessing


def test_the_share_found_is_the_mean_of_the_evaluations():
    rows = [("a", 0, step, "niah/exact_match", value) for step, value in ((10, 0.0), (20, 0.5), (30, 1.0))]
    table = pd.DataFrame(rows, columns=["architecture", "seed", "step", "name", "value"])
    assert share_found(table).loc["a", 0] == 0.5
