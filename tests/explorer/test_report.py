"""Explorers inside a report: several on one page, one copy of the code; pictures to look at."""

import pytest
from explorer_pages import Shown

from sisa_viz import report
from sisa_viz.explorer import ScoreExplorer

pytestmark = pytest.mark.browser


def test_two_explorers_share_one_page_and_its_code(trace, plain_trace, watched_page, tmp_path):
    explorers = [
        ScoreExplorer(each, title=t, layer=0) for each, t in ((trace, "first"), (plain_trace, "second"))
    ]
    path = report(tmp_path / "report.html", "Two models.", *explorers, title="A report")
    assert path.read_text(encoding="utf-8").count('id="sisa-explorer-module"') == 1
    shown = Shown.file(watched_page.page, path)
    places = shown.page.locator(".sisa-x")
    assert places.count() == 2
    assert [places.nth(at).locator("h2").inner_text() for at in range(2)] == ["first", "second"]
    places.nth(0).locator(".sisa-x-panels").press("ArrowDown")
    shown.wait_for("L1H0 1 0-40-0-40")
    assert places.nth(1).get_attribute("data-drawn") == "L0H0 1 0-40-0-40"
    assert watched_page.outside == []
    assert watched_page.errors == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("length", "layers", "heads"), [(128, 4, 6), (2048, 1, 4)])
def test_pictures_to_look_at(show, make_trace, watched_page, screenshots, scheme, length, layers, heads):
    watched_page.page.emulate_media(color_scheme=scheme)
    shown = show(make_trace(length=length, layers=layers, heads=heads), title="Random factors")
    shown.page.get_by_label("query", exact=True).fill(str(2 * length // 3))
    shown.page.keyboard.press("Enter")
    shown.page.wait_for_selector('.sisa-x[data-grid="done"]')
    width = shown.page.evaluate("document.documentElement.scrollWidth")
    shown.page.screenshot(path=screenshots / f"explorer_{length}_{scheme}.png", full_page=True)
    assert width <= 1400, "the page is wider than the window"
    panels = [panel.bounding_box() for panel in shown.page.locator(".sisa-x-image").all()]
    assert len({(box["width"], box["height"]) for box in panels if box}) == 1
    lefts, tops = ([box[side] for box in panels if box] for side in ("x", "y"))
    assert (lefts[0], lefts[1], tops[0], tops[2]) == (lefts[2], lefts[3], tops[1], tops[3])
