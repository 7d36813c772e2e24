"""plot_knockout: losses by layer, head and term, white within what controls cost in most heads."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from sisa_viz import plot_knockout, static
from sisa_viz.plots.knockout import banded_scale, prepare_knockout, subtitle

NEEDED = {(0, 1, "content"): 6.0, (1, 0, "importance"): 2.0}


def row(layer, head, term, how, lost):
    cell = {"layer": layer, "head": head, "term": term, "how": how, "log_p_lost": lost}
    return cell | {"low": lost - 0.5, "high": lost + 0.5, "exact_lost": lost / 10, "n": 50}


def knockouts():
    """Two heads matter; every other loses 0.01 under zero and 0.02 under controls, but one that gains 1."""
    rows = []
    for cell in product(range(3), range(4), ("content", "importance")):
        lost = NEEDED.get(cell, 0.01) if cell != (2, 3, "content") else -1.0
        controls = (3.0, 0.001) if cell in NEEDED else (0.02, 0.02)
        rows += [
            row(*cell, how, x) for how, x in zip(("zero", "random", "mean"), (lost, *controls), strict=True)
        ]
    return pd.DataFrame(rows)


def test_the_band_is_what_controls_cost_in_heads_that_do_not_matter():
    data = prepare_knockout(knockouts())
    assert data.band == pytest.approx(0.02)  # 4 of 48 controls are of heads that matter
    spread = knockouts()
    others = spread["how"] != "zero"
    spread.loc[others, "log_p_lost"] = np.linspace(-1, 1, 48)
    low, high = np.quantile(np.abs(np.linspace(-1, 1, 48)), [0.25, 0.75])
    assert prepare_knockout(spread).band == pytest.approx(high + 1.5 * (high - low))


def test_cells_stand_where_they_belong_and_say_loss_and_mildest_control():
    data = prepare_knockout(knockouts())
    assert (data.layers, data.heads, data.terms) == ([0, 1, 2], [0, 1, 2, 3], ["content", "importance"])
    assert data.maps["content"]["log_p_lost"][0, 1] == 6
    assert data.maps["importance"]["exact_lost"][1, 0] == pytest.approx(0.2)
    content = data.words("content", between=" ")
    assert content[0, 1] == "6.00 (0.00)"
    assert content[2, 3] == "-1.00 (0.02)"
    assert sorted(set(content.ravel())) == ["-1.00 (0.02)", "6.00 (0.00)", "·"]


def test_all_maps_have_one_scale_with_white_as_wide_as_the_band():
    figure = plot_knockout(knockouts())
    axis = figure.layout.coloraxis
    assert (axis.cmin, axis.cmax) == (-6, 6)
    white = [place for place, colour in axis.colorscale if colour == "#ffffff"]
    assert white == pytest.approx([0.5 - 0.02 / 12, 0.5 + 0.02 / 12])
    assert {trace.coloraxis for trace in figure.data} == {"coloraxis"}
    assert axis.colorbar.title.text == "log p(answer) lost, nats (white: ±0.02)"
    assert "within ±0.02 nats" in figure.layout.title.subtitle.text
    assert "50 episodes" in figure.layout.title.subtitle.text
    assert figure.layout.yaxis.autorange == "reversed"


@pytest.mark.parametrize(("band", "limit"), [(0.0, 1.0), (0.5, 1.0), (1.0, 2.0)])
def test_the_scale_rises_from_red_to_blue(band, limit):
    places = [place for place, _ in banded_scale(band, limit)]
    assert (places[0], places[-1]) == (0, 1)
    assert places == sorted(places)


def test_a_band_wider_than_every_loss_leaves_all_cells_white():
    table = knockouts().assign(log_p_lost=lambda t: np.where(t["how"] == "zero", 0.01, 2.0))
    data = prepare_knockout(table)
    assert (data.band, data.limit) == (2, 4)
    assert set(data.words("content", between=" ").ravel()) == {"·"}


def test_the_hover_box_has_interval_exact_matches_and_controls():
    heat = plot_knockout(knockouts()).data[0]
    assert heat.customdata[0, 1].tolist() == ["L0H1", "6", "5.5", "6.5", "60.0", "3", "0.001"]
    assert "random row instead: %{customdata[5]}" in heat.hovertemplate
    assert "its mean by distance instead: %{customdata[6]}" in heat.hovertemplate


def test_without_controls_there_is_no_band():
    table = knockouts().query("how == 'zero'")
    data = prepare_knockout(table)
    assert data.band == 0
    assert data.words("content", between=" ")[0, 1] == "6.00"
    assert subtitle(data) == "term set to zero, 50 episodes; no controls were measured"


def test_a_term_that_some_layers_lack_stays_empty_there():
    table = knockouts().query("not (layer == 2 and term == 'importance')")
    data = prepare_knockout(table)
    assert np.isnan(data.maps["importance"]["log_p_lost"][2]).all()
    assert set(data.words("importance", between=" ")[2]) == {""}
    static.plot_knockout(table).draw_without_rendering()


def test_many_heads_have_no_words():
    table = pd.DataFrame([row(0, head, "content", "zero", 3.0) for head in range(200)])
    assert set(plot_knockout(table).data[0].text.ravel()) == {""}


def test_hostile_names_are_escaped():
    table = knockouts().replace({"content": "<i>x", "mean": "<i>y"})
    assert "<i>" not in str(plot_knockout(table).to_json())


def test_wrong_tables_are_named():
    with pytest.raises(ValueError, match=r"the table of knock-outs lacks columns \['low'\]"):
        plot_knockout(knockouts().drop(columns="low"))
    with pytest.raises(ValueError, match="has no row of how 'zero'"):
        plot_knockout(knockouts().query("how != 'zero'"))
    with pytest.raises(ValueError, match="72 rows repeat a layer, head, term and how"):
        plot_knockout(pd.concat([knockouts()] * 2))


def test_the_twin_has_the_same_words_and_colours():
    figure = static.plot_knockout(knockouts())
    figure.draw_without_rendering()
    content, importance, bar = figure.axes
    assert (content.get_title(), importance.get_title()) == ("content", "importance")
    assert "6.00\n(0.00)" in [text.get_text() for text in content.texts]
    colours = content.collections[0].get_facecolors()
    assert to_hex(colours[1]) == "#053061"  # the largest loss
    assert to_hex(colours[0]) == "#ffffff"  # within the band
    assert bar.get_ylabel() == "log p(answer) lost, nats (white: ±0.02)"
    for axes in (content, importance):
        width = axes.get_window_extent().width / 4
        assert all(text.get_window_extent().width < width for text in axes.texts)
