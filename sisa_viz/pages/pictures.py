"""Pictures beside plotly's figures, for `jupyter nbconvert`: its pages would leave figures out.

notebooks/nbconvert.json names the class. Notebooks themselves hold no pictures: JupyterLab would show them in
place of the live figures.
"""

import base64
from typing import Any

import nbformat
import plotly.graph_objects as go

from data.extras import needs_extra
from sisa_viz.pages.picture import picture
from sisa_viz.pages.unpacked import PLOTLY, unpacked

with needs_extra("notebooks"):
    from nbconvert.preprocessors import Preprocessor

PNG = "image/png"


class FigurePictures(Preprocessor):
    """Put a picture beside every figure that has none and that matplotlib can draw.

    Example:
        >>> from sisa_viz import plot_lambda
        >>> from sisa_viz.examples import example_trace
        >>> data = {PLOTLY: plot_lambda(example_trace()).to_plotly_json()}
        >>> cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", data)])
        >>> cell, _ = FigurePictures().preprocess_cell(cell, {}, 0)
        >>> sorted(cell.outputs[0].data)
        ['application/vnd.plotly.v1+json', 'image/png']
    """

    def preprocess_cell(
        self, cell: nbformat.NotebookNode, resources: Any, index: int
    ) -> tuple[nbformat.NotebookNode, Any]:
        """Return the cell with its pictures; nbconvert calls this for each."""
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if PLOTLY not in data or PNG in data:
                continue
            try:
                shown = unpacked(data[PLOTLY])
                drawn = picture(go.Figure(shown["data"], shown.get("layout")))
            except Exception:  # any figure of plotly may be shown, and matplotlib draws our kinds of them
                continue
            data[PNG] = base64.b64encode(drawn).decode("ascii")
        return cell, resources
