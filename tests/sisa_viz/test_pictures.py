"""Pictures for nbconvert: beside our figures, not beside those that cannot be drawn or have one already."""

import base64

import nbformat
import plotly.graph_objects as go
import pytest

from sisa_viz import plot_lambda
from sisa_viz.pages.pictures import PLOTLY, PNG, FigurePictures
from sisa_viz.pages.widgets import VIEW, WithoutWidgets


@pytest.fixture
def prepared():
    """The data of one output as nbconvert gets it."""

    def prepare(data):
        cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", data)])
        return FigurePictures().preprocess_cell(cell, {}, 0)[0].outputs[0].data

    return prepare


def test_a_figure_of_ours_gets_a_picture(prepared, trace):
    data = prepared({PLOTLY: plot_lambda(trace).to_plotly_json()})
    assert base64.b64decode(data[PNG]).startswith(b"\x89PNG")
    assert set(data) == {PLOTLY, PNG}


@pytest.mark.parametrize("figure", [{"data": [{"type": "pie", "values": [1]}]}, {"data": "none"}, {}, 3])
def test_what_cannot_be_drawn_stays_as_it_is(prepared, figure):
    assert prepared({PLOTLY: figure}) == {PLOTLY: figure}


def test_a_picture_that_is_there_and_other_outputs_stay(prepared):
    assert prepared({PLOTLY: go.Figure().to_plotly_json(), PNG: "mine"})[PNG] == "mine"
    assert prepared({"text/plain": "1"}) == {"text/plain": "1"}


def test_widgets_are_left_out_and_their_words_stay():
    data = {VIEW: {"model_id": "a"}, "text/plain": "ScoreExplorer()"}
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", data)])
    notebook = nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_markdown_cell("x")])
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    left, _ = WithoutWidgets().preprocess(notebook, {})
    assert "widgets" not in left.metadata
    assert left.cells[0].outputs[0].data == {"text/plain": "ScoreExplorer()"}
