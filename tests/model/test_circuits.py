"""Sufficient heads: what circuits are, that their ends are exact, and that they beat random ones."""

from typing import Any

import numpy as np
import pytest
from intervened_models import TASK, hooks_left, model_of

from model.analysis import circuits
from model.analysis.circuits import Pair, _halves, _order, _out
from model.analysis.interventions import effects as of_interventions
from model.analysis.interventions.intervention import Intervention
from model.analysis.interventions.sites import layers_with

# static types cannot follow what pandas returns
sufficient_heads: Any = circuits.sufficient_heads
effects: Any = of_interventions.effects


def greedy(table):
    return table.loc[table["circuit"] == "greedy"].reset_index(drop=True)


@pytest.mark.parametrize("how", ["zero", "mean"])
def test_the_ends_of_the_order_are_the_whole_model_and_the_model_without_the_terms(how):
    model, episodes = model_of("sisa"), TASK.build(3, n_episodes=8)
    table = greedy(sufficient_heads(model, episodes, how=how, draws=1))
    assert table["k"].tolist() == list(range(9))  # 2 layers, 2 heads, 2 terms
    _, measuring = _halves(episodes)
    without = [Intervention("content", how), Intervention("importance", how)]
    ends = effects(model, measuring, {"whole": [], "none": without}).groupby("name")["log_p"].mean()
    assert table["log_p"].iloc[-1] == ends["whole"]
    assert table["log_p"].iloc[0] == pytest.approx(ends["none"], abs=1e-10)
    assert table["n"].unique() == [4]
    assert not hooks_left(model)


def test_every_circuit_is_that_of_its_pairs():
    model, episodes = model_of("sisa"), TASK.build(3, n_episodes=8)
    table = greedy(sufficient_heads(model, episodes, draws=1))
    pairs = list(table.loc[1:, ["layer", "head", "term"]].itertuples(index=False, name=None))
    assert len(set(pairs)) == 8
    _, measuring = _halves(episodes)
    out = [Intervention(term, layers=[layer], heads=[head]) for layer, head, term in pairs[3:]]
    expected = effects(model, measuring, {"three": out})["log_p"].mean()
    assert table["log_p"][3] == pytest.approx(expected, abs=1e-10)


def test_the_pair_that_stays_is_the_one_that_costs_most_at_the_end():
    model, episodes = model_of("sisa"), TASK.build(3, n_episodes=8)
    pairs = [Pair(1, head, term) for head in range(2) for term in ("content", "importance")]
    order = _order(model, episodes, pairs, "zero")
    assert sorted(order) == sorted(pairs)
    costs = effects(model, episodes, {str(at): _out([pair], "zero") for at, pair in enumerate(pairs)})
    cheapest = int(costs.groupby("name", sort=False)["log_p_lost"].mean().to_numpy().argmin())
    assert order[-1] == pairs[cheapest]  # of four pairs one leaves a round
    last_two = {str(at): _out([*order[2:], order[at]], "zero") for at in range(2)}
    left = effects(model, episodes, last_two).groupby("name", sort=False)["log_p"].mean().to_numpy()
    assert left[1] >= left[0]  # the model without the second says more than that without the first


@pytest.mark.parametrize("name", ["sisa", "jamba", "hymba", "mamba2", "fox"])
def test_whole_heads_of_any_architecture(name):
    model = model_of(name)
    table = greedy(sufficient_heads(model, TASK.build(3, n_episodes=4), terms=["head"], draws=1))
    assert set(table["term"].dropna()) == {"head"}
    assert set(table["layer"].dropna()) == set(layers_with(model, "head"))
    assert not hooks_left(model)


def test_episodes_are_halved_over_lengths_and_depths():
    episodes = TASK.build(3, n_episodes=20)
    first, second = (half.knobs for half in _halves(episodes))
    assert not set(map(tuple, first["needle_start"].to_frame().assign(v=first["value"]).values)) & set(
        map(tuple, second["needle_start"].to_frame().assign(v=second["value"]).values)
    )
    counts = first["context_length"].value_counts(), second["context_length"].value_counts()
    assert all(abs(counts[0][length] - counts[1][length]) <= 1 for length in (16, 24))


def test_the_same_seed_gives_the_same_table_and_another_other_random_circuits():
    model, episodes = model_of("sisa"), TASK.build(3, n_episodes=4)
    first, again, other = (sufficient_heads(model, episodes, draws=2, seed=seed) for seed in (0, 0, 1))
    assert first.equals(again)
    assert greedy(first).equals(greedy(other))
    assert not first.equals(other)
    assert (first.query("circuit == 'random'")["draws"] == 2).all()


def test_what_cannot_be_is_refused():
    episodes = TASK.build(3, n_episodes=4)
    with pytest.raises(ValueError, match="model is 'mamba2'; legal: one with attention"):
        sufficient_heads(model_of("mamba2"), episodes)
    with pytest.raises(ValueError, match="terms is 'lam'"):
        sufficient_heads(model_of("sisa"), episodes, terms=["lam"])
    with pytest.raises(ValueError, match="legal: one term or several, each once"):
        sufficient_heads(model_of("sisa"), episodes, terms=["content"] * 2)
    with pytest.raises(ValueError, match="how is 'shuffle'; legal: 'zero', 'mean'"):
        sufficient_heads(model_of("sisa"), episodes, how="shuffle")
    with pytest.raises(ValueError, match="keep is 0; legal: above 0, to 1"):
        sufficient_heads(model_of("sisa"), episodes, keep=0)
    with pytest.raises(ValueError, match="episodes is '1 of them'; legal: two at least"):
        sufficient_heads(model_of("sisa"), TASK.build(3, n_episodes=1))


def test_without_a_right_answer_no_share_is_kept():
    table = sufficient_heads(model_of("sisa"), TASK.build(3, n_episodes=4), draws=1)
    assert np.isnan(table.loc[table["rate"] == 0, "kept"]).all() or table["kept"].notna().all()
    assert set(table["enough"]) <= {True, False}
