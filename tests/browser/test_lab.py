"""Notebooks in a real JupyterLab, in a real browser, with nothing but this machine in reach."""

import shutil

import pytest
from lab import cell_errors, run_all

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PLOT = ".js-plotly-plot .main-svg"


def test_first_notebook_runs_and_shows_its_plots(lab, lab_root, watched_page, project, screenshots):
    shutil.copy(project / "notebooks" / "01_explore_scores.ipynb", lab_root)
    page = watched_page.page
    lab.open(page, "01_explore_scores.ipynb")
    run_all(page)
    assert cell_errors(page) == []
    plots = page.locator(PLOT)
    plots.first.wait_for()
    plots.first.scroll_into_view_if_needed()
    page.screenshot(path=screenshots / "lab_01_explore_scores.png")
    assert watched_page.outside == []
    assert watched_page.errors == []


def test_the_watch_sees_a_failing_cell_and_a_request_to_the_outside(
    lab, lab_root, watched_page, write_notebook
):
    leak = "from IPython.display import HTML\nHTML('<img src=\"http://example.invalid/pixel.png\">')"
    write_notebook(lab_root / "leak.ipynb", leak, "raise ValueError('seen')")
    lab.open(watched_page.page, "leak.ipynb")
    run_all(watched_page.page)
    assert cell_errors(watched_page.page) == ["ValueError: seen"]
    assert watched_page.outside == ["http://example.invalid/pixel.png"]
    assert any("example.invalid" in error for error in watched_page.errors)
