"""A JupyterLab for the tests of this folder, serving an empty folder that each test fills."""

from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from lab import Lab, running_lab


@pytest.fixture(scope="session")
def lab_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the server shows."""
    return tmp_path_factory.mktemp("lab_root")


@pytest.fixture(scope="session")
def lab(browser, lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One server for the whole run; asks for `browser` so that nothing starts where there is none."""
    with running_lab(lab_root, home=tmp_path_factory.mktemp("lab_home")) as server:
        yield server


@pytest.fixture
def write_notebook() -> Callable[..., Path]:
    """Write a notebook whose code cells are the given sources."""

    def write(path: Path, *sources: str) -> Path:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(notebook, path)
        return path

    return write
