"""plot_atlas, plot_atlas_growth and plot_predictors: what they show, and what they refuse."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import numpy as np
import pandas as pd
import pytest

from data.results.head_table import INITIAL_LAM
from sisa_viz import plot_atlas, plot_atlas_growth, plot_predictors
from sisa_viz.plots.atlas import ATLAS_MAPS, prepare_atlas
from sisa_viz.plots.atlas_growth import prepare_atlas_growth
from sisa_viz.plots.predictors import prepare_predictors


def test_maps_hold_the_numbers_of_the_table(atlas):
    data = prepare_atlas(atlas.sample(frac=1, random_state=0))
    assert dict(data.sizes) == {"layer": 4, "head": 3}
    for row in atlas.to_dict("records"):
        cell = data.sel(layer=row["layer"], head=row["head"])
        assert float(cell["lam_moved"]) == pytest.approx(row["lam"] - INITIAL_LAM)
        assert [float(cell[name]) for name in ATLAS_MAPS[1:]] == [row[name] for name in ATLAS_MAPS[1:]]
    assert all(np.isnan(data[name].sel(layer=2, head=0)) for name in ATLAS_MAPS)


def test_each_map_has_a_scale_that_fits_it(atlas):
    figure = plot_atlas(atlas)
    axes = [figure.layout[name] for name in ("coloraxis", "coloraxis2", "coloraxis3", "coloraxis4")]
    assert axes[0].cmax == -axes[0].cmin == pytest.approx(1000 * (atlas["lam"] - INITIAL_LAM).abs().max())
    assert [axes[1].cmin, axes[1].cmax] == pytest.approx(
        np.log10([atlas["half_life"].min(), atlas["half_life"].max()])
    )
    assert (axes[2].cmin, axes[3].cmin) == (0, 0)
    np.testing.assert_allclose(
        10 ** np.array(axes[1].colorbar.tickvals), [float(t) for t in axes[1].colorbar.ticktext]
    )
    assert [heat.coloraxis for heat in figure.data] == ["coloraxis", "coloraxis2", "coloraxis3", "coloraxis4"]


def test_cells_have_their_number_and_the_hover_box_all_four(atlas):
    figure = plot_atlas(atlas)
    row = atlas.iloc[-1]
    said = [heat.text[3, 2] for heat in figure.data]
    assert float(said[0].replace("−", "-")) == pytest.approx(1000 * (row["lam"] - INITIAL_LAM), abs=0.05)
    assert [float(word) for word in said[1:]] == pytest.approx(
        [row[name] for name in ATLAS_MAPS[1:]], abs=0.05
    )
    assert figure.data[0].text[2, 0] == ""
    assert figure.data[0].customdata[3, 2].tolist()[1:] == [
        f"{v:.4g}" for v in [row["lam"] - INITIAL_LAM, *row[list(ATLAS_MAPS[1:])]]
    ]


def test_more_than_48_heads_have_no_numbers(atlas):
    many = pd.concat([atlas.assign(layer=atlas["layer"] + 4 * n) for n in range(5)])
    assert plot_atlas(many).data[0].texttemplate is None


def test_an_atlas_of_two_runs_or_without_a_column_is_refused(atlas):
    with pytest.raises(ValueError, match="has a head twice; legal: one run"):
        plot_atlas(pd.concat([atlas, atlas]))
    with pytest.raises(ValueError, match=r"the atlas lacks columns \['phase_speed'\]"):
        plot_atlas(atlas.drop(columns="phase_speed"))


@pytest.fixture
def heads():
    """Two runs of two layers of five heads at three steps, and a layer without λ."""
    rng = np.random.default_rng(0)
    at = [
        (run, step, layer, head)
        for run in "ab"
        for step in (50, 100, 150)
        for layer in range(3)
        for head in range(5)
    ]
    table = pd.DataFrame(at, columns=["run", "step", "layer", "head"]).assign(variant="SISA d_state=16")
    table = table.assign(
        lam=rng.uniform(0.2, 0.4, len(table)), half_life=2.0 ** rng.uniform(0, 7, len(table))
    )
    return table.assign(lam=table["lam"].where(table["layer"] < 2))


def test_growth_pools_the_heads_of_all_runs(heads):
    growth = prepare_atlas_growth(heads).set_index(["panel", "layer", "step"])
    assert set(growth["heads"]) == {10}
    assert len(growth) == 2 * 2 * 3
    own = heads.query("layer == 1 and step == 100")
    for panel in ("lam", "half_life"):
        row = growth.loc[(panel, 1, 100)]
        assert row[["low", "median", "high"]].tolist() == pytest.approx(
            np.quantile(own[panel], [0.25, 0.5, 0.75])
        )


def test_growth_has_a_line_and_a_band_a_layer_and_the_start(heads):
    figure = plot_atlas_growth(heads)
    assert [line.name for line in figure.data if line.showlegend] == ["layer 0", "layer 1"]
    assert sum(line.fill == "toself" for line in figure.data) == 4
    assert list(figure.data[-1].y) == [INITIAL_LAM] * 2
    assert figure.layout.yaxis2.type == "log"
    assert "10 heads of a layer" in figure.layout.title.subtitle.text


def test_growth_of_two_variants_or_without_lambda_is_refused(heads):
    with pytest.raises(ValueError, match=r"2 of variant: .*; legal: one"):
        plot_atlas_growth(pd.concat([heads, heads.assign(variant="other")]))
    with pytest.raises(ValueError, match="no head of this table has λ"):
        plot_atlas_growth(heads.query("layer == 2"))


def test_predictors_stand_in_rows_controls_below(correlations):
    data = prepare_predictors(correlations)
    assert set(data["predictor"]) == {"lam", "half_life"}  # the one that does not vary has no place
    rows = data.query("term == 'content' and predictor == 'half_life'").sort_values("place")
    assert rows["how"].tolist() == ["zero", "mean", "<b>x"]
    assert rows["place"].round().tolist() == [1, 1, 1]


def test_dots_and_intervals_are_those_of_the_table(correlations):
    figure = plot_predictors(correlations)
    dots = [line for line in figure.data if line.mode == "markers"]
    assert len(dots) == 6
    zero = next(line for line in dots if line.name == "zero")
    assert list(zero.x) == [0.5, -0.2]
    assert max(line.marker.size for line in dots) == zero.marker.size
    lines = [line for line in figure.data if line.mode == "lines"]
    assert list(lines[0].x[:2]) == [0.2, 0.8]
    assert np.isnan(lines[0].x[2])
    assert figure.layout.xaxis.range == (-1.02, 1.02)
    assert figure.layout.xaxis.zeroline
    assert not any("<b>x" in str(line.name) for line in dots)


def test_a_correlation_without_interval_has_a_dot_alone(correlations):
    figure = plot_predictors(correlations.assign(low=np.nan, high=np.nan))
    assert [len(line.x) for line in figure.data if line.mode == "lines"] == [0] * 6


def test_nothing_that_varies_is_refused(correlations):
    with pytest.raises(ValueError, match="no predictor varies over the heads"):
        plot_predictors(correlations.assign(correlation=np.nan))
