"""Widgets of notebooks left out, for `jupyter nbconvert`: its pages would fetch what draws them.

notebooks/nbconvert.json names the class. The explorer has a page of its own, `explorer.to_html`.
"""

from typing import Any

import nbformat

from data.extras import needs_extra

with needs_extra("notebooks"):
    from nbconvert.preprocessors import Preprocessor

VIEW = "application/vnd.jupyter.widget-view+json"


class WithoutWidgets(Preprocessor):
    """Take the state of all widgets out of a notebook, so that their plain text is shown.

    Example:
        >>> notebook = nbformat.v4.new_notebook(metadata={"widgets": {"state": {}}})
        >>> WithoutWidgets().preprocess(notebook, {})[0].metadata
        {}
    """

    def preprocess(self, nb: nbformat.NotebookNode, resources: Any) -> tuple[nbformat.NotebookNode, Any]:
        """Return the notebook without widgets; nbconvert calls this once."""
        nb.metadata.pop("widgets", None)
        for cell in nb.cells:
            for output in cell.get("outputs", []):
                output.get("data", {}).pop(VIEW, None)
        return nb, resources
