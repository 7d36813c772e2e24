"""Docstrings of installed Python source, read by ``ast``: nothing is imported and nothing runs."""

import ast
import inspect
import os
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.utils import canonicalize_name

_HOLDERS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SHORTEST = 20
NOT_STANDARD = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3"}


def docstrings(source: bytes) -> list[str]:
    """Cleaned docstrings of one file in the order of its lines; none if it is not Python."""
    if b'"""' not in source and b"'''" not in source:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [inspect.cleandoc(text) for text in _held(tree.body, tree) if len(text) >= SHORTEST]


def _held(body: Iterable[ast.stmt], holder: ast.AST) -> Iterator[str]:
    """Docstring of ``holder``, then those inside it; looks into classes, functions and if/try blocks only."""
    if isinstance(holder, _HOLDERS):
        text = ast.get_docstring(holder, clean=False)
        if text:
            yield text
    for child in body:
        inner = getattr(child, "body", None)
        if isinstance(inner, list):
            yield from _held(inner, child)
            for name in ("orelse", "finalbody"):
                yield from _held(getattr(child, name, []), ast.Pass())


def standard_library() -> list[Path]:
    """Python files of the standard library, without installed packages and its own tests, sorted."""
    found = []
    for folder, below, names in os.walk(sysconfig.get_path("stdlib")):
        below[:] = [name for name in below if name not in NOT_STANDARD]
        found += [Path(folder, name) for name in names if name.endswith(".py")]
    return sorted(found)


def package_files(distribution: Distribution) -> list[Path]:
    """Python files that a distribution installed, sorted by their path inside it."""
    files = [path for path in distribution.files or [] if path.suffix == ".py" and ".." not in path.parts]
    return [Path(str(distribution.locate_file(path))) for path in sorted(files, key=str)]


def installed() -> dict[str, Distribution]:
    """Installed distributions by canonical name, sorted."""
    named = [(item.metadata["Name"], item) for item in distributions()]
    found = {canonicalize_name(name): item for name, item in named if name}
    return dict(sorted(found.items()))
