"""`import sisa_viz` is light, registers `.sisa`, and finds everything else on first use."""

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
FROM_DATA = ("data.files", "data.refusal", "data.results")  # what this room may take from that one
ROOT = Path(sisa_viz.__file__).parents[1]


def loaded_by(code: str) -> set[str]:
    """Modules that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


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
    homes = {home for home in sisa_viz.LAZY.values() if not home.startswith("data.")}
    names = {*homes, "static", "cli", "pages.sections", "doctor"}
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
        AttributeError, match=r"no attribute 'plot_everything'; it has build_trace, .*plot_scores"
    ):
        _ = sisa_viz.plot_everything
