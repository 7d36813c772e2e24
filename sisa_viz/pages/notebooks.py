"""What an executed notebook shows, as the sections of a report.

nbconvert would make HTML of a whole notebook, but its page runs the notebook's own markup and loads scripts
from other servers, which this page's security policy forbids; so only what can be rebuilt safely is taken.
"""

import os
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from data.extras import needs_extra
from data.refusal import file_path
from sisa_viz.pages.page import Heading, Printed, Section
from sisa_viz.pages.unpacked import PLOTLY, unpacked

with needs_extra("notebooks"):
    import nbformat
    from bs4 import BeautifulSoup, Tag

    from sisa_viz.pages.markdown import Markdown, parser

HEADINGS = ("h1", "h2")  # deeper ones stay in the text
MOST_LINES = 60  # of one printed output
LONGEST_LINE = 2000  # characters of what was printed
MOST_SPANNED = 1000  # columns or rows of one cell
TERMINAL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours and movements
LONGEST_REASON = 200  # characters; plotly lists all of its properties
HTML, MARKDOWN = "text/html", "text/markdown"


def notebook_sections(path: str | os.PathLike[str]) -> list[Section]:
    """Return headings, Markdown, figures, tables and printed text of an executed notebook, in its order.

    Code is left out, and what was printed as a warning. Tables are read back from the HTML that pandas made,
    cell by cell as text; nothing in the notebook is run or trusted.

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
        yield from markdown_sections(cell.source)
    for output in _streams_joined(cell.get("outputs", [])):
        data = output.get("data", {})
        if PLOTLY in data:
            shown = unpacked(data[PLOTLY])
            yield go.Figure(shown["data"], shown.get("layout"))
        elif HTML in data and (table := BeautifulSoup("".join(data[HTML]), "html.parser").find("table")):
            yield _table(table)
        elif MARKDOWN in data:
            yield from markdown_sections("".join(data[MARKDOWN]))
        elif output.output_type == "stream" and output.name == "stdout":
            yield from _printed("".join(output.text))
        elif output.output_type == "error":
            yield from _printed(f"{output.ename}: {output.evalue}")
        elif set(data) == {"text/plain"}:  # beside a widget it is the widget's name alone
            yield from _printed("".join(data["text/plain"]))


def _streams_joined(outputs: Sequence[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return outputs where what was printed in pieces, one right after the other, is one."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            joined[-1] = nbformat.v4.new_output("stream", name=last.name, text=last.text + output.text)
        else:
            joined.append(output)
    return joined


def _overwritten(line: str) -> str:
    """Return what a terminal shows of a line in the end, cut where it is long."""
    last = line.rstrip("\r").rpartition("\r")[2]
    return last if len(last) <= LONGEST_LINE else f"{last[:LONGEST_LINE]} … ({len(last):,} characters)"


def _printed(text: str) -> Iterator[Printed]:
    lines = [_overwritten(line) for line in TERMINAL.sub("", text).rstrip().split("\n")]
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        left_out = f"… {len(lines) - 2 * half} lines are left out …"
        lines = [*lines[:half], left_out, *lines[-half:]]
    if any(lines):
        yield Printed("\n".join(lines))


def markdown_sections(text: str) -> Iterator[Section]:
    """Yield Markdown as headings, of the first two levels, and what stands between them.

    Args:
        text: Of a cell, or of what a cell displays.

    Example:
        >>> list(markdown_sections("# Why `λ`?\\n\\n- a\\n- b"))
        [Heading(text='Why λ?'), Markdown(text='- a\\n- b')]
    """
    lines, start = text.split("\n"), 0
    tokens = parser().parse(text)
    for token, inline in pairwise(tokens):
        if token.type != "heading_open" or token.tag not in HEADINGS or token.level or not token.map:
            continue
        yield from _between(lines[start : token.map[0]])
        yield Heading("".join(part.content for part in inline.children or []))
        start = token.map[1]
    yield from _between(lines[start:])


def _between(lines: list[str]) -> Iterator[Markdown]:
    text = "\n".join(lines).strip("\n")
    if text.strip():
        yield Markdown(text)


def _table(table: Tag) -> pd.DataFrame:
    """Cells as text, under the column names of the table's head; plain row numbers are left out.

    Names of several levels are joined, and the index has its names from the last row of the head.
    """
    lines = table.find_all("tr")
    height = len(table.thead.find_all("tr")) if table.thead else 1
    head, body = _grid(lines[:height]), _grid(lines[height:])
    if not head:
        raise ValueError("a table without a head")
    # the first row has all of its index; below it pandas writes an outer one once for all its rows
    levels = len(lines[height].find_all("th")) if body else 0
    index_is_named = len(head) > 1 and levels > 0 and not any(head[-1][levels:])
    above = head[:-1] if index_is_named else head
    names = [" · ".join(dict.fromkeys(filter(None, level))) for level in zip(*above, strict=True)]
    index = head[-1][:levels] if index_is_named else names[:levels]
    frame = pd.DataFrame(body, columns=[*index, *names[levels:]])
    numbers = [str(number) for number in range(len(body))]
    return frame.iloc[:, 1:] if levels == 1 and frame.iloc[:, 0].tolist() == numbers else frame


def _grid(lines: Sequence[Tag]) -> list[list[str]]:
    """Return the text of every cell of a table, where one that spans several stands in each of them."""
    grid: list[dict[int, str]] = [{} for _ in lines]
    for at, line in enumerate(lines):
        column = 0
        for cell in line.find_all(["th", "td"]):
            while column in grid[at]:
                column += 1
            height, width = _span(cell, "rowspan"), _span(cell, "colspan")
            for row in grid[at : at + height]:
                row |= dict.fromkeys(range(column, column + width), cell.get_text())
            column += width
    width = max((max(row, default=-1) + 1 for row in grid), default=0)
    return [[row.get(column, "") for column in range(width)] for row in grid]


def _span(cell: Tag, name: str) -> int:
    """Return how many rows or columns a cell spans; a file may say anything."""
    said = str(cell.get(name, "1"))
    return min(max(int(said), 1), MOST_SPANNED) if said.isdecimal() else 1
