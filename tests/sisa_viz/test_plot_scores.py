"""plot_scores: the right numbers in four linked panels that share their limits."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import json
import tracemalloc

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisa_viz import plot_scores
from sisa_viz.plots.scores import SCORE_MAPS, prepare_scores


def test_prepared_maps_are_the_accessor_s(trace):
    data = prepare_scores(trace, layer=1, head=2, lam_scale=2.0)
    at = {"layer": 1, "head": 2}
    np.testing.assert_allclose(data.maps["content"], trace.sisa.content(**at))
    np.testing.assert_allclose(data.maps["importance"], 2 * trace.sisa.importance(**at))
    np.testing.assert_allclose(data.maps["scores"], data.maps["content"] + data.maps["importance"], rtol=1e-6)
    np.testing.assert_allclose(data.maps["pattern"], trace.sisa.pattern(**at, lam_scale=2.0))
    assert data.name == "L1H2"
    assert data.limit == pytest.approx(max(np.nanmax(np.abs(data.maps[part])) for part in SCORE_MAPS[:3]))


def test_windows_cut_out_exact_cells(trace):
    data = prepare_scores(trace, layer=0, head=0, query_window=(10, 14), key_window=(2, 12))
    whole = trace.sisa.pattern(layer=0, head=0).values
    np.testing.assert_allclose(data.maps["pattern"], whole[10:14, 2:12], rtol=1e-5)
    assert data.queries.tolist() == [10, 11, 12, 13]
    assert data.key_tokens == trace["token"].values.tolist()[2:12]


def test_long_sequences_become_blocks(make_trace):
    data = prepare_scores(make_trace(length=1100, layers=1, heads=1), layer=0, head=0)
    assert data.block == 3
    assert data.maps["content"].shape == (367, 367)
    assert data.queries[1] == 3


def test_rows_that_are_computed_in_turn_are_those_of_the_accessor(make_trace):
    trace = make_trace(length=400, layers=1, heads=1)
    data = prepare_scores(trace, layer=0, head=0, query_window=(3, 400), key_window=(0, 390))
    for part in SCORE_MAPS:
        whole = getattr(trace.sisa, part)(layer=0, head=0).values
        np.testing.assert_allclose(data.maps[part], whole[3:, :390], rtol=1e-5, atol=1e-6)


def test_a_long_sequence_needs_no_map_of_all_cells(make_trace):
    trace = make_trace(length=6000, layers=1, heads=1)
    trace.load()
    tracemalloc.start()
    prepare_scores(trace, layer=0, head=0)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 * 6000**2  # bytes of one map in float32


@given(
    length=st.integers(1, 30),
    d_state=st.sampled_from([0, 2, 4]),
    start=st.integers(0, 29),
    size=st.integers(1, 30),
    lam_scale=st.floats(0, 4),
    limit=st.none() | st.floats(0.1, 100),
)
def test_any_legal_option_gives_maps_of_the_window(
    make_trace, length, d_state, start, size, lam_scale, limit
):
    trace = make_trace(length=length, layers=1, heads=1, d_state=d_state, spans={})
    window = (min(start, length - 1), min(start + size, length))
    data = prepare_scores(trace, layer=0, head=0, query_window=window, lam_scale=lam_scale, limit=limit)
    assert all(values.shape == (window[1] - window[0], length) for values in data.maps.values())
    assert all(values.dtype == np.float32 for values in data.maps.values())
    assert data.limit > 0
    assert 0 <= np.nanmin(data.maps["pattern"]) <= np.nanmax(data.maps["pattern"]) <= 1 + 1e-6


def test_panels_are_linked_symmetric_and_upright(trace):
    figure = plot_scores(trace, layer=0, head=1)
    layout = figure.layout
    assert [item.type for item in figure.data] == ["heatmap"] * 4
    assert {layout[f"{axis}axis{at}"].matches for axis in "xy" for at in (2, 3, 4)} == {"x", "y"}
    assert layout.xaxis.matches is None
    assert [item.coloraxis for item in figure.data] == ["coloraxis"] * 3 + ["coloraxis2"]
    assert layout.coloraxis.cmin == -layout.coloraxis.cmax
    assert layout.coloraxis2.cmin == 0
    assert layout.yaxis.range == (23.5, -0.5)
    assert layout.coloraxis.colorbar.title.text == "nats"
    assert layout.xaxis3.title.text == "key position (tokens)"


def test_positions_are_integers_and_repeated_tokens_stay_apart(make_trace):
    figure = plot_scores(make_trace(length=4, labels=["the", "the", "<s>", "the"], spans={}), layer=0, head=0)
    assert figure.data[0].x.tolist() == [0, 1, 2, 3]
    assert figure.layout.xaxis3.ticktext == ("0 the", "1 the", "2 &lt;s&gt;", "3 the")
    assert np.isnan(figure.data[0].z[0, 1])


def test_hover_holds_the_other_numbers_and_no_data(make_trace, hostile):
    trace = make_trace(length=len(hostile), labels=hostile)
    figure = plot_scores(trace, layer=0, head=0)
    pattern = figure.data[3]
    np.testing.assert_array_equal(pattern.customdata[5, 2], [figure.data[at].z[5, 2] for at in range(3)])
    assert (
        "<b>attention pattern: %{z:.4g}</b>" in pattern.hovertemplate
        or "attention pattern: %{z:.4g}" in pattern.hovertemplate
    )
    assert all("pwned" not in item.hovertemplate for item in figure.data)
    assert "<script" not in str(figure.to_json())


def test_subtitle_tells_lambda_clamp_and_blocks(make_trace):
    trace = make_trace(decay=20.0)
    count = int(trace.sisa.clamp_count().sel(layer=1, head=2))
    text = plot_scores(trace, layer=1, head=2, lam_scale=2).layout.title.subtitle.text
    assert text.startswith("λ = ")
    assert f"× 2 · clamp acts at {count} of 24 positions" in text
    plain = plot_scores(make_trace(d_state=0), layer=1, head=2)
    assert plain.layout.title.subtitle.text == "no importance term"
    long = plot_scores(make_trace(length=600, layers=1, heads=1), layer=0, head=0)
    assert "each cell is the largest of 2 × 2" in long.layout.title.subtitle.text
    assert long.data[0].customdata is None
    assert len(str(long.to_json())) < 6e6


def test_attention_alone_has_no_empty_panels(make_trace):
    figure = plot_scores(make_trace(d_state=0, spans={}), layer=1, head=2)
    assert [note.text for note in figure.layout.annotations] == ["content score", "attention pattern"]
    assert len(figure.data) == 2
    assert [axis.title.text for axis in figure.select_xaxes()] == 2 * ["key position (tokens)"]


def test_spans_are_marked_where_they_are_visible(make_trace):
    trace = make_trace(spans={"needle": (6, 8), "a<b": (20, 22)})
    figure = plot_scores(trace, layer=0, head=0)
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes[::4]] == [(5.5, 7.5), (19.5, 21.5)]
    assert {"needle", "a&lt;b"} <= {note.text for note in figure.layout.annotations}
    window = plot_scores(trace, layer=0, head=0, key_window=(0, 10))
    assert len(window.layout.shapes) == 4


def test_it_returns_plain_json(trace):
    figure = plot_scores(trace, layer=0, head=0)
    assert isinstance(figure, go.Figure)
    assert set(json.loads(str(figure.to_json()))) == {"data", "layout"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": 5, "head": 0}, "layer is 5; legal: 0, 1"),
        ({"layer": 0, "head": 0, "query_window": (3, 3)}, r"span 'query_window' is \[3, 3\)"),
        (
            {"layer": 0, "head": 0, "key_window": (0, 99)},
            r"'key_window' is \[0, 99\), legal: 0 <= start < stop <= 24",
        ),
        ({"layer": 0, "head": 0, "limit": 0}, "limit is 0 nats; legal: a positive number"),
        ({"layer": 0, "head": 0, "lam_scale": float("inf")}, "lam_scale is inf"),
    ],
)
def test_wrong_options_are_named(trace, options, message):
    with pytest.raises(ValueError, match=message):
        plot_scores(trace, **options)


def test_it_takes_nothing_but_a_trace():
    with pytest.raises(TypeError, match=r"a trace is an xarray.Dataset, this is a str"):
        plot_scores("t.nc", layer=0, head=0)  # pyright: ignore[reportArgumentType] - what is tested
