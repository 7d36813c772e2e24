"""Lessons in Chromium, by keyboard alone; what they say is computed here a second time."""

import re

import numpy as np
import pytest
from seen_poorly import faint, unnamed

from data import measured
from data.results.intervals import share_interval
from sisa_viz.lessons import decay_rotation, fusion_levels, score_dial, seed_curves

pytestmark = pytest.mark.browser
TOKENS = ["The", " code", " 7"]
PRODUCTS, IMPORTANCE = np.array([3.0, 8.0, 3.0]), np.array([0.0625, -0.125, 1.5])
CONTENT = np.array([0.0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0])
VARIANTS = ["transformer", "jamba"]


def all_lessons():
    runs = measured.tiny()
    return [
        decay_rotation(CONTENT, size=2),
        score_dial(TOKENS, products=PRODUCTS, importance=IMPORTANCE, d_head=4),
        fusion_levels(["3", "or", "7", "?"], content=np.tile([4.0, 0, 4, 0], (4, 1))),
        seed_curves(runs.loc[runs["step"] <= 200], variants=VARIANTS, episodes=128),
    ]


def softmax(scores):
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum()


def said(number, digits):
    """A number as the page writes it, with a true minus sign and no minus before zero."""
    text = f"{abs(number):.{digits}f}"
    return f"\u2212{text}" if number < 0 and float(text) else text


def press(page, name, key, times):
    page.get_by_role("slider", name=name, exact=True).focus()
    for _ in range(times):
        page.keyboard.press(key)


def status(page):
    return page.locator("p[role='status']").inner_text()


def test_decay_says_what_numpy_computes_as_sliders_move_by_keyboard(show):
    page = show(decay_rotation(CONTENT, size=2))
    press(page, "half-life", "ArrowLeft", 8)  # from 22 to 14 steps of 20 to a tenfold
    press(page, "angle a token", "ArrowRight", 5)  # from 4 to 9 of 60 steps to π
    press(page, "λ", "ArrowLeft", 37)
    press(page, "look at distance", "ArrowRight", 4)  # from 3, the key that content likes
    distance = np.arange(len(CONTENT))
    decay, turned = 0.5 ** (distance / 10 ** (14 / 20)), distance * 9 * np.pi / 60
    importance = 0.63 * decay * 2 * np.cos(turned)
    both, alone = softmax(CONTENT + importance), softmax(CONTENT)
    assert status(page) == (
        f"At distance 7 the importance is {said(importance[7], 2)} nats: λ 0.63 × "
        f"decay {said(decay[7], 2)} × |C||B| 2.00 × cos {said(turned[7], 2)}, "
        f"which is {said(np.cos(turned[7]), 2)}. "
        f"This key's weight is {said(both[7], 3)}; by content alone it is {said(alone[7], 3)}."
    )
    assert importance[7] < 0
    page.locator("summary").press("Enter")
    page.wait_for_selector("tbody tr")  # written when the table is unfolded
    rows = [line.locator("th, td").all_inner_texts() for line in page.locator("tbody tr").all()]
    expected = zip(distance, CONTENT, importance, alone, both, strict=True)
    assert rows == [[str(d), said(c, 2), said(i, 2), said(a, 3), said(b, 3)] for d, c, i, a, b in expected]


def test_sliders_end_where_they_should_and_say_so(show):
    page = show(decay_rotation(CONTENT, size=2))
    for name, first, last in (
        ("half-life", "1.0 tokens", "1000 tokens"),
        ("angle a token", "0.00 rad (0°)", "3.14 rad (180°)"),
        ("λ", "0.00", "4.00"),
        ("look at distance", "0", "11"),
    ):
        slider = page.get_by_role("slider", name=name, exact=True)
        for key, words in (("Home", first), ("End", last)):
            press(page, name, key, 1)
            assert slider.get_attribute("aria-valuetext") == words
            assert slider.locator("xpath=../output").inner_text() == words


def test_bars_are_as_long_as_importance_says(show):
    page = show(decay_rotation(CONTENT, size=2))
    bars = page.locator("svg rect.plus, svg rect.minus").all()
    heights = np.array([float(bar.get_attribute("height") or "nan") for bar in bars])
    signs = np.array([{"plus": 1, "minus": -1}[bar.get_attribute("class") or ""] for bar in bars])
    distance = np.arange(len(CONTENT))
    importance = 0.5 ** (distance / 10 ** (22 / 20)) * 2 * np.cos(distance * 4 * np.pi / 60)
    np.testing.assert_allclose(signs * heights / heights.max(), importance / 2, atol=1e-9)


def test_the_dial_says_what_numpy_computes(show):
    page = show(score_dial(TOKENS, products=PRODUCTS, importance=IMPORTANCE, d_head=4))
    for presses, lam in ((0, 0.0), (250, 2.5)):
        press(page, "λ", "ArrowRight", presses)
        content, added = PRODUCTS / 2, lam * IMPORTANCE
        scores, weights = content + added, softmax(content + added)
        first, second = np.argsort(-weights, kind="stable")[:2]
        names = ["“The”", "“·code”", "“·7”"]
        terms = f"content {said(content[first], 2)} + λ × importance {said(added[first], 2)}"
        less, lighter = said(scores[first] - scores[second], 2), said(weights[first] / weights[second], 2)
        assert status(page) == (
            f"{names[first]} has most weight, {said(weights[first], 2)}: {terms} = "
            f"{said(scores[first], 2)} nats. Next is {names[second]} with {said(weights[second], 2)}: "
            f"{less} nats less, {lighter} times lighter."
        )
    page.locator("summary").press("Enter")
    page.wait_for_selector("tbody tr")
    products = [line.locator("td").all_inner_texts()[:2] for line in page.locator("tbody tr").all()]
    assert products == [["3", "0.0625"], ["8", "−0.125"], ["3", "1.5"]]
    press(page, "divide q·k by", "ArrowRight", 12)
    assert page.get_by_role("slider", name="divide q·k by").get_attribute("aria-valuetext") == "8.0"
    assert "content 0.38" in status(page)  # 3 / 8: “·7” leads


def test_levels_follow_both_sliders(show):
    page = show(fusion_levels(["3", "or", "7", "?"], content=np.tile([4.0, 0, 4, 0], (4, 1))))
    press(page, "λ (score level)", "Home", 1)
    picture = page.get_by_role("img").get_attribute("aria-label") or ""
    alone = softmax(np.array([4.0, 0, 4, 0]))
    assert f"score level “3” {said(alone[0], 2)}, “or” {said(alone[1], 2)}" in picture
    before = status(page)
    press(page, "half-life", "ArrowRight", 3)
    assert status(page) != before
    state = 0.5 ** (np.array([3, 2, 1, 0]) / 4)
    head = (alone + state) / 2
    assert f"head level “3” {said(head[0], 2)}" in (page.get_by_role("img").get_attribute("aria-label") or "")


def test_seeds_bring_in_runs_and_intervals(show):
    runs = measured.tiny()
    page = show(seed_curves(runs.loc[runs["step"] <= 200], variants=VARIANTS, episodes=128))
    asked = (runs["name"] == "niah/exact_match") & (runs["step"] == 75)
    rows = runs.loc[asked].sort_values("seed")
    found = {name: rows.loc[rows["architecture"] == name, "value"].tolist() for name in VARIANTS}
    press(page, "look at step", "Home", 1)
    press(page, "look at step", "ArrowRight", 2)
    first = sorted(((found[name][0], name) for name in VARIANTS), reverse=True)
    words = ", ".join(f"{name} {100 * value:.0f} %" for value, name in first)
    assert status(page) == f"At step 75, one seed: {words}; below three seeds there is no interval."
    press(page, "seeds", "ArrowRight", 3)
    means = {name: share_interval(found[name][:4], episodes=128) for name in VARIANTS}
    words = ", ".join(
        f"{name} {100 * mean.value:.0f} % ({100 * mean.low:.0f} % to {100 * mean.high:.0f} %)"
        for name, mean in sorted(means.items(), key=lambda item: -item[1].value)
    )
    assert status(page) == f"At step 75, mean of 4 seeds: {words}; 95 % intervals in brackets."
    lines = page.locator("svg path[stroke^='#']").count()
    page.get_by_role("checkbox", name="jamba").press("Space")
    assert "jamba" not in status(page)
    assert page.locator("svg path[stroke^='#']").count() == lines // 2
    page.get_by_role("checkbox", name="transformer").press("Space")
    assert "nothing is shown" in status(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_and_every_control_has_a_name(show, scheme):
    page = show(*all_lessons())
    page.emulate_media(color_scheme=scheme)
    for summary in page.locator(".sisa-lesson summary").all():
        summary.click()
    assert unnamed(page, ".sisa-lesson") == []
    assert faint(page, "main") == []
    for role, count in (
        ("region", 8),
        ("slider", 10),
        ("img", 4),
        ("table", 4),
        ("group", 9),
    ):
        assert page.get_by_role(role).count() == count, role  # a lesson is a region, and so is its table
    live = page.locator("p[role=status], output:not([aria-live=off])")
    assert live.count() == 4  # one voice a lesson


@pytest.mark.parametrize("width", [360, 900])
def test_no_page_is_wider_than_its_window_and_pictures_follow_it(show, width):
    page = show(*all_lessons())
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
    page.wait_for_timeout(100)  # longer than it takes to draw anew
    widths = page.eval_on_selector_all(
        ".picture svg",
        "all => all.map(svg => [svg.getBoundingClientRect().width, svg.viewBox.baseVal.width])",
    )
    assert all(0.7 * width < found < width for found, _ in widths), widths
    assert all(abs(found - drawn) < 1 for found, drawn in widths), widths  # drawn anew, not shrunk
    outside = page.eval_on_selector_all(
        ".picture svg text",
        """all => all.filter((text) => {
          const [own, all] = [text, text.ownerSVGElement].map((each) => each.getBoundingClientRect());
          return own.left < all.left - 1 || own.right > all.right + 1 || own.bottom > all.bottom + 1;
        }).map((text) => text.textContent)""",
    )
    assert outside == []


def test_nothing_moves_by_itself(show):
    page = show(*all_lessons())
    assert page.evaluate("() => document.getAnimations().length") == 0
    styles = page.evaluate(
        "() => [...document.querySelectorAll('main *')].map(e => getComputedStyle(e).transitionDuration)"
    )
    assert set(styles) == {"0s"}


def test_damaged_data_are_said_to_be_so(show, watched_page, tmp_path):
    page = show(decay_rotation(CONTENT, size=2))
    path = tmp_path / "page.html"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'\{"content":', "{", text), encoding="utf-8")
    page.reload()
    page.wait_for_selector('[data-drawn="error"]')
    assert "This lesson cannot be shown" in page.get_by_role("alert").inner_text()
