"""plot_decay: half-lives on a log scale, retention along the tokens, the clamp marked."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisa_viz import plot_decay
from sisa_viz.look.labels import log_ticks
from sisa_viz.plots.decay import MOST_POINTS, layer_retention, prepare_decay


def test_prepared_numbers_are_the_accessor_s(trace):
    data = prepare_decay(trace, origin=4)
    np.testing.assert_allclose(data.heads["half_life"], trace.sisa.half_life().values.ravel())
    assert data.heads["name"].tolist() == ["L0H0", "L0H1", "L0H2", "L1H0", "L1H1", "L1H2"]
    curve = data.retention[data.retention["name"] == "L1H0"]
    np.testing.assert_allclose(curve["retention"], trace.sisa.retention(origin=4)[1, 0, 4:])
    assert data.labels["half_life"] == "half-life (tokens)"


def test_the_clamp_is_found(make_trace):
    trace = make_trace(decay=20.0)
    heads = prepare_decay(trace).heads.set_index("name")
    clamped = trace["clamped"][1, 2].values
    assert heads.loc["L1H2", "clamped"] == clamped.sum() > 0
    assert heads.loc["L1H2", "clamp_start"] == clamped.argmax()
    assert np.isnan(prepare_decay(make_trace(decay=0.001)).heads["clamp_start"]).all()


@given(length=st.integers(1, 40), origin=st.integers(-40, 39), decay=st.floats(0, 40))
def test_curves_start_at_one_and_never_rise(make_trace, length, origin, decay):
    trace = make_trace(length=length, layers=1, heads=2, decay=decay, spans={})
    data = prepare_decay(trace, origin=max(-length, min(origin, length - 1)))
    for _, curve in data.retention.groupby("head"):
        assert curve["retention"].iloc[0] == pytest.approx(1)
        assert curve["retention"].is_monotonic_decreasing


def test_long_curves_are_thinned_but_keep_ends_and_clamp(make_trace):
    trace = make_trace(length=2000, layers=1, heads=1, decay=1.0)
    data = prepare_decay(trace)
    positions = data.retention["position"].tolist()
    assert len(positions) <= MOST_POINTS + 1
    assert positions[0] == 0
    assert positions[-1] == 1999
    assert int(data.heads["clamp_start"].to_numpy()[0]) in positions


def test_the_figure_marks_the_clamp_and_the_length(make_trace):
    figure = plot_decay(make_trace(decay=20.0))
    names = {item.name for item in figure.data}
    assert {"layer 0", "layer 1", "length of the sequence"} <= names
    crosses = [item for item in figure.data if item.marker.symbol == "x-thin"]
    assert all((np.asarray(item.marker.size) > 0).sum() == 1 for item in crosses)
    assert len(crosses) == (prepare_decay(make_trace(decay=20.0)).heads["clamped"].to_numpy() > 0).sum()
    assert "clamp acts at" in figure.layout.title.subtitle.text
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.yaxis.title.text == "half-life (tokens)"
    assert figure.layout.xaxis2.title.text == "position (tokens)"


def test_half_lives_have_ticks_1_2_5_and_heads_stand_layer_by_layer(make_trace):
    trace = make_trace(heads=14)
    trace = trace.drop_vars("layer").assign_coords(layer=trace["layer"])  # heads first, as xarray sees it
    heads = prepare_decay(trace).heads
    assert heads["layer"].tolist() == [0] * 14 + [1] * 14
    figure = plot_decay(trace)
    assert figure.layout.xaxis.ticktext == ("L0H0", "L1H0")  # one a layer where not all have room
    assert plot_decay(make_trace()).layout.xaxis.ticktext[:3] == ("L0H0", "L0H1", "L0H2")
    ticks = figure.layout.yaxis.tickvals
    assert {f"{tick:g}".strip("0.") for tick in ticks} == {"1", "2", "5"}
    assert ticks[0] <= heads["half_life"].min()
    assert heads["half_life"].max() <= ticks[-1] < 1000


@given(st.lists(st.floats(0, np.inf, width=32), max_size=4))
def test_ticks_of_any_half_lives_are_few(half_lives):
    ticks = log_ticks(np.array(half_lives, dtype=np.float32), np.array([24]))
    assert 1 <= len(ticks) <= 15
    assert ticks == sorted(ticks)


def test_of_many_heads_the_median_of_each_layer_is_drawn(make_trace):
    trace = make_trace(heads=14, decay=3.0)
    data, figure = prepare_decay(trace), plot_decay(trace)
    curves = [item for item in figure.data if item.yaxis == "y2" and item.line.width]
    assert len(curves) == trace.sizes["layer"]
    retention = np.median(trace.sisa.retention()[1], axis=0)
    np.testing.assert_allclose(curves[1].y, retention[: len(curves[1].y)], rtol=1e-5)
    table = layer_retention(data)
    low, median, last = table[["low", "median", "position"]].to_numpy().T
    assert (low <= median).all()
    assert figure.layout.xaxis2.range[1] == last.max() < 23
    assert "median head of a layer" in figure.layout.title.subtitle.text


def test_without_a_clamp_it_says_so(make_trace):
    figure = plot_decay(make_trace(decay=0.001))
    assert "the clamp never acts" in figure.layout.title.subtitle.text


def test_a_plain_transformer_has_no_decay(plain_trace):
    with pytest.raises(ValueError, match="it has no decay"):
        plot_decay(plain_trace)


def test_origin_out_of_range_is_named(trace):
    with pytest.raises(ValueError, match="origin is 24; legal: 0 to 23"):
        plot_decay(trace, origin=24)
