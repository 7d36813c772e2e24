"""Figures with a picture beside them, for readers of notebooks that do not run plotly, such as nbconvert."""

import base64
import os
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio
from plotly.io.base_renderers import MimetypeRenderer, PlotlyRenderer

from sisa_viz.pages.unpacked import unpacked

NAME = "plotly_and_picture"
LIVE = "plotly_mimetype"  # what plotly chooses in a notebook, which this one includes
CHOSEN_BY_A_PERSON = "PLOTLY_RENDERER"  # a variable of the environment


class PictureRenderer(MimetypeRenderer):
    """Hand a figure on as plotly does, with a picture of it where one can be drawn.

    Example:
        >>> from sisa_viz import plot_lambda
        >>> from sisa_viz.examples import example_trace
        >>> sorted(PictureRenderer().to_mimebundle(plot_lambda(example_trace()).to_dict()))
        ['application/vnd.plotly.v1+json', 'image/png']
    """

    def to_mimebundle(self, fig_dict: dict[str, Any]) -> dict[str, Any]:
        """Return what a notebook stores of a figure, by its MIME type."""
        from sisa_viz.pages.picture import picture  # matplotlib, only where a figure is shown

        bundle = PlotlyRenderer().to_mimebundle(fig_dict)
        try:
            drawn = picture(go.Figure(unpacked(fig_dict)))
        except Exception:  # any figure of plotly may be shown, and matplotlib draws our kinds of them
            return bundle
        return bundle | {"image/png": base64.b64encode(drawn).decode("ascii")}


def show_with_pictures() -> None:
    """Let figures of this notebook come with a picture each; a renderer that a person has chosen stays.

    Example:
        >>> before = pio.renderers.default
        >>> pio.renderers.default = "plotly_mimetype"
        >>> show_with_pictures()
        >>> pio.renderers.default
        'plotly_and_picture'
        >>> pio.renderers.default = before
    """
    parts = str(pio.renderers.default).split("+")
    if os.environ.get(CHOSEN_BY_A_PERSON) or LIVE not in parts:
        return
    pio.renderers[NAME] = PictureRenderer()
    pio.renderers.default = "+".join(NAME if part == LIVE else part for part in parts)
