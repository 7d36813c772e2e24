"""The demonstration: notebooks 01 and 03 in smoke mode, then a page that needs no network."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page_path(project, tmp_path_factory):
    """index.html as notebooks/demo.py writes it; the last line that it prints is the path."""
    out = tmp_path_factory.mktemp("demo")
    command = [sys.executable, str(project / "notebooks" / "demo.py"), "--smoke", "--out", str(out)]
    env = os.environ | {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=out, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    path = Path(done.stdout.split("\n")[-2])
    assert path == out.resolve() / "index.html"
    return path


def outputs(folder, name):
    cells = nbformat.read(folder / f"{name}.ipynb", as_version=4).cells
    return [output for cell in cells for output in cell.get("outputs", [])]


@pytest.mark.parametrize(("name", "figures"), [("01_explore_scores", 4), ("03_niah_convergence", 4)])
def test_both_notebooks_ran_to_the_end_with_every_figure(page_path, name, figures):
    shown = outputs(page_path.parent, name)
    assert [output for output in shown if output.output_type == "error"] == []
    assert sum("application/vnd.plotly.v1+json" in output.get("data", {}) for output in shown) == figures


def test_everything_made_lies_in_one_folder(page_path):
    made = {path.name for path in page_path.parent.iterdir()}
    assert made == {"01_explore_scores.ipynb", "03_niah_convergence.ipynb", "explore", "runs", "index.html"}
    assert len(list((page_path.parent / "runs").glob("*/model.safetensors"))) == 2


@pytest.mark.browser
def test_the_page_draws_all_of_it_and_asks_for_nothing(page_path, watched_page, screenshots):
    page = watched_page.page
    page.goto(page_path.as_uri())
    page.wait_for_selector("html[data-drawn=all]")
    assert page.locator("h1").text_content() == "SISA, score by score"
    plots = page.locator(".js-plotly-plot")
    assert plots.count() == 8
    for plot in plots.all():
        assert plot.locator(".main-svg").first.bounding_box()["height"] > 200
    assert page.locator(".sisa-x").bounding_box()["height"] > 200
    headings = page.locator("h2").all_text_contents()
    assert headings[0].startswith("01 ·")
    assert any(heading.startswith("03 ·") for heading in headings)
    table = page.locator("table").last
    columns = table.locator("thead th").all_text_contents()
    assert columns[-3:] == ["verdict", "what would decide it", "seeds needed"]
    assert table.locator("tbody tr").count() == 6  # two ends, two speeds, two of −log p
    page.screenshot(path=screenshots / "demo.png", full_page=True)
    assert watched_page.outside == []
    assert watched_page.errors == []


@pytest.mark.browser
@pytest.mark.parametrize("name", ["01_explore_scores", "03_niah_convergence"])
def test_pages_of_one_notebook_show_every_figure_and_ask_nobody_for_anything(
    page_path, assert_pages_show_all, name
):
    assert_pages_show_all(page_path.parent / f"{name}.ipynb")
