"""Hostile text, damaged pages: nothing runs, nothing loads, text shows as it is written."""

import csv
import io
import re
from xml.etree import ElementTree

import pytest
from explorer_pages import DRAWN
from hostile_texts import HOSTILE, SEEDS

from sisa_viz.explorer import ScoreExplorer, compare
from sisa_viz.look.text import visible

pytestmark = pytest.mark.browser

DRAWN_TAGS = {"svg", "g", "rect", "text", "image", "line", "path", "clipPath", "defs", "title"}


def watch(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    return asked


def test_200_hostile_strings_neither_run_nor_load_and_show_literally(
    make_trace, watched_page, tmp_path, screenshots
):
    assert len(set(HOSTILE)) == 200
    n = len(HOSTILE)
    trace = make_trace(
        length=n,
        layers=1,
        heads=1,
        labels=HOSTILE,
        spans={text: (at, at + 1) for at, text in enumerate(HOSTILE[:40])},
    )
    page = watched_page.page
    asked = watch(page)
    explorer = ScoreExplorer(trace, title=HOSTILE[0] + "\ud800")
    assert explorer._packed
    explorer._packed.meta["tokens"] = HOSTILE  # half surrogates as they are, which a trace spells out
    path = explorer.to_html(tmp_path / "hostile.html")
    page.goto(path.as_uri())
    page.wait_for_function(DRAWN)
    page.get_by_label("query", exact=True).fill(str(n - 1))
    page.keyboard.press("Enter")
    page.get_by_label("keys to list").select_option("Infinity")
    page.get_by_role("button", name="key", exact=True).click()
    shown = page.locator("tbody td:nth-child(2)").all_text_contents()
    assert len(shown) == n
    for text, cell in zip(HOSTILE, shown, strict=True):
        if len(text) <= 40:
            assert cell == (visible(text) or "∅")
        else:
            assert cell.startswith(visible(text[:30]))
            assert re.search(r"… \([\d,]+ characters\)$", cell)
    words = page.locator(".sisa-x-words > span").all_text_contents()
    assert len(words) == n
    for text, word in zip(HOSTILE, words, strict=True):
        if len(text) <= 40:
            lines = (visible(text) or "∅").translate({ord("·"): " ", ord("⇥"): "\t"})
            assert word.replace("\n", "") == lines
    page.mouse.wheel(0, -9999)
    image = page.locator('[data-part="content"] .sisa-x-image').bounding_box()
    for at in range(4, n, 9):
        page.mouse.move(image["x"] + 0.5, image["y"] + image["height"] * (at + 0.5) / n)
        assert page.locator(".sisa-x-hover").is_visible()
    page.locator(".sisa-x-panels").press("+")
    page.wait_for_function(DRAWN)
    assert len(page.locator(".sisa-x-spans").inner_text()) < 4000
    assert visible(HOSTILE[0] + "\ud800") in page.locator("h2").text_content()
    page.screenshot(path=screenshots / "explorer_hostile.png")
    assert page.evaluate("window.hit") is None
    assert page.locator(".sisa-x :is(script, img, iframe, svg, a, style, link, meta)").count() == 0
    assert [url for url in asked if not url.startswith("blob:")] == [path.as_uri()]
    assert watched_page.errors == []


def test_hostile_strings_stay_text_in_find_address_csv_drawings_and_python(
    make_trace, watched_page, tmp_path
):
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://evil.invalid")']
    labels = [*SEEDS, *formulas]
    n = len(labels)
    trace = make_trace(length=n, layers=1, heads=4, labels=labels, spans={SEEDS[0]: (0, 2)})
    page = watched_page.page
    path = ScoreExplorer(trace, title=SEEDS[2], state={"query": n - 1}).to_html(tmp_path / "hostile.html")
    page.goto(path.as_uri())
    page.wait_for_selector('.sisa-x[data-grid="done"]')
    asked = watch(page)
    for text in [*HOSTILE[::3], *formulas]:
        page.get_by_label("find in the text").fill(text[:2000])
        page.keyboard.press("Enter")
        page.evaluate(
            "text => { location.hash = `query=3&layer=${text}&window=${text}&${text}=1`; }", text[:500]
        )
    page.get_by_label("query", exact=True).fill(str(n - 1))
    page.keyboard.press("Enter")
    page.get_by_label("heads side by side", exact=True).select_option("4")
    page.wait_for_selector('.sisa-x[data-grid="done"]')
    for name in ("save the panels as SVG", "save heads side by side as SVG"):
        drawing = ElementTree.parse(saved(page, name))
        assert {element.tag.split("}")[1] for element in drawing.iter()} <= DRAWN_TAGS
        assert not [name for element in drawing.iter() for name in element.attrib if name.startswith("on")]
    cells = [
        row[2]
        for row in csv.reader(io.StringIO(saved(page, "save the locked row as CSV").read_text("utf-8")))
    ]
    assert len(cells) == n + 1
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    page.get_by_role("button", name="copy the call").click()
    assert page.evaluate("window.hit") is None
    assert page.locator(".sisa-x :is(script, img, iframe, svg, a, style, link, meta)").count() == 0
    assert [url for url in asked if not url.startswith(("blob:", path.as_uri()))] == []
    assert watched_page.errors == []


def saved(page, name):
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    return download.value.path()


def test_an_untouched_page_asks_for_itself_and_nothing_else(trace, watched_page, tmp_path):
    page = watched_page.page
    page.context.set_offline(True)
    asked = watch(page)
    path = ScoreExplorer(trace).to_html(tmp_path / "page.html")
    page.goto(path.as_uri())
    page.wait_for_selector('.sisa-x[data-grid="done"]')
    assert [url for url in asked if not url.startswith("blob:")] == [path.as_uri()]
    assert watched_page.errors == []


def damaged(text, kind):
    if kind == "cut in a block":
        return text[: text.rindex("data-block=") + 200], "L1H2 has "
    if kind == "cut before the blocks":
        return text[: text.index('<script type="text/plain" data-block=')], "L0H0 has 0 of "
    if kind == "cut in the description":
        return text[: text.index('"schema"') + 200], "description cannot be read"
    if kind == "foreign":
        return text.replace('"schema":"sisa-explorer/1"', '"schema":"other/7"'), 'says it is "other/7"'
    return re.sub(r'(data-block="page">).{40}', r"\1", text, count=1), "L0H0 has "


@pytest.mark.parametrize(
    "kind",
    ["cut in a block", "cut before the blocks", "cut in the description", "foreign", "a block is shorter"],
)
def test_a_damaged_page_says_what_is_wrong_and_what_to_do(trace, watched_page, tmp_path, kind):
    path = ScoreExplorer(trace).to_html(tmp_path / "page.html")
    text, message = damaged(path.read_text(encoding="utf-8"), kind)
    path.write_text(text, encoding="utf-8")
    watched_page.page.goto(path.as_uri())
    alert = watched_page.page.get_by_role("alert")
    alert.wait_for()
    assert message in alert.inner_text()
    assert "sisa explore TRACE" in alert.inner_text()
    assert watched_page.errors == []


def test_without_scripts_a_picture_stands_in(browser, trace, tmp_path):
    explorer = ScoreExplorer(trace)
    path = explorer.to_html(tmp_path / "page.html")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    picture = page.locator("noscript img")
    assert f"weights of L{explorer.state.layer}H{explorer.state.head}" in picture.get_attribute("alt")
    assert picture.bounding_box()["width"] > 150
    context.close()


def test_hostile_names_of_runs_neither_run_nor_load(watched_page, make_trace, tmp_path):
    names = SEEDS[:6]
    runs = {
        name: make_trace(length=len(HOSTILE), layers=1, heads=1, labels=HOSTILE, seed=at)
        for at, name in enumerate(names)
    }
    page, asked = watched_page.page, []
    page.on("request", lambda request: asked.append(request.url))
    path = compare(runs, title=HOSTILE[0]).to_html(tmp_path / "hostile.html")
    page.goto(path.as_uri() + "#run_a=" + "%3Cimg%20src=x%20onerror=window.hit=1%3E" + "&part=<script>")
    page.wait_for_function(DRAWN)
    page.get_by_role("combobox", name="run of A").select_option("3")
    page.wait_for_function(DRAWN)
    page.get_by_label("query", exact=True).fill("150")
    page.keyboard.press("Enter")
    page.reload()
    page.wait_for_function(DRAWN)
    assert page.evaluate("document.querySelector('.sisa-x').explorer.state.run_a") == names[3]
    assert page.evaluate("window.hit") is None
    assert page.locator(".sisa-x :is(script, img, iframe, svg, a, style, link, meta)").count() == 0
    assert {url for url in asked if not url.startswith("blob:")} == {asked[0]}
    assert watched_page.errors == []
