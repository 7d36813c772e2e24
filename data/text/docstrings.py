"""Docstrings of installed Python source, read by `ast`: nothing is imported and nothing runs."""

import ast
import inspect
import os
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

_HOLDERS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SHORTEST_DOCSTRING = 20
NOT_STANDARD = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3"}


def docstrings(source: bytes) -> list[str]:
    """Return the cleaned docstrings of one file, in the order of its lines.

    Docstrings below 20 characters are left out: they say little, and many files share them.

    Args:
        source: the file as bytes; its own coding line is honoured.

    Returns:
        One string for each module, class and function that has one; none if the file is not Python.

    Example:
        >>> docstrings(b'def add(a, b):\\n    \"\"\"Return the sum of two numbers.\"\"\"')
        ['Return the sum of two numbers.']
        >>> docstrings(b'def broken(:')
        []
    """
    # most files without docstrings are known at once, before the slow parse
    if b'"""' not in source and b"'''" not in source:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # doubtful escapes in the code of others
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [inspect.cleandoc(text) for text in _held(tree.body, tree) if len(text) >= SHORTEST_DOCSTRING]


def _held(body: Iterable[ast.stmt], holder: ast.AST) -> Iterator[str]:
    """Yield the docstring of a holder, then those inside it: in classes, functions and if/try blocks only."""
    if isinstance(holder, _HOLDERS):
        text = ast.get_docstring(holder, clean=False)
        if text:
            yield text
    for child in body:
        inner = getattr(child, "body", None)
        if isinstance(inner, list):
            yield from _held(inner, child)
            for name in ("orelse", "finalbody"):
                # `ast.Pass` holds no docstring: an else block is only looked into
                yield from _held(getattr(child, name, []), ast.Pass())


def standard_library() -> list[Path]:
    """Return the Python files of the standard library, sorted.

    Installed packages lie below the same folder on some systems and are left out, as are Python's own
    tests, which are present on some machines only.

    Example:
        >>> "argparse.py" in [path.name for path in standard_library()]
        True
    """
    found = []
    for folder, below, names in os.walk(sysconfig.get_path("stdlib")):
        below[:] = [name for name in below if name not in NOT_STANDARD]  # os.walk goes where this list says
        found += [Path(folder, name) for name in names if name.endswith(".py")]
    return sorted(found)
