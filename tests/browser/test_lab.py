"""Notebooks in a real JupyterLab, in a real browser, with nothing but this machine in reach."""

import shutil

import pytest
from lab import cell_errors, count_outputs, run_all

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PLOTLY = "application/vnd.plotly.v1+json"
DRAWN = "count => document.querySelectorAll('.js-plotly-plot:has(.main-svg)').length === count"


def test_first_notebook_runs_and_shows_its_plots(lab, lab_root, watched_page, project, screenshots):
    shutil.copy(project / "notebooks" / "01_explore_scores.ipynb", lab_root)
    page = watched_page.page
    lab.open(page, "01_explore_scores.ipynb")
    run_all(page)
    assert cell_errors(page) == []
    plots = count_outputs(page, PLOTLY)
    assert plots > 0
    page.wait_for_function(DRAWN, arg=plots)
    for number in range(plots):
        page.locator(".js-plotly-plot").nth(number).scroll_into_view_if_needed()
        page.screenshot(path=screenshots / f"lab_01_plot_{number}.png")
    page.wait_for_load_state("networkidle")
    assert watched_page.outside == []
    assert watched_page.errors == []


def test_the_watch_sees_a_failing_cell_and_a_request_to_the_outside(
    lab, lab_root, watched_page, write_notebook
):
    leak = "from IPython.display import HTML\nHTML('<img src=\"http://example.invalid/pixel.png\">')"
    write_notebook(lab_root / "leak.ipynb", leak, "raise ValueError('seen')")
    page = watched_page.page
    lab.open(page, "leak.ipynb")
    with page.expect_console_message(lambda message: message.type == "error"):
        run_all(page)
    assert cell_errors(page) == ["ValueError: seen"]
    assert count_outputs(page, "text/html") == 1
    assert set(watched_page.outside) == {"http://example.invalid/pixel.png"}
    assert "ERR_FAILED" in watched_page.errors[0]
