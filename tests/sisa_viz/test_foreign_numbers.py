"""Finite numbers that are no scores, and coordinates that name nothing, are refused and never drawn."""

import json

import h5py
import numpy as np
import pytest
import xarray as xr

from sisa_viz.explorer.pack import pack
from sisa_viz.trace import open_trace


@pytest.mark.parametrize("name", ["layer", "head"])
@pytest.mark.parametrize("numbers", [[1, 1, 1], [-1, 0, 1], [0.5, 1.5, 2.5], [0, np.nan, 2], ["a", "b", "c"]])
def test_layers_and_heads_have_numbers_of_their_own(make_trace, name, numbers):
    trace = make_trace(layers=3, heads=3).assign_coords({name: numbers})
    with pytest.raises(ValueError, match=rf"{name} is \[.*\], legal: different whole numbers from 0"):
        trace.sisa.span_mass()


def test_a_layer_shown_as_another_is_refused_in_a_file_too(trace, tmp_path):
    path = trace.sisa.save(tmp_path / "t.nc")
    with h5py.File(path, "r+") as file:
        file["layer"][...] = [0, 0]  # pyright: ignore[reportIndexIssue] (a Dataset)
    with pytest.raises(ValueError, match=r"layer is \[0, 0\], legal: different whole numbers"):
        open_trace(path)


def test_a_selection_of_layers_in_any_order_is_a_trace(make_trace):
    trace = make_trace(layers=3)
    picked = trace.isel(layer=[2, 0])
    mass = picked.sisa.span_mass()
    assert mass["layer"].values.tolist() == [2, 0]
    xr.testing.assert_identical(mass.sel(layer=2), trace.sisa.span_mass().sel(layer=2))


def test_token_ids_are_integers_of_positions(trace):
    with pytest.raises(ValueError, match="token_id has dtype float64, legal: integers"):
        pack(trace.assign_coords(token_id=("position", np.full(24, np.nan))))
    with pytest.raises(ValueError, match=r"token_id has dims \('layer',\), legal: \('position',\)"):
        pack(trace.assign_coords(token_id=("layer", [0, 1])))


SIZES = [
    ({"q": 1e30, "k": 1e30}, "q·k of L0H0 reaches 8e.60"),
    ({"b_rot": 1e20, "c_rot": 1e20}, "c_rot·b_rot of L0H0 reaches"),
    ({"lam": 3e38}, "λ · exp.* of L0H0 reaches 3e.38"),
    ({"anchored_decay": np.arange(24) * 100.0}, "of L0H0 reaches"),
]


@pytest.mark.parametrize(("given", "message"), SIZES)
@pytest.mark.parametrize("show", [pack, lambda trace: trace.sisa.pattern(layer=0, head=0)])
def test_products_that_float32_cannot_hold_are_refused(make_trace, given, message, show):
    normal = make_trace()
    spoilt = {name: np.full(normal[name].shape, value) for name, value in given.items()}
    with pytest.raises(ValueError, match=rf"{message}.*legal: at most 1e.30"):
        show(make_trace(**spoilt))


def test_the_largest_factor_on_the_largest_score_is_a_number(make_trace):
    size = np.full((2, 3, 24, 4), 4e14)  # 4 channels: a product of 6.4e29
    trace = make_trace(b_rot=size, c_rot=size, lam=np.full((2, 3), 1.0))
    assert np.isfinite(trace.sisa.pattern(layer=0, head=0, query=-1, lam_scale=1e6)).all()


@pytest.mark.parametrize("name", ["config", "seed", "versions"])
def test_a_constant_that_json_has_not_is_refused(trace, tmp_path, name):
    path = trace.sisa.save(tmp_path / "t.nc")
    with h5py.File(path, "r+") as file:
        file.attrs[name] = '{"d_state": NaN}'
    with pytest.raises(ValueError, match=rf"attribute '{name}' is .*NaN.*, legal: a JSON string"):
        open_trace(path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("text", 5, r"attribute 'text' is stored as .*5.*; legal: a string written as JSON"),
        (
            "text",
            np.bytes_(b"\xff\xfe"),
            r"attribute 'text' is stored as .*; legal: a string written",
        ),
        ("schema", np.zeros(3), r"schema is array\(\[0., 0., 0.\]\), legal: 'sisa-trace/2'"),
    ],
)
def test_attributes_of_another_kind_are_named(trace, tmp_path, name, value, message):
    path = trace.sisa.save(tmp_path / "t.nc")
    with h5py.File(path, "r+") as file:
        file.attrs[name] = value
    with pytest.raises(ValueError, match=message):
        open_trace(path)


def test_a_message_about_a_span_is_short_whatever_the_spans_are_called(trace):
    trace.attrs["spans"] = json.dumps({"x" * 1_000_000: [0, 2]})
    with pytest.raises(ValueError, match="span is 'needle'; this trace names") as refused:
        trace.sisa.span_mass()
    assert len(str(refused.value)) < 300
