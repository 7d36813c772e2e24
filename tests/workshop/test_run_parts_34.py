"""Parts 3 and 4 from first to last cell, with solutions: no error, and findings as their words tell them."""

import os
from pathlib import Path

import nbformat
import papermill
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FOLDER = Path(__file__).parents[2] / "notebooks" / "workshop"


def executed(name, folder, monkeypatch, **parameters):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(FOLDER.parents[1]), os.environ.get("PYTHONPATH", "")])
    )
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    done = papermill.execute_notebook(
        notebook, folder / "out.ipynb", {"solutions": True} | parameters, cwd=folder, progress_bar=False
    )
    outputs = [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def test_three_levels_runs_and_says_what_its_words_say(tmp_path, monkeypatch):
    said = executed("3_three_levels", tmp_path, monkeypatch, smoke=True)
    assert said.count("the solution is used") == 6
    assert "SISA d_state=16 − jamba: +0.154 (+0.036 to +0.273), ahead" in said
    assert "SISA d_state=16 − hymba: +0.082 (-0.013 to +0.178), undecided" in said


def test_needle_head_runs_and_says_what_its_words_say(tmp_path, monkeypatch):
    said = executed("4_needle_head", tmp_path, monkeypatch)
    assert said.count("the solution is used") == 8
    assert "most attention on the number: layer 1, head 4" in said
    assert "L0H3 costs 9.9 nats more" in said
