"""Scores from the accessor equal an explicit float64 sum, written here element by element."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import sisa_viz

TOLERANCE = 1e-4  # nats; float32 against float64


def explicit(trace: xr.Dataset, layer: int, head: int, lam_scale: float = 1.0) -> dict[str, np.ndarray]:
    """content, importance, pattern [query, key] by loops over positions, in float64."""
    picked = trace.isel(layer=layer, head=head)
    f = {str(name): picked[name].values.astype(np.float64) for name in picked.data_vars}
    length, d_head = trace.sizes["position"], trace.sizes["d_head"]
    content, importance, pattern = (np.full((length, length), np.nan) for _ in range(3))
    for i in range(length):
        for j in range(i + 1):
            content[i, j] = float(f["q"][i] @ f["k"][j]) / np.sqrt(d_head)
            importance[i, j] = 0.0
            if "lam" in f:
                decay = np.exp(float(f["anchored_decay"][i] - f["anchored_decay"][j]))
                importance[i, j] = float(f["lam"]) * decay * float(f["c_rot"][i] @ f["b_rot"][j])
        weights = np.exp(content[i, : i + 1] + lam_scale * importance[i, : i + 1])
        pattern[i, : i + 1] = weights / weights.sum()
    return {"content": content, "importance": importance, "pattern": pattern}


@pytest.mark.parametrize("d_state", [0, 4])
def test_maps_equal_the_explicit_sums(make_trace, d_state):
    trace = make_trace(length=9, d_state=d_state)
    expected = explicit(trace, 1, 2, lam_scale=2.5)
    access = trace.sisa
    at = {"layer": 1, "head": 2}
    np.testing.assert_allclose(access.content(**at), expected["content"], atol=TOLERANCE)
    np.testing.assert_allclose(access.importance(**at), expected["importance"], atol=TOLERANCE)
    np.testing.assert_allclose(
        access.scores(**at), expected["content"] + expected["importance"], atol=TOLERANCE
    )
    np.testing.assert_allclose(access.pattern(**at, lam_scale=2.5), expected["pattern"], atol=TOLERANCE)


@given(
    length=st.integers(1, 12),
    seed=st.integers(0, 99),
    decay=st.floats(0, 30),
    lam_scale=st.floats(0, 4),
    query=st.integers(-12, 11),
    dtype=st.sampled_from(["float32", "float16"]),
)
def test_a_row_is_the_row_of_the_map_and_patterns_sum_to_one(
    make_trace, length, seed, decay, lam_scale, query, dtype
):
    trace = make_trace(length=length, layers=1, heads=2, seed=seed, decay=decay, dtype=dtype, spans={})
    query = max(-length, min(query, length - 1))
    whole = trace.sisa.pattern(layer=0, head=1, lam_scale=lam_scale)
    row = trace.sisa.pattern(layer=0, head=1, lam_scale=lam_scale, query=query)
    np.testing.assert_allclose(row, whole.isel(query=query), atol=1e-6)
    np.testing.assert_allclose(np.nansum(whole, axis=1), 1, atol=1e-5)
    assert np.array_equal(np.isnan(whole), np.triu(np.ones((length, length), dtype=bool), 1))


def test_maps_are_labelled(trace):
    pattern = trace.sisa.pattern(layer=1, head=0)
    assert pattern.dims == ("query", "key")
    assert pattern.name == "pattern"
    assert pattern.attrs == {"long_name": "attention pattern", "units": "probability"}
    assert pattern["query"].attrs == {"long_name": "query position", "units": "tokens"}
    assert pattern["key_token"].values.tolist() == trace["token"].values.tolist()
    assert (int(pattern["layer"]), int(pattern["head"])) == (1, 0)
    assert trace.sisa.content(layer=0, head=0, query=-1).dims == ("key",)


def test_layer_and_head_are_coordinate_values(trace):
    part = trace.isel(layer=[1], head=[2])
    xr.testing.assert_identical(part.sisa.scores(layer=1, head=2), trace.sisa.scores(layer=1, head=2))
    with pytest.raises(ValueError, match="layer is 0; legal: 1"):
        part.sisa.scores(layer=0, head=2)


def test_a_very_strong_decay_stays_finite(make_trace):
    trace = make_trace(length=40, decay=50.0)
    assert np.isfinite(trace.sisa.scores(layer=1, head=2).values[np.tril_indices(40)]).all()


def test_half_life_is_the_time_to_keep_half(make_trace):
    trace = make_trace(length=6)
    trace["log_decay"][:] = np.log(0.5) / 10
    np.testing.assert_allclose(trace.sisa.half_life(), 10, rtol=1e-6)
    trace["log_decay"][:] = 0
    assert np.isposinf(trace.sisa.half_life()).all()
    assert trace.sisa.half_life().attrs == {"long_name": "half-life", "units": "tokens"}


def test_retention_starts_at_one_and_follows_the_decay(trace):
    left = trace.sisa.retention(origin=5)
    assert np.isnan(left[..., :5]).all()
    np.testing.assert_allclose(left[..., 5], 1)
    g = trace["anchored_decay"].astype("float64")
    np.testing.assert_allclose(left[..., -1], np.exp(g[..., -1] - g[..., 5]), rtol=1e-5)


@pytest.mark.parametrize("call", ["half_life", "retention"])
def test_a_plain_transformer_has_no_decay(plain_trace, call):
    with pytest.raises(ValueError, match=r"attention alone \(d_state=0\): it has no decay"):
        getattr(plain_trace.sisa, call)()


def test_span_mass_sums_the_pattern_over_the_span(trace):
    mass = trace.sisa.span_mass(span="needle", query=20, lam_scale=0.0)
    expected = explicit(trace, 1, 0, lam_scale=0.0)["pattern"][20, 6:8].sum()
    np.testing.assert_allclose(mass.sel(layer=1, head=0), expected, atol=1e-5)
    assert mass.dims == ("layer", "head")
    xr.testing.assert_identical(trace.sisa.span_mass(span=(6, 8), query=20, lam_scale=0.0), mass)


def test_span_mass_counts_only_keys_that_the_query_sees(trace):
    mass = trace.sisa.span_mass(span=(0, 24), query=3)
    np.testing.assert_allclose(mass, 1, rtol=1e-5)


@pytest.mark.parametrize("part", ["content", "importance"])
def test_span_advantage_is_a_difference_of_means(trace, part):
    row = explicit(trace, 0, 1)[part][20, :21]
    expected = row[6:8].mean() - np.delete(row, [6, 7]).mean()
    got = trace.sisa.span_advantage(part, span="needle", query=20)
    np.testing.assert_allclose(got.sel(layer=0, head=1), expected, atol=TOLERANCE)
    assert got.attrs["units"] == "nats"


def test_clamp_count(make_trace):
    trace = make_trace(decay=20.0)
    assert trace.sisa.clamp_count().values.tolist() == trace["clamped"].sum("position").values.tolist()
    assert int(trace.sisa.clamp_count().sum()) > 0
    assert make_trace(d_state=0).sisa.clamp_count().values.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_config_and_spans_come_back_as_they_went_in(trace):
    assert trace.sisa.config["n_heads"] == 3
    assert trace.sisa.spans == {"needle": (6, 8)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: a.content(layer=0, head=9), "head is 9; legal: 0, 1, 2"),
        (lambda a: a.content(layer=0, head=0, query=24), "query is 24; legal: 0 to 23"),
        (
            lambda a: a.pattern(layer=0, head=0, lam_scale=float("nan")),
            "lam_scale is nan; legal: a finite number",
        ),
        (lambda a: a.span_mass(span="nedle"), r"span is 'nedle'; this trace names \['needle'\]"),
        (lambda a: a.span_mass(span=(0, 99)), r"\[0, 99\), legal: 0 <= start < stop <= 24"),
        (lambda a: a.span_mass(query=2), r"query 2 comes before the span \[6, 8\)"),
        (lambda a: a.span_advantage("scores"), "part is 'scores'; legal: content, importance"),
        (lambda a: a.span_advantage("content", span=(0, 24)), "sees only the span"),
    ],
)
def test_errors_name_value_and_legal_values(trace, call, message):
    with pytest.raises(ValueError, match=message):
        call(trace.sisa)


def test_the_accessor_refuses_a_dataset_that_is_no_trace():
    with pytest.raises(ValueError, match="schema is None"):
        _ = xr.Dataset().sisa


@pytest.mark.parametrize("d_head", [0, 8])
def test_importance_stays_exact_where_decay_falls_by_thousands_of_nats(make_trace, d_head, tmp_path):
    steps = np.random.default_rng(2).gamma(0.3, 150, size=(2, 3, 60))
    cum = -np.cumsum(steps, axis=-1)
    assert cum.min() < -2000
    decays = {"log_decay": -steps, "cum_decay": cum, "anchored_decay": cum, "clamped": cum > 0}
    trace = make_trace(length=60, d_head=d_head, **decays)
    trace = sisa_viz.open_trace(trace.sisa.save(tmp_path / "steep.nc"))
    f = {str(name): trace[name].values[1, 2].astype(np.float64) for name in ("b_rot", "c_rot", "lam")}
    g = trace["anchored_decay"].values[1, 2].astype(np.float64)
    seen = np.tril_indices(60)
    found = trace.sisa.importance(layer=1, head=2).values[seen]
    decay = np.exp((g[:, None] - g)[seen])
    size = f["lam"] * decay * (np.abs(f["c_rot"]) @ np.abs(f["b_rot"]).T)[seen]
    exact = f["lam"] * decay * (f["c_rot"] @ f["b_rot"].T)[seen]
    assert np.isfinite(found).all()
    assert (np.abs(found - exact) <= 1e-5 * np.maximum(size, 1e-38)).all()
    assert np.isfinite(trace.sisa.pattern(layer=1, head=2).values[seen]).all()
