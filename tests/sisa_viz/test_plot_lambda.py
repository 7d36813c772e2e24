"""plot_lambda: λ of a trace, or of runs at their last step."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_the_figure_is_a_map_from_zero_with_layer_0_on_top(trace):
    figure = plot_lambda(trace)
    (heat,) = figure.data
    np.testing.assert_array_equal(heat.z, trace["lam"].values)
    assert figure.layout.coloraxis.cmin == 0
    assert figure.layout.coloraxis.cmax == pytest.approx(float(trace["lam"].max()))
    assert figure.layout.coloraxis.colorbar.title.text == "importance weight λ"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("head", "layer")
    assert figure.layout.yaxis.autorange == "reversed"
    assert heat.customdata[1, 2].tolist() == ["L1H2", f"{float(trace['lam'][1, 2]):.4g}"]


def test_the_figure_of_runs_has_their_spread_in_the_hover_box(metrics):
    figure = plot_lambda(metrics)
    assert figure.data[0].customdata[0, 0].tolist() == ["L0H0", "0.31", "0.3", "0.32"]
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
