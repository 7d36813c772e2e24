"""Numbers of numpy are numbers at every door, and what comes in is kept as plain Python."""
# numbers of numpy are given where Python's own are meant: what is tested
# pyright: reportArgumentType=false

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import sisa_viz
from sisa_viz.plots.decay import prepare_decay
from sisa_viz.plots.scores import prepare_scores
from sisa_viz.plots.span_mass import prepare_span_mass
from sisa_viz.trace import build_trace
from sisa_viz.trace.numbers import check_lam_scale, check_limit, finite_number, whole_number
from sisa_viz.trace.weights import ScoreForm

ONES: list[Any] = [np.int64(1), np.uint8(1), np.array(1, dtype=np.int16)]
NO_WHOLE_NUMBERS: list[Any] = [True, np.True_, 1.0, np.float64(1), "1", None, [1], np.array([1, 0]), 10**400]
NO_FINITE_NUMBERS: list[Any] = [
    *(np.float32("nan"), float("inf"), 10**400, True, np.True_, "1", None, [1.0], np.array([1.0, 2.0]), 1j)
]


@pytest.mark.parametrize("one", ONES, ids=repr)
def test_whole_numbers_of_numpy_serve_as_coordinates_and_positions(trace, one):
    plain = prepare_scores(trace, layer=1, head=1, query_window=(1, 9), key_window=(0, 8))
    plot = prepare_scores(trace, layer=one, head=one, query_window=(one, 9), key_window=np.array([0, 8]))
    assert (plot.name, plot.lam) == (plain.name, plain.lam)
    assert np.array_equal(plot.maps["scores"], plain.maps["scores"], equal_nan=True)
    assert prepare_decay(trace, origin=one).origin == 1
    of_numpy = trace.sisa.content(layer=one, head=one, query=one)
    assert of_numpy.identical(trace.sisa.content(layer=1, head=1, query=1))
    assert whole_number(one) == 1
    assert type(whole_number(one)) is int


def test_a_coordinate_taken_from_the_trace_itself_is_one(trace):
    layer, head = trace["layer"][1], trace["head"][2]
    assert trace.sisa.pattern(layer=layer, head=head).identical(trace.sisa.pattern(layer=1, head=2))


def test_what_a_plot_says_of_a_span_is_plain(trace):
    said = prepare_span_mass(trace, span=np.array([6, 8]), query=np.int64(-1)).attrs
    assert said == {"start": 6, "stop": 8, "query": 23}
    assert {type(value) for value in said.values()} == {int}


@pytest.mark.parametrize(
    "factor", [np.float32(0.5), np.float16(0.5), np.array(0.5), Fraction(1, 2)], ids=repr
)
def test_factors_and_limits_of_numpy_are_numbers(trace, factor):
    plain = prepare_scores(trace, layer=0, head=0, lam_scale=0.5, limit=0.5)
    drawn = prepare_scores(trace, layer=0, head=0, lam_scale=factor, limit=factor)
    assert (type(drawn.lam_scale), type(drawn.limit)) == (float, float)
    assert (drawn.lam_scale, drawn.limit) == (plain.lam_scale, plain.limit)
    assert np.array_equal(drawn.maps["pattern"], plain.maps["pattern"], equal_nan=True)
    assert check_lam_scale(factor) == finite_number(factor) == 0.5


def test_a_limit_without_sign_has_a_negative_end_too(trace):
    figure = sisa_viz.plot_scores(trace, layer=0, head=0, limit=np.uint8(1)).to_dict()
    axis = figure["layout"]["coloraxis"]
    assert (axis["cmin"], axis["cmax"]) == (-1, 1)


@pytest.mark.parametrize("value", NO_WHOLE_NUMBERS, ids=lambda value: f"{value!r:.20}")
def test_what_is_no_whole_number_is_refused_by_name(trace, value):
    doors = {
        "layer": lambda: sisa_viz.plot_scores(trace, layer=value, head=0),
        "head": lambda: trace.sisa.factors(layer=0, head=value),
        "origin": lambda: sisa_viz.plot_decay(trace, origin=value),
        "span 'span'": lambda: sisa_viz.plot_span_mass(trace, span=(value, 8)),
    }
    if value is not None:  # there it means all of them
        doors["query"] = lambda: trace.sisa.scores(layer=0, head=0, query=value)
        doors["span 'key_window'"] = lambda: sisa_viz.plot_scores(trace, layer=0, head=0, key_window=value)
    for name, door in doors.items():
        with pytest.raises(ValueError, match=rf"^{name} is .{{1,100}}[;,] legal: "):
            door()


@pytest.mark.parametrize("value", NO_FINITE_NUMBERS, ids=lambda value: f"{value!r:.20}")
def test_what_is_no_finite_number_is_refused_by_name(trace, value):
    with pytest.raises(ValueError, match=r"^lam_scale is .*; legal: a finite number"):
        sisa_viz.plot_scores(trace, layer=0, head=0, lam_scale=value)
    if value is not None:
        with pytest.raises(ValueError, match=r"^limit is .* nats; legal: a positive number"):
            sisa_viz.plot_scores(trace, layer=0, head=0, limit=value)
    with pytest.raises(ValueError, match=r"^score bias is .*; legal: a finite number"):
        ScoreForm(kind="sigmoid", bias=value)


def test_a_factor_with_which_scores_would_overflow_is_refused(trace):
    with pytest.raises(ValueError, match=r"lam_scale is 1e\+300; legal: a finite number from"):
        sisa_viz.plot_scores(trace, layer=0, head=0, lam_scale=1e300)
    with pytest.raises(ValueError, match="limit is 0 nats"):
        check_limit(0)


def test_a_trace_keeps_numbers_of_numpy_as_plain_ones():
    q = np.ones((1, 1, 2, 4))
    config: dict[str, Any] = {"d_state": np.int64(0), "rope_factor": np.float32(1), "sizes": np.array([2, 3])}
    trace = build_trace(
        q=q, k=q, token_ids=[0, 1], labels=np.array(["a", "b"]), config=config, seed=np.int64(3)
    )
    assert json.loads(trace.attrs["seed"]) == 3
    assert trace.sisa.config == {"d_state": 0, "rope_factor": 1.0, "sizes": [2, 3]}
    form = ScoreForm(kind="sigmoid", bias=np.float32(-3), d_state=np.int64(4), state_space=np.False_)
    assert {name: type(form.to_dict()[name]) for name in ("bias", "d_state", "state_space")} == {
        "bias": float,
        "d_state": int,
        "state_space": bool,
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": 1.5}, "seed is 1.5; legal: a whole number, or None"),
        ({"seed": True}, "seed is True; legal"),
        ({"text": 5}, "text is 5; legal: a string, or None"),
        ({"labels": None}, "labels is None; it needs a list of 2 strings"),
        ({"config": {"d_state": 0, "lr": float("nan")}}, "config is .* legal: texts, numbers"),
        ({"versions": {"torch": object()}}, "versions is .* legal: texts, numbers"),
    ],
)
def test_what_no_trace_can_keep_is_refused(wrong, message):
    q = np.ones((1, 1, 2, 4))
    given: dict[str, Any] = dict(token_ids=[0, 1], labels=["a", "b"], config={"d_state": 0})
    with pytest.raises(ValueError, match=message):
        build_trace(q=q, k=q, **given | wrong)
