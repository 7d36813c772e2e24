"""plot_training: one panel for what was logged, one line a run."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisa_viz import plot_training, static
from sisa_viz.look.named import GREY
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
    assert shown == ["SISA d_state=16", "transformer"]
    broken = {item.customdata[0][2]: item.line.dash for item in figure.data}
    assert broken == {"train/loss": "solid", "val/loss": "dash", "lr": "solid", "grad_norm": "solid"}


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
    assert few.layout.title.subtitle.text == "6 runs, one line each · broken: validation loss"
    assert plot_training(many[many["name"] == "lr"]).layout.yaxis.range is None


def test_state_sizes_stand_by_size(make_metrics):
    sizes = [f"SISA d_state={size}" for size in (4, 16, 128)]
    figure = plot_training(make_metrics(architectures=tuple(reversed(sizes)), seeds=1, steps=20))
    shown = [item.name.split(" · ")[0] for item in figure.data if item.showlegend]
    assert list(dict.fromkeys(shown)) == sizes


def test_of_many_runs_the_means_of_variants_stand_out(make_metrics):
    many = make_metrics(seeds=7)
    one = many[(many["name"] == "val/loss")]
    figure = plot_training(one.assign(preset="small"))
    assert figure.layout.title.text == "Training: validation loss"
    assert figure.layout.title.subtitle.text.startswith("preset small · thick: mean over the runs")
    means = [line for line in figure.data if line.showlegend]
    assert [line.name for line in means] == ["SISA d_state=16", "transformer"]
    assert {line.line.dash for line in means} == {"solid"}
    of_one = one[one["architecture"] == "transformer"].groupby("step")["value"].mean()
    assert means[1].y.tolist() == pytest.approx(of_one.tolist())
    assert len(figure.data) == 14 + 2


def test_a_step_that_one_run_lacks_has_no_mean(make_metrics):
    many = make_metrics(seeds=7)
    one = many[many["name"] == "lr"]
    last = one["step"].max()
    short = one[(one["seed"] != 3) | (one["step"] < last)]
    means = [line for line in plot_training(short).data if line.showlegend]
    assert all(last not in line.x for line in means)


def test_of_many_variants_eight_are_named_and_the_others_grey(make_metrics):
    metrics = make_metrics(architectures=tuple(f"mine {n}" for n in range(10)), seeds=1, steps=20)
    loss = metrics[metrics["name"] == "train/loss"]
    figure = plot_training(loss)
    assert [line.name for line in figure.data if line.showlegend] == [
        "2 others",
        *(f"mine {n}" for n in range(8)),
    ]
    assert sum(line.line.color == GREY for line in figure.data) == 2
    static.plot_training(loss, named=["mine 9"])
    chosen = plot_training(loss, named=["mine 9"])
    assert [line.name for line in chosen.data if line.showlegend] == ["9 others", "mine 9"]
