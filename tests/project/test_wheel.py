"""The built package, installed into a new environment and used from another folder."""

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PROBE = """
import json
from importlib.resources import files
import data, model, sisa_viz
checkpoints = files("model").joinpath("pretrained").glob("*.safetensors")
print(json.dumps({
    "homes": [package.__file__ for package in (data, model, sisa_viz)],
    "typed": [files(name).joinpath("py.typed").is_file() for name in ("data", "model", "sisa_viz")],
    "published": [len(data.published.curves()), len(data.published.configs())],
    "parameters": [sum(p.numel() for p in model.load(str(path)).parameters()) for path in checkpoints],
}))
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command; on failure the error shows what it said."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{command[:4]} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(project, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, project, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def new_environment(wheel, tmp_path_factory) -> Path:
    """An environment that holds the wheel and borrows this one's libraries, but not its editable install."""
    folder = tmp_path_factory.mktemp("new_environment")
    venv.create(folder, with_pip=False)
    install = ["install", "--quiet", "--no-deps", "--no-index", wheel]
    run(sys.executable, "-m", "pip", "--python", folder / "bin" / "python", *install, cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder


def test_wheel_holds_every_file_of_the_three_rooms_and_nothing_else(wheel, project):
    names = zipfile.ZipFile(wheel).namelist()
    tracked = run("git", "ls-files", "model", "data", "sisa_viz", cwd=project).split("\n")
    assert {name for name in tracked if (project / name).is_file()} <= set(names)
    assert {name.partition("/")[0] for name in names} - {"model", "data", "sisa_viz"} == {
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    }
    assert not [name for name in names if name.endswith((".pyc", ".ipynb"))]


def test_installed_package_finds_everything_from_another_folder(new_environment, tmp_path):
    found = json.loads(run(new_environment / "bin" / "python", "-P", "-c", PROBE, cwd=tmp_path))
    assert all(home.startswith(str(new_environment)) for home in found["homes"]), found["homes"]
    assert all(found["typed"])
    assert min(found["published"]) > 0
    assert found["parameters"]


def test_installed_command_answers(new_environment, tmp_path):
    assert "report" in run(new_environment / "bin" / "sisa", "--help", cwd=tmp_path)
