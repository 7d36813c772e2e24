"""Notebook 01 in JupyterLab, on few episodes: its plots, and its explorer driven as a user would drive it."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from explorer_pages import Shown, number
from lab import cell_errors, count_outputs, execute, run_all, use_theme

from sisa_viz import open_trace

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NOTEBOOK = "01_explore_scores.ipynb"
ASKED = "smoke = False"
PLOTLY = "application/vnd.plotly.v1+json"
DRAWN = "count => document.querySelectorAll('.js-plotly-plot:has(.main-svg)').length === count"
# WCAG 2: luminance of both colours, the ground that of the nearest element that has one
CONTRASTS = """() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(Number).map(part => part / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const ground = node => {
    const own = getComputedStyle(node).backgroundColor;
    return own === 'rgba(0, 0, 0, 0)' ? ground(node.parentElement) : own;
  };
  return [...document.querySelectorAll('.js-plotly-plot :is(.xtick text, .ytick text, .gtitle, .xtitle)')]
    .map(node => [light(getComputedStyle(node).fill), light(ground(node.closest('.js-plotly-plot')))])
    .map(([one, other]) => Math.max(one, other) / Math.min(one, other));
}"""
FOLLOW = """
import json
from pathlib import Path
note = lambda change=None: Path("state.json").write_text(json.dumps(explorer.state.as_dict()))
explorer.state.observe(note)
note()
"""


def test_first_notebook_runs_and_its_explorer_and_python_follow_each_other(
    lab, lab_root, watched_page, project, screenshots
):
    cells = (project / "notebooks" / NOTEBOOK).read_text(encoding="utf-8")
    assert cells.count(ASKED) == 1
    (lab_root / NOTEBOOK).write_text(cells.replace(ASKED, "smoke = True"), encoding="utf-8")
    page = watched_page.page
    lab.open(page, NOTEBOOK)
    run_all(page)
    assert cell_errors(page) == []
    plots_are_visible(page, screenshots)
    execute(page, FOLLOW)
    trace = open_trace(lab_root / "out" / "explore" / "trace.nc")  # the notebook's last cell wrote it
    shown = Shown.of(page)
    state = drive(shown, lab_root, length=trace.sizes["position"])
    assert_shows_pythons_numbers(shown, trace, state)
    for theme in ("light", "dark"):
        use_theme(page, theme)
        page.wait_for_selector(f'.sisa-x[data-theme="{theme}"]')
        page.wait_for_function(f"({CONTRASTS})().every(ratio => ratio >= 4.5)")
        assert len(page.evaluate(CONTRASTS)) > 20
        page.screenshot(path=screenshots / f"lab_01_explorer_{theme}.png")
    python_leads(shown, trace)
    page.wait_for_load_state("networkidle")
    assert watched_page.outside == []
    assert watched_page.errors == []


def plots_are_visible(page, screenshots: Path) -> None:
    plots = count_outputs(page, PLOTLY)
    assert plots > 0
    page.wait_for_function(DRAWN, arg=plots)
    for at in range(plots):
        page.locator(".js-plotly-plot").nth(at).scroll_into_view_if_needed()
        page.screenshot(path=screenshots / f"lab_01_plot_{at}.png")


def drive(shown: Shown, lab_root: Path, *, length: int) -> dict[str, Any]:
    """Pick a head, move λ by keyboard, lock a query by click; the state that Python then has."""
    page, whole = shown.page, f"0-{length}-0-{length}"
    page.wait_for_selector('.sisa-x[data-grid="done"]')
    page.locator('.sisa-x-heads button[data-layer="1"][data-head="2"]').click()
    shown.wait_for(f"L1H2 1 {whole}")
    page.locator(".sisa-x input[type=range]").focus()
    for _ in range(25):
        page.keyboard.press("ArrowRight")
    shown.wait_for(f"L1H2 1.25 {whole}")
    before = python_state(lab_root, layer=1, head=2, lam_scale=1.25)
    shown.click("scores", 0.6 * length, 0.2 * length, length=length)
    state = python_state(lab_root, locked_before=before["query"])
    assert state == {
        "layer": 1,
        "head": 2,
        "lam_scale": 1.25,
        "query": pytest.approx(0.6 * length, abs=2),  # a row is about a pixel high
        "window": None,
    }
    page.wait_for_function(
        "query => document.querySelector('.sisa-x-table h3').innerText.includes(`query ${query} `)",
        arg=state["query"],
    )
    return state


def python_state(lab_root: Path, *, locked_before: int | None = None, **wanted: Any) -> dict[str, Any]:
    """The state as Python saw it last, once it has what is wanted and another query than before."""
    deadline, state = time.monotonic() + 60, {}
    while time.monotonic() < deadline:
        path = lab_root / "state.json"
        state = json.loads(path.read_text() or "{}") if path.exists() else {}
        if wanted.items() <= state.items() and state.get("query") != locked_before:
            return state
        time.sleep(0.05)
    raise AssertionError(f"Python has {state}, wanted {wanted}, query not {locked_before}")


def assert_shows_pythons_numbers(shown: Shown, trace: xr.Dataset, state: dict[str, Any]) -> None:
    at = {name: state[name] for name in ("layer", "head", "query")}
    content = trace.sisa.content(**at).values
    importance = state["lam_scale"] * trace.sisa.importance(**at).values
    pattern = trace.sisa.pattern(**at, lam_scale=state["lam_scale"]).values
    columns = np.stack([content, importance, content + importance, pattern])
    rows = shown.rows()
    assert len(rows) == 10
    for row in rows:
        np.testing.assert_allclose(
            [number(cell) for cell in row[2:]], columns[:, int(row[0])], rtol=0, atol=1e-3
        )


def python_leads(shown: Shown, trace: xr.Dataset) -> None:
    """What Python sets is shown; `close` takes the explorer off the page."""
    page, last = shown.page, trace.sizes["position"] - 1
    execute(page, "explorer.state.layer, explorer.state.head, explorer.state.lam_scale = 0, 1, 0.5")
    execute(page, "explorer.state.window = (10, 30, 0, 20)")
    shown.wait_for("L0H1 0.5 10-30-0-20")
    execute(page, "explorer.state.query = -1")
    page.wait_for_function(
        "last => document.querySelector('.sisa-x-table h3').innerText.includes(`query ${last}`)", arg=last
    )
    execute(page, "explorer.close()")
    page.wait_for_selector(".sisa-x", state="detached")
