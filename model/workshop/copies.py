"""Copies of a workshop's notebook: the one with solutions in it, and the slides."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from copy import deepcopy
from importlib import import_module
from types import ModuleType
from typing import Any

from data.extras import needs_extra
from model.workshop.checking import exercises, solution

with needs_extra("notebooks"):
    from nbformat import NotebookNode

EXERCISE = "exercise"  # tag of a cell that holds one open function
SHOWN = ("display_data", "execute_result")  # outputs that are no printed lines
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"  # the markers of nbgrader and otter


def solved(notebook: NotebookNode, part: str) -> NotebookNode:
    """Return a copy of a part's notebook whose exercises are solved, between the usual markers.

    Signatures and comments of the notebook stay. What a solution imports, or calls of its own file, stands
    above it.

    Args:
        notebook: the student's.
        part: one of `model.workshop.checking.PARTS`.

    Example:
        >>> import nbformat
        >>> open_cell = nbformat.v4.new_code_cell("def content_score(q, k):\\n    raise NotImplementedError")
        >>> open_cell.metadata["tags"] = ["exercise"]
        >>> copy = solved(nbformat.v4.new_notebook(cells=[open_cell]), "score_by_hand")
        >>> copy.cells[0].source.split("\\n")[:2]
        ['import math', '']
    """
    copy = deepcopy(notebook)
    for cell in copy.cells:
        if EXERCISE in cell.metadata.get("tags", []):
            cell.source = solved_cell(cell.source, part)
    return copy


def solved_cell(source: str, part: str) -> str:
    """Return the source of an exercise's cell with the solution in the place of what is open.

    Args:
        source: of a cell that defines one function, by the name of its exercise.
        part: one of `model.workshop.checking.PARTS`.

    Raises:
        ValueError: the cell does not define exactly one function.

    Example:
        >>> print(solved_cell("def content_score(q, k):\\n    raise NotImplementedError", "score_by_hand"))
        import math
        <BLANKLINE>
        <BLANKLINE>
        def content_score(q, k):
            ### BEGIN SOLUTION
            product = q @ k
            return product / math.sqrt(len(q))
            ### END SOLUTION
    """
    (written,) = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    lines = source.split("\n")
    first = written.body[0]
    documented = ast.get_docstring(written) is not None
    start = (first.end_lineno or first.lineno) if documented else first.lineno - 1
    answer = [BEGIN, *_body(part, written.name), END]
    lines[start : written.end_lineno] = [f"    {line}" if line else "" for line in answer]
    above = list(_above(part, written.name))
    return "\n".join([*above, *(["", ""] if above else []), *lines])


def _body(part: str, name: str) -> list[str]:
    """Return the lines of a solution below its docstring, without their indentation."""
    text = inspect.getsource(solution(part, name))
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef)
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    after = node.body[0].end_lineno if len(body) < len(node.body) else body[0].lineno - 1
    return [line.removeprefix("    ") for line in text.rstrip().split("\n")[after:]]


def _above(part: str, name: str) -> Iterator[str]:
    """Yield the imports, constants and functions of its own file that a solution needs, in their order."""
    module = import_module(f"model.workshop.solutions.{part}")
    tree = ast.parse(inspect.getsource(module))
    needed = _names(module, name) - set(exercises(part))  # those stand in the notebook already
    for node in tree.body:
        if _bound(node) & needed:
            yield ast.unparse(_plain(node, needed))


def _names(module: ModuleType, name: str) -> set[str]:
    """Return the names that a function of a file uses in its body, and those that its own helpers use."""
    tree = ast.parse(inspect.getsource(module))
    bodies = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found, left = set(), [name]
    while left:
        for statement in bodies[left.pop()].body:
            used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            left += [helper for helper in used - found if helper in bodies and helper != name]
            found |= used
    return found


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement of a file binds."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets: list[Any] = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _plain(node: ast.stmt, needed: set[str]) -> ast.stmt:
    """Return an import of the needed names alone, a function without the types of its arguments."""
    if isinstance(node, ast.ImportFrom):
        names = [alias for alias in node.names if (alias.asname or alias.name) in needed]
        return ast.ImportFrom(node.module, names, node.level)
    for inner in ast.walk(node):
        if isinstance(inner, ast.arg):
            inner.annotation = None
        if isinstance(inner, ast.FunctionDef):
            inner.returns = None
    return node


def as_slides(notebook: NotebookNode) -> NotebookNode:
    """Return an executed copy whose cells say where they stand on slides, as `nbconvert --to slides` reads.

    A heading of the first two ranks begins a slide, every other text a slide below it. Of code only pictures
    and tables are left. Hints and exercises' cells are left out as well.

    Args:
        notebook: with outputs.

    Example:
        >>> import nbformat
        >>> cells = [nbformat.v4.new_markdown_cell("## A part"), nbformat.v4.new_code_cell("x = 1")]
        >>> shown = as_slides(nbformat.v4.new_notebook(cells=cells))
        >>> [cell.metadata.slideshow.slide_type for cell in shown.cells]
        ['slide', 'skip']
    """
    copy = deepcopy(notebook)
    for cell in copy.cells:
        cell.metadata["slideshow"] = {"slide_type": _slide_type(cell)}
    return copy


def _slide_type(cell: NotebookNode) -> str:
    if cell.cell_type == "markdown":
        if "<details>" in cell.source:
            return "skip"
        return "slide" if re.match("##? ", cell.source) else "subslide"
    shown = any(output.output_type in SHOWN for output in cell.get("outputs", []))
    return "-" if shown and EXERCISE not in cell.metadata.get("tags", []) else "skip"
