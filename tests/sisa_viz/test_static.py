"""The printed twins draw the same prepared data and save to SVG and PDF."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from sisa_viz import static
from sisa_viz.colours import architecture_colour, layer_colour
from sisa_viz.plots.decay import prepare_decay


@pytest.fixture
def twins(trace, metrics, published, summary):
    """Each twin called once."""
    return {
        "niah_convergence": static.plot_niah_convergence(metrics, published=published, x="tokens"),
        "niah_grid": static.plot_niah_grid(summary),
        "training": static.plot_training(metrics),
        "decay": static.plot_decay(trace),
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
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "training tokens"
    assert "published, 152M, transformer, mb4" in [text.get_text() for text in axes.get_legend().get_texts()]


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
    assert to_hex(lower.lines[0].get_color()) == layer_colour(0)


def test_dollar_signs_stay_text(metrics, tmp_path):
    figure = static.plot_niah_convergence(metrics.assign(architecture="$x^2$"))
    figure.savefig(tmp_path / "a.svg")
    assert "$x^2$" in (tmp_path / "a.svg").read_text()
