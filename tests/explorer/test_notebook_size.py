"""An executed notebook grows by the explorer's data and little more."""

import json

import nbformat
from nbclient import NotebookClient

SOURCE = """
import sys
sys.path[:0] = [{project!r}, {support!r}]
from explorer_pages import make
from sisa_viz.explorer import ScoreExplorer
explorer = ScoreExplorer(make(length=256, layers=2, heads=4, d_head=32, d_state=8))
explorer.figure
"""


def test_one_explorer_adds_its_data_and_at_most_200_kb(project, tmp_path):
    source = SOURCE.format(project=str(project), support=str(project / "tests" / "support"))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    size = len(nbformat.writes(notebook).encode())
    data = 8 * 256 * 4 * (1 + 80)
    text = 4 * data / 3  # bytes are base64 in a notebook
    state = json.dumps(notebook.metadata["widgets"])
    assert "sisa-explorer/1" in state
    assert text < size < text + 200_000
