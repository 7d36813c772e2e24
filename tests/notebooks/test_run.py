"""Notebook 02 from the command line, as papermill runs it: a good run, and one that must stop at once."""

import pytest

pytestmark = pytest.mark.slow

RUNS = {
    "good": ["-p", "smoke", "True", "-p", "length", "48", "-p", "output_dir", "runs"],
    "wrong value": ["-p", "architecture", "rnn", "-p", "smoke", "True"],
}


@pytest.fixture(scope="module")
def executed(run_notebooks):
    """Notebook 02 with the options of every line in RUNS, side by side."""
    return run_notebooks({name: ("02_train_niah", options) for name, options in RUNS.items()})


def test_a_smoke_run_ends_well_and_leaves_a_run_two_figures_and_a_table(executed):
    done = executed["good"]
    assert done.code == 0, done.text
    (run,) = (done.folder / "runs").iterdir()
    assert (run / "model.safetensors").is_file()
    assert done.outputs("error") == []
    words, *shown = done.outputs("display_data")
    assert words.data["text/html"].startswith("<style>")  # figures' words as dark as JupyterLab's
    assert len(shown) == 2
    assert all("application/vnd.plotly.v1+json" in output.data for output in shown)
    assert "needle exact match (share of episodes)" in done.cells[-1].outputs[-1].data["text/html"]


def test_a_headless_run_prints_lines_and_no_bar(executed):
    lines = "".join(output.text for output in executed["good"].outputs("stream"))
    assert "step 12/12" in lines
    assert "\r" not in lines
    assert "%|" not in lines + executed["good"].text


def test_a_mistake_stops_in_the_validation_cell_and_is_named(executed):
    message = "architecture is 'rnn'; legal: 'transformer', 'sisa', 'mamba2'"
    done = executed["wrong value"]
    assert done.code == 1
    assert f"ValueError: {message}" in done.text
    error, *others = done.cells[1].outputs
    assert (error.output_type, error.ename, others) == ("error", "ValueError", [])
    assert error.evalue.startswith(message)
    assert [cell.execution_count for cell in done.cells[2:]] == [None] * len(done.cells[2:])
    assert sorted(path.name for path in done.folder.iterdir()) == ["out.ipynb"]


@pytest.mark.browser
def test_its_pages_show_every_figure_and_ask_nobody_for_anything(executed, assert_pages_show_all):
    assert_pages_show_all(executed["good"].folder / "out.ipynb")
