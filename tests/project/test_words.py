"""How the code reads: docstrings, examples, sizes and habits, counted over the three rooms."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOMS = ("data", "model", "sisa_viz")
FEWEST_WORDS = 25  # median of public functions' docstrings
LEAST_DOCSTRINGS = 0.18  # share of a room's lines
MOST_ANY = 8  # a thousand lines
LONGEST_FILE = 300
LONGEST_FUNCTION = 60


class Source(NamedTuple):
    """A file of a room, read and parsed."""

    path: Path
    text: str
    tree: ast.Module


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Every function and method below `tree`."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions of a file itself whose names have no underscore."""
    return (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_")


def docstrings(tree: ast.AST) -> Iterator[str]:
    """The docstrings of a file, its classes and its functions, as they are indented."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = (node for node in ast.walk(tree) if isinstance(node, documented))
    return filter(None, (ast.get_docstring(node, clean=False) for node in nodes))


def unpacked_generators(tree: ast.AST) -> Iterator[int]:
    """Lines such as `a, b = (f(x) for x in pair)`: names for what a reader has to run in his head."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.GeneratorExp):
            continue
        if any(isinstance(target, ast.Tuple | ast.List) for target in node.targets):
            yield node.lineno


def nested_conditions(tree: ast.AST) -> Iterator[int]:
    """Lines with a conditional expression inside another one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.IfExp):
            parts = (node.test, node.body, node.orelse)
            if any(isinstance(inner, ast.IfExp) for part in parts for inner in ast.walk(part)):
                yield node.lineno


def length(function: ast.FunctionDef) -> int:
    """Lines of a function from its name to its end, its docstring left out."""
    first = function.body[0]
    explained = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if explained else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


@pytest.fixture(scope="module", params=ROOMS)
def sources(request, project) -> list[Source]:
    """All Python files of one room."""
    paths = sorted((project / request.param).rglob("*.py"))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return [
        Source(path.relative_to(project), text, ast.parse(text))
        for path, text in zip(paths, texts, strict=True)
    ]


def named(source: Source, node: ast.FunctionDef) -> str:
    """Where a function stands: model/loop.py:12 train."""
    return f"{source.path}:{node.lineno} {node.name}"


def test_public_functions_are_explained(sources):
    words = [
        len((ast.get_docstring(node) or "").split())
        for source in sources
        for node in public_functions(source.tree)
    ]
    assert statistics.median(words) >= FEWEST_WORDS


def is_kernel(node) -> bool:
    """Whether a function runs on a GPU alone, launched and never called."""
    return any(ast.unparse(decorator) == "triton.jit" for decorator in node.decorator_list)


def test_every_public_function_has_an_example(sources):
    bare = [
        named(source, node)
        for source in sources
        for node in public_functions(source.tree)
        if ">>> " not in (ast.get_docstring(node) or "") and not is_kernel(node)
    ]
    assert bare == []


def test_docstrings_are_a_good_share_of_the_lines(sources):
    lines = sum(len(source.text.splitlines()) for source in sources)
    explained = sum(len(text.splitlines()) for source in sources for text in docstrings(source.tree))
    assert explained / lines >= LEAST_DOCSTRINGS


def test_types_say_more_than_any(sources):
    lines = sum(len(source.text.splitlines()) for source in sources)
    anything = sum(len(re.findall(r"\bAny\b", source.text)) for source in sources)
    assert 1000 * anything / lines <= MOST_ANY


def test_files_and_functions_are_short(sources):
    long = [str(source.path) for source in sources if len(source.text.splitlines()) > LONGEST_FILE]
    long += [
        named(source, node)
        for source in sources
        for node in functions(source.tree)
        if length(node) > LONGEST_FUNCTION
    ]
    assert long == []


def test_no_generator_is_unpacked_and_no_condition_nested(sources):
    found = [
        f"{source.path}:{line}"
        for source in sources
        for habit in (unpacked_generators, nested_conditions)
        for line in habit(source.tree)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("habit", "code"),
    [
        (unpacked_generators, "a, b = (f(x) for x in pair)"),
        (nested_conditions, "a = b if c else d if e else f"),
    ],
)
def test_habits_are_seen(habit, code):
    assert list(habit(ast.parse(code))) == [1]
    assert list(habit(ast.parse("a = b if c else d"))) == []
