"""Notebooks from the command line, as papermill runs them."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest


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

    def shown(self, mime):
        """Everything of a kind that any cell showed, in order."""
        return [
            output.data[mime]
            for cell in self.cells
            for output in cell.outputs
            if mime in output.get("data", {})
        ]


def start(project, folder, notebook, options):
    if notebook == "05_state_size":  # reads measured speeds beside its working folder, the repository's root
        speeds = Path("benchmarks", "results", "state_size.json")
        (folder / speeds).parent.mkdir(parents=True)
        shutil.copy(project / speeds, folder / speeds)
    source = project / "notebooks" / f"{notebook}.ipynb"
    command = [sys.executable, "-m", "papermill", str(source), "out.ipynb", "--no-progress-bar", *options]
    env = os.environ | {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    pipes: dict[str, Any] = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return folder, subprocess.Popen(command, cwd=folder, env=env, **pipes)


@pytest.fixture(scope="session")
def run_notebooks(project, tmp_path_factory):
    """A function of {name: (notebook, options)}: runs them side by side, returns what each left behind."""

    def run(asked):
        started = {
            name: start(project, tmp_path_factory.mktemp("run"), notebook, options)
            for name, (notebook, options) in asked.items()
        }
        done = {}
        for name, (folder, process) in started.items():
            text, _ = process.communicate(timeout=420)
            done[name] = Executed(folder, process.returncode, text)
        return done

    return run
