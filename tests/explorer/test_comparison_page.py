"""A comparison in Chromium, from file://: what a user does; the numbers on screen are Python's."""

import csv
import io
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from explorer_cases import maps
from explorer_pages import Shown, number
from PIL import Image

from sisa_viz import ScoreExplorer, compare, report
from sisa_viz.explorer.comparison_state import NAMES
from sisa_viz.look.colours import FROM_ZERO, SIGNED

pytestmark = pytest.mark.browser
START = {"run_b": "second", "layer_a": 1, "head_a": 2, "lam_scale_a": 0.5, "layer_b": 0, "head_b": 1}


@pytest.fixture
def other(make_trace):
    return make_trace(seed=1)


@pytest.fixture
def show_pair(watched_page, tmp_path):
    """Write a comparison to a page and open it, offline; nothing may be asked for or go wrong meanwhile."""

    def open_page(*traces, address="", **options):
        path = compare(*traces, **options).to_html(tmp_path / "comparison.html")
        watched_page.page.context.set_offline(True)
        watched_page.page.goto(path.as_uri() + address)
        return Shown.of(watched_page.page)

    asked = []
    watched_page.page.on("request", lambda request: asked.append(request.url))
    yield open_page
    assert [url for url in asked if not url.startswith(("blob:", "file:"))] == []
    assert watched_page.outside == []
    assert watched_page.errors == []


def colour_at(share, stops):
    """The colour of a share of a ramp, in float64."""
    channels = np.array([[int(stop[at : at + 2], 16) for at in (1, 3, 5)] for stop in stops])
    places = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(share, places, channel) for channel in channels.T], axis=-1)


@pytest.mark.parametrize("part", ["content", "importance", "scores", "pattern"])
def test_the_three_pictures_are_pythons_cell_by_cell(show_pair, trace, other, part):
    shown = show_pair(trace, other, state=START | {"lam_scale_b": 2.5, "part": part})
    shown.wait_for(f"first L1H2 0.5 | second L0H1 2.5 | {part} 0-40-0-40")
    a, b = maps(trace, 1, 2, 0.5)[part], maps(other, 0, 1, 2.5)[part]
    late = slice(5, None) if part == "pattern" else slice(None)
    most, apart = (np.nanmax(np.abs(values[..., late, :])) for values in (np.stack([a, b]), b - a))
    seen = np.tril_indices(40)
    for view, values, limit in (("a", a, most), ("b", b, most), ("difference", b - a, apart)):
        pixels = shown.pixels(view)
        assert ((pixels[..., 3] > 0) == ~np.isnan(values)).all()
        from_zero = part == "pattern" and view != "difference"
        share = values[seen] / limit if from_zero else values[seen] / limit / 2 + 0.5
        wanted = colour_at(np.clip(share, 0, 1), FROM_ZERO if from_zero else SIGNED)
        assert np.abs(pixels[seen][:, :3] - wanted).max() < 2.5


def test_the_table_has_both_numbers_and_the_difference_and_follows_every_control(show_pair, trace, other):
    shown = show_pair(trace, other, state=START | {"part": "scores"})
    page = shown.page
    shown.wait_for("first L1H2 0.5 | second L0H1 1 | scores 0-40-0-40")
    shown.click("difference", 30.5, 2)
    assert shown.state()["query"] == 30

    def assert_rows(a, b, *, sort="B − A"):
        rows = shown.rows()
        sizes = [abs(number(row[4])) for row in rows]
        assert sizes == sorted(sizes, reverse=True) or sort != "B − A"
        for row in rows:
            key = int(row[0])
            wanted = [a[30, key], b[30, key], b[30, key] - a[30, key]]
            np.testing.assert_allclose([number(cell) for cell in row[2:]], wanted, atol=1.01e-4)
        return rows

    a, b = maps(trace, 1, 2, 0.5), maps(other, 0, 1, 1)
    assert_rows(a["scores"], b["scores"])
    page.get_by_role("button", name="softmax", exact=True).click()
    shown.wait_for("first L1H2 0.5 | second L0H1 1 | pattern 0-40-0-40")
    assert_rows(a["pattern"], b["pattern"])
    page.get_by_label("head of B").select_option("2")
    page.get_by_label("layer of A").select_option("0")
    page.get_by_label("λ of B as a multiple of the trained value").fill("0")
    shown.wait_for("first L0H2 0.5 | second L0H2 0 | pattern 0-40-0-40")
    a, b = maps(trace, 0, 2, 0.5), maps(other, 0, 2, 0)
    assert_rows(a["pattern"], b["pattern"])
    page.get_by_role("button", name="A", exact=True).click()
    rows = assert_rows(a["pattern"], b["pattern"], sort="A")
    assert int(rows[0][0]) == int(np.nanargmax(a["pattern"][30]))
    page.get_by_label("run of A").select_option("1")
    shown.wait_for("second L0H2 0.5 | second L0H2 0 | pattern 0-40-0-40")
    assert_rows(maps(other, 0, 2, 0.5)["pattern"], b["pattern"], sort="A")


def test_one_trace_against_itself_is_equal_and_says_so(show_pair, trace):
    shown = show_pair(trace, trace, state={"part": "scores", "query": 20})
    assert "A and B are equal." in shown.page.locator(".sisa-x-status").inner_text()
    assert {row[4] for row in shown.rows()} == {"0.0000"}
    assert shown.page.get_by_label("run of A").count() == 0
    pixels = shown.pixels("difference")[np.tril_indices(40)][:, :3]
    assert (pixels == pixels[0]).all()
    shown.page.locator(".sisa-x-panels").press("ArrowRight")
    shown.wait_for("trace L0H1 1 | trace L0H1 1 | scores 0-40-0-40")
    shown.page.get_by_label("λ of A").fill("2")
    shown.wait_for("trace L0H1 2 | trace L0H1 1 | scores 0-40-0-40")
    assert "equal" not in shown.page.locator(".sisa-x-status").inner_text()


def test_zoom_hover_and_wheel_are_one_for_all_panels(show_pair, trace, other):
    shown = show_pair(trace, other, state=START | {"part": "content"})
    page = shown.page
    shown.point("difference", 33.5, 12.5)
    a, b = (maps(each, *at, 1)["content"][33, 12] for each, at in ((trace, (1, 2)), (other, (0, 1))))
    words = page.locator(".sisa-x-hover").inner_text().replace("\n", " ")
    for name, value in (("A", a), ("B", b), ("B − A", b - a)):
        assert f"{name} {value:.4f}".replace("-", "\u2212") in words
    shown.drag("a", (10.5, 5.5), (29.5, 24.5))
    shown.wait_for("first L1H2 0.5 | second L0H1 1 | content 10-30-5-25")
    sizes = page.eval_on_selector_all(".sisa-x-image", "all => all.map(c => [c.width, c.height])")
    assert sizes == [[20, 20]] * 3
    page.keyboard.down("Shift")
    shown.drag("b", (20, 20), (26, 14))
    page.keyboard.up("Shift")
    page.wait_for_function("() => !/10-30-5-25$/.test(document.querySelector('.sisa-x').dataset.drawn)")
    window = shown.state()["window"]
    assert [window[1] - window[0], window[3] - window[2]] == [20, 20]
    page.locator(".sisa-x-panels").focus()
    shown.point("difference", 20, 20)
    page.mouse.wheel(0, 200)
    page.get_by_role("button", name="whole map").is_enabled()
    page.keyboard.press("Escape")
    shown.wait_for("first L1H2 0.5 | second L0H1 1 | content 0-40-0-40")


def test_the_difference_is_taken_before_cells_share_a_pixel(show_pair, make_trace):
    options = {"length": 1500, "layers": 1, "heads": 1, "d_head": 2, "d_state": 2, "spans": {}}
    a, b = make_trace(**options), make_trace(**options, seed=1)
    shown = show_pair(a, b, state={"part": "scores", "run_b": "second"})
    shown.point("difference", 1200.2, 600.2, length=1500)
    words = shown.page.locator(".sisa-x-hover").inner_text().replace("\n", " ")
    assert "cells in this pixel" in words
    query, key = (int(words.split(name)[1].split()[0]) for name in ("query", "key"))
    values = [maps(each, 0, 0, 1)["scores"] for each in (a, b)]
    assert f"B − A {values[1][query, key] - values[0][query, key]:.4f}".replace("-", "\u2212") in words
    peak = shown.page.locator('[data-part="difference"] .sisa-x-peak').inner_text()
    apart = values[1] - values[0]
    at = np.unravel_index(np.nanargmax(np.abs(apart)), apart.shape)
    assert peak == f"largest {apart[at]:.4f} at query {at[0]}, key {at[1]}".replace("-", "\u2212")


def test_a_slider_goes_through_the_runs_of_a_training(show_pair, make_trace):
    runs = {f"step {100 * at}": make_trace(seed=at) for at in range(3)}
    shown = show_pair(runs, state={"run_b": "step 200", "query": 30, "part": "content"})
    page = shown.page
    shown.wait_for("step 0 L0H0 1 | step 200 L0H0 1 | content 0-40-0-40")
    slider = page.get_by_role("slider", name="run of A")
    slider.focus()
    page.keyboard.press("ArrowRight")
    shown.wait_for("step 100 L0H0 1 | step 200 L0H0 1 | content 0-40-0-40")
    assert slider.get_attribute("aria-valuetext") == "step 100"
    assert page.get_by_role("combobox", name="run of A").input_value() == "1"
    a, b = (maps(runs[f"step {at}"], 0, 0, 1)["content"][30] for at in (100, 200))
    for row in shown.rows():
        key = int(row[0])
        np.testing.assert_allclose(number(row[4]), b[key] - a[key], atol=1.01e-4)


def test_other_architectures_have_their_own_heads(show_pair, make_trace):
    runs = {"SISA": make_trace(layers=3, heads=4), "transformer": make_trace(d_state=0, layers=1, heads=2)}
    state = {"layer_a": 2, "head_a": 3, "part": "scores", "query": 20}
    shown = show_pair(runs, state=state)
    assert shown.page.locator("[data-part-choice]").all_inner_texts() == ["content", "sum", "softmax"]
    assert [shown.page.get_by_label(f"λ of {side} as").is_visible() for side in "AB"] == [True, False]
    shown.page.get_by_label("run of A").select_option("1")
    shown.wait_for("transformer L0H0 1 | transformer L0H0 1 | scores 0-40-0-40")
    assert shown.page.get_by_label("layer of A").locator("option").count() == 1


def test_the_keyboard_alone_does_everything(show_pair, trace, other):
    shown = show_pair(trace, other, state={"run_b": "second"})
    page, press = shown.page, shown.page.keyboard.press
    reached = []
    for _ in range(40):
        press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText"
            )
        )
    for name in ("content", "run of A", "head of B", "λ of B as a multiple of the trained value"):
        assert name in reached
    page.locator(".sisa-x-panels").focus()
    press("ArrowRight")
    press("ArrowDown")
    press("0")
    shown.wait_for("first L1H1 0 | second L1H1 0 | pattern 0-40-0-40")
    press("1")
    press("+")
    shown.wait_for("first L1H1 1 | second L1H1 1 | pattern 10-30-10-30")
    press("/")
    page.keyboard.type("lazy")
    press("Enter")
    assert shown.state()["query"] == 7
    press("Tab")
    page.locator(".sisa-x-words").press("ArrowRight")
    assert shown.state()["query"] == 8
    page.locator(".sisa-x-panels").press("?")
    assert page.locator("dialog").is_visible()


def test_the_address_brings_the_view_back_and_python_makes_it_again(show_pair, trace, other):
    shown = show_pair(
        trace,
        other,
        address="#run_b=second&head_a=2&lam_scale_b=0.5&part=content&query=20&window=9-30-0-25&evil=<b>",
    )
    drawn = "first L0H2 1 | second L0H0 0.5 | content 9-30-0-25"
    page = shown.page
    layer = shown.state()["layer_a"]
    page.get_by_label("layer of A").select_option(str(1 - layer))
    page.get_by_label("layer of A").select_option("0")
    page.get_by_label("layer of B").select_option("0")
    page.get_by_label("head of B").select_option("0")
    shown.wait_for(drawn)
    page.reload()
    shown.wait_for(drawn)
    state = shown.state()
    assert tuple(state) == NAMES
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.get_by_role("button", name="copy the call that makes this view").click()
    call = page.locator(".sisa-x-keep [role=status]").inner_text()
    again = eval(call, {"a": trace, "b": other, "compare": compare})
    assert json.loads(json.dumps(again.state.as_dict())) == state


def test_files_hold_what_is_on_show(show_pair, trace, other):
    shown = show_pair(trace, other, state=START | {"part": "pattern", "query": 20}, title="<b>kept</b>")
    page, saved = shown.page, {}
    for kind in ("the panels as PNG", "the panels as SVG", "the locked row as CSV"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"save {kind}").click()
        saved[kind[-3:]] = download.value.path()
    width, height = Image.open(saved["PNG"]).convert("RGB").size
    assert width > 2 * height > 600
    drawing = ET.parse(saved["SVG"]).getroot()
    words = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert words[0] == "<b>kept</b> · softmax · A: L1H2 first λ × 0.5 · B: L0H1 second λ × 1 · query 20"
    assert {"A", "B", "B − A"} <= set(words)
    rows = list(csv.DictReader(io.StringIO(saved["CSV"].read_text(encoding="utf-8"))))
    table = compare(trace, other, state=START | {"query": 20}).selection()
    for name in ("a", "b", "difference"):
        np.testing.assert_allclose([float(row[name]) for row in rows], table[name], atol=1e-5)


def test_a_report_takes_comparisons_beside_explorers(watched_page, trace, other, tmp_path):
    sections = [compare(trace, other), ScoreExplorer(trace, layer=0)]
    shown = Shown.file(watched_page.page, report(tmp_path / "report.html", *sections, title="A report"))
    assert shown.page.locator(".sisa-x").count() == 2
    assert shown.page.locator(".sisa-x-compared").count() == 1
    assert watched_page.outside == []
    assert watched_page.errors == []


@pytest.mark.parametrize("width", [420, 700, 900, 1440])
def test_nothing_is_clipped_at_any_width(show_pair, make_trace, width):
    runs = {f"step {1000 * at} of the second seed": make_trace(seed=at) for at in range(3)}
    shown = show_pair(runs, state={"lam_scale_a": 1.25, "query": 30})
    page = shown.page
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    panels = [panel.bounding_box() for panel in page.locator(".sisa-x-image").all()]
    assert len({box["y"] for box in panels if box}) == (1 if width >= 900 else 3)
    clipped = page.eval_on_selector_all(
        ".sisa-x-title > *, .sisa-x-sidebar > *",
        """all => all.filter(e => e.scrollWidth > e.clientWidth + 1
          || e.getBoundingClientRect().right > e.closest(".sisa-x-column").getBoundingClientRect().right + 1)
          .map(e => e.outerHTML)""",
    )
    assert clipped == []
