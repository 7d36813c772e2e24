"""A comparison in JupyterLab: the page and the kernel set one state."""

import pytest
from explorer_pages import Shown
from lab import cell_errors, execute, run_all

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RUNS = """
from sisa_viz import compare
from sisa_viz.examples import example_trace
full, plain = example_trace(), example_trace(d_state=0)
small = full.isel(layer=[0])
state = {"run_a": "SISA", "run_b": "SISA", "layer_a": 1, "layer_b": 1, "head_b": 1, "query": 6}
comparison = compare({"one layer": small, "SISA": full, "transformer": plain}, state=state)
"""


def test_page_and_kernel_set_one_state(lab, lab_root, watched_page, write_notebook):
    write_notebook(lab_root / "comparison.ipynb", RUNS, "comparison.figure")
    page = watched_page.page
    lab.open(page, "comparison.ipynb")
    run_all(page)
    assert cell_errors(page) == []
    shown = Shown.of(page)
    shown.wait_for("SISA L1H0 1 | SISA L1H1 1 | pattern 0-8-0-8")
    page.get_by_label("run of B").first.select_option("2")
    page.get_by_role("button", name="sum", exact=True).click()
    shown.wait_for("SISA L1H0 1 | transformer L1H1 1 | scores 0-8-0-8")
    execute(page, "assert (comparison.state.run_b, comparison.state.part) == ('transformer', 'scores')")
    execute(page, "comparison.state.lam_scale_a = 0; comparison.state.window = (2, 8, 0, 6)")
    shown.wait_for("SISA L1H0 0 | transformer L1H1 1 | scores 2-8-0-6")
    page.get_by_label("run of A").first.select_option("0")  # which has no layer 1
    shown.wait_for("one layer L0H0 0 | transformer L1H1 1 | scores 2-8-0-6")
    execute(page, "assert (comparison.state.run_a, comparison.state.layer_a) == ('one layer', 0)")
    execute(page, "assert comparison.selection()['key'].tolist() == [0, 1, 2, 3, 4, 5]")
    assert watched_page.outside == []
    assert watched_page.errors == []
