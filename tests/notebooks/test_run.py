"""Notebooks from the command line, as papermill runs them: one good run, and two that must stop at once."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

pytestmark = pytest.mark.slow

RUNS = {
    "good": ["-p", "smoke", "True", "-p", "length", "48", "-p", "output_dir", "runs"],
    "wrong value": ["-p", "architecture", "rnn", "-p", "smoke", "True"],
    "unknown name": ["-p", "step", "5", "-p", "smoke", "True"],
}


@dataclass(frozen=True)
class Executed:
    """What a finished command left behind."""

    folder: Path
    code: int
    text: str

    @property
    def cells(self):
        """Code cells that came from the notebook, in order; papermill's own are left out."""
        notebook = nbformat.read(self.folder / "out.ipynb", as_version=4)
        own = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
        return [cell for cell in own if cell.cell_type == "code"]

    def outputs(self, kind):
        return [output for cell in self.cells for output in cell.outputs if output.output_type == kind]


@pytest.fixture(scope="module")
def executed(project, tmp_path_factory):
    """Notebook 02 with the options of every line in RUNS, side by side."""
    started = {
        name: start(project, tmp_path_factory.mktemp("run"), options) for name, options in RUNS.items()
    }
    done = {}
    for name, (folder, process) in started.items():
        text, _ = process.communicate(timeout=240)
        done[name] = Executed(folder, process.returncode, text)
    return done


def start(project, folder, options):
    notebook = project / "notebooks" / "02_train_niah.ipynb"
    command = [sys.executable, "-m", "papermill", str(notebook), "out.ipynb", "--no-progress-bar", *options]
    env = os.environ | {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    pipes: dict[str, Any] = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return folder, subprocess.Popen(command, cwd=folder, env=env, **pipes)


def test_a_smoke_run_ends_well_and_leaves_a_run_a_figure_and_a_table(executed):
    done = executed["good"]
    assert done.code == 0, done.text
    (run,) = (done.folder / "runs").iterdir()
    assert (run / "model.safetensors").is_file()
    assert done.outputs("error") == []
    assert ["application/vnd.plotly.v1+json" in output.data for output in done.outputs("display_data")] == [
        True
    ]
    assert "niah/exact_match" in done.cells[-1].outputs[-1].data["text/html"]


def test_a_headless_run_prints_lines_and_no_bar(executed):
    lines = "".join(output.text for output in executed["good"].outputs("stream"))
    assert "step 12/12" in lines
    assert "\r" not in lines
    assert "%|" not in lines + executed["good"].text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong value", "architecture is 'rnn'; legal: 'sisa', 'transformer'."),
        ("unknown name", "parameter is 'step'; legal: architecture, preset, d_state, steps, seed,"),
    ],
)
def test_a_mistake_stops_in_the_validation_cell_and_is_named(executed, name, message):
    done = executed[name]
    assert done.code == 1
    assert f"ValueError: {message}" in done.text
    error, *others = done.cells[1].outputs
    assert (error.output_type, error.ename, others) == ("error", "ValueError", [])
    assert error.evalue.startswith(message)
    assert [cell.execution_count for cell in done.cells[2:]] == [None] * len(done.cells[2:])
    assert sorted(path.name for path in done.folder.iterdir()) == ["out.ipynb"]
