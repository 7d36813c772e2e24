"""Who imports whom: the rooms stay apart and in order, and no two files import each other.

The rules between rooms are the contracts of pyproject.toml, checked by `make lint`; here the contracts are
run, and what they cannot say is counted on the graph of all imports, those inside functions and for type
checkers included.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Mapping, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOMS = ("data", "model", "sisa_viz")
MOST_FLOORS = 8
PROBE = """
import importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if "attention.tiles." not in module.name:  # kernels import Triton, which comes with PyTorch for GPUs
        importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

Graph = Mapping[str, Set[str]]


@pytest.fixture(scope="module")
def imports(project) -> Graph:
    """Module -> modules of the three rooms that it imports.

    What a package takes from its own files is left out: it names where its public names live.
    """
    graph = grimp.build_graph(*ROOMS, cache_dir=None)
    return {
        name: {
            other
            for other in graph.find_modules_directly_imported_by(name)
            if not other.startswith(f"{name}.")
        }
        for name in graph.modules
    }


def floors(graph: Graph) -> dict[str, int]:
    """How many storeys lie below each node: 0 where nothing is imported; CycleError if there is a circle."""
    height: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        height[name] = max((height[other] + 1 for other in graph.get(name, ())), default=0)
    return height


def between_children(graph: Graph, room: str) -> dict[str, set[str]]:
    """The graph seen from `room`: its files and folders, each with those of its siblings that it imports."""

    def child(name: str) -> str:
        return name.removeprefix(f"{room}.").partition(".")[0]

    inside = {name: others for name, others in graph.items() if name.startswith(f"{room}.")}
    seen: dict[str, set[str]] = {child(name): set() for name in inside}
    for name, others in inside.items():
        siblings = {child(other) for other in others if other.startswith(f"{room}.")}
        seen[child(name)] |= siblings - {child(name)}
    return seen


def test_contracts_between_rooms_hold(project):
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_no_two_files_import_each_other(imports):
    floors(imports)


@pytest.mark.parametrize("room", [*ROOMS, "model.mixers", "model.study", "sisa_viz.trace", "data.results"])
def test_a_room_has_few_floors_and_no_circle_of_folders(imports, room):
    height = floors(between_children(imports, room))
    assert 0 < max(height.values()) < MOST_FLOORS, height


def test_no_arrow_goes_up_between_the_three_rooms(imports):
    order = {"data": 0, "sisa_viz": 1, "model": 2}
    up = [
        (name, other)
        for name, others in imports.items()
        for other in others
        if order[other.partition(".")[0]] > order[name.partition(".")[0]]
    ]
    assert up == []


def test_the_graph_sees_a_circle_through_a_function_and_through_a_type(tmp_path, monkeypatch):
    package = tmp_path / "made_up"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "first.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made_up import second\n"
    )
    (package / "second.py").write_text("def late():\n    import made_up.first\n")
    monkeypatch.syspath_prepend(tmp_path)
    graph = grimp.build_graph("made_up", cache_dir=None)
    found = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    with pytest.raises(CycleError, match=r"made_up\.first"):
        floors(found)


def test_floors_are_counted():
    assert floors({"roof": {"wall", "ground"}, "wall": {"ground"}, "ground": set()}) == {
        "ground": 0,
        "wall": 1,
        "roof": 2,
    }


def test_folders_are_seen_from_their_room():
    files = {
        "house.roof.tile": {"house.wall.brick", "garden"},
        "house.wall.brick": {"house.wall.clay"},
        "garden": set(),
    }
    assert between_children(files, "house") == {"roof": {"wall"}, "wall": set()}


@pytest.mark.parametrize("room", ["sisa_viz", "data"])
def test_no_file_of_a_light_room_loads_torch_or_the_model(project, room):
    command = [sys.executable, "-c", PROBE, room]
    loaded = set(json.loads(subprocess.run(command, cwd=project, check=True, capture_output=True).stdout))
    assert loaded & {"torch", "model", "lightning", "transformer_lens"} == set()


def climbs(source: str, depth: int) -> bool:
    """True if code `depth` folders below the repository's root walks from its own file up to that root."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Attribute | ast.Subscript) or "__file__" not in ast.unparse(node):
            continue
        steps = ast.unparse(node).count(".parent") - ast.unparse(node).count(".parents")
        if isinstance(node, ast.Subscript):
            steps += ast.literal_eval(node.slice) + 1
        if steps > depth:
            return True
    return False


def test_no_library_file_reaches_the_repositorys_root(project):
    files = [path for room in ROOMS for path in (project / room).rglob("*.py")]
    reaching = [
        str(path.relative_to(project))
        for path in files
        if climbs(path.read_text(), depth=len(path.relative_to(project).parts) - 1)
    ]
    assert files
    assert reaching == []


@pytest.mark.parametrize(
    ("source", "reaches"),
    [
        ("Path(__file__).parents[2] / 'requirements.lock'", True),
        ("Path(__file__).parents[1] / 'pretrained'", False),
        ("Path(__file__).parent.parent.parent / 'data'", True),
        ("Path(__file__).parent / 'parts'", False),
        ("Path(__file__).resolve().parents[2]", True),
    ],
)
def test_reaching_out_is_seen(source, reaches):
    assert climbs(source, depth=2) is reaches
