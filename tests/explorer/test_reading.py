"""The text under the panels in Chromium: what it shows of Python's numbers, and how it is used."""

import numpy as np
import pytest
from explorer_pages import Shown

from sisa_viz.look.colours import FROM_ZERO, SIGNED, SPANS

pytestmark = pytest.mark.browser
WHOLE = "0-40-0-40"
WORDS = ".sisa-x-words > span"
SHADES = """() => [...document.querySelectorAll(".sisa-x-words > span")].map(word =>
  (word.style.backgroundColor.match(/\\d+/g) ?? []).map(Number))"""


def colours_of(values: np.ndarray, low: float, high: float, stops: tuple[str, ...]) -> list[list[float]]:
    """Red, green and blue of each value on a ramp of equally spaced stops."""
    channels = np.array([[int(stop[at : at + 2], 16) for at in (1, 3, 5)] for stop in stops])
    places = np.clip((values - low) / (high - low), 0, 1) * (len(stops) - 1)
    ramp = [np.interp(places, range(len(stops)), channel) for channel in channels.T]
    return np.stack(ramp, axis=1).tolist()


def assert_shades(shown: Shown, expected: list[list[float]], *, start: int) -> None:
    """Tokens from `start` on have the expected colours, all others none."""
    found = shown.page.evaluate(SHADES)
    stop = start + len(expected)
    np.testing.assert_allclose(found[start:stop], expected, atol=3)
    assert found[:start] == [[]] * start
    assert found[stop:] == [[]] * (len(found) - stop)


def signed_limit(trace) -> float:
    maps = (getattr(trace.sisa, name)(layer=0, head=0).values for name in ("content", "importance", "scores"))
    return max(float(np.nanmax(np.abs(values))) for values in maps)


def test_tokens_are_shaded_by_what_the_locked_query_sees_and_by_who_sees_a_key(show, trace):
    shown = show(trace)
    page = shown.page
    page.locator(WORDS).nth(30).click()
    assert shown.state()["query"] == 30
    pattern = trace.sisa.pattern(layer=0, head=0).values
    top = float(np.nanmax(pattern[5:]))  # the end of the panel's colours
    assert_shades(shown, colours_of(pattern[30, :31], 0, top, FROM_ZERO), start=0)
    limit = signed_limit(trace)
    for part in ("content", "importance", "scores"):
        values = getattr(trace.sisa, part)(layer=0, head=0).values
        page.get_by_label("text shaded by").select_option(part)
        assert_shades(shown, colours_of(values[30, :31], -limit, limit, SIGNED), start=0)
        page.get_by_label("tokens shaded").select_option("key")
        assert_shades(shown, colours_of(values[30:, 30], -limit, limit, SIGNED), start=30)
        page.get_by_label("tokens shaded").select_option("query")
    page.get_by_label("text shaded by").select_option("pattern")
    page.get_by_label("tokens shaded").select_option("key")
    assert_shades(shown, colours_of(pattern[30:, 30], 0, top, FROM_ZERO), start=30)
    best = 30 + int(np.argmax(pattern[30:, 30]))
    says = page.locator(".sisa-x-says").inner_text()
    assert f"largest probability {pattern[best, 30]:.4f} at query {best}" in says


def test_the_text_follows_lambda_and_head(show, trace):
    shown = show(trace)
    shown.page.locator(WORDS).nth(39).click()
    for keys, drawn, place, lam_scale in (
        (["0"], "L0H0 0", (0, 0), 0.0),
        (["1", "ArrowRight", "ArrowDown"], "L1H1 1", (1, 1), 1.0),
    ):
        shown.page.locator(".sisa-x-panels").focus()
        for key in keys:
            shown.page.keyboard.press(key)
        shown.wait_for(f"{drawn} {WHOLE}")
        pattern = trace.sisa.pattern(layer=place[0], head=place[1], lam_scale=lam_scale).values
        top = float(np.nanmax(pattern[5:]))
        assert_shades(shown, colours_of(pattern[39], 0, top, FROM_ZERO), start=0)


def test_arrow_keys_move_the_query_and_leave_the_head(show, trace):
    shown = show(trace)
    page = shown.page
    page.locator(WORDS).nth(30).click()  # which gives the text the focus
    for key, query in (("ArrowLeft", 29), ("ArrowRight", 30), ("Home", 0), ("ArrowLeft", 0), ("End", 39)):
        page.keyboard.press(key)
        assert shown.state()["query"] == query
        assert page.locator(".sisa-x-words [aria-current]").get_attribute("data-at") == str(query)
    assert shown.state()["head"] == 0
    assert "what query 39 sees: probability" in page.locator(".sisa-x-words").get_attribute("aria-label")
    assert page.locator(".sisa-x-says").get_attribute("role") == "status"


def test_lines_break_where_the_text_does_and_arrows_go_between_them(show, make_trace, screenshots):
    labels = [*("a·b·c⏎d".split("·")), "e\n", *"fgh", "<b>x</b>\u202e", ""]
    labels += [f"·w{at}" for at in range(40 - len(labels))]
    shown = show(make_trace(labels=labels))
    page = shown.page
    page.set_viewport_size({"width": 420, "height": 900})
    text = page.locator(".sisa-x-words")
    assert text.inner_text().startswith("abc⏎\nde⏎\nfgh<b>x</b>⟨U+202E⟩∅ w")
    assert text.locator("b").count() == 0
    page.locator(WORDS).nth(0).click()
    for key, query in (("ArrowUp", 0), ("ArrowDown", 3), ("ArrowDown", 6), ("ArrowUp", 3)):  # h is under ⏎
        page.keyboard.press(key)
        assert shown.state()["query"] == query, key
    text.screenshot(path=screenshots / "explorer_text_narrow.png")


def test_hover_names_token_position_and_number_and_spans_are_underlined(show, trace):
    shown = show(trace)
    page = shown.page
    page.locator(WORDS).nth(30).click()
    page.locator(WORDS).nth(12).hover()
    words = page.locator(".sisa-x-hover").inner_text().replace("\n", " ")
    assert f"key 12 ·{trace['token'].values[12].strip()}" in words
    assert f"probability {trace.sisa.pattern(layer=0, head=0, query=30).values[12]:.4f}" in words
    page.locator(WORDS).nth(35).hover()  # the query does not see it
    words = page.locator(".sisa-x-hover").inner_text().replace("\n", " ")
    assert words.strip() == f"position 35 ·{trace['token'].values[35].strip()}"
    shown.point("content", 33.5, 7.5)
    pointed = page.eval_on_selector_all(".sisa-x-pointed", "all => all.map(word => word.dataset.at)")
    assert pointed == ["7", "33"]
    red, green, blue = (int(SPANS[0][at : at + 2], 16) for at in (1, 3, 5))
    lines = page.eval_on_selector_all(WORDS, "all => all.map(word => word.style.boxShadow)")
    assert [at for at, line in enumerate(lines) if f"rgb({red}, {green}, {blue})" in line] == [10, 11]
    assert [at for at, line in enumerate(lines) if line] == [10, 11, 39]


def test_a_long_text_scrolls_to_the_query_and_the_page_stays(show, make_trace):
    shown = show(make_trace(length=1500, layers=1, heads=1, d_head=2, d_state=2))
    page = shown.page
    page.get_by_label("query", exact=True).fill("1200")
    page.keyboard.press("Enter")
    inside = """() => {
      const text = document.querySelector(".sisa-x-words").getBoundingClientRect();
      const word = document.querySelector(".sisa-x-words [aria-current]").getBoundingClientRect();
      return [word.top >= text.top && word.bottom <= text.bottom, scrollY];
    }"""
    assert page.evaluate(inside) == [True, 0]
