"""What an executed notebook shows, as the sections of a report.

nbconvert would make HTML of a whole notebook, but its page runs the notebook's own markup and loads scripts
from other servers, which this page's security policy forbids; so only what can be rebuilt safely is taken.
"""

import base64
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from data.extras import needs_extra
from data.refusal import file_path
from sisa_viz.pages.page import Heading, Section

with needs_extra("notebooks"):
    import nbformat
    from bs4 import BeautifulSoup, Tag

LONGEST_REASON = 200  # characters; plotly lists all of its properties
PLOTLY, HTML = "application/vnd.plotly.v1+json", "text/html"


def notebook_sections(path: str | os.PathLike[str]) -> list[Section]:
    """Return headings, prose, figures and tables of an executed notebook, in its order.

    Code and printed text are left out. Tables are read back from the HTML that pandas made, cell by cell as
    text; nothing in the notebook is run or trusted.

    Args:
        path: An executed .ipynb file.

    Raises:
        ValueError: For a file that is no notebook.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".ipynb") as file:
        ...     cell = nbformat.v4.new_markdown_cell("# Question", id="a")
        ...     nbformat.write(nbformat.v4.new_notebook(cells=[cell]), file)
        ...     file.flush()
        ...     notebook_sections(file.name)
        [Heading(text='Question')]
    """
    path = file_path("path", path)
    try:
        # utf-8-sig drops the mark that some editors put at the beginning of a file
        notebook = nbformat.reads(Path(path).read_text(encoding="utf-8-sig"), as_version=4)
    except Exception as error:  # nbformat's reader fails in many ways
        came = f"{path} is not a notebook ({type(error).__name__})"
        raise ValueError(f"{came}; legal: an executed .ipynb file") from error
    sections: list[Section] = []
    for number, cell in enumerate(notebook.cells, start=1):
        try:
            sections += _sections(cell)
        except Exception as error:  # what a file shows as a figure or a table may be anything
            why = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_REASON]
            raise ValueError(
                f"cell {number} of {path} shows what is no figure of plotly and no table of pandas ({why}); "
                "legal: an executed notebook. Clear that output, or run the notebook again"
            ) from error
    return sections


def _sections(cell: nbformat.NotebookNode) -> Iterator[Section]:
    if cell.cell_type == "markdown":
        yield from _prose(cell.source)
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if PLOTLY in data:
            shown = _plain(data[PLOTLY])
            yield go.Figure(shown["data"], shown.get("layout"))
        elif HTML in data and (table := BeautifulSoup("".join(data[HTML]), "html.parser").find("table")):
            yield _table(table)


def _plain(value: Any) -> Any:
    """Plain dicts and lists, and numpy arrays where plotly packed numbers as base64."""
    if isinstance(value, dict):
        if value.keys() >= {"bdata", "dtype"}:
            flat = np.frombuffer(base64.b64decode(value["bdata"], validate=True), dtype=value["dtype"])
            return flat.reshape([int(size) for size in str(value.get("shape", flat.size)).split(",")])
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _prose(markdown: str) -> Iterator[Section]:
    for block in filter(None, (block.strip() for block in markdown.split("\n\n"))):
        if block.startswith("#"):
            yield Heading(block.lstrip("# "))
        else:
            yield " ".join(block.split()).replace("`", "")


def _table(table: Tag) -> pd.DataFrame:
    """Cells as text, under the column names of the table's head; plain row numbers are left out."""
    lines = table.find_all("tr")
    rows = [[cell.get_text() for cell in line.find_all(["th", "td"])] for line in lines]
    height = len(table.thead.find_all("tr")) if table.thead else 1
    head, body = rows[:height], rows[height:]
    for above, row in pairwise(body):  # pandas writes an outer index once for all its rows
        row[:0] = above[: len(above) - len(row)]
    levels = len(body[0]) - len(lines[height].find_all("td")) if body else 1
    names = head[-1][:levels]  # a named index has its name in a second row of the head
    frame = pd.DataFrame(body, columns=[*names, *head[0][levels:]])
    numbers = [str(number) for number in range(len(body))]
    return frame.iloc[:, 1:] if levels == 1 and frame.iloc[:, 0].tolist() == numbers else frame
