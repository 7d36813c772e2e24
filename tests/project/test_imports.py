"""Who imports whom: the rooms stay apart, and no two files import each other."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOMS = ("model", "data", "sisa_viz")
PROBE = """
import importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded_by_every_file(project: Path, room: str) -> set[str]:
    """Top-level names in sys.modules after importing every file of `room` in a new process."""
    command = [sys.executable, "-c", PROBE, room]
    return set(json.loads(subprocess.run(command, cwd=project, check=True, capture_output=True).stdout))


@pytest.mark.parametrize("room", ["sisa_viz", "data"])
def test_no_file_of_a_light_room_loads_torch_or_the_model(project, room):
    assert loaded_by_every_file(project, room) & {"torch", "model", "lightning", "transformer_lens"} == set()


def module_name(path: Path) -> str:
    """`model/trace.py` -> model.trace; `data/__init__.py` -> data."""
    return ".".join(part for part in path.with_suffix("").parts if part != "__init__")


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node below `tree` that can run, so all but the bodies of `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from run_time_nodes(node)


def imported(tree: ast.AST, modules: set[str]) -> set[str]:
    """Those of `modules` that `tree` imports, inside functions too; relative imports are not used here."""
    names = set()
    for node in run_time_nodes(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (full & modules) or {node.module}
    return names & modules


def import_graph(root: Path) -> dict[str, set[str]]:
    """Module -> modules of the three rooms that it imports."""
    files = {
        module_name(path.relative_to(root)): path for room in ROOMS for path in root.glob(f"{room}/**/*.py")
    }
    return {name: imported(ast.parse(path.read_text()), set(files)) for name, path in files.items()}


def test_no_two_files_import_each_other(project):
    TopologicalSorter(import_graph(project)).prepare()


def test_rooms_import_only_what_they_may(project):
    allowed = {
        "model": {"model", "data", "sisa_viz"},
        "data": {"data"},
        "sisa_viz": {"sisa_viz", "data", "model"},
    }
    for name, targets in import_graph(project).items():
        rooms = {target.partition(".")[0] for target in targets}
        assert rooms <= allowed[name.partition(".")[0]], f"{name} imports {sorted(targets)}"


def test_the_graph_sees_a_cycle_through_a_function(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "first.py").write_text("from data import second\n")
    (tmp_path / "data" / "second.py").write_text("def late():\n    import data.first\n")
    with pytest.raises(CycleError, match=r"data\.first"):
        TopologicalSorter(import_graph(tmp_path)).prepare()
