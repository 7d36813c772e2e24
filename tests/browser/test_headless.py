"""Notebooks without a browser."""

import time

import nbformat
import pytest
from nbclient import NotebookClient

OUTPUT_CELL = "import ipywidgets\nshown = ipywidgets.Output()\ndisplay(shown)\nwith shown: print('here')"


@pytest.mark.slow
def test_cells_that_print_into_an_output_widget_never_stand_still(write_notebook, tmp_path):
    """Without `nbclient_wake` about one such cell in ten stands still until its time-out, here 30 s."""
    path = write_notebook(tmp_path / "outputs.ipynb", *[OUTPUT_CELL] * 40)
    client = NotebookClient(nbformat.read(path, as_version=4), timeout=30, kernel_name="python3")
    start = time.monotonic()
    client.execute()
    assert time.monotonic() - start < 30
