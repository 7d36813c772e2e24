"""plot_span_mass: mass with λ, without it, and what importance moves."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisa_viz import plot_span_mass
from sisa_viz.plots.span_mass import prepare_span_mass


def test_prepared_numbers_are_the_accessor_s(trace):
    data = prepare_span_mass(trace, span="needle", query=20)
    np.testing.assert_allclose(data["with_lam"], trace.sisa.span_mass(query=20))
    np.testing.assert_allclose(data["without_lam"], trace.sisa.span_mass(query=20, lam_scale=0))
    np.testing.assert_allclose(data["difference"], data["with_lam"] - data["without_lam"])
    assert data.attrs == {"start": 6, "stop": 8, "query": 20}
    assert prepare_span_mass(trace).attrs["query"] == 23


@given(query=st.integers(8, 23), start=st.integers(0, 8), size=st.integers(1, 15))
def test_masses_are_probabilities(make_trace, query, start, size):
    data = prepare_span_mass(make_trace(), span=(start, start + size), query=query)
    for name in ("with_lam", "without_lam"):
        assert (data[name] >= 0).all()
        assert (data[name] <= 1 + 1e-6).all()


def test_a_plain_transformer_moves_nothing(plain_trace):
    assert (prepare_span_mass(plain_trace)["difference"] == 0).all()


def test_the_first_two_panels_share_a_scale_and_the_third_is_signed(trace):
    figure = plot_span_mass(trace, query=20)
    assert [item.coloraxis for item in figure.data] == ["coloraxis", "coloraxis", "coloraxis2"]
    assert figure.layout.coloraxis.cmin == 0
    assert figure.layout.coloraxis2.cmin == -figure.layout.coloraxis2.cmax
    assert figure.layout.coloraxis.colorbar.title.text == "attention mass (probability)"
    assert "query 20 on positions 6 to 7" in figure.layout.title.subtitle.text
    assert len(figure.data[0].customdata[0, 0]) == 4


def test_an_unknown_span_is_named(trace):
    with pytest.raises(ValueError, match=r"span is 'hay'; this trace names \['needle'\]"):
        plot_span_mass(trace, span="hay")


def test_a_hostile_span_name_is_escaped(make_trace):
    trace = make_trace(spans={"<b>needle</b>": (2, 4)})
    assert (
        plot_span_mass(trace, span="<b>needle</b>").layout.title.text
        == "Attention mass on the &lt;b&gt;needle&lt;/b&gt;"
    )
