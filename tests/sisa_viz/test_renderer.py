"""Figures with a picture beside them: ours have one, others stay, and a person's choice counts."""

import base64

import plotly.graph_objects as go
import plotly.io as pio
import pytest

from sisa_viz import plot_lambda
from sisa_viz.pages.renderer import NAME, show_with_pictures

PLOTLY = "application/vnd.plotly.v1+json"


@pytest.fixture
def chosen(monkeypatch):
    """Set plotly's renderer; the one from before comes back."""
    before = pio.renderers.default
    monkeypatch.delenv("PLOTLY_RENDERER", raising=False)

    def choose(name):
        pio.renderers.default = name
        show_with_pictures()
        return str(pio.renderers.default)

    yield choose
    pio.renderers.default = before


def test_our_figures_come_with_a_picture_and_others_alone(chosen, trace):
    assert chosen("plotly_mimetype") == NAME
    bundle = plot_lambda(trace)._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert set(bundle) == {PLOTLY, "image/png"}
    assert set(go.Figure(go.Pie(values=[1, 2]))._repr_mimebundle_()) == {PLOTLY}


def test_other_renderers_stay(chosen, monkeypatch):
    assert chosen("plotly_mimetype+notebook_connected") == f"{NAME}+notebook_connected"
    assert chosen("browser") == "browser"
    monkeypatch.setenv("PLOTLY_RENDERER", "plotly_mimetype")
    assert chosen("plotly_mimetype") == "plotly_mimetype"
