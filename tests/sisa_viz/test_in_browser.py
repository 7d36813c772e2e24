"""In Chromium, from a file: labels read as written, nothing runs, nothing is asked for."""

import pytest

from sisa_viz import (
    Heading,
    plot_decay,
    plot_lambda,
    plot_niah_convergence,
    plot_niah_grid,
    plot_scores,
    plot_training,
    report,
)
from sisa_viz.look.text import LIMIT, visible

pytestmark = pytest.mark.browser


@pytest.fixture
def open_report(watched_page, tmp_path):
    """Write a report, open it from its file, wait until it is drawn; the page must stay silent and still."""

    def open_page(*sections, title="report"):
        path = report(tmp_path / "page.html", *sections, title=title)
        watched_page.page.goto(path.as_uri())
        watched_page.page.wait_for_selector("html[data-drawn=all]")
        return watched_page.page

    yield open_page
    assert watched_page.outside == []
    assert watched_page.errors == []
    assert watched_page.page.evaluate("window.pwned") is None


def test_hostile_tokens_show_literally(open_report, make_trace, hostile):
    trace = make_trace(length=len(hostile), labels=hostile, spans={"<b>needle</b>": (3, 5)})
    page = open_report(
        plot_scores(trace, layer=0, head=0),
        plot_decay(trace),
        *hostile,
        *map(Heading, hostile),
        title=hostile[0],
    )
    shown = page.locator(".sisa-figure").first.locator(".x3tick text").all_text_contents()
    tokens = [label.replace("\ud800", "\\ud800") for label in hostile]
    assert shown == [f"{at} {visible(token, limit=LIMIT) or '∅'}" for at, token in enumerate(tokens)]
    assert page.locator("h1").text_content() == hostile[0]
    assert page.locator(".sisa-figure a, p script, h2 script, p img").count() == 0
    assert "<b>needle</b>" in page.locator(".sisa-figure .annotation-text").all_text_contents()


def test_the_hover_box_names_tokens_positions_and_all_four_numbers(open_report, make_trace):
    labels = ["<s>", " the", " the", "<extra>e</extra>"]
    trace = make_trace(length=4, labels=labels, spans={})
    page = open_report(plot_scores(trace, layer=0, head=1))
    panel = page.locator(".draglayer .x3y3 .nsewdrag").bounding_box()
    page.mouse.move(panel["x"] + panel["width"] * 0.4, panel["y"] + panel["height"] * 0.9)
    page.wait_for_selector(".hoverlayer .hovertext")
    lines = page.locator(".hoverlayer .hovertext tspan.line").all_text_contents()
    assert lines[:2] == ["query 3 <extra>e</extra>", "key 1 ·the"]
    numbers = {line.split(": ")[0]: float(line.split(": ")[1].replace("−", "-")) for line in lines[2:]}
    at = {"layer": 0, "head": 1, "query": 3}
    for name, values in (
        ("content score", trace.sisa.content(**at)),
        ("importance score", trace.sisa.importance(**at)),
        ("attention score", trace.sisa.scores(**at)),
        ("attention pattern", trace.sisa.pattern(**at)),
    ):
        assert numbers[name] == pytest.approx(float(values[1]), rel=1e-3)


def test_zooming_one_panel_zooms_all(open_report, trace):
    page = open_report(plot_scores(trace, layer=0, head=0))
    panel = page.locator(".draglayer .x4y4 .nsewdrag").bounding_box()
    corners = [
        (panel["x"] + share * panel["width"], panel["y"] + share * panel["height"]) for share in (0.2, 0.6)
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    page.mouse.move(*corners[1], steps=4)
    page.mouse.up()
    page.wait_for_function("document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range[0] > 2")
    ranges = page.evaluate("""[1, '', 2, 3, 4].slice(1).map(at => ['x', 'y'].map(
        name => document.querySelector('.js-plotly-plot')._fullLayout[`${name}axis${at}`].range))""")
    assert ranges == [ranges[3]] * 4
    (left, right), (low, high) = ranges[3]
    assert right - left == pytest.approx(low - high)  # still square
    assert (left, right) == pytest.approx((4.3, 13.9), abs=0.5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_kinds_of_figures_draw_and_text_contrasts(
    open_report, watched_page, screenshots, trace, metrics, summary, published, scheme
):
    watched_page.page.emulate_media(color_scheme=scheme)
    figures = [
        plot_scores(trace, layer=0, head=0),
        plot_lambda(trace),
        plot_decay(trace),
        plot_niah_grid(summary),
        plot_niah_convergence(metrics, published=published),
        plot_training(metrics),
    ]
    page = open_report("Text.", *figures, summary)
    assert page.locator(".js-plotly-plot .main-svg").count() >= len(figures)
    assert page.locator("noscript img:visible").count() == 0
    ink = page.locator(".sisa-figure .xtick text").first.evaluate("node => getComputedStyle(node).fill")
    assert ink == {"light": "rgb(36, 41, 47)", "dark": "rgb(230, 230, 230)"}[scheme]
    page.screenshot(path=screenshots / f"report_{scheme}.png", full_page=True)


def test_with_scripts_off_pictures_stand_in(browser, trace, tmp_path, screenshots):
    path = report(tmp_path / "page.html", "Text.", plot_lambda(trace), title="t")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    picture = page.locator("img")
    assert picture.is_visible()
    assert picture.get_attribute("alt") == "How far the importance weight λ moved"
    assert picture.bounding_box()["height"] > 200
    assert not page.locator(".sisa-figure > div").is_visible()
    page.screenshot(path=screenshots / "report_scripts_off.png", full_page=True)
    context.close()


def test_it_prints(open_report, trace, summary):
    page = open_report("Text.", plot_scores(trace, layer=0, head=0), plot_lambda(trace), summary)
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("main").bounding_box()["width"] < 700
