"""What the tests in JupyterLab rely on: a failing cell and a request to the outside do not go unseen."""

import pytest
from lab import cell_errors, count_outputs, run_all

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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
