"""Formulas of notebooks as MathML, for `jupyter nbconvert`: its pages would ask another server to set them.

notebooks/nbconvert.json names the class. JupyterLab sets the formulas of a notebook itself.
"""

from typing import Any

import nbformat

from data.extras import needs_extra
from sisa_viz.pages.markdown import formula, parser

with needs_extra("notebooks"):
    from nbconvert.preprocessors import Preprocessor


class Formulas(Preprocessor):
    """Put MathML in the place of every formula that stands on lines of its own.

    Example:
        >>> cell = nbformat.v4.new_markdown_cell("Energy is\\n\\n$$E = m c^2$$")
        >>> cell, _ = Formulas().preprocess_cell(cell, {}, 0)
        >>> cell.source.split("\\n")[3][:66]
        '<div><math xmlns="http://www.w3.org/1998/Math/MathML" display="blo'
    """

    def preprocess_cell(
        self, cell: nbformat.NotebookNode, resources: Any, index: int
    ) -> tuple[nbformat.NotebookNode, Any]:
        """Return the cell with its formulas set; nbconvert calls this for each."""
        if cell.cell_type != "markdown":
            return cell, resources
        lines = cell.source.split("\n")
        for token in reversed(parser().parse(cell.source)):  # from the end, so that the places of others stay
            if token.type != "math_block" or token.level or token.map is None:
                continue
            start, stop = token.map
            # blank lines around make it HTML that Markdown leaves as it is
            lines[start:stop] = ["", f"<div>{formula(token.content, {'display_mode': True})}</div>", ""]
        cell.source = "\n".join(lines)
        return cell, resources
