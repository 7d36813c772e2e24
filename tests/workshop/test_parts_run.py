"""Parts 1 and 2 run from top to bottom: answered from the solutions, and with these in their cells."""

import inspect
import os
import subprocess
import sys
import textwrap

import nbformat
import pytest

from model.workshop.checking import PARTS, exercises, solution

pytestmark = pytest.mark.slow
MINUTES = 4


def run(notebook, folder, project, *options):
    """Run a notebook as a command does, on one thread; return it with what it printed."""
    command = [sys.executable, "-m", "papermill", str(notebook), "out.ipynb", "--no-progress-bar", *options]
    environment = os.environ | {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60 * MINUTES,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return nbformat.read(folder / "out.ipynb", as_version=4)


def printed(notebook) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def numbered(name, project):
    return project / "notebooks" / "workshop" / f"{PARTS.index(name) + 1}_{name}.ipynb"


@pytest.mark.parametrize("name", ["score_by_hand", "importance_term"])
def test_a_part_runs_without_a_reader(name, project, tmp_path):
    text = printed(run(numbered(name, project), tmp_path, project, "-p", "solutions", "True"))
    assert text.count("the solution is used") == len(exercises(name))


@pytest.mark.parametrize("name", ["score_by_hand", "importance_term"])
def test_solutions_pass_where_a_learner_writes(name, project, tmp_path):
    notebook = nbformat.read(numbered(name, project), as_version=4)
    for cell in notebook.cells:
        if "exercise" in cell.metadata.get("tags", []):
            written = cell.source.partition("(")[0].removeprefix("def ")
            cell.source = textwrap.dedent(inspect.getsource(solution(name, written)))
    nbformat.write(notebook, tmp_path / "written.ipynb")
    text = printed(run(tmp_path / "written.ipynb", tmp_path, project))
    assert text.count("✓ ") == len(exercises(name))
    assert ("off by" in text) == (name == "importance_term")  # the layer of one's own, to 1e-5
