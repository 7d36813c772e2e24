"""Zooming and moving the map in Chromium, and a bar of controls that stays in sight."""

import numpy as np
import pytest

pytestmark = pytest.mark.browser


def test_plus_goes_to_the_locked_query_and_its_strongest_key(show, trace):
    shown = show(trace)
    shown.click("pattern", 30.5, 2)
    strongest = int(np.argmax(trace.sisa.pattern(layer=0, head=0, query=30).values[:31]))
    shown.page.keyboard.press("+")  # the click has given the panels the focus
    query, key = 20, max(0, min(20, strongest - 9))  # its middle is half a position further
    shown.wait_for(f"L0H0 1 {query}-{query + 20}-{key}-{key + 20}")
    shown.page.keyboard.press("+")
    q0, q1, k0, k1 = shown.state()["window"]
    assert (q1 - q0, k1 - k0) == (10, 10)
    assert q0 <= 30 < q1
    assert k0 <= strongest < k1
    shown.page.keyboard.press("r")
    shown.wait_for("L0H0 1 0-40-0-40")


def test_a_wheel_scrolls_the_page_until_a_panel_has_the_focus_or_ctrl_is_held(show, trace):
    shown = show(trace)
    page = shown.page
    page.set_viewport_size({"width": 900, "height": 700})
    shown.point("content", 30, 10)
    page.mouse.wheel(0, 200)
    page.wait_for_function("() => scrollY === 200")
    assert shown.state()["window"] is None
    page.mouse.wheel(0, -200)
    page.wait_for_function("() => scrollY === 0")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    shown.wait_for("L0H0 1 15-35-5-25")  # the place at (30, 10) of 40 keeps its three and one quarter
    page.locator(".sisa-x-panels").focus()
    page.mouse.wheel(0, 200)
    shown.wait_for("L0H0 1 0-40-0-40")
    page.mouse.wheel(0, 200)  # out of the whole map the page scrolls
    page.wait_for_function("() => scrollY === 200")


@pytest.mark.parametrize("way", ["shift", "middle"])
def test_a_zoomed_map_is_moved_by_shift_or_the_middle_button(show, trace, way):
    shown = show(trace)
    page = shown.page
    shown.drag("content", (20.5, 5.5), (29.5, 14.5))
    shown.wait_for("L0H0 1 20-30-5-15")
    if way == "shift":
        page.keyboard.down("Shift")
    shown.point("content", 20, 20)
    page.mouse.down(button="left" if way == "shift" else "middle")
    shown.point("content", 12, 24)  # 40 cells across in these coordinates, 10 on the screen
    shown.wait_for("L0H0 1 22-32-4-14")
    page.mouse.up(button="left" if way == "shift" else "middle")
    page.keyboard.up("Shift")
    assert (shown.state()["window"], shown.state()["query"]) == ([22, 32, 4, 14], None)


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (420, "light"),
        (700, "light"),
        (900, "dark"),
        (1135, "light"),
        (1440, "dark"),
    ],  # 700, 1135: narrow panels
)
def test_controls_stay_in_sight_and_nothing_is_clipped(show, trace, screenshots, width, scheme):
    shown = show(trace, layer=1, head=1, title="A needle in a haystack")
    page = shown.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.locator(".sisa-x-words > span").nth(38).click()
    page.wait_for_selector('.sisa-x[data-grid="done"]')
    page.wait_for_selector(f'.sisa-x[data-theme="{scheme}"]')
    page.evaluate("scrollTo(0, 0)")
    page.locator(".sisa-x").screenshot(path=screenshots / f"explorer_{width}_{scheme}.png")
    page.evaluate("scrollTo(0, 400)")
    bar = page.locator(".sisa-x-controls").bounding_box()
    assert bar is not None
    assert 0 <= bar["y"] < 1
    assert bar["height"] < 190
    assert page.evaluate("document.documentElement.scrollWidth") == width
    clipped = """() => [...document.querySelectorAll(
        ":is(.sisa-x-panel, .sisa-x-reading) header *, .sisa-x-controls *, .sisa-x-table th")]
      .filter(each => getComputedStyle(each).display !== "inline" && !each.matches("select, option, input"))
      .filter(each => {
        const room = each.closest(".sisa-x-panel, .sisa-x-reading, .sisa-x-controls, .sisa-x-table");
        return each.getBoundingClientRect().right > room.getBoundingClientRect().right + 1
          || each.scrollWidth > each.clientWidth + 1;
      }).map(each => `${each.tagName} ${each.className} ${each.textContent}`)"""
    assert page.evaluate(clipped) == []
