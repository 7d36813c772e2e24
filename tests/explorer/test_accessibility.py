"""What people get who do not see the page, or see it poorly: names, roles, live regions, contrast."""

from itertools import pairwise

import pytest
from explorer_pages import DRAWN
from seen_poorly import faint, unnamed

from sisa_viz.explorer import compare

pytestmark = pytest.mark.browser

MARKS = (
    "button",
    "combobox",
    "slider",
    "spinbutton",
    "searchbox",
    "heading",
    "img",
    "table",
    "group",
    "status",
)


def opened(show, trace):
    """The explorer with everything open that it has."""
    shown = show(trace, state={"query": 30})
    page = shown.page
    page.wait_for_selector('.sisa-x[data-grid="done"]')
    page.get_by_label("heads side by side", exact=True).select_option("4")
    page.wait_for_selector('.sisa-x[data-grid="done"]')
    return page


def compared(watched_page, trace, tmp_path):
    page = watched_page.page
    page.goto(
        compare(trace, trace.isel(layer=[1]), state={"query": 30}).to_html(tmp_path / "two.html").as_uri()
    )
    page.wait_for_function(DRAWN)
    return page


@pytest.fixture(params=["explorer", "comparison"])
def page(request, show, watched_page, trace, tmp_path):
    if request.param == "explorer":
        return opened(show, trace)
    return compared(watched_page, trace, tmp_path)


def test_whatever_can_be_used_or_seen_has_a_name_and_a_role(page):
    assert unnamed(page, ".sisa-x") == []
    tree = page.locator(".sisa-x").aria_snapshot()
    roles = {
        line.strip().removeprefix("- ").lstrip("'").split(" ")[0].rstrip(":") for line in tree.split("\n")
    }
    lacking = set(MARKS) - roles
    assert not lacking
    assert page.locator('.sisa-x [role="status"], .sisa-x [aria-live]').count() >= 2
    maps = page.locator('.sisa-x-panel [role="img"]').all()
    assert all("largest" in (each.get_attribute("aria-label") or "") for each in maps)  # a picture in words


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("contrast", [1, 100])
def test_text_stands_out_from_its_ground(page, scheme, contrast):
    page.emulate_media(color_scheme=scheme)
    page.wait_for_selector(f'.sisa-x[data-theme="{scheme}"]')
    page.get_by_label("contrast").select_option(str(contrast))
    page.wait_for_function(DRAWN)
    assert faint(page, ".sisa-x") == []


def test_the_order_of_tab_is_the_order_of_the_page(page):
    """From control to control downwards; no trap, and the end is reached."""
    page.locator("body").press("Tab")
    places = []
    for _ in range(80):
        place = page.evaluate(
            "() => document.activeElement === document.body ? null : "
            "[document.activeElement.getBoundingClientRect().top + scrollY, document.activeElement.className]"
        )
        if place is None:
            break
        places.append(place[0])
        page.keyboard.press("Tab")
    assert len(places) > 15
    jumps_up = [before - after for before, after in pairwise(places) if before - after > 60]
    assert len(jumps_up) <= 2, places  # from the foot of one column to the head of the next
