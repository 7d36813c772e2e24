"""Notebooks are executed for the book once, and a failed one stops it with its last lines."""

import os
import shutil

import execute_notebooks
import nbformat
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(project, tmp_path, monkeypatch):
    """A project of two notebooks, one of which fails."""
    (tmp_path / "notebooks" / "workshop").mkdir(parents=True)
    speeds = tmp_path / execute_notebooks.SPEEDS
    speeds.parent.mkdir(parents=True)
    shutil.copy(project / execute_notebooks.SPEEDS, speeds)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for name, source in {"01_good": "6 * 7", "workshop/02_bad": "1 / 0"}.items():
        cells = [nbformat.v4.new_code_cell(source, id="a")]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(notebook, tmp_path / "notebooks" / f"{name}.ipynb")
    monkeypatch.setattr(execute_notebooks, "PROJECT", tmp_path)
    return tmp_path


def test_a_notebook_runs_once_and_again_when_it_has_changed(checkout, tmp_path):
    source, bad = execute_notebooks.sources()
    copy = execute_notebooks.executed(source, tmp_path / "executed")
    assert not execute_notebooks.is_fresh(source, copy)
    assert execute_notebooks.execute(source, tmp_path / "executed") == copy
    (cell,) = nbformat.read(copy, as_version=4).cells
    assert cell.outputs[0].data["text/plain"] == "42"
    assert execute_notebooks.is_fresh(source, copy)
    later = copy.stat().st_mtime_ns + 1
    os.utime(source, ns=(later, later))
    assert not execute_notebooks.is_fresh(source, copy)
    assert bad.stem == "02_bad"


def test_a_failed_notebook_says_its_last_lines_and_leaves_no_copy(checkout, tmp_path):
    source = execute_notebooks.sources()[1]
    with pytest.raises(RuntimeError, match=r"02_bad\.ipynb failed, see .*:\n(.*\n)+.*division by zero"):
        execute_notebooks.execute(source, tmp_path / "executed")
    assert not execute_notebooks.executed(source, tmp_path / "executed").exists()
