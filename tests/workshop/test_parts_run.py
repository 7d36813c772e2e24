"""Every part runs from top to bottom: answered from the solutions, and with these in the exercises' cells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from model.workshop.checking import PARTS, exercises
from model.workshop.copies import solved

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MINUTES = 4
SMOKE = {"three_levels": ["-p", "smoke", "True"]}
FINDINGS = {
    "importance_term": ["off by"],  # the layer of one's own, to 1e-5
    "three_levels": [
        "SISA d_state=16 − jamba: +0.154 (+0.036 to +0.273), ahead",
        "SISA d_state=16 − hymba: +0.082 (-0.013 to +0.178), undecided",
    ],
    "needle_head": ["most attention on the number: layer 1, head 4", "L0H3 costs 9.9 nats more"],
}


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


def source(part, project):
    return project / "notebooks" / "workshop" / f"{PARTS.index(part) + 1}_{part}.ipynb"


def keep(copy, path):
    """Leave an executed copy where SISA_EXECUTED says, so that a book need not run the notebook again."""
    if folder := os.environ.get("SISA_EXECUTED"):
        Path(folder, "workshop").mkdir(parents=True, exist_ok=True)
        shutil.copy(copy, Path(folder, "workshop", path.name))


@pytest.mark.parametrize("part", PARTS)
def test_a_part_runs_without_a_reader(part, project, tmp_path):
    path, options = source(part, project), SMOKE.get(part, [])
    text = printed(run(path, tmp_path, project, "-p", "solutions", "True", *options))
    assert text.count("the solution is used") == len(exercises(part))
    assert [finding for finding in FINDINGS.get(part, []) if finding not in text] == []
    keep(tmp_path / "out.ipynb", path)


def test_solutions_pass_where_a_learner_writes(project, tmp_path):
    part = "score_by_hand"
    copy = solved(nbformat.read(source(part, project), as_version=4), part)
    nbformat.write(copy, tmp_path / "written.ipynb")
    assert printed(run(tmp_path / "written.ipynb", tmp_path, project)).count("✓ ") == len(exercises(part))


def test_part_4_computes_on_one_thread_however_many_a_laptop_has(project, tmp_path):
    cells = nbformat.read(source("needle_head", project), as_version=4).cells
    opening = "\n".join(cell.source for cell in cells[:3] if cell.cell_type == "code")
    done = subprocess.run(
        [sys.executable, "-c", f"{opening}\nprint(torch.get_num_threads())"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.split()[-1] == "1"
