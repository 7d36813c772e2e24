"""ScoreExplorer from Python: state, refusals, text mode, what it writes."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from traitlets import TraitError

from sisa_viz import open_trace, report
from sisa_viz.explorer import ScoreExplorer
from sisa_viz.explorer.assets import module, style


@pytest.fixture
def explorer(trace):
    one = ScoreExplorer(trace, layer=0)
    yield one
    one.close()


def test_state_is_shared_with_the_widget_in_both_directions(explorer):
    explorer.state.head = 2
    assert explorer.figure.head == 2
    explorer.state.window = (0, 20, 5, 30)
    assert explorer.figure.window == [0, 20, 5, 30]
    explorer.figure.lam_scale = 2
    explorer.figure.query = 7
    assert explorer.state.as_dict() == {
        "layer": 0,
        "head": 2,
        "lam_scale": 2.0,
        "query": 7,
        "window": [0, 20, 5, 30],
    }
    seen = []
    explorer.state.observe(lambda change: seen.append(change["new"]), names="layer")
    explorer.figure.layer = 1
    assert seen == [1]
    assert (
        repr(explorer.state)
        == "ExplorerState(layer=1, head=2, lam_scale=2.0, query=7, window=[0, 20, 5, 30])"
    )


def test_numbers_of_numpy_are_kept_as_plain_ones(explorer):
    explorer.state.layer = np.int64(1)
    explorer.state.head = explorer.trace["head"][2]
    explorer.state.query = np.int64(-1)
    explorer.state.lam_scale = np.float32(0.5)
    explorer.state.window = np.array([0, 20, 5, 30])
    shown = {"layer": 1, "head": 2, "lam_scale": 0.5, "query": 39, "window": [0, 20, 5, 30]}
    assert explorer.state.as_dict() == shown
    assert json.loads(json.dumps(explorer.state.as_dict())) == shown
    explorer.figure.query = np.uint8(7)
    explorer.figure.window = (np.int32(1), np.int8(2), 3, 4)
    assert (explorer.figure.query, type(explorer.figure.query)) == (7, int)
    assert explorer.figure.window == explorer.state.window == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["layer", "head"])
def test_an_explorer_starts_where_numbers_of_numpy_say(trace, name):
    start: dict[str, Any] = {name: np.uint8(1)}
    assert type(ScoreExplorer(trace, **start).state.as_dict()[name]) is int


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("head", 1.0, "head is 1.0; legal: 0, 1, 2"),
        ("head", np.True_, "head is np.True_; legal: 0, 1, 2"),
        ("layer", None, "layer is None; legal: 0, 1"),
        ("layer", [0], r"layer is \[0\]; legal: 0, 1"),
        ("lam_scale", 10**400, "lam_scale is 1000000000"),
        ("lam_scale", np.float32("nan"), r"lam_scale is np.float32\(nan\)"),
        ("query", np.array([1, 2]), r"query is array\(\[1, 2\]\)"),
        ("window", {0, 20, 5, 30}, "window is .*; legal: None, or"),
        ("window", np.zeros((2, 2), dtype=int), "window is array.*"),
        ("window", (0, 20, 5, 30.0), "window is .*; legal: None, or"),
        ("layer", 2, "layer is 2; legal: 0, 1"),
        ("head", True, "head is True; legal: 0, 1, 2"),
        ("lam_scale", 4.5, "lam_scale is 4.5; legal: 0 to 4 times the trained λ"),
        ("lam_scale", float("nan"), "lam_scale is nan"),
        ("lam_scale", "1", "lam_scale is '1'"),
        ("query", 40, "query is 40; legal: None, or 0 to 39"),
        ("query", 1.5, "query is 1.5"),
        ("window", (0, 41, 0, 40), "legal: None, or .* 0 <= start < stop <= 40"),
        ("window", (5, 5, 0, 40), r"window is \(5, 5, 0, 40\)"),
        ("window", "all", "window is 'all'"),
    ],
)
def test_illegal_state_is_named_and_changes_nothing(explorer, name, value, message):
    before = explorer.state.as_dict()
    with pytest.raises(TraitError, match=message):
        setattr(explorer.state, name, value)
    assert explorer.state.as_dict() == before


def test_negative_query_counts_from_the_end(explorer):
    explorer.state.query = -1
    assert explorer.state.query == 39


def test_start_and_heads_of_a_part_of_a_trace(make_trace):
    part = make_trace(layers=4).isel(layer=[2, 3])
    assert ScoreExplorer(part).state.layer == 2
    assert ScoreExplorer(part, layer=3, head=1).state.as_dict()["head"] == 1
    with pytest.raises(TraitError, match="layer is 0; legal: 2, 3"):
        ScoreExplorer(part, layer=0)


def test_a_trace_with_a_needle_opens_at_the_head_that_finds_it(make_trace, tmp_path):
    trace = make_trace()
    mass = trace.sisa.span_mass(span="needle", query=38)
    layer, head = np.unravel_index(int(mass.values.argmax()), mass.shape)
    assert (layer, head) != (0, 0)
    state = ScoreExplorer(trace).state.as_dict()
    assert (state["layer"], state["head"], state["query"]) == (layer, head, 38)
    coordinates: list[dict[str, Any]] = [{"layer": 0}, {"head": 0}, {"layer": 1, "head": 1}]
    for given in coordinates:
        state = ScoreExplorer(trace, **given).state.as_dict()
        assert (state["layer"], state["head"]) == (given.get("layer", 0), given.get("head", 0))
        assert state["query"] is None
    without = ScoreExplorer(make_trace(spans={})).state.as_dict()
    assert (without["layer"], without["head"], without["query"]) == (0, 0, None)


def test_the_value_is_looked_for_where_it_is_named_and_seen(make_trace):
    for spans, looked_for in (
        ({"needle": (10, 20), "value": (18, 20), "answer": (38, 40)}, (18, 20)),
        ({"needle": (10, 20), "value": (38, 40), "answer": (30, 32)}, (10, 20)),  # too late for the query
        ({"needle": (10, 20)}, (10, 20)),  # the last position answers
    ):
        trace = make_trace(spans=spans)
        state = ScoreExplorer(trace).state
        answer = spans.get("answer", (40, 41))
        mass = trace.sisa.span_mass(span=looked_for, query=answer[0] - 1)
        assert mass.sel(layer=state.layer, head=state.head) == mass.max()
        assert state.query == answer[0] - 1


def test_page_is_one_file_with_everything_and_forbids_requests(explorer, tmp_path):
    path = explorer.to_html(tmp_path / "page.html")
    text = path.read_text(encoding="utf-8")
    assert path == tmp_path / "page.html"
    assert "default-src 'none'" in text
    assert text.count('id="sisa-explorer-module"') == text.count(style()) == 1
    assert text.count("data-block=") == 6
    assert text.index("mountAll(source);") < text.index("data-block=")
    assert "<noscript><img" in text
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]


def test_report_gets_a_fragment_of_its_own_and_assets_that_are_equal(explorer, plain_trace):
    other = ScoreExplorer(plain_trace)
    assert explorer._report_assets_() == other._report_assets_()
    names = {
        part._report_html_().split('data-explorer="')[1].split('"')[0] for part in (explorer, explorer, other)
    }
    assert len(names) == 3
    assert "<style>" not in explorer._report_html_()


def test_widget_and_data_stay_within_their_sizes(explorer):
    assert len(module().encode()) + len(style().encode()) < 180_000
    assert len(explorer.figure.data) == 6 * 40 * 4 * (1 + 24)
    assert "application/vnd.jupyter.widget-view+json" in explorer._repr_mimebundle_()[0]


def test_a_closed_explorer_says_so(trace, tmp_path):
    explorer = ScoreExplorer(trace, layer=0)
    widget = explorer.figure
    assert explorer.figure is widget
    explorer.close()
    explorer.close()
    assert widget.comm is None
    for use in (lambda: explorer.figure, lambda: explorer.to_html(tmp_path / "x.html")):
        with pytest.raises(RuntimeError, match=r"this explorer is closed; make a new ScoreExplorer\(trace\)"):
            use()
    explorer.state.head = 1
    assert widget.head == 0


def test_every_way_to_use_a_closed_explorer_says_so(trace, tmp_path):
    def capture(text):
        raise AssertionError("a closed explorer captures nothing")

    explorer = ScoreExplorer(trace, model=SimpleNamespace(tokenizer="any", capture=capture))
    explorer.close()
    for use in (
        lambda: explorer.figure,
        lambda: explorer.trace,
        lambda: explorer.show_text("a"),
        lambda: explorer.to_html(tmp_path / "x.html"),
        lambda: explorer._repr_mimebundle_(),
        lambda: explorer._report_html_(),
        lambda: explorer._report_assets_(),
        lambda: explorer._report_keeps_(tmp_path / "x.html"),
        lambda: report(tmp_path / "x.html", explorer, title="closed"),
    ):
        with pytest.raises(RuntimeError, match=r"this explorer is closed; make a new ScoreExplorer\(trace\)"):
            use()
    assert list(tmp_path.iterdir()) == []


def test_an_explorer_closed_while_a_text_is_captured_shows_it_nowhere(make_trace):
    def capture(text):
        explorer.close()
        return make_trace(length=3)

    explorer = ScoreExplorer(model=SimpleNamespace(tokenizer="any", capture=capture))
    with pytest.raises(RuntimeError, match="this explorer is closed"):
        explorer.show_text("abc")
    assert explorer.state.as_dict()["query"] is None


def test_a_widget_that_was_closed_alone_is_made_again(explorer):
    first = explorer.figure
    first.close()
    second = explorer.figure
    explorer.state.head = 2
    assert (first.head, second.head, explorer.figure is second) == (0, 2, True)


REFUSED: list[tuple[str, Any]] = [
    *[("layer", value) for value in (99, -1, None, "0", 0.5)],
    *[("head", value) for value in (99, -1, None, "0", 0.5, True)],
    *[("lam_scale", value) for value in (5, -0.1, float("nan"), None, "1", True)],
    *[("query", value) for value in (40, -41, 0.5, "0", True)],
    *[("window", value) for value in ((0, 41, 0, 40), (3, 3, 0, 40), "all", 5, (0, 1))],
    *[("request", value) for value in ({"number": 1}, {"text": 5}, "text", None)],
    *[("meta", 5), ("data", "text"), ("message", 5), ("text_mode", "yes"), ("comm_id", 5)],
]


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=repr)
def test_a_value_that_the_widget_refuses_leaves_the_old_one(explorer, name, value):
    explorer.state.layer, explorer.state.head, explorer.state.lam_scale = 1, 2, 0.5
    explorer.state.query, explorer.state.window = 7, (0, 20, 5, 30)
    widget, state = explorer.figure, explorer.state.as_dict()
    before = {trait: getattr(widget, trait) for trait in ("meta", "data", "message", "request", *state)}
    for assign in (lambda: setattr(widget, name, value), lambda: widget.set_state({name: value})):
        with pytest.raises(TraitError):
            assign()
        assert explorer.state.as_dict() == state
        assert {trait: getattr(widget, trait) for trait in before} == before


def test_one_refused_value_of_a_message_leaves_the_others_as_they_were(explorer):
    widget = explorer.figure
    with pytest.raises(TraitError, match="head is 99; legal: 0, 1, 2"):
        widget.set_state({"layer": 1, "head": 99})
    assert (widget.layer, widget.head, explorer.state.layer, explorer.state.head) == (0, 0, 0, 0)


def test_neither_trace_nor_model_or_no_trace_at_all(trace, tmp_path):
    with pytest.raises(ValueError, match="neither a trace nor a model"):
        ScoreExplorer()
    foreign: Any = []
    with pytest.raises(TypeError, match="this is a list"):
        ScoreExplorer(foreign)
    with pytest.raises(ValueError, match="schema"):
        ScoreExplorer(trace.assign_attrs(schema="other/1"))


def test_a_truncated_trace_file_is_refused_before_any_page(trace, tmp_path):
    path = trace.sisa.save(tmp_path / "trace.nc")
    explorer = ScoreExplorer(open_trace(path))
    assert explorer.to_html(tmp_path / "page.html").exists()
    cut = tmp_path / "cut.nc"
    cut.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(ValueError, match="cut"):
        ScoreExplorer(open_trace(cut))


class TestTextMode:
    @pytest.fixture
    def typed(self, make_trace):
        """An explorer of a model whose capture makes one token a character; "!" is refused."""

        def capture(text):
            if "!" in text:
                raise ValueError("no ! please")
            return make_trace(length=len(text), labels=list(text), spans={}, seed=3)

        return ScoreExplorer(model=SimpleNamespace(tokenizer="any", capture=capture))

    def test_typed_text_is_captured_and_shown(self, typed):
        widget = typed.figure
        assert (widget.meta, widget.data, widget.text_mode) == ("", b"", True)
        widget.request = {"text": "abcdef", "number": 1}
        assert typed.trace["token"].values.tolist() == list("abcdef")
        assert '"tokens":["a","b","c","d","e","f"]' in widget.meta
        assert widget.message == "6 tokens"
        typed.state.query = 5
        widget.request = {"text": "xyz", "number": 2}
        assert typed.state.query is None
        assert len(widget.data) == 6 * 3 * 4 * 25

    def test_what_the_model_refuses_is_shown_and_the_old_trace_stays(self, typed):
        typed.show_text("abc")
        typed.figure.request = {"text": "!", "number": 1}
        assert typed.figure.message == "ValueError: no ! please"
        assert typed.trace.sizes["position"] == 3

    @pytest.mark.parametrize("text", [None, 5, b"abc", ["abc"], [1, 2]])
    def test_what_is_no_text_is_not_captured(self, typed, text):
        with pytest.raises(ValueError, match=r"text is .*; legal: a string\. ScoreExplorer\(model.capture"):
            typed.show_text(text)

    def test_before_the_first_text_there_is_nothing_to_write(self, typed, tmp_path):
        for use in (lambda: typed.trace, lambda: typed.to_html(tmp_path / "x.html")):
            with pytest.raises(ValueError, match="nothing has been captured yet"):
                use()

    def test_a_function_of_a_text_reads_it(self, make_trace):
        explorer = ScoreExplorer(model=lambda text: make_trace(d_state=0, length=len(text), spans={}))
        explorer.show_text("abcd")
        assert explorer.trace.sizes["position"] == 4
        assert explorer.figure.text_mode

    def test_a_model_that_gives_no_traces_is_refused_with_the_way_to_them(self):
        model = type("Bridge", (), {"run_with_cache": None, "tokenizer": "any", "__call__": None})()
        with pytest.raises(ValueError, match=r"TransformerLens write model=partial\(capture, model\)"):
            ScoreExplorer(model=model)

    def test_text_needs_a_model_with_a_tokenizer(self, explorer):
        with pytest.raises(ValueError, match="has no model; use ScoreExplorer"):
            explorer.show_text("a")
        with pytest.raises(ValueError, match="the model has no tokenizer"):
            ScoreExplorer(model=SimpleNamespace(tokenizer=None))
