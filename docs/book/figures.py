"""plotly.js for the pages that have figures, one local file for all of them, and a font for formulas."""

import shutil
from pathlib import Path

import matplotlib
from docutils import nodes
from plotly.offline import get_plotlyjs
from sphinx.application import Sphinx

from sisa_viz.pages.page import PAGE_PARTS

MARK = "sisa-figure"  # the class of a figure's place
FONT = "DejaVuSerif.ttf"  # knows how signs of formulas grow


def add_scripts(
    app: Sphinx, page: str, template: str, context: object, doctree: nodes.document | None
) -> None:
    """Let a page load plotly.js and what draws, if there is a figure on it."""
    if doctree is not None and any(MARK in raw.astext() for raw in doctree.findall(nodes.raw)):
        app.add_js_file("plotly.min.js", loading_method="defer")
        app.add_js_file("draw.js", loading_method="defer")


def write_files(app: Sphinx, error: Exception | None) -> None:
    """Write both scripts and the font beside the pages."""
    if error is None:
        folder = Path(app.outdir, "_static")
        (folder / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
        shutil.copy(PAGE_PARTS / "draw.js", folder)
        shutil.copy(Path(matplotlib.get_data_path(), "fonts", "ttf", FONT), folder)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both steps."""
    app.connect("html-page-context", add_scripts)
    app.connect("build-finished", write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
