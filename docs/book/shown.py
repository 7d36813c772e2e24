"""Outputs of an executed notebook as a page without a kernel shows them: figures live, explorers live."""

import base64
import html
from collections.abc import Mapping
from pathlib import Path

import nbformat
import plotly.graph_objects as go

from sisa_viz.explorer.saved import saved_page
from sisa_viz.pages.page import figure_markup
from sisa_viz.pages.unpacked import PLOTLY, unpacked
from sisa_viz.pages.widgets import VIEW

STATES = "application/vnd.jupyter.widget-state+json"
HTML = "text/html"


def show_outputs(notebook: nbformat.NotebookNode, *, name: str, explorers: Path, address: str) -> None:
    """Put markup in the place of what only a kernel's front end could show.

    Args:
        notebook: an executed notebook, which is changed.
        name: tells its explorers from those of other notebooks.
        explorers: the folder that the explorers' pages are written into.
        address: of that folder, as seen from the notebook's page.
    """
    widgets = notebook.metadata.pop("widgets", {}).get(STATES, {}).get("state", {})
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    for number, output in enumerate(outputs, start=1):
        data = output.get("data", {})
        if PLOTLY in data:
            shown = unpacked(data[PLOTLY])
            figure = go.Figure(shown["data"], shown.get("layout"))
            output.data = {HTML: figure_markup(figure, number)}
        elif VIEW in data:
            widget = widgets.get(data[VIEW]["model_id"])
            page = None if widget is None else _page(widget)
            output.data = {"text/plain": data["text/plain"]}
            if page is not None:
                file = explorers / f"{name}-{number}.html"
                file.write_text(page, encoding="utf-8")
                output.data = {HTML: _frame(f"{address}/{file.name}")}


def _page(widget: Mapping[str, dict]) -> str | None:
    """Write the explorer that a notebook has saved, or nothing for a widget of another kind."""
    buffers = {tuple(each["path"]): each["data"] for each in widget.get("buffers", [])}
    if ("data",) not in buffers or not widget["state"].get("meta"):
        return None
    return saved_page(widget["state"], base64.b64decode(buffers["data",]))


def _frame(address: str) -> str:
    place = html.escape(address)
    return (
        f'<iframe class="sisa-explorer" src="{place}" title="score explorer" loading="lazy"></iframe>'
        f'<p class="sisa-alone"><a href="{place}">The explorer on a page of its own</a></p>'
    )
