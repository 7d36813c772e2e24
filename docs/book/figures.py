"""plotly.js for the pages that have figures: one local file for all of them."""

from pathlib import Path

from docutils import nodes
from plotly.offline import get_plotlyjs
from sphinx.application import Sphinx

from sisa_viz.pages.page import PAGE_PARTS

MARK = "sisa-figure"  # the class of a figure's place


def add_scripts(
    app: Sphinx, page: str, template: str, context: object, doctree: nodes.document | None
) -> None:
    """Let a page load plotly.js and what draws, if there is a figure on it."""
    if doctree is not None and any(MARK in raw.astext() for raw in doctree.findall(nodes.raw)):
        app.add_js_file("plotly.min.js", loading_method="defer")
        app.add_js_file("draw.js", loading_method="defer")


def write_scripts(app: Sphinx, error: Exception | None) -> None:
    """Write both scripts beside the pages."""
    if error is None:
        folder = Path(app.outdir, "_static")
        (folder / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
        (folder / "draw.js").write_text(
            (PAGE_PARTS / "draw.js").read_text(encoding="utf-8"), encoding="utf-8"
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both steps."""
    app.connect("html-page-context", add_scripts)
    app.connect("build-finished", write_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
