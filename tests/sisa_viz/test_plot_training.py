"""plot_training: one panel for what was logged, one line a run."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisa_viz import plot_training, static
from sisa_viz.plots.training import MOST_POINTS, prepare_training


def test_curves_are_the_logged_values(metrics):
    curves = prepare_training(metrics)
    run = curves[
        (curves["architecture"] == "transformer") & (curves["seed"] == 1) & (curves["name"] == "train/loss")
    ]
    logged = metrics[
        (metrics["architecture"] == "transformer")
        & (metrics["seed"] == 1)
        & (metrics["name"] == "train/loss")
    ]
    assert run["value"].tolist() == logged["value"].tolist()
    assert set(curves["panel"]) == {"loss", "lr", "grad_norm"}
    assert prepare_training(metrics, x="tokens")["x"].to_numpy().max() == 51_200


@given(steps=st.integers(0, 60))
def test_thinning_keeps_the_last_point(make_metrics, steps):
    table = make_metrics(architectures=("transformer",), seeds=1, steps=10 * steps)
    curve = prepare_training(table[table["name"] == "lr"])
    assert len(curve) <= MOST_POINTS
    assert curve["x"].iloc[-1] == 10 * steps


def test_long_curves_are_thinned(make_metrics):
    table = make_metrics(architectures=("transformer",), seeds=1, steps=25_000)
    curve = prepare_training(table[table["name"] == "lr"])
    assert MOST_POINTS / 2 < len(curve) <= MOST_POINTS
    assert curve["x"].iloc[-1] == 25_000


def test_the_figure_has_a_panel_for_each_kind(metrics):
    figure = plot_training(metrics)
    titles = [figure.layout[name].title.text for name in ("yaxis", "yaxis2", "yaxis3")]
    assert titles == ["loss (nats per token)", "learning rate", "gradient norm"]
    assert figure.layout.xaxis3.title.text == "training step"
    assert len(figure.data) == 6 * 4
    shown = [item.name for item in figure.data if item.showlegend]
    assert len(shown) == len(set(shown)) == 4


def test_what_was_not_logged_has_no_panel(metrics):
    figure = plot_training(metrics[metrics["name"] == "grad_norm"])
    assert figure.layout.yaxis.title.text == "gradient norm"
    assert "yaxis2" not in figure.layout.to_plotly_json()


def test_nothing_to_plot_is_an_error(metrics):
    with pytest.raises(
        ValueError, match=r"none of \['train/loss', 'val/loss', 'lr', 'grad_norm'\] was logged"
    ):
        plot_training(metrics[metrics["name"] == "niah/exact_match"])
    with pytest.raises(ValueError, match="x is 'time'; legal: step, tokens"):
        plot_training(metrics, x="time")


def test_the_loss_axis_of_many_runs_is_that_of_their_second_half(make_metrics, metrics):
    many = make_metrics(seeds=7)
    late = many[many["name"].isin(["train/loss", "val/loss"]) & (many["step"] >= 50)]["value"]
    low, high = plot_training(many).layout.yaxis.range
    assert late.min() - 0.2 < low < late.min() < late.max() < high < late.max() + 0.2
    assert "second half of the longest run" in plot_training(many).layout.title.subtitle.text
    assert static.plot_training(many).axes[0].get_ylim() == (low, high)
    few = plot_training(metrics)
    assert few.layout.yaxis.range is None
    assert few.layout.title.subtitle.text == "6 runs, one line each"
    assert plot_training(many[many["name"] == "lr"]).layout.yaxis.range is None


def test_state_sizes_stand_by_size(make_metrics):
    sizes = [f"SISA d_state={size}" for size in (4, 16, 128)]
    figure = plot_training(make_metrics(architectures=tuple(reversed(sizes)), seeds=1, steps=20))
    shown = [item.name.split(" · ")[0] for item in figure.data if item.showlegend]
    assert list(dict.fromkeys(shown)) == sizes
