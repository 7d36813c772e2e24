"""compare: what it takes, what it refuses, and that its numbers are those of the traces."""

import io
import re

import numpy as np
import pytest
from explorer_cases import maps
from PIL import Image
from traitlets import TraitError

import sisa_viz
from sisa_viz import ScoreExplorer, compare, open_trace
from sisa_viz.explorer.silence import Reading, Silenced
from sisa_viz.trace.weights import ScoreForm


@pytest.fixture
def other(make_trace):
    return make_trace(seed=1)


@pytest.fixture
def training(make_trace):
    return {f"step {100 * at}": make_trace(seed=at) for at in range(3)}


def silenced(trace):
    reading = Reading("4821", -0.1, 2.31)
    facts = {"term": "importance", "layer": 0, "head": 1, "asked": "answer", "answer": "4821"}
    return Silenced(**facts, before=reading, after=reading, trace=trace)


@pytest.mark.parametrize("part", ["content", "importance", "scores", "pattern"])
def test_the_selection_has_both_rows_and_their_difference(trace, other, part):
    state = {"layer_a": 1, "head_a": 2, "lam_scale_a": 0.5, "layer_b": 0, "head_b": 1, "lam_scale_b": 2.5}
    comparison = compare(trace, other, state=state | {"run_b": "second", "query": 20, "part": part})
    table = comparison.selection()
    a, b = maps(trace, 1, 2, 0.5)[part][20, :21], maps(other, 0, 1, 2.5)[part][20, :21]
    np.testing.assert_allclose(table["a"], a, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(table["b"], b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(table["difference"], b - a, atol=1e-5)
    assert abs(table["difference"]).max() > 1e-3
    assert table["key"].tolist() == list(range(21))
    assert table["token"].tolist() == trace["token"].values[:21].tolist()


def test_one_trace_twice_is_packed_once_and_has_no_difference(trace):
    comparison = compare(trace, trace, state={"query": 30})
    packed = comparison._need_packed()
    assert len(packed.blocks) == 6
    assert [run["name"] for run in packed.meta["runs"]] == ["trace"]
    assert not comparison.selection()["difference"].to_numpy().any()
    comparison.state.lam_scale_b = 0
    assert comparison.selection()["difference"].to_numpy().any()


def test_explorers_bring_their_heads_and_lambdas(trace, other):
    first = ScoreExplorer(trace, state={"layer": 1, "head": 2, "lam_scale": 0.5})
    second = ScoreExplorer(other, state={"layer": 0, "head": 1, "query": 7, "window": (0, 9, 0, 9)})
    state = compare(first, second).state
    assert (state.layer_a, state.head_a, state.lam_scale_a) == (1, 2, 0.5)
    assert (state.layer_b, state.head_b, state.lam_scale_b) == (0, 1, 1)
    assert (state.query, state.window) == (7, [0, 9, 0, 9])


def test_without_explorers_it_begins_at_the_needle(trace, training):
    mass = training["step 200"].sisa.span_mass(span="needle", query=38)
    layer, head = np.unravel_index(int(mass.values.argmax()), mass.shape)
    state = compare(training).state
    assert (state.run_a, state.run_b, state.query) == ("step 0", "step 200", 38)
    assert (state.layer_a, state.head_a) == (state.layer_b, state.head_b) == (layer, head)


def test_a_silencing_compares_as_its_trace(trace, other):
    comparison = compare(trace, silenced(other))
    assert comparison.state.run_b == "without importance of L0H1"
    assert comparison._traces[comparison.state.run_b] is other


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [*"abc", "x", *"e" * 36]}, "token at position 3 is {'first': 'd', 'second': 'x'}; legal"),
        ({"length": 39, "labels": [*"abcd", *"e" * 35]}, "position 39 is {'first': 'e', 'second': None}"),
    ],
)
def test_two_texts_are_refused_where_they_part(make_trace, changes, message):
    first = make_trace(labels=[*"abcd", *"e" * 36])
    with pytest.raises(ValueError, match=re.escape(message)):
        compare(first, make_trace(**changes))


def test_what_cannot_be_compared_is_refused(trace, make_trace):
    linear = make_trace(score=ScoreForm(kind="linear", d_state=4, state_space=True))
    for arguments, message in [
        ((trace,), "b is None; legal: a trace"),
        (({"one": trace},), "a is ['one']; legal: at least two"),
        (({"one": trace, 2: trace},), "name of a run is 2; legal: a string"),
        (({"one": trace, "two": trace}, trace), "legal: None beside a mapping"),
        ((trace, linear), "weights is {'first': 'softmax', 'second': 'linear'}"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            compare(*arguments)
    with pytest.raises(TypeError, match="Dataset"):
        compare(trace, "trace.nc")
    with pytest.raises(ValueError, match="precision"):
        compare(trace, trace, precision="float8")


def test_other_architectures_share_what_both_have(trace, plain_trace, make_trace):
    mixed = compare({"SISA": trace, "transformer": plain_trace}, state={"part": "scores", "query": 20})
    assert mixed._need_packed().meta["parts"] == ["content", "scores", "pattern"]
    np.testing.assert_allclose(
        mixed.selection()["b"], maps(plain_trace, 0, 0, 1)["content"][20, :21], atol=1e-5
    )
    with pytest.raises(TraitError, match="part is 'importance'; legal: 'content', 'scores', 'pattern'"):
        mixed.state.part = "importance"
    plain = compare(plain_trace, make_trace(d_state=0, seed=3))
    assert plain._need_packed().meta["parts"] == ["content", "pattern"]
    sigmoid = make_trace(score=ScoreForm(kind="sigmoid", bias="log_t", d_state=4))
    assert compare(trace, sigmoid)._need_packed().meta["parts"] == ["content", "importance", "scores"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("run_a", "step 7", "run_a is 'step 7'; legal: 'step 0', 'step 100', 'step 200'"),
        ("layer_b", 9, "layer_b is 9; legal: 0, 1"),
        ("head_a", True, "head_a is True; legal: 0, 1, 2"),
        ("lam_scale_a", 9, "lam_scale_a is 9; legal: 0 to 4"),
        ("part", "sum", "part is 'sum'; legal: 'content'"),
        ("query", 40, "query is 40; legal: None, or 0 to 39"),
        ("window", (3, 2, 0, 9), "window is"),
    ],
)
def test_a_state_that_cannot_be_shown_is_refused_and_the_old_one_stays(training, name, value, message):
    comparison = compare(training)
    before = comparison.state.as_dict()
    with pytest.raises(TraitError, match=re.escape(message)):
        setattr(comparison.state, name, value)
    with pytest.raises(TraitError, match=re.escape(message)):
        setattr(comparison.figure, name, value)
    assert comparison.state.as_dict() == before


def test_another_run_keeps_the_head_where_it_has_it(make_trace):
    state = compare({"small": make_trace(layers=1, heads=2), "large": make_trace(layers=3, heads=4)}).state
    state.run_a, state.layer_a, state.head_a = "large", 2, 1
    state.run_a = "small"
    assert (state.layer_a, state.head_a) == (0, 1)


def test_the_widget_and_python_set_one_state(training):
    comparison = compare(training)
    figure = comparison.figure
    figure.run_a = "step 100"
    figure.set_state({"lam_scale_b": 0.5, "part": "content"})
    comparison.state.query = -1
    assert (comparison.state.run_a, comparison.state.lam_scale_b) == ("step 100", 0.5)
    assert (figure.part, figure.query) == ("content", 39)
    assert comparison.figure is figure
    figure.close()
    assert comparison.figure is not figure
    comparison.close()
    comparison.close()
    for use in (comparison.selection, comparison.as_python, lambda: comparison.figure):
        with pytest.raises(RuntimeError, match="this comparison is closed"):
            use()


def test_the_call_that_it_writes_makes_the_same_view(trace, other, training, tmp_path):
    state = {"layer_a": 1, "lam_scale_b": 0.5, "query": 20, "window": (10, 22, 4, 24), "part": "content"}
    names = {"a": trace, "b": other, "runs": training, "compare": compare, "open_trace": open_trace}
    stored = [open_trace(each.sisa.save(tmp_path / f"{at}.nc")) for at, each in enumerate((trace, other))]
    for arguments in ((trace, trace), (trace, other), (training,), stored):
        comparison = compare(*arguments, state=state)
        again = eval(comparison.as_python(), names)
        assert again.state.as_dict() == comparison.state.as_dict()
        assert again.selection().equals(comparison.selection())


def test_a_page_never_replaces_the_file_of_a_trace(trace, other, tmp_path):
    path = other.sisa.save(tmp_path / "b.nc")
    with pytest.raises(ValueError, match="opened from that file"):
        compare(trace, open_trace(path)).to_html(path)


def test_the_still_shows_both_and_the_difference(trace, other):
    still = compare(trace, other, state={"run_b": "second", "part": "content"})._still()
    assert still.words == "content of L0H0 of first, of L0H0 of second, and the difference"
    assert Image.open(io.BytesIO(still.png)).size == (3 * 40 + 2 * 6, 40)


def test_it_is_a_public_name():
    assert sisa_viz.compare is compare
    assert "Comparison" in dir(sisa_viz)
