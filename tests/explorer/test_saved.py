"""A widget that a notebook has saved becomes the page that its explorer would have written."""

import re

import pytest

from sisa_viz import ScoreExplorer, compare
from sisa_viz.explorer.saved import saved_page

NOSCRIPT = re.compile(r"<noscript>.*?</noscript>", re.DOTALL)


def page_of(shown, tmp_path):
    """The page that the object itself writes, without what stands in where scripts are off."""
    return NOSCRIPT.sub("", shown.to_html(tmp_path / "own.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize("precision", ["float32", "fixed16"])
@pytest.mark.parametrize("d_state", [4, 0])
def test_an_explorer_comes_back_as_it_was_shown(make_trace, tmp_path, precision, d_state):
    trace = make_trace(d_state=d_state)
    explorer = ScoreExplorer(
        trace, precision=precision, state={"layer": 1, "query": 3, "window": (0, 9, 0, 9)}
    )
    widget = explorer.figure
    saved = saved_page(widget.get_state(), widget.data)
    assert NOSCRIPT.sub("", saved) == page_of(explorer, tmp_path)
    assert "Scripts are off, and this explorer has no still picture." in saved


def test_a_comparison_comes_back_too(make_trace, tmp_path):
    comparison = compare({"first": make_trace(), "plain": make_trace(d_state=0)})
    widget = comparison.figure
    assert NOSCRIPT.sub("", saved_page(widget.get_state(), widget.data)) == page_of(comparison, tmp_path)


@pytest.mark.parametrize("change", [b"\0", -1])
def test_data_of_another_size_is_refused(trace, change):
    widget = ScoreExplorer(trace).figure
    size = len(widget.data)
    damaged = widget.data + change if isinstance(change, bytes) else widget.data[:change]
    said = f"data is '{len(damaged)} bytes'; legal: {size} bytes. Run the notebook again."
    with pytest.raises(ValueError, match=said):
        saved_page(widget.get_state(), damaged)


def test_a_state_without_what_it_began_with_is_refused(trace):
    """Some front ends save only what has changed."""
    widget = ScoreExplorer(trace).figure
    values = {name: value for name, value in widget.get_state().items() if name not in ("lam_scale", "query")}
    with pytest.raises(ValueError, match=r"legal: with lam_scale, query\. Run the notebook again\."):
        saved_page(values, widget.data)
