"""Figures of the course: what they hold, and what they refuse."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from model.workshop.five_tokens import five_tokens
from model.workshop.pictures import curves, lam_dial, token_map


def test_a_hidden_score_has_no_number_and_no_colour():
    scores = torch.tensor([[1.0, -math.inf], [0.5, 2.0]])
    figure: Any = token_map(scores, tokens=["a", "b"], title="Scores", units="nats")
    (drawn,) = figure.data
    assert [list(row) for row in drawn["text"]] == [["1.00", ""], ["0.50", "2.00"]]
    assert np.isnan(drawn["z"][0, 1])


def test_shares_have_colours_from_zero_and_scores_symmetric_ones():
    values = torch.eye(2)
    ends = {
        units: token_map(values * 0.5, tokens=["a", "b"], title="", units=units).to_dict()["layout"][
            "coloraxis"
        ]
        for units in ("share", "nats")
    }
    assert (ends["share"]["cmin"], ends["share"]["cmax"]) == (0, 1)
    assert (ends["nats"]["cmin"], ends["nats"]["cmax"]) == (-0.5, 0.5)


def test_a_map_without_a_row_a_token_is_refused():
    with pytest.raises(ValueError, match=r"shape of values is \(2, 2\); legal: \(3, 3\), a row and a column"):
        token_map(torch.eye(2), tokens=["a", "b", "c"], title="", units="nats")


def test_the_dial_has_a_step_for_each_lam_and_needs_one():
    rows = {0.0: torch.tensor([0.25, 0.75]), 0.5: torch.tensor([0.5, 0.5])}
    figure = lam_dial(rows, tokens=["a", "<b>"])
    (slider,) = figure.to_dict()["layout"]["sliders"]
    assert [step["args"][0]["y"] for step in slider["steps"]] == [[[0.25, 0.75]], [[0.5, 0.5]]]
    assert list(figure.to_dict()["data"][0]["x"]) == ["0 a", "1 &lt;b&gt;"]
    with pytest.raises(ValueError, match="legal: one row a λ"):
        lam_dial({}, tokens=["a"])


def test_infinities_are_gaps_of_a_curve():
    figure: Any = curves({"g": torch.tensor([1.0, math.inf])}, title="", x="position", y="nats")
    assert np.isnan(figure.data[0].y[1])


def test_the_five_tokens_are_those_that_the_notebook_multiplies_by_hand():
    five = five_tokens()
    assert five.q[4].tolist() == [2, 0, 1, 1]
    assert five.k[1].tolist() == [3, 0, 1, 1]
    assert (five.q @ five.k.T / 2)[1, :2].tolist() == [0.5, 1.5]
    assert five.product.triu(1).abs().max() == 0
