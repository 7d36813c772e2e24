"""Importance by channel: speeds as the atlas has them, groups of equal size, exact removals and controls."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from intervened_models import TASK, hooks_left, model_of

from model.analysis import channels
from model.analysis.atlas import head_atlas
from model.analysis.channels import _draws, _without
from model.analysis.interventions.effects import effects
from model.analysis.interventions.intervention import Intervention

# static types cannot follow what pandas returns
channel_knockouts: Any = channels.channel_knockouts
channel_speeds: Any = channels.channel_speeds


def test_speeds_and_half_lives_are_those_of_the_atlas():
    model = model_of("sisa")
    episodes = replace(TASK, lengths=(16,)).build(3, n_episodes=4)
    found = channel_speeds(model, episodes).groupby(["layer", "head"])
    atlas = head_atlas(model, episodes.tokens).set_index(["layer", "head"])
    for column, ours in (
        ("phase_slowest", found["phase_speed"].min()),
        ("phase_fastest", found["phase_speed"].max()),
        ("half_life", found["half_life"].first()),
    ):
        np.testing.assert_allclose(ours, atlas[column], rtol=1e-6)


def test_groups_are_ordered_and_share_all_pairs_and_heads():
    model, episodes = model_of("sisa"), TASK.build(3, n_episodes=6)
    table = channel_knockouts(model, episodes, draws=2)
    for kind, size, hows in (("phase speed", 8, 3), ("half-life", 4, 2)):
        rows = table.loc[table["kind"] == kind]
        own = rows.loc[rows["how"] == "zero"]
        assert len(rows) == 3 * hows
        assert own["size"].sum() == size
        assert (own["least"].to_numpy()[1:] >= own["most"].to_numpy()[:-1]).all()
        assert (own["least"] <= own["most"]).all()
    assert (table["n"] == 6).all()
    assert not hooks_left(model)


def test_a_group_is_taken_out_as_one_by_one_removal_takes_it_out():
    model, episodes = model_of("sisa"), TASK.build(3, n_episodes=6)
    table = channel_knockouts(model, episodes, groups=2, draws=1)
    speeds = channel_speeds(model, episodes)
    slow = speeds.sort_values("phase_speed", kind="stable")[:4]
    out = [
        Intervention("importance", layers=[row["layer"]], heads=[row["head"]], channels=[row["pair"]])
        for row in slow.to_dict("records")
    ]
    expected = float(effects(model, episodes, {"slow": out})["log_p_lost"].to_numpy().mean())
    assert table.query("group == 'slow' and how == 'zero'")["log_p_lost"].item() == pytest.approx(expected)
    assert abs(expected) > 1e-6


def test_all_pairs_together_are_the_whole_importance():
    model, episodes = model_of("sisa"), TASK.build(3, n_episodes=4)
    changes = {"pairs": _without(channel_speeds(model, episodes)), "term": Intervention("importance")}
    lost = effects(model, episodes, changes)
    pairs, term = (lost.loc[lost["name"] == name, "log_p"].to_numpy() for name in changes)
    np.testing.assert_allclose(pairs, term, atol=1e-10)


def test_controls_have_the_size_of_the_group_and_the_second_its_heads():
    table = pd.DataFrame({"layer": 0, "head": np.repeat([0, 1, 2], 4), "pair": np.tile(range(4), 3)})
    group = np.array([0, 1, 2, 5])
    drawn = list(_draws(table, group, 3, np.random.default_rng(0)))
    assert [how for how, _ in drawn] == [
        "zero",
        *["random group"] * 3,
        *["random pairs of the same heads"] * 3,
    ]
    assert all(len(set(rows.tolist())) == 4 for _, rows in drawn)
    for how, rows in drawn:
        if how == "random pairs of the same heads":
            assert sorted(table["head"].iloc[rows]) == [0, 0, 0, 1]


def test_what_cannot_be_is_refused():
    episodes = TASK.build(3, n_episodes=4)
    with pytest.raises(ValueError, match="model is 'fox'; legal: one whose scores have importance"):
        channel_knockouts(model_of("fox"), episodes)
    with pytest.raises(ValueError, match="groups is 5; legal: whole numbers >= 2 and <= 4"):
        channel_knockouts(model_of("sisa"), episodes, groups=5)
