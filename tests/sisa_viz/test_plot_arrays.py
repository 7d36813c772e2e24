"""Small arrays under each other: numbers in cells, axes by name, tokens that are markup, what is refused."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from sisa_viz import plot_arrays
from sisa_viz.plots.arrays import MOST_CELLS, prepare_arrays

VECTOR = xr.DataArray([0.5, -2.0, 0.0], dims="d_head")


def test_a_vector_is_a_row_with_its_numbers_in_the_cells():
    (drawn,) = prepare_arrays({"query q_i": VECTOR})
    assert drawn.title == "query q_i · d_head 3"
    assert (drawn.rows, drawn.columns, drawn.row_tokens) == ("", "d_head", None)
    assert drawn.written is not None
    assert drawn.written.tolist() == [[".50", "−2.00", "0"]]
    assert drawn.limit >= 2


def test_a_trace_s_array_has_its_tokens_on_the_axis_of_positions(trace):
    (drawn,) = prepare_arrays({"q": trace.q.isel(layer=0, head=0)})
    assert drawn.row_tokens == trace.token.values.tolist()
    np.testing.assert_array_equal(drawn.values, trace.q.values[0, 0])


def test_large_arrays_have_colours_alone():
    (drawn,) = prepare_arrays({"x": xr.DataArray(np.ones((40, 3)), dims=("position", "d_head"))})
    assert drawn.written is None
    assert drawn.title == "x · position 40 × d_head 3"


def test_each_array_has_colours_of_its_own_and_rows_of_one_height():
    figure: Any = plot_arrays({"a": VECTOR, "b": 10 * VECTOR}, title="<b>T</b>", subtitle="s")
    assert figure.layout.coloraxis.cmax < figure.layout.coloraxis2.cmax
    assert [trace.coloraxis for trace in figure.data] == ["coloraxis", "coloraxis2"]
    assert figure.layout.title.text == "&lt;b&gt;T&lt;/b&gt;"
    assert figure.layout.xaxis.title.text == "channel of a head"


def test_tokens_and_names_that_are_markup_stay_text():
    hostile = "<img src=x onerror=alert(1)>"
    array = xr.DataArray([1.0], dims=hostile, coords={"token": (hostile, [hostile])})
    figure: Any = plot_arrays({hostile: array}, title="t")
    assert "<img" not in figure.to_json().replace("\\u003c", "<")


REFUSED = [
    ({}, "arrays is .*legal: a dictionary of at least one"),
    (VECTOR, "legal: a dictionary of at least one"),
    ({"a": xr.DataArray(np.ones((1, 1, 1)))}, r"array is .*dim_0.*legal: one or two axes"),
    ({"a": xr.DataArray(np.ones(MOST_CELLS + 1))}, "8,193 numbers.*legal: 1 to 8,192"),
    ({"a": xr.DataArray(np.ones(0))}, "one of 0 numbers"),
]


@pytest.mark.parametrize(("arrays", "says"), REFUSED)
def test_what_cannot_be_drawn_is_refused(arrays, says):
    with pytest.raises(ValueError, match=says):
        plot_arrays(arrays, title="t")
