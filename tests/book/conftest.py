"""A small book: one notebook with a figure and an explorer, the glossary, one page of the reference."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from book.api import write_api
from book.assemble import copy
from book.shown import show_outputs
from build_book import OPTIONS

from sisa_viz import ScoreExplorer, plot_lambda
from sisa_viz.examples import example_trace
from sisa_viz.pages.unpacked import PLOTLY
from sisa_viz.pages.widgets import VIEW

INDEX = """# A small book

A formula, $e = m c^2$, and one on a line of its own:

$$\\underbrace{\\lambda \\, \\bar{C}_i \\cdot \\bar{B}_j}_{\\text{importance}}$$

The [half-life](docs/glossary.md) is a word. [A file](data/refusal.py), and [a folder](data/niah/).

```{toctree}
notebooks/shown
docs/glossary
api/index
```
"""


def executed_notebook() -> nbformat.NotebookNode:
    """A notebook as papermill leaves one: a figure of plotly, a widget, and the widget's state."""
    from ipywidgets import Widget

    figure = {PLOTLY: plot_lambda(example_trace()).to_plotly_json()}
    widget = ScoreExplorer(example_trace()).figure
    view = {VIEW: {"model_id": widget.model_id}, "text/plain": "ExplorerWidget()"}
    cells = [
        nbformat.v4.new_markdown_cell("# What is shown?\n\nSee the [glossary](../docs/glossary.md).", id="a"),
        nbformat.v4.new_code_cell(
            "plot_lambda(trace)", outputs=[nbformat.v4.new_output("display_data", figure)], id="b"
        ),
        nbformat.v4.new_code_cell("explorer", outputs=[nbformat.v4.new_output("display_data", view)], id="c"),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    states = Widget.get_manager_state(widgets=[widget])
    shown = {"application/vnd.jupyter.widget-state+json": states}
    widget.close()
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "widgets": shown})


@pytest.fixture(scope="session")
def run_sphinx(project) -> Callable[[Path, Path], subprocess.CompletedProcess[str]]:
    """A function of two folders, chapters and pages: runs Sphinx as `make book` does."""

    def run(source: Path, html: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sphinx", *OPTIONS, str(source), str(html)]
        environment = os.environ | {"PYTHONPATH": str(project)}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.fixture(scope="session")
def book_source(project, tmp_path_factory) -> Path:
    """The gathered chapters; the explorer's page lies where Sphinx writes, in html/explorers."""
    folder = tmp_path_factory.mktemp("book")
    source, explorers = folder / "source", folder / "html" / "explorers"
    explorers.mkdir(parents=True)
    copy(project / "docs" / "glossary.md", source / "docs" / "glossary.md")
    write_api(source / "api", {"data": "Episodes, corpora and figures."})
    (source / "index.md").write_text(INDEX, encoding="utf-8")
    notebook = executed_notebook()
    show_outputs(notebook, name="shown", explorers=explorers, address="../explorers")
    (source / "notebooks").mkdir()
    nbformat.write(notebook, source / "notebooks" / "shown.ipynb")
    return source


@pytest.fixture(scope="session")
def book(book_source, run_sphinx) -> Path:
    """The folder of the built pages."""
    html = book_source.parent / "html"
    done = run_sphinx(book_source, html)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return html
