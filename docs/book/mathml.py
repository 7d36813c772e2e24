"""Formulas of the book as MathML, which browsers set themselves: no script, no font and no other server."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from sisa_viz.pages.markdown import formula

logger = logging.getLogger(__name__)


def _set(node: nodes.Element, *, display: bool) -> str:
    written = formula(node.astext(), {"display_mode": display})
    if not written.startswith("<math"):
        logger.warning("no MathML for this formula: %s", node.astext(), location=node)
    return written


def inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(_set(node, display=False))
    raise nodes.SkipNode


def block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own; a wide one scrolls, so it can have the focus."""
    translator.body.append(f'<div class="math" tabindex="0" role="group">{_set(node, display=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer as "mathml"."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
