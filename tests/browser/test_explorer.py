"""The explorer in JupyterLab: read, find, side by side, keep; what is chosen on the page reaches Python."""

import csv
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from explorer_pages import Shown
from lab import cell_errors, execute, run_all
from PIL import Image

from sisa_viz import ScoreExplorer
from sisa_viz.examples import example_trace

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CELL = """
from sisa_viz import ScoreExplorer
from sisa_viz.examples import example_trace
explorer = ScoreExplorer(example_trace(), layer=0, head=0)
"""


def saved(page, name):
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    return download.value


def test_read_find_compare_heads_and_keep_with_a_kernel(lab, lab_root, watched_page, write_notebook):
    write_notebook(lab_root / "explorer.ipynb", CELL, "explorer.figure")
    page = watched_page.page
    page.set_viewport_size({"width": 1440, "height": 1600})
    lab.open(page, "explorer.ipynb")
    run_all(page)
    assert cell_errors(page) == []
    shown = Shown.of(page)
    shown.wait_for("L0H0 1 0-8-0-8")
    trace = example_trace()
    words = trace["token"].values
    drive_by_keys(page, shown)
    page.get_by_label("find in the text").fill(str(words[2]).strip())
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    execute(page, "assert explorer.state.query is not None, explorer.state")
    page.locator(".sisa-x-words > span").nth(6).click()  # the text is a way to lock a query
    page.wait_for_function("() => document.querySelector('.sisa-x-words [aria-current]')")
    execute(page, "assert (explorer.state.layer, explorer.state.head, explorer.state.query) == (1, 1, 6)")
    page.get_by_label("heads side by side", exact=True).select_option("4")
    page.wait_for_function("() => document.querySelectorAll('.sisa-x-several .sisa-x-peak').length === 4")
    page.wait_for_selector('.sisa-x[data-grid="done"]')
    keeps_pythons_numbers(
        page, ScoreExplorer(trace, state={"layer": 1, "head": 1, "query": 6, "lam_scale": 0})
    )
    execute(page, "assert explorer.selection()['key'].tolist() == [0, 1, 2, 3, 4, 5, 6]")
    assert watched_page.outside == []
    assert watched_page.errors == []


def drive_by_keys(page, shown: Shown) -> None:
    """Head, layer and λ without a pointer; JupyterLab must not take the keys."""
    page.locator(".sisa-x-panels").first.focus()
    page.keyboard.press("ArrowRight")
    shown.wait_for("L0H1 1 0-8-0-8")
    page.keyboard.press("ArrowDown")
    shown.wait_for("L1H1 1 0-8-0-8")
    page.keyboard.press("0")
    shown.wait_for("L1H1 0 0-8-0-8")
    execute(page, "assert (explorer.state.layer, explorer.state.head, explorer.state.lam_scale) == (1, 1, 0)")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")


def keeps_pythons_numbers(page, explorer: ScoreExplorer) -> None:
    """PNG, SVG and CSV as files, the last one against `selection()`."""
    with Image.open(saved(page, "save the panels as PNG").path()) as picture:
        assert picture.size[0] > 800
    drawing = ElementTree.parse(saved(page, "save the panels as SVG").path())
    assert sum("text" in element.tag for element in drawing.iter()) > 20
    text = saved(page, "save the locked row as CSV").path().read_text(encoding="utf-8-sig")
    rows, expected = list(csv.DictReader(io.StringIO(text))), explorer.selection()
    assert [int(row["key"]) for row in rows] == expected["key"].tolist()
    for part in ("content", "importance", "scores", "pattern"):
        found = np.array([float(row[part]) for row in rows])
        np.testing.assert_allclose(found, expected[part], atol=1e-3)
