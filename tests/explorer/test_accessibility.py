"""What people get who do not see the page, or see it poorly: names, roles, live regions, contrast."""

from itertools import pairwise

import pytest
from explorer_pages import DRAWN

from sisa_viz.explorer import compare

pytestmark = pytest.mark.browser

UNNAMED = """() => {
  const asked = ".sisa-x :is(button, select, input, textarea, [role=img], [tabindex='0'])";
  const name = (element) => element.getAttribute("aria-label") || element.textContent.trim();
  return [...document.querySelectorAll(asked)]
    .filter((element) => element.checkVisibility() && !name(element) && !element.labels?.length)
    .map((element) => element.outerHTML.slice(0, 200));
}"""
# The contrast of every visible text with what lies behind it; what is disabled does not count (WCAG 1.4.3).
FAINT = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (c) => (c <= 10.31 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const groundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = numbers(getComputedStyle(at).backgroundColor);
      if (a > 0.5) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.querySelector(".sisa-x"), NodeFilter.SHOW_TEXT);
  const faint = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility() || element.closest(":disabled, .sisa-x-words")) continue;
    const [one, other] = [numbers(getComputedStyle(element).color), groundOf(element)].map(luminance);
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) faint.push([element.className || element.tagName, text.slice(0, 30), contrast]);
  }
  return faint;
}"""
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
    assert page.evaluate(UNNAMED) == []
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
    assert page.evaluate(FAINT) == []


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
