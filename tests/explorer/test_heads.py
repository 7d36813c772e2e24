"""All heads at once in Chromium: thumbnails that follow, heads side by side, colours of the window."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from explorer_pages import number

pytestmark = pytest.mark.browser
GRID_DONE = '.sisa-x[data-grid="done"]'
THUMBNAIL = """index => {
  const canvas = document.querySelectorAll(".sisa-x-heads canvas")[index], { width, height } = canvas;
  return [width, height, Array.from(canvas.getContext("2d").getImageData(0, 0, width, height).data)];
}"""


def thumbnail(shown, index: int) -> np.ndarray:
    """[row, column, 4] of a head's thumbnail once all are there."""
    shown.page.wait_for_selector(GRID_DONE)
    width, height, data = shown.page.evaluate(THUMBNAIL, index)
    return np.array(data, dtype=np.uint8).reshape(height, width, 4)


def side_by_side(shown, count: int):
    """The panels of so many heads, drawn."""
    shown.page.wait_for_selector(GRID_DONE)
    shown.page.get_by_label("heads side by side", exact=True).select_option(str(count))
    panels = shown.page.locator(".sisa-x-several .sisa-x-panel")
    shown.page.wait_for_function(
        "n => document.querySelectorAll('.sisa-x-several .sisa-x-panel').length === n", arg=count
    )
    shown.page.wait_for_selector(GRID_DONE)
    return panels


def test_thumbnails_follow_window_lam_contrast_and_query(show, trace):
    shown = show(trace)
    whole = thumbnail(shown, 1)
    assert whole.shape == (40, 40, 4)
    shown.page.get_by_label("λ as a multiple").fill("0")
    shown.wait_for("L0H0 0 0-40-0-40")
    without = thumbnail(shown, 1)
    assert not np.array_equal(whole, without)
    shown.drag("pattern", (20.5, 5.5), (29.5, 14.5))
    shown.wait_for("L0H0 0 20-30-5-15")
    window = thumbnail(shown, 1)
    assert window.shape == (10, 10, 4)
    assert (window[..., 3] == 255).all()  # every key there is before every query
    shown.page.get_by_label("contrast").select_option("20")
    assert not np.array_equal(window, thumbnail(shown, 1))
    heads = shown.page.locator(".sisa-x-heads")
    line = (
        "({ classList, style }) => classList.contains('sisa-x-marked') && +style.getPropertyValue('--query')"
    )
    assert heads.evaluate(line) is False
    for query, share in ((25, 0.5), (5, False)):  # the second one is not in the window
        shown.page.get_by_label("query", exact=True).fill(str(query))
        shown.page.keyboard.press("Enter")
        assert heads.evaluate(line) == share


def test_names_stay_with_sorted_thumbnails(show, trace):
    shown = show(trace)
    shown.page.wait_for_selector(GRID_DONE)
    assert not shown.page.locator(".sisa-x-heads small").first.is_visible()
    shown.page.get_by_label("sort heads by").select_option("lam")
    lam = trace["lam"].values
    order = sorted(np.ndindex(lam.shape), key=lambda at: -lam[at])
    assert shown.page.locator(".sisa-x-heads small:visible").all_inner_texts() == [
        f"L{i}H{j}" for i, j in order
    ]


def test_heads_side_by_side_come_in_the_order_of_the_grid_and_show_pythons_numbers(show, trace):
    shown = show(trace)
    shown.page.get_by_label("thumbnails show").select_option("scores")
    panels = side_by_side(shown, 4)
    assert panels.locator("h3").all_inner_texts() == ["L0H0", "L0H1", "L0H2", "L1H0"]
    assert "sum, nats · 1 to 4 of 6 by layer, head" in shown.page.locator(".sisa-x-multiples").inner_text()
    scores = [
        trace.sisa.scores(layer=layer, head=head).values for layer, head in [(0, 0), (0, 1), (0, 2), (1, 0)]
    ]
    seen = np.tril(np.ones((40, 40), bool))
    largest = [np.abs(np.where(seen, one, 0)).max() for one in scores]
    said = [number(text.split()[-1]) for text in panels.locator(".sisa-x-peak").all_inner_texts()]
    assert said == pytest.approx(largest, abs=1e-3)
    ends = [number(text) for text in panels.locator(".sisa-x-ends span:last-child").all_inner_texts()]
    assert ends == pytest.approx([max(largest)] * 4, rel=1e-2)
    shown.page.get_by_role("button", name="heads after these").click()
    shown.page.wait_for_selector(GRID_DONE)
    assert panels.locator("h3").all_inner_texts() == ["L1H1", "L1H2"]
    panels.nth(1).get_by_role("button", name="show").click()
    shown.wait_for("L1H2 1 0-40-0-40")


def test_a_head_side_by_side_takes_the_pointer_as_the_panels_do(show, trace):
    shown = show(trace)
    panels = side_by_side(shown, 4)
    image = panels.nth(1).locator(".sisa-x-overlay")
    frame = panels.nth(1).locator(".sisa-x-image").evaluate("c => [c.offsetLeft, c.offsetTop, c.offsetWidth]")
    left, top, side = frame
    at = {"x": left + side * 10.5 / 40, "y": top + side * 30.5 / 40}
    image.hover(position=at)
    box = shown.page.locator(".sisa-x-hover").inner_text()
    expected = trace.sisa.pattern(layer=0, head=1, query=30).values[10]
    assert re.search(r"query\s+30", box)
    assert re.search(r"key\s+10", box)
    assert number(re.findall(r"[−\d.]+", box)[-1]) == pytest.approx(expected, abs=1e-3)
    image.click(position=at)
    assert shown.state()["query"] == 30
    image.dblclick(position=at)
    assert shown.state()["window"] is None


def test_heads_side_by_side_are_saved_as_a_drawing(show, trace, tmp_path):
    shown = show(trace)
    side_by_side(shown, 4)
    with shown.page.expect_download() as waiting:
        shown.page.get_by_role("button", name="save heads side by side as SVG").click()
    text = waiting.value.path().read_text(encoding="utf-8")
    words = [element.text for element in ElementTree.fromstring(text).iter() if element.text]
    assert {"L0H0", "L0H1", "L0H2", "L1H0"} <= set(words)


def test_colours_end_at_the_largest_value_of_the_window_where_that_is_asked(show, trace):
    shown = show(trace, state={"window": [30, 40, 0, 10]})
    shown.wait_for("L0H0 1 30-40-0-10")
    access, place = trace.sisa, {"layer": 0, "head": 0}
    parts = [access.content(**place), access.importance(**place), access.scores(**place)]
    of_map = max(np.abs(np.tril(part.values)).max() for part in parts)
    of_window = max(np.abs(part.values[30:40, :10]).max() for part in parts)
    assert of_window < 0.9 * of_map
    end = shown.page.locator('[data-part="content"] .sisa-x-ends span:last-child')
    assert number(end.inner_text()) == pytest.approx(of_map, rel=1e-2)
    choice = shown.page.get_by_label("colours end at the largest value of")
    before = [end.element_handle(), end.inner_text()]
    choice.select_option("window")
    shown.page.wait_for_function("([end, before]) => end.textContent !== before", arg=before)
    assert number(end.inner_text()) == pytest.approx(of_window, rel=1e-2)
    choice.select_option("map")
    shown.wait_for("L0H0 1 30-40-0-10")
    assert number(end.inner_text()) == pytest.approx(of_map, rel=1e-2)
