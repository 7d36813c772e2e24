"""What an executed notebook shows, as the sections of a report."""

import json
import os
from collections.abc import Iterator
from typing import Any

import nbformat
import pandas as pd
import plotly.graph_objects as go
from bs4 import BeautifulSoup

from sisa_viz.page import Heading

PLOTLY, HTML = "application/vnd.plotly.v1+json", "text/html"


def notebook_sections(path: str | os.PathLike[str]) -> list[Any]:
    """Headings, prose, figures and tables of a notebook, in its order; code and printed text are left out.

    Tables are read back from the HTML that pandas made, cell by cell as text; nothing in the notebook is run or trusted.
    ValueError for a file that is no notebook.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat's reader fails in many ways
        raise ValueError(f"{path} is not a notebook ({type(error).__name__}); legal: an executed .ipynb file") from error
    return [section for cell in notebook.cells for section in _sections(cell)]


def _sections(cell: Any) -> Iterator[Any]:
    if cell.cell_type == "markdown":
        yield from _prose(cell.source)
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if PLOTLY in data:
            shown = json.loads(json.dumps(data[PLOTLY]))  # plain lists and dicts, as plotly wants them
            yield go.Figure(shown["data"], shown["layout"])
        elif HTML in data and (table := BeautifulSoup("".join(data[HTML]), "html.parser").find("table")):
            yield _table(table)


def _prose(markdown: str) -> Iterator[Any]:
    for block in filter(None, (block.strip() for block in markdown.split("\n\n"))):
        if block.startswith("#"):
            yield Heading(block.lstrip("# "))
        else:
            yield " ".join(block.split()).replace("`", "")


def _table(table: Any) -> pd.DataFrame:
    """Cells as text, under the column names of the table's head; the row numbers are left out."""
    rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")]
    names = rows[0][1:]
    return pd.DataFrame([row[1:] for row in rows if len(row) == len(rows[0]) and row != rows[0]], columns=names)
