"""Softmax, sigmoid and linear weights equal their formulas; configs that say none of them are refused."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import json
from typing import Any

import numpy as np
import pytest

from sisa_viz import plot_scores, plot_span_mass
from sisa_viz.pages.picture import picture
from sisa_viz.plots.scores import prepare_scores
from sisa_viz.trace import check_trace
from sisa_viz.trace.weights import ScoreForm, Weighing, score_form, share

HEAD: dict[str, Any] = {"layer": 1, "head": 2}


def formed(make_trace, **score):
    return make_trace(score=ScoreForm(d_state=4, **score))


def test_linear_weights_are_the_scores_and_called_so(make_trace):
    trace = formed(make_trace, kind="linear", terms={"importance": "state space"})
    weights, scores = trace.sisa.pattern(**HEAD), trace.sisa.scores(**HEAD)
    np.testing.assert_array_equal(weights, scores)
    assert weights.attrs == {"long_name": "mixing weights (signed, unnormalised)", "units": "1"}
    assert scores.attrs["units"] == "1"
    importance = trace.sisa.importance(**HEAD)
    assert importance.attrs == {"long_name": "state space score", "units": "1"}
    expected = trace.sisa.content(**HEAD) + 2.5 * importance
    np.testing.assert_allclose(trace.sisa.pattern(**HEAD, lam_scale=2.5), expected, rtol=1e-6)


@pytest.mark.parametrize("bias", ["log_t", -3, 0.5])
def test_sigmoid_weights_equal_the_formula(make_trace, bias):
    trace = formed(make_trace, kind="sigmoid", bias=bias)
    scores = trace.sisa.scores(**HEAD).values.astype(np.float64)
    b = -np.log(np.arange(1, 25))[:, None] if bias == "log_t" else bias
    found = trace.sisa.pattern(**HEAD)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-(scores + b))), rtol=1e-5)
    row = trace.sisa.pattern(**HEAD, query=9)
    np.testing.assert_allclose(row[:10], found[9, :10], rtol=1e-6)
    assert found.attrs["long_name"] == "sigmoid of score and bias"


def test_sigmoids_of_huge_scores_are_zero_and_one():
    scores = np.array([[-1e30, 1e30, np.nan]], dtype=np.float32)
    np.testing.assert_array_equal(Weighing("sigmoid").weights(scores, np.array([1])), [[0, 1, np.nan]])


def test_span_mass_is_a_share_of_absolute_weights(make_trace):
    trace = formed(make_trace, kind="linear")
    row = np.abs(trace.sisa.pattern(**HEAD, query=20).values[:21])
    mass = trace.sisa.span_mass(query=20)
    assert mass.sel(HEAD) == pytest.approx(row[6:8].sum() / row.sum(), rel=1e-5)
    assert mass.attrs == {"long_name": "weight mass", "units": "share of |weights|"}
    assert trace.sisa.span_advantage("importance", query=20).attrs["units"] == "1"
    assert "share of |weights|" in str(plot_span_mass(trace, query=20).to_json())
    assert share(np.zeros(3), np.array([True, False, False])) == 0


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"kind": "tanh"}, "score kind is 'tanh'; legal: 'softmax', 'sigmoid', 'linear'"),
        ({"kind": ["linear"]}, r"is \['linear'\]; legal"),
        ({"bias": "log_n"}, "score bias is 'log_n'; legal: a finite number, or 'log_t'"),
        ({"bias": True}, "is True; legal"),
        ({"bias": None}, "is None; legal"),
        ({"bias": float("nan")}, "is nan; legal|NaN.* legal: a JSON string"),
        ({"kind": {}}, "is {}; legal"),
        ({"terms": {"decay": "x"}}, "score terms is .* strings for content, importance"),
        ({"terms": {"content": 3}}, "legal: strings for content, importance"),
        ({"terms": ["content"]}, "legal: strings for content, importance"),
        ({"d_state": -2}, "score d_state is -2; legal"),
        ({"d_state": "4"}, "score d_state is '4'; legal"),
        ({"state_space": True, "d_state": 4}, "score state_space is \"True, with kind 'softmax'"),
        ({"state_space": True, "kind": "linear"}, "d_state > 0"),
        ({"state_space": 1, "kind": "linear", "d_state": 2}, "score state_space is 1; legal: True, False"),
        ({"note": 3}, "score note is 3; legal: a string"),
        ({"decay": 1}, "legal: an object with kind, bias, terms, d_state, state_space, note"),
        ([], "legal: an object with kind"),
    ],
)
def test_other_forms_are_refused(trace, form, words):
    with pytest.raises(ValueError, match=words):
        score_form(form)
    with pytest.raises(ValueError, match=words):
        check_trace(trace.assign_attrs(score=json.dumps(form)))


def test_softmax_is_what_a_config_alone_means(trace):
    assert trace.sisa.weighing == Weighing("softmax", 0.0) == ScoreForm().weighing
    assert trace.sisa.terms == {"content": "content", "importance": "importance"}
    assert trace.sisa.score == ScoreForm(d_state=4)


def test_linear_weights_are_no_state_space_unless_the_trace_says_so(make_trace, state_space):
    zeros = np.zeros((2, 3, 24, 8))
    silent = make_trace(q=zeros, score=ScoreForm(kind="linear", d_state=4))
    assert not silent.sisa.is_state_space
    assert silent.sisa.has_lam
    assert state_space.sisa.is_state_space
    assert not state_space.sisa.has_lam


def test_a_state_space_has_one_panel_of_weights(state_space):
    figure = plot_scores(state_space, **HEAD)
    (heat,) = figure.data
    np.testing.assert_array_equal(heat.z, state_space.sisa.importance(**HEAD))
    assert figure.layout.title.text == "Mixing weights M of L1H2 (state space)"
    assert figure.layout.title.subtitle.text == "weight of each key in the output at each query"
    assert figure.layout.coloraxis.colorbar.title.text == "mixing weights (signed, unnormalised)"
    assert figure.layout.xaxis.title.text == "key position (tokens)"
    assert heat.hovertemplate.count("%{") == 3  # query, key, weight
    picture(figure)


def test_plotted_scores_show_what_a_mixer_has(make_trace):
    titles = {"content": "<b>none</b>", "importance": "state %{x}"}
    trace = formed(make_trace, kind="linear", terms=titles)
    data = prepare_scores(trace, **HEAD)
    np.testing.assert_array_equal(data.maps["pattern"], data.maps["scores"])
    figure = json.loads(str(plot_scores(trace, **HEAD).to_json()))
    words = [note["text"] for note in figure["layout"]["annotations"]]
    assert words[:2] == ["&lt;b&gt;none&lt;/b&gt; score", "state %{x} score"]
    assert words[3] == "mixing weights (signed, unnormalised)"
    assert {each["coloraxis"] for each in figure["data"]} == {"coloraxis"}
    assert not any("state" in each["hovertemplate"] for each in figure["data"])
    sigmoid = plot_scores(formed(make_trace, kind="sigmoid"), **HEAD)
    assert sigmoid.layout["coloraxis2"]["cmax"] == 1
