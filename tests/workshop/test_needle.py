"""What part 4 reads off the model: patterns, terms, probabilities of answers, and the table of heads."""

from typing import Any

import numpy as np
import pytest
import torch
from small_models import lively

from data import NIAHTask
from model import SISAConfig, SISAModel
from model.analysis.episode import capture_episode
from model.analysis.interventions.effects import effects
from model.analysis.interventions.intervention import Intervention
from model.workshop.level_maps import causal_softmax, five_tokens, plot_maps
from model.workshop.needle import (
    answer_probabilities,
    looking_and_needing,
    patterns_of,
    plot_looking_and_needing,
    terms_of,
)


@pytest.fixture(scope="module")
def model():
    return lively(SISAModel(SISAConfig.preset("tiny", d_vocab=16, n_ctx=24)))


@pytest.fixture(scope="module")
def episodes():
    return NIAHTask(lengths=(24,), n_symbols=16, value_length=2).build(0, n_episodes=5)


def test_probabilities_are_those_that_interventions_measure(model, episodes):
    for change in ((), Intervention("importance", layers=[0], heads=[2])):
        ours = answer_probabilities(model, episodes, change).log().sum(1)
        theirs = effects(model, episodes, {"it": change})["log_p"].to_numpy()
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_patterns_are_the_softmax_of_both_terms(model, episodes):
    trace = capture_episode(model, episodes)
    content, importance = terms_of(trace, layer=1, head=3)
    torch.testing.assert_close(
        patterns_of(trace)[1, 3].double(), causal_softmax(content + importance).double(), atol=1e-5, rtol=0
    )


def test_the_table_has_every_head_and_both_terms_and_is_drawn(model, episodes):
    table = looking_and_needing(model, episodes)
    assert table.groupby("term")["head"].nunique().to_dict() == {"content": 8, "importance": 8}
    assert table["mass"].between(0, 1).all()
    figure: Any = plot_looking_and_needing(table)
    assert [line.name for line in figure.data] == ["without its content", "without its importance"]
    assert sum(len(line.x) for line in figure.data) == 16


def test_maps_share_a_scale_and_hide_what_is_later():
    tokens, content, fading = five_tokens()
    figure: Any = plot_maps({"content": causal_softmax(content), "<b>state</b>": 2 * fading})
    assert {panel.zmax for panel in figure.data} == {2.0}
    assert np.isnan(figure.data[0].z[0, 1])
    assert "&lt;b&gt;" in figure.layout.annotations[1].text
    assert list(figure.layout.xaxis.ticktext) == list(tokens)
