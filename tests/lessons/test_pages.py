"""The four pages of the workshop: small, silent, and what their texts say about the pictures is so."""

import re

import pytest
from playwright.sync_api import Page
from seen_poorly import faint, unnamed
from watched import watched_page

from notebooks.workshop.pages import PARTS, write_pages

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MOST_BYTES = 3_000_000
READY = """() => [...document.querySelectorAll('.sisa-lesson, .sisa-x')].every(each => each.dataset.drawn)"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return dict(zip(PARTS, write_pages(tmp_path_factory.mktemp("pages") / "new"), strict=True))


def open_page(watched, path) -> Page:
    watched.page.goto(path.as_uri())
    watched.page.wait_for_function(READY)
    return watched.page


def status(page):
    return page.locator(".sisa-lesson p[role='status']").first.inner_text()


def row(page):
    """All keys of the first explorer's locked query: token, content, importance, sum, probability."""
    page.get_by_label("keys to list").first.select_option("Infinity")
    lines = page.locator(".sisa-x").first.locator("tbody tr").all()
    return {cells[0]: cells[1:] for line in lines for cells in [line.locator("th, td").all_inner_texts()]}


def put(page, name, position):
    """Set a slider as a hand would, in one go."""
    page.get_by_role("slider", name=name, exact=True).fill(str(position))


def test_pages_are_written_in_the_order_of_the_parts_and_small(pages):
    assert [path.name for path in pages.values()] == [f"{name}.html" for name in PARTS]
    assert [name[0] for name in PARTS] == ["1", "2", "3", "4"]
    assert max(path.stat().st_size for path in pages.values()) <= MOST_BYTES
    for path in pages.values():
        assert not re.search(r"(src|href)=\"(?!#|data:|https?://)", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_from_its_file_asks_for_nothing_and_fits_every_window(pages, browser, name, scheme):
    with watched_page(browser, color_scheme=scheme, offline=True) as watched:
        asked: list[str] = []
        watched.page.on("request", lambda request: asked.append(request.url))
        page = open_page(watched, pages[name])
        for width in (360, 900, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
        for summary in page.locator("details > summary").all():
            summary.click()
        assert unnamed(page, "main") == []
        assert faint(page, "main") == []
        assert [url for url in asked if not url.startswith("blob:")] == [pages[name].as_uri()]
        assert (watched.outside, watched.errors) == ([], [])


@pytest.mark.parametrize("name", PARTS)
def test_every_page_asks_questions_and_folds_their_answers(pages, watched_page, name):
    page = open_page(watched_page, pages[name])
    questions = page.locator(".question")
    assert questions.count() >= 4
    assert page.locator(".question details[open]").count() == 0
    assert all("?" in text for text in page.locator(".question > p").all_inner_texts())
    assert page.locator(".question code", has_text="\\").count() == 0  # every formula could be set


def test_part_1_its_answers_are_what_the_sliders_show(pages, watched_page):
    page = open_page(watched_page, pages["1_score_by_hand"])
    assert "content 4.00" in status(page)
    assert "2.50 nats less, 12.18 times lighter" in status(page)
    put(page, "λ", 1.82)
    assert re.match(r"“·7” has most weight, .* Next is “·code” .* 0\.00 nats less, 1\.00 times", status(page))


def test_part_1_and_2_say_of_trained_heads_what_their_tables_show(pages, watched_page):
    page = open_page(watched_page, pages["1_score_by_hand"])
    assert row(page)["7"][:2] == ["4", "12.6346"]
    assert round(float(row(page)["7"][4]), 2) == 1.0
    assert round(float(row(page)["7"][2]), 1) == 0.4
    page.locator(".sisa-x-panels").press("0")
    page.wait_for_function("() => document.querySelector('.sisa-x').dataset.drawn.startsWith('L1H4 0 ')")
    assert round(float(row(page)["7"][4]), 2) == 1.0
    page = open_page(watched_page, pages["2_importance_term"])
    sizes = {int(key): abs(float(cells[2].replace("−", "-"))) for key, cells in row(page).items()}
    assert len(sizes) == 30
    assert sorted(round(sizes[key], 1) for key in range(25, 30)) == [0.9, 0.9, 1.2, 1.6, 2.0]
    assert round(max(sizes[key] for key in range(25)), 1) == 0.4
    assert "half-life 5.43 tokens" in page.locator(".sisa-x-facts").first.inner_text()


def test_part_2_its_answers_are_what_the_sliders_show(pages, watched_page):
    page = open_page(watched_page, pages["2_importance_term"])
    put(page, "angle a token", 0)
    for position, words in ((29, "28.2 tokens"), (30, "31.6 tokens")):
        put(page, "half-life", position)
        slider = page.get_by_role("slider", name="half-life")
        assert slider.get_attribute("aria-valuetext") == words
    put(page, "angle a token", 6)
    put(page, "look at distance", 10)
    assert "cos 3.14, which is −1.00" in status(page)
    put(page, "angle a token", 0)
    put(page, "half-life", 12)
    put(page, "λ", 4)
    put(page, "look at distance", 0)
    assert "the importance is 8.00 nats" in status(page)


def test_part_3_its_answers_are_what_was_measured(pages, watched_page):
    page = open_page(watched_page, pages["3_three_levels"])
    told = page.locator(".sisa-lesson p[role='status']").nth(1)
    put(page, "look at step", 3)
    first = told.inner_text()
    assert first.startswith(
        "At step 100, one seed: SISA d_state=16 100 %, transformer 91 %, jamba 54 %, hymba 43 %"
    )
    put(page, "seeds", 5)
    assert "SISA d_state=16 100 %" in told.inner_text()
    assert "transformer 98 %" in told.inner_text()
    assert "hymba 61 %" in told.inner_text()
    put(page, "look at step", 2)
    assert "SISA d_state=16 80 % (52 % to 100 %), transformer 78 % (43 % to 100 %)" in told.inner_text()


def test_part_4_its_answers_are_what_the_model_did(pages, watched_page):
    page = open_page(watched_page, pages["4_needle_head"])
    table = page.locator(".table").first
    rows = {
        cells[0]: cells[1:]
        for line in table.locator("tbody tr").all()
        for cells in [line.locator("td").all_inner_texts()]
    }
    assert list(rows) == ["content of L1H0", "content of L1H4", *(f"importance of L0H{h}" for h in (3, 4, 5))]
    assert float(rows["content of L1H0"][0]) > 0.999 - 1e-9 < float(rows["content of L1H4"][0]) + 1e-9
    assert float(rows["importance of L0H3"][0]) < 0.002
    assert {name: row[1] for name, row in rows.items() if row[1] != "5895"} == {
        "content of L1H0": "5854",
        "importance of L0H3": "5898",
    }
    lost = {name: float(row[2]) for name, row in rows.items()}
    assert {name for name, nats in lost.items() if nats > 0.1} == {"content of L1H0", "importance of L0H3"}
    compared = page.locator(".sisa-x").nth(1)
    cells = [line.locator("th, td").all_inner_texts() for line in compared.locator("tbody tr").all()]
    assert compared.locator("h2").inner_text() == "Layer 4, head 4, twice"
    assert cells[0][:2] == ["25", "5"]
