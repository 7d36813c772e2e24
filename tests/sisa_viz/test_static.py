"""The printed twins draw the same prepared data and save to SVG and PDF."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from sisa_viz import static
from sisa_viz.examples import example_attribution
from sisa_viz.look.colours import INK, architecture_colour, layer_colour
from sisa_viz.plots.decay import prepare_decay
from sisa_viz.plots.why import NEGATIVE, POSITIVE


@pytest.fixture
def heads():
    """Heads of one run; needle mass grows with step, layer and head."""
    at = product((0, 50, 100), range(2), range(3))
    rows = [("transformer-0", "transformer", *place, sum(place) / 200) for place in at]
    return pd.DataFrame(rows, columns=["run", "variant", "step", "layer", "head", "needle_mass"])


@pytest.fixture
def sizes():
    rows = [(f"SISA d_state={d}", d, seed, d / 200, 2.0 + seed) for d in (16, 64) for seed in (0, 1)]
    rows += [("transformer", 0, 0, 0.4, 2.5)]
    return pd.DataFrame(
        rows, columns=["architecture", "d_state", "seed", "corpus512/exact_match", "val/loss"]
    )


@pytest.fixture
def twins(trace, metrics, published, summary, heads, sizes, atlas, correlations):
    """Each twin called once."""
    exact = {"metrics": metrics, "metric": "niah/exact_match"}
    return {
        "needle_lens": static.plot_needle_lens(heads, **exact),
        "state_size": static.plot_state_size(sizes, y=["corpus512/exact_match", "val/loss"]),
        "niah_convergence": static.plot_niah_convergence(metrics, published=published, x="tokens"),
        "niah_grid": static.plot_niah_grid(summary),
        "training": static.plot_training(metrics),
        "decay": static.plot_decay(trace),
        "scores": static.plot_scores(trace, layer=1, head=2, query_window=(4, 20), lam_scale=2.0),
        "span_mass": static.plot_span_mass(trace),
        "why": static.plot_why(example_attribution()),
        "atlas": static.plot_atlas(atlas),
        "atlas_growth": static.plot_atlas_growth(heads.assign(lam=0.3, half_life=8.0)),
        "predictors": static.plot_predictors(correlations),
    }


def test_all_save_to_svg_and_pdf_and_display_nothing(twins, tmp_path):
    for name, figure in twins.items():
        assert isinstance(figure, Figure)
        figure.savefig(tmp_path / f"{name}.svg")
        figure.savefig(tmp_path / f"{name}.pdf")
        assert "<svg" in (tmp_path / f"{name}.svg").read_text()
        assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert plt.get_fignums() == []


def test_convergence_shows_means_in_the_colours_of_the_suite(twins):
    (axes,) = twins["niah_convergence"].axes
    thick = [line for line in axes.lines if line.get_linewidth() == 1.8]
    assert [to_hex(line.get_color()) for line in thick] == [
        architecture_colour(name) for name in ("SISA d_state=16", "transformer")
    ]
    assert {line.get_linestyle() for line in axes.lines if "published" in str(line.get_label())} == {"--"}
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "training tokens"
    assert "published, 152M, transformer, micro-batch 4" in [
        text.get_text() for text in axes.get_legend().get_texts()
    ]


def test_grid_writes_rate_and_interval_into_cells(twins):
    axes = twins["niah_grid"].axes[0]
    assert {text.get_text() for text in axes.texts} >= {"50 %\n40–90", "62 %\n40–90", "75 %\n40–90"}
    assert axes.get_ylabel() == "requested needle depth (share of context)"


def test_training_has_a_panel_for_each_kind(twins):
    assert [axes.get_ylabel() for axes in twins["training"].axes] == [
        "loss (nats per token)",
        "learning rate",
        "gradient norm",
    ]


def test_decay_draws_every_head(twins, trace):
    upper, lower = twins["decay"].axes
    points = upper.collections[0].get_offsets()
    np.testing.assert_allclose(points[:, 1], prepare_decay(trace).heads["half_life"], rtol=1e-6)
    assert upper.get_yscale() == "log"
    assert "20" in [text.get_text() for text in upper.get_yticklabels()]
    assert to_hex(lower.lines[0].get_color()) == layer_colour(0)


def test_needle_lens_has_the_accuracy_over_the_map(twins, heads):
    curve, heat, _ = twins["needle_lens"].axes
    assert curve.get_title() == "whole score"
    assert curve.lines[0].get_ydata()[-1] > 0.99
    assert heat.collections[0].get_clim() == (0, heads["needle_mass"].max())
    assert [text.get_text() for text in heat.get_yticklabels()] == ["L0H0", "L1H0"]
    assert len(static.plot_needle_lens(heads).axes) == 2  # map and colour bar


def test_state_size_has_points_means_and_a_level_line(twins):
    match, loss = twins["state_size"].axes
    assert match.get_title() == "needle exact match, corpus512"
    assert loss.get_ylabel() == "nats per token"
    assert match.get_ylim() == (-0.03, 1.03)
    np.testing.assert_allclose(match.lines[0].get_ydata(), [0.08, 0.32])
    assert list(match.lines[1].get_ydata()) == [0.4, 0.4]
    points = match.collections[0]
    assert len(points.get_offsets()) == 4
    assert {to_hex(colour) for colour in points.get_facecolors()} == {match.lines[0].get_color()}
    assert [text.get_text() for text in match.get_legend().get_texts()] == ["SISA", "transformer"]


def test_the_atlas_has_four_maps_on_scales_of_their_own(twins, atlas):
    maps = twins["atlas"].axes[:4]
    assert [axes.get_title() for axes in maps][:2] == ["λ − 0.313 (thousandths)", "half-life (tokens)"]
    low, high = maps[0].collections[0].get_clim()
    assert low == -high
    assert maps[1].collections[0].get_clim() == pytest.approx(
        np.log10([atlas["half_life"].min(), atlas["half_life"].max()])
    )
    assert len([text for text in maps[3].texts if text.get_text()]) == 11


def test_growth_has_a_line_and_a_band_a_layer(twins):
    lam, half_life = twins["atlas_growth"].axes
    assert len(lam.lines) == 3  # two layers and the start
    assert len(lam.collections) == 2
    assert half_life.get_yscale() == "log"


def test_predictors_have_a_zero_line_and_dots_in_their_panel(twins):
    importance, content = twins["predictors"].axes
    assert [axes.get_title() for axes in (importance, content)] == ["without importance", "without content"]
    assert [list(line.get_xdata()) for line in importance.lines] == [[0, 0]]
    assert [text.get_text() for text in content.get_legend().get_texts()] == ["mean", "zero", "<b>x"]


def test_grids_wrap_after_three(summary):
    table = pd.concat([summary.assign(rope=name) for name in "abcd"])
    titles = [axes.get_title() for axes in static.plot_niah_grid(table, panel="rope").axes]
    assert [title for title in titles if title] == ["a", "b", "c", "d"]


def test_words_of_a_cell_stay_inside_it(summary):
    """Three panels of five lengths, the widest that notebook 06 shows."""
    rows = [summary.head(1).assign(context_length=n, rope=name) for n in range(1, 6) for name in "abc"]
    figure = static.plot_niah_grid(pd.concat(rows), panel="rope")
    figure.draw_without_rendering()
    for axes in figure.axes[:3]:
        width = axes.get_window_extent().width / 5
        assert all(text.get_window_extent().width < width for text in axes.texts)


def test_axis_label_stays_inside_beside_many_names(make_metrics, published):
    names = [f"SISA d_state={d}" for d in range(2, 26, 2)]
    figure = static.plot_niah_convergence(make_metrics(architectures=names, seeds=1), published=published)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    inside, legend = figure.get_window_extent(), axes.get_legend()
    assert legend
    for word in (axes.yaxis.label, *legend.get_texts()):
        extent = word.get_window_extent()
        assert inside.y0 <= extent.y0
        assert extent.y1 <= inside.y1


def test_dollar_signs_stay_text(metrics, tmp_path):
    one = metrics[metrics["architecture"] == "transformer"]
    figure = static.plot_niah_convergence(one.assign(architecture="$x^2$"))
    figure.savefig(tmp_path / "a.svg")
    assert "$x^2$" in (tmp_path / "a.svg").read_text()


def test_why_draws_the_prepared_bars_in_their_colours(twins):
    writers, factors, pairs = twins["why"].axes
    labels = [text.get_text() for text in writers.get_yticklabels()]
    assert labels[:3] == ["score", "content", "L0 MLP → embed"]
    bars = {round(bar.get_y() + bar.get_height() / 2): bar for bar in writers.patches if bar.get_width()}
    assert [bars[row].get_width() for row in range(7)] == [2.5, 2.0, 1.5, 0.5, 0.25, -0.25, 0.5]
    colours = [to_hex(bars[row].get_facecolor()) for row in (0, 2, 5)]
    assert colours == [INK, POSITIVE, NEGATIVE]
    assert [text.get_text() for text in factors.get_yticklabels()][2:] == ["decay × 0.5", "λ × 0.5"]
    assert [text.get_text() for text in pairs.get_yticklabels()] == ["0", "1"]
    table = example_attribution()
    assert len(static.plot_why(table.loc[table["term"] == "content"]).axes) == 1


def test_scores_hold_the_maps_of_the_window(twins, trace):
    images = [axes.images[0] for axes in twins["scores"].axes if axes.images]
    assert len(images) == 4
    pattern = trace.sisa.pattern(layer=1, head=2, lam_scale=2.0).values[4:20]
    np.testing.assert_allclose(images[3].get_array().filled(np.nan), pattern, rtol=1e-5)
    assert images[0].get_clim()[0] == -images[0].get_clim()[1]
    assert images[3].get_clim()[0] == 0
    assert images[0].get_extent() == [-0.5, 23.5, 19.5, 3.5]
    assert (
        len([line for line in twins["scores"].axes[0].lines if line.get_linestyle() == ":"]) == 2
    )  # one span


def test_masses_are_written_into_their_cells(twins, trace):
    shown = [axes for axes in twins["span_mass"].axes if axes.texts]
    assert [axes.get_title() for axes in shown] == ["with λ", "λ = 0", "difference"]
    mass = float(trace.sisa.span_mass(query=-1)[0, 0])
    assert shown[0].texts[0].get_text() == f"{mass:.2f}".removeprefix("0")
