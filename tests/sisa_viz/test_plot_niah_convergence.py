"""plot_niah_convergence: mean and t-interval over seeds, published curves behind."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from data import published as published_figures
from sisa_viz import plot_lambda, plot_niah_convergence, plot_training, static
from sisa_viz.look.named import GREY
from sisa_viz.look.published import SCALE_DASHES
from sisa_viz.plots.niah_convergence import prepare_niah_convergence


def table(values: list[list[float]], *, name: str = "niah/nll") -> pd.DataFrame:
    """values[seed][evaluation] of one architecture, every 10 steps of 100 tokens."""
    rows = [
        ("transformer", seed, 10 * at, 1000 * at, name, value)
        for seed, run in enumerate(values)
        for at, value in enumerate(run)
    ]
    return pd.DataFrame(rows, columns=["architecture", "seed", "step", "tokens", "name", "value"])


def test_interval_is_student_s_over_seeds():
    data = prepare_niah_convergence(table([[1.0, 2.0], [2.0, 4.0], [3.0, 9.0]]), metric="niah/nll")
    half = t.ppf(0.975, 2) * np.std([2, 4, 9], ddof=1) / np.sqrt(3)
    last = data.mean.iloc[1]
    assert (last["mean"], last["low"], last["high"], last["seeds"]) == pytest.approx(
        (5, 5 - half, 5 + half, 3)
    )


def test_shares_are_cut_to_0_and_1():
    data = prepare_niah_convergence(table([[0.0, 1.0], [1.0, 1.0]], name="niah/exact_match"))
    assert (data.mean["low"].tolist(), data.mean["high"].tolist()) == ([0, 1], [1, 1])


def test_one_seed_has_no_interval():
    data = prepare_niah_convergence(table([[0.1, 0.9]]), metric="niah/nll")
    assert np.isnan(data.mean["low"].to_numpy(float)).all()
    figure = plot_niah_convergence(table([[0.1, 0.9]]), metric="niah/nll")
    assert [item.name for item in figure.data if item.name] == ["transformer · 1 seed, no interval"]


def test_published_curves_are_shares_with_labels_of_their_own(metrics, published):
    data = prepare_niah_convergence(metrics, published=published, x="tokens")
    assert data.published["label"].tolist() == [
        "published, 152M, SISA d_state=16, learned",
        *["published, 152M, transformer, micro-batch 4"] * 2,
    ]
    assert data.published["value"].tolist() == [1.0, 0.615, 0.78]
    assert data.published["x"].tolist() == [1000 * 524_288, 1000 * 524_288, 2000 * 524_288]
    assert prepare_niah_convergence(metrics, published=published).published["x"].tolist() == [
        1000,
        1000,
        2000,
    ]
    alone = prepare_niah_convergence(metrics, published=published.drop(columns="setup")).published
    assert alone["label"].tolist()[0] == "published, 152M, SISA d_state=16"


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=5), min_size=1, max_size=4))
def test_the_mean_lies_in_its_interval(values):
    data = prepare_niah_convergence(table(values, name="niah/exact_match"))
    known = data.mean.dropna()
    low, mean, high = known[["low", "mean", "high"]].to_numpy(float).T
    assert (low <= mean + 1e-12).all()
    assert (mean <= high + 1e-12).all()
    assert len(data.runs) == sum(map(len, values))


def test_the_figure_has_band_seeds_mean_and_dashed_published_curves(metrics, published):
    figure = plot_niah_convergence(metrics, published=published)
    named = [item for item in figure.data if item.name]
    assert [item.name for item in named] == [
        "published, 152M, SISA d_state=16, learned",
        "published, 152M, transformer, micro-batch 4",
        "published, 152M",
        "SISA d_state=16 · mean of 3 seeds",
        "transformer · mean of 3 seeds",
    ]
    assert [item.name for item in named if item.showlegend is not False] == [item.name for item in named[2:]]
    assert all(item.line.dash for item in named[:3])
    assert sum(item.fill == "toself" for item in figure.data) == 2
    assert sum(item.line.width == 1 for item in figure.data) == 6
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.title.text == "training step"
    assert figure.layout.yaxis.title.text == "share of episodes"
    assert plot_niah_convergence(metrics).layout.xaxis.type == "linear"


def test_published_scales_have_dashes_and_second_setups_marks_of_their_own(metrics):
    figure = plot_niah_convergence(metrics, published=published_figures.curves())
    published = [item for item in figure.data if item.name and item.name.startswith("published")]
    drawn = [item for item in published if item.showlegend is False]
    entries = [item for item in published if item.showlegend is not False]
    assert {item.name: item.line.dash for item in entries} == {
        f"published, {scale}": dash for scale, dash in SCALE_DASHES.items()
    }
    assert {item.legendgroup for item in drawn} == {item.legendgroup for item in entries}
    looks = [(item.line.color, item.line.dash, item.marker.symbol) for item in drawn]
    assert len(set(looks)) == len(looks) > 10
    assert {item.name.split(", ")[1]: item.line.dash for item in drawn} == SCALE_DASHES
    assert [item.marker.symbol for item in drawn if "369M, SISA d_state=32" in item.name] == [None, "x"]
    assert list(dict.fromkeys(item.line.dash for item in drawn)) == ["dot", "dash", "dashdot"]  # by size
    assert drawn[-1].name == "published, 369M, transformer, micro-batch 4"
    assert any(item.name.endswith("λ learned (fp32)") for item in drawn)


def test_any_set_of_episodes_is_a_share_with_its_name():
    metrics = table([[0.0, 1.0], [1.0, 1.0]], name="corpus256/exact_match")
    data = prepare_niah_convergence(metrics, metric="corpus256/exact_match")
    assert (data.mean["low"].tolist(), data.mean["high"].tolist()) == ([0, 1], [1, 1])
    figure = plot_niah_convergence(metrics, metric="corpus256/exact_match")
    assert figure.layout.yaxis.title.text == "share of episodes"
    assert figure.layout.yaxis.range == (-0.03, 1.03)


def test_relatives_are_dashed_and_the_figure_grows_with_its_legend():
    runs = [table([[0.1, 0.9]]).assign(architecture=f"SISA d_state=16, number {n}") for n in range(8)]
    few, many = (plot_niah_convergence(pd.concat(part), metric="niah/nll") for part in (runs[:1], runs))
    assert {item.line.dash for item in many.data if item.name} == {"5px,2px"}
    assert many.layout.height == few.layout.height + 2 * 30


def test_of_many_variants_eight_are_named_and_the_others_grey():
    one, three = [[0.1, 0.9]], [[0.1, 0.9]] * 3
    runs = [table(three if n % 2 else one).assign(architecture=f"mine {n}") for n in range(12)]
    metrics = pd.concat([*runs, table(one)]).assign(preset="small")
    figure = plot_niah_convergence(metrics, metric="niah/nll")
    entries = [item.name for item in figure.data if item.name and item.showlegend is not False]
    odd = [f"mine {n} · mean of 3 seeds" for n in range(1, 12, 2)]
    assert entries == ["5 others", "mine 0 · 1 seed, no interval", *odd, "transformer · 1 seed, no interval"]
    assert sum(item.line.color == GREY for item in figure.data) == 5
    assert sum(item.fill == "toself" for item in figure.data) == 6  # of what is named and has seeds
    assert not any(item.line.width == 1 for item in figure.data)
    assert "thin" not in figure.layout.title.subtitle.text
    assert figure.layout.title.subtitle.text.startswith("preset small · thick")


def test_the_named_variants_can_be_chosen():
    metrics = pd.concat([table([[0.1, 0.9]]).assign(architecture=f"mine {n}") for n in range(3)])
    for draw in (plot_niah_convergence, static.plot_niah_convergence):
        draw(metrics, metric="niah/nll", named=["mine 2"])
    figure = plot_niah_convergence(metrics, metric="niah/nll", named=["mine 2"])
    assert [item.name for item in figure.data if item.name and item.showlegend is not False] == [
        "2 others",
        "mine 2 · 1 seed, no interval",
    ]
    with pytest.raises(ValueError, match="named is 'yours'; legal: 'mine 0', 'mine 1', 'mine 2'"):
        plot_niah_convergence(metrics, metric="niah/nll", named=["yours"])


def test_hostile_names_are_escaped(metrics, published):
    figure = plot_niah_convergence(
        metrics[metrics["run"] == "transformer-0"].assign(architecture="<b>mine</b>", seed="<i>"),
        published=published.assign(setup="<a href='x'>"),
    )
    assert "<b>mine" not in str(figure.to_json()).replace("<b>%{", "")
    assert "<a href" not in str(figure.to_json())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": "epoch"}, "x is 'epoch'; legal: step, tokens"),
        ({"metric": "niah/f1"}, r"metric 'niah/f1' was not logged; there are \['grad_norm'"),
        (
            {"published": pd.DataFrame({"scale": ["50M"]})},
            r"the published table lacks columns \['model', 'd_state'",
        ),
    ],
)
def test_wrong_options_are_named(metrics, options, message):
    with pytest.raises(ValueError, match=message):
        plot_niah_convergence(metrics, **options)


def test_wrong_tables_are_named(metrics):
    with pytest.raises(ValueError, match=r"the table of runs lacks columns \['seed'\]"):
        plot_niah_convergence(metrics.drop(columns="seed"))
    with pytest.raises(ValueError, match="the table of runs has no rows"):
        plot_niah_convergence(metrics.head(0))
    with pytest.raises(TypeError, match="the table of runs is a dict; legal: a pandas DataFrame"):
        plot_niah_convergence({})  # pyright: ignore[reportArgumentType] - what is tested


@pytest.mark.parametrize(
    "show", [plot_niah_convergence, plot_training, plot_lambda], ids=lambda show: show.__name__
)
def test_two_runs_of_one_seed_are_no_two_seeds(make_metrics, show):
    one = make_metrics(architectures=("SISA d_state=16",), seeds=1)
    twins = pd.concat([one, one.assign(run="other")])
    with pytest.raises(
        ValueError, match=r"several runs of SISA d_state=16, seed 0: SISA d_state=16-0, other"
    ):
        show(twins)
    with pytest.raises(ValueError, match="several runs of SISA d_state=16, seed 0; legal: one run"):
        show(twins.drop(columns="run"))
    show(twins.assign(architecture=twins["run"]) if show is not plot_lambda else one)


def test_state_sizes_stand_by_size():
    sizes = [table([[0.1, 0.9]]).assign(architecture=f"SISA d_state={size}") for size in (128, 4, 16)]
    figure = plot_niah_convergence(pd.concat(sizes), metric="niah/nll")
    named = [item.name.split(" · ")[0] for item in figure.data if item.name]
    assert named == ["SISA d_state=4", "SISA d_state=16", "SISA d_state=128"]
