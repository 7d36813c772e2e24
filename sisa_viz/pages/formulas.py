"""Formulas of notebooks as MathML, for `jupyter nbconvert`: its pages would ask another server to set them.

notebooks/nbconvert.json names the class. JupyterLab sets the formulas of a notebook itself.
"""

from collections.abc import Sequence
from typing import Any

import nbformat

from data.extras import needs_extra
from sisa_viz.pages.markdown import formula, parser

with needs_extra("notebooks"):
    from markdown_it.token import Token
    from nbconvert.preprocessors import Preprocessor


class Formulas(Preprocessor):
    """Put MathML in the place of every formula, on lines of its own or within one.

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
            if token.map is None:
                continue
            start, stop = token.map
            if token.type == "math_block" and not token.level:
                # blank lines around make it HTML that Markdown leaves as it is
                lines[start:stop] = ["", f"<div>{formula(token.content, {'display_mode': True})}</div>", ""]
            elif token.children:
                lines[start:stop] = with_formulas("\n".join(lines[start:stop]), token.children).split("\n")
        cell.source = "\n".join(lines)
        return cell, resources


def with_formulas(text: str, tokens: Sequence[Token]) -> str:
    """Return a paragraph, a heading or a row of a table with MathML in the place of its formulas.

    Args:
        text: its Markdown.
        tokens: what the parser found in it, or in one cell of the row.

    Example:
        >>> from sisa_viz.pages.markdown import parser
        >>> inline = parser().parse("Code `$x$`, formula $x$.")[1]
        >>> with_formulas(inline.content, inline.children or [])[:42]
        'Code `$x$`, formula <math xmlns="http://ww'
    """
    done = 0
    for token in tokens:
        if token.type == "code_inline":  # its dollars are no formula's
            found = text.find(token.content, done)
            done = found + len(token.content) if found >= 0 else done
        elif token.type == "math_inline":
            written = f"${token.content}$"
            at = text.find(written, done)
            if at < 0:  # written over two lines of a list, where its indentation stands between
                continue
            set_formula = formula(token.content, {"display_mode": False})
            text = text[:at] + set_formula + text[at + len(written) :]
            done = at + len(set_formula)
    return text
