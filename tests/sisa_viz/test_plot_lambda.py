"""plot_lambda: λ of a trace, or of runs at their last step."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.results.head_table import INITIAL_LAM
from sisa_viz import plot_lambda
from sisa_viz.plots.lam import prepare_lambda


def test_a_trace_gives_its_own_lambda(trace):
    data = prepare_lambda(trace)
    np.testing.assert_array_equal(data["mean"], trace["lam"])
    assert data.attrs["runs"] == 1


def test_runs_give_the_mean_of_their_last_steps(metrics):
    early = metrics[metrics["step"] < 100]
    late = metrics[(metrics["step"] == 100) & (metrics["architecture"] != "transformer")]
    changed = late.assign(value=late["value"] * 2)
    data = prepare_lambda(pd.concat([early, changed]))
    np.testing.assert_allclose(data["mean"].sel(layer=1, head=2), 2 * (0.3 + 1 + 0.2 + 0.01))
    np.testing.assert_allclose(data["low"].sel(layer=1, head=2), 2 * 1.5)
    np.testing.assert_allclose(data["high"].sel(layer=1, head=2), 2 * 1.52)
    assert data.attrs["runs"] == 3


@given(layers=st.integers(1, 5), heads=st.integers(1, 14))
def test_any_shape(make_trace, layers, heads):
    trace = make_trace(length=2, layers=layers, heads=heads, spans={})
    assert prepare_lambda(trace)["mean"].shape == (layers, heads)


def test_the_figure_shows_the_distance_from_the_start_with_layer_0_on_top(trace):
    figure = plot_lambda(trace)
    (heat,) = figure.data
    moved = trace["lam"].values - INITIAL_LAM
    np.testing.assert_allclose(heat.z, moved)
    axis = figure.layout.coloraxis
    assert axis.cmax == -axis.cmin == pytest.approx(np.abs(moved).max())
    assert [colour for place, colour in axis.colorscale if place == 0.5] == ["#ffffff"]
    assert axis.colorbar.title.text == "λ − 0.313, where it started"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("head", "layer")
    assert figure.layout.yaxis.autorange == "reversed"
    assert heat.customdata[1, 2].tolist()[:2] == ["L1H2", f"{float(trace['lam'][1, 2]):.4g}"]
    assert heat.text[1, 2] == f"{moved[1, 2]:+.2f}".replace("0.", ".").replace("-", "−")


def test_the_subtitle_counts_heads_that_went_up_and_down(trace):
    trace["lam"][:] = np.array([[0.3123, 0.3133, 0.3233], [0.3134, 0.3135, 0.3033]])
    assert plot_lambda(trace).layout.title.subtitle.text == (
        "λ from 0.3033 to 0.3233 · 6 heads: 3 up by at most 0.01, 2 down by at most 0.01, 1 unmoved"
    )


def test_rounding_alone_is_no_distance(trace):
    trace["lam"][:] = INITIAL_LAM + np.array([[0, 6e-8, 0], [-6e-8, 0, 0]])  # neighbours in float32
    figure = plot_lambda(trace)
    assert figure.layout.title.subtitle.text == "λ from 0.3133 to 0.3133 · 6 heads: 6 unmoved"
    assert set(figure.data[0].text.ravel()) == {"0"}
    assert figure.layout.coloraxis.cmax == 5e-5


def test_the_figure_of_runs_has_their_spread_in_the_hover_box(metrics):
    figure = plot_lambda(metrics)
    assert figure.data[0].customdata[0, 0].tolist()[:4] == ["L0H0", "0.31", "0.3", "0.32"]
    assert "mean over 3 runs" in figure.layout.title.text


def test_attention_alone_and_a_state_space_have_none(plain_trace, state_space):
    with pytest.raises(ValueError, match=r"of attention alone .*: it has no λ; capture a SISA model"):
        plot_lambda(plain_trace)
    with pytest.raises(ValueError, match="of a state space: it has no λ; capture a SISA model"):
        plot_lambda(state_space)


def test_two_architectures_are_too_many(make_metrics):
    table = make_metrics(architectures=("SISA d_state=16", "SISA d_state=32"), seeds=1)
    with pytest.raises(
        ValueError, match=r"2 architectures \['SISA d_state=16', 'SISA d_state=32'\]; legal: one"
    ):
        plot_lambda(table)
