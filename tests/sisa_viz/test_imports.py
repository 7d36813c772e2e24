"""`import sisa_viz` is light, registers `.sisa`, and finds everything else on first use."""

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import sisa_viz

HEAVY = (
    "torch",
    "model",
    "lightning",
    "plotly",
    "seaborn",
    "matplotlib",
    "scipy",
    "anywidget",
    "typer",
    "h5netcdf",
)
FROM_DATA = (
    "data.commands",
    "data.digests",
    "data.extras",
    "data.files",
    "data.published",
    "data.refusal",
    "data.results",
)  # what this room may take from that one
ROOT = Path(sisa_viz.__file__).parents[1]
STUB = Path(sisa_viz.__file__).with_suffix(".pyi")


def loaded_by(code: str) -> set[str]:
    """Modules that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def stub_homes() -> dict[str, str]:
    """Name -> module inside sisa_viz, from the lines `from .module import name` of the stub."""
    tree = ast.parse(STUB.read_text())
    lines = [line for line in tree.body if isinstance(line, ast.ImportFrom)]
    return {alias.name: str(line.module) for line in lines for alias in line.names}


def of_other_rooms(modules: set[str]) -> set[str]:
    """Modules of the other rooms and their libraries, but for what this room may take from data."""
    rooms = {"torch", "model", "data", "lightning"}
    return {
        name
        for name in modules
        if name.split(".")[0] in rooms and name != "data" and not name.startswith(FROM_DATA)
    }


def test_importing_loads_nothing_heavy_and_registers_the_accessor():
    modules = loaded_by("import sisa_viz, xarray; assert hasattr(xarray.Dataset, 'sisa')")
    assert "xarray" in modules
    assert not modules & set(HEAVY)
    assert not of_other_rooms(modules)


def test_no_module_loads_torch_or_the_other_rooms():
    names = {*stub_homes().values(), "static", "cli", "pages.sections", "doctor"}
    assert not of_other_rooms(loaded_by("import " + ", ".join(f"sisa_viz.{name}" for name in names)))


@pytest.mark.parametrize("name", sisa_viz.__all__)
def test_every_name_is_there_and_documented(name):
    assert callable(getattr(sisa_viz, name))
    assert getattr(sisa_viz, name).__doc__
    assert name in dir(sisa_viz)


@pytest.mark.parametrize("first", ["sisa_viz.plots.scores", "sisa_viz.pages.page", "sisa_viz.plots.decay"])
def test_a_plot_stays_a_function_whatever_was_imported_before(first):
    loaded_by(
        f"import {first}, sisa_viz; assert callable(sisa_viz.plot_scores) and callable(sisa_viz.report)"
    )


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        AttributeError,
        match=r"no attribute 'plot_everything'; it has Comparison, .*plot_scores",
    ):
        _ = sisa_viz.plot_everything  # pyright: ignore[reportAttributeAccessIssue] - what is tested


def test_the_stub_lists_every_name_and_its_home():
    (listed,) = [
        line
        for line in ast.parse(STUB.read_text()).body
        if isinstance(line, ast.Assign) and "__all__" in ast.unparse(line.targets[0])
    ]
    assert sorted(ast.literal_eval(listed.value)) == sisa_viz.__all__
    homes = stub_homes()
    assert {*homes, "read_runs", "read_heads"} == set(sisa_viz.__all__)  # two of another room
    for name, home in homes.items():
        found = inspect.getmodule(getattr(sisa_viz, name))
        assert found
        assert found.__name__.startswith(f"sisa_viz.{home}"), f"{name} is said to be in {home}"


@pytest.mark.slow
def test_a_type_checker_sees_signatures(tmp_path):
    (tmp_path / "reader.py").write_text(
        "import sisa_viz\nreveal_type(sisa_viz.plot_scores)\nreveal_type(sisa_viz.read_runs)\n"
        "sisa_viz.plot_lambda(3)\nsisa_viz.plot_everything\n"
    )
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT)]}))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "reader.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    said = [found["message"] for found in json.loads(run.stdout)["generalDiagnostics"]]
    scores, runs, wrong, unknown = said
    assert "(trace: Dataset, *, layer: int, head: int" in scores
    assert scores.endswith('-> Figure"')
    assert runs.endswith('-> DataFrame"')
    assert wrong.startswith('Argument of type "Literal[3]" cannot be assigned to parameter "source"')
    assert '"plot_everything" is not a known attribute' in unknown
