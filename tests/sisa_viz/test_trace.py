"""build_trace labels what it is given and refuses what is not a trace."""

import json

import numpy as np
import pytest
import xarray as xr

from sisa_viz.trace import build_trace, check_trace
from sisa_viz.trace.axes import VARIABLES, label
from sisa_viz.trace.weights import ScoreForm

CONFIG = {"d_state": 0}
DEEP = "[" * 100_000 + "]" * 100_000


def plain(**changes):
    """The arguments of a plain transformer's trace, 1 layer, 2 heads, 3 positions, with changes."""
    arrays = {name: np.ones((1, 2, 3, 4)) for name in ("q", "k")}
    return {**arrays, "token_ids": [1, 2, 1], "labels": ["a", "b", "a"], "config": CONFIG} | changes


def test_every_variable_has_its_dims_dtype_name_and_unit(trace):
    for name, quantity in VARIABLES.items():
        assert trace[name].dims == quantity.dims
        assert str(trace[name].dtype) == quantity.dtype
        assert trace[name].attrs == {"long_name": quantity.long_name, "units": quantity.units}
    assert label(trace["log_decay"]) == "log decay log α_t (nats)"
    assert label(trace["lam"]) == "importance weight λ"


def test_coordinates_hold_positions_tokens_and_ids():
    trace = build_trace(**plain())
    assert trace["token"].values.tolist() == ["a", "b", "a"]
    assert trace["token_id"].values.tolist() == [1, 2, 1]
    assert trace["position"].values.tolist() == [0, 1, 2]


def test_attributes_are_json_and_text_defaults_to_the_labels():
    trace = build_trace(**plain(seed=7, versions={"torch": "2"}, spans={"needle": (1, 3)}))
    assert json.loads(trace.attrs["config"]) == CONFIG
    assert json.loads(trace.attrs["seed"]) == 7
    assert json.loads(trace.attrs["versions"]) == {"torch": "2"}
    assert json.loads(trace.attrs["spans"]) == {"needle": [1, 3]}
    assert trace.attrs["text"] == "aba"
    assert build_trace(**plain(text="a b a")).attrs["text"] == "a b a"


def test_half_a_surrogate_pair_becomes_its_escape():
    trace = build_trace(**plain(labels=["\ud800", "\x00", "🙂"]))
    assert trace["token"].values.tolist() == ["\\ud800", "\x00", "🙂"]


def test_float16_halves_the_factors_only(make_trace):
    trace = make_trace(dtype="float16")
    assert {name for name in trace.data_vars if trace[name].dtype == np.float16} == {
        "q",
        "k",
        "b_rot",
        "c_rot",
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {}}, "config has no d_state"),
        ({"lam": np.ones((1, 2))}, r"not wanted: \['lam'\]"),
        ({"config": {"d_state": 0, "score": "linear"}}, r"config holds \['score'\]; pass score=ScoreForm"),
        ({"config": {"d_state": 4}}, r"missing: \['anchored_decay'"),
        ({"dtype": "bfloat16"}, "dtype is 'bfloat16'; legal: float32, float16"),
        ({"q": np.ones((2, 3, 4))}, r"q has shape \(2, 3, 4\); it needs the 4 dims"),
        ({"q": np.ones((1, 0, 3, 4)), "k": np.ones((1, 0, 3, 4))}, "at least one entry"),
        (
            {"k": np.full((1, 2, 3, 4), np.nan)},
            "k holds 24 values that are not finite as float32, the first at {'layer': 0",
        ),
        ({"k": np.full((1, 2, 3, 4), 1e6), "dtype": "float16"}, "cured by dtype='float32'"),
        ({"token_ids": [1, 2]}, r"token_ids has shape \(2,\)"),
        ({"token_ids": [1.0, 2.0, 3.0]}, "dtype float64; it needs 3 integers"),
        ({"labels": "aba"}, "labels is a str of length 3; it needs 3 strings"),
        ({"labels": ["a", "b", 3]}, "it needs 3 strings"),
        ({"spans": {"needle": (2, 2)}}, r"span 'needle' is \[2, 2\), legal: 0 <= start < stop <= 3"),
        ({"spans": {"needle": (0, 4)}}, r"legal: 0 <= start < stop <= 3"),
        ({"spans": {"needle": 5}}, r"legal: two integers"),
    ],
)
def test_build_trace_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        build_trace(**plain(**changes))


def test_arrays_of_different_length_are_refused():
    with pytest.raises(ValueError, match="conflicting sizes"):
        build_trace(**plain(k=np.ones((1, 2, 5, 4))))


def test_check_trace_returns_the_trace(trace):
    assert check_trace(trace) is trace
    part = trace.isel(layer=[1], head=[0, 2])
    assert check_trace(part) is part


def test_check_trace_wants_a_dataset(trace):
    with pytest.raises(TypeError, match=r"this is a DataArray; make one with model.capture"):
        check_trace(trace["q"])


def drop_attrs(trace: xr.Dataset) -> xr.Dataset:
    trace.attrs.clear()
    return trace


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop_attrs, "schema is None, legal: 'sisa-trace/2'"),
        (lambda t: t.assign_attrs(config="{"), "attribute 'config' is '{', legal: a JSON string"),
        (lambda t: t.assign_attrs(config="[]"), "attribute 'config' is .*, legal: a JSON object"),
        (lambda t: t.assign_attrs(spans='{"needle": [0, 99]}'), "span 'needle'"),
        (lambda t: t.assign_attrs(spans="[1]"), r"spans is \[1\], legal: names, each with two integers"),
        (lambda t: t.assign_attrs(spans='{"a": ["1", "2"]}'), r"span 'a' is \['1', '2'\], legal: two"),
        (lambda t: t.assign_attrs(spans='{"a": [1.5, 2.5]}'), r"span 'a' is \[1.5, 2.5\], legal: two"),
        (lambda t: t.assign_attrs(text=5), "attribute 'text' is 5, legal: a string"),
        (lambda t: t.assign_coords(token=t["position"]), r"a token is .*0.*, legal: strings, one a position"),
        (lambda t: t.assign_attrs(config=DEEP), r"attribute 'config' is '\[+\.+\]+', legal: a JSON string"),
        (lambda t: t.drop_vars("lam"), r"lacks \['lam'\]"),
        (lambda t: t.isel(layer=0), r"q has dims \('head', 'position', 'd_head'\).*isel\(layer=\[0\]\)"),
        (lambda t: t.assign(lam=t["lam"].astype("float64")), "lam has dtype float64, legal: float32"),
        (lambda t: t.isel(d_state=[0, 1]), "b_rot has 2 state channels, the score says d_state=4"),
        (lambda t: t.isel(pair=[0]), "phase has 1 pairs, legal: d_state/2 = 2"),
        (lambda t: t.drop_vars("token"), "no coordinate 'token'"),
        (lambda t: t.isel(position=slice(3, 9)), "position does not run 0, 1, 2"),
    ],
)
def test_check_trace_refuses(trace, spoil, message):
    with pytest.raises(ValueError, match=message):
        check_trace(spoil(trace))


def test_phase_may_be_left_out(trace):
    assert check_trace(trace.drop_vars("phase")).sizes["position"] == 24


def test_a_config_is_kept_untouched_and_the_score_stands_beside_it():
    config = {"d_state": 16, "architecture": "fox", "score": "anything"}
    trace = build_trace(**plain(config=config, score=ScoreForm(kind="sigmoid", bias="log_t")))
    assert trace.sisa.config == config
    assert trace.sisa.score == ScoreForm(kind="sigmoid", bias="log_t", d_state=0)
    assert trace.sisa.is_plain
