"""plot_niah_grid: accuracy over length × depth, unmeasured cells empty."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisa_viz import plot_niah_grid
from sisa_viz.plots.niah_grid import prepare_niah_grid


def test_cells_stand_where_they_belong(summary):
    (grid,) = prepare_niah_grid(summary)
    assert (grid.lengths, grid.depths) == ([128, 512], [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(grid.maps["rate"], [[0.5, 0.5], [np.nan, 0.625], [0.75, 0.75]])
    assert grid.maps["n"][0, 0] == 64


def test_architectures_share_their_axes(summary):
    table = pd.concat([summary.assign(architecture="a"), summary.tail(1).assign(architecture="b")])
    first, second = prepare_niah_grid(table)
    assert (first.name, second.name) == ("a", "b")
    assert second.lengths == first.lengths
    assert np.isnan(second.maps["rate"]).sum() == 5


@given(cells=st.sets(st.tuples(st.integers(1, 5), st.integers(0, 5)), min_size=1))
def test_every_row_is_one_cell(cells):
    rows = [(length, depth, 0.5, 0.4, 0.6, 10) for length, depth in cells]
    table = pd.DataFrame(rows, columns=["context_length", "requested_depth", "rate", "low", "high", "n"])
    (grid,) = prepare_niah_grid(table)
    assert np.isfinite(grid.maps["rate"]).sum() == len(cells)
    assert np.nansum(grid.maps["n"]) == 10 * len(cells)


def test_the_figure_runs_from_0_to_1_with_depth_0_on_top(summary):
    figure = plot_niah_grid(summary)
    (heat,) = figure.data
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 1)
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.xaxis.title.text == "context length (tokens)"
    assert figure.layout.yaxis.title.text == "requested needle depth (share of context)"
    assert heat.customdata[2, 1].tolist() == ["512", "1", "75", "40", "90", "64"]
    assert heat.text.tolist() == [["50 %", "50 %"], ["", "62 %"], ["75 %", "75 %"]]
    assert figure.layout.xaxis.ticktext == ("128", "512")


def test_cells_of_few_episodes_show_counts(summary):
    (heat,) = plot_niah_grid(summary.assign(n=[1, 9, 10, 10, 8], rate=[1, 1 / 3, 0.5, 1, 0])).data
    assert heat.text.tolist() == [["1/1", "50 %"], ["", "100 %"], ["3/9", "0/8"]]


def test_other_columns_may_be_the_axes(summary):
    figure = plot_niah_grid(summary.rename(columns={"requested_depth": "actual_depth"}), depth="actual_depth")
    assert figure.layout.yaxis.title.text == "actual needle depth (share of context)"


def test_panels_may_be_any_column_three_side_by_side(summary):
    table = pd.concat([summary.assign(rope=name) for name in ("yarn", "rope", "pi", "ntk")])
    figure = plot_niah_grid(table.rename(columns={"requested_depth": "depth"}), depth="depth", panel="rope")
    assert [note.text for note in figure.layout.annotations] == ["yarn", "rope", "pi", "ntk"]
    assert [heat.yaxis for heat in figure.data] == ["y", "y2", "y3", "y4"]
    assert figure.layout.yaxis.title.text == "needle depth (share of context)"
    titled = [axis.title.text is not None for axis in figure.select_xaxes()]
    assert titled[:4] == [False, True, True, True]  # the lowest of each column
    assert figure.layout.xaxis4.matches == "x"
    with pytest.raises(ValueError, match=r"the summary lacks columns \['rope'\]"):
        plot_niah_grid(summary, panel="rope")


def test_missing_columns_and_repeated_cells_are_named(summary):
    with pytest.raises(ValueError, match=r"the summary lacks columns \['rate'\]"):
        plot_niah_grid(summary.drop(columns="rate"))
    with pytest.raises(ValueError, match=r"1 rows repeat a cell of \['context_length', 'requested_depth'\]"):
        plot_niah_grid(pd.concat([summary, summary.head(1)]))
