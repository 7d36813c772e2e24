"""The standalone page in Chromium, from file://: what a user does; the numbers on screen are Python's."""

import numpy as np
import pytest
from explorer_pages import number

from sisa_viz.look.colours import SIGNED
from sisa_viz.trace.weights import ScoreForm

pytestmark = pytest.mark.browser
WHOLE = "0-40-0-40"


def python_row(trace, layer, head, query, lam_scale=1.0):
    """key → content, λ × importance, sum, probability, as the accessor has them."""
    at = {"layer": layer, "head": head, "query": query}
    content = trace.sisa.content(**at).values
    importance = lam_scale * trace.sisa.importance(**at).values
    pattern = trace.sisa.pattern(**at, lam_scale=lam_scale).values
    return {
        key: (content[key], importance[key], content[key] + importance[key], pattern[key])
        for key in range(query + 1)
    }


def assert_rows_equal(rows, expected, *, tolerance=1e-3):
    sizes = [abs(number(row[5])) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    for row in rows:
        np.testing.assert_allclose([number(cell) for cell in row[2:]], expected[int(row[0])], atol=tolerance)


def test_locked_query_shows_pythons_numbers_and_follows_lambda_by_keyboard(show, trace):
    shown = show(trace)
    shown.wait_for(f"L0H0 1 {WHOLE}")
    assert "No query locked" in shown.page.locator(".sisa-x-table").inner_text()
    shown.click("scores", 30.5, 2)
    assert shown.state()["query"] == 30
    rows = shown.rows()
    assert len(rows) == 10
    assert_rows_equal(rows, python_row(trace, 0, 0, 30))
    assert rows[0][1] == "·" + str(trace["token"].values[int(rows[0][0])]).strip()

    shown.page.locator("input[type=range]").focus()
    for _ in range(50):
        shown.page.keyboard.press("ArrowRight")
    shown.wait_for(f"L0H0 1.5 {WHOLE}")
    assert_rows_equal(shown.rows(), python_row(trace, 0, 0, 30, 1.5))
    assert "1.50 × trained" in shown.page.locator(".sisa-x-lam").inner_text()
    shown.page.keyboard.press("0")
    shown.wait_for(f"L0H0 0 {WHOLE}")
    assert {row[3] for row in shown.rows()} == {"0.0000"}


def test_a_page_opens_at_the_needle_s_head_with_the_answering_query_locked(show, make_trace):
    trace = make_trace()
    shown = show(trace, layer=None)
    mass = trace.sisa.span_mass(span="needle", query=38)
    layer, head = np.unravel_index(int(mass.values.argmax()), mass.shape)
    shown.wait_for(f"L{layer}H{head} 1 {WHOLE}")
    assert_rows_equal(shown.rows(), python_row(trace, layer, head, 38))
    assert shown.page.locator(".sisa-x-words [aria-current]").get_attribute("data-at") == "38"


def test_keys_pick_heads_lambda_and_zoom(show, trace):
    shown = show(trace)
    press = shown.page.keyboard.press
    shown.page.locator(".sisa-x-panels").focus()
    press("ArrowRight")
    press("ArrowDown")
    shown.wait_for(f"L1H1 1 {WHOLE}")
    press("ArrowRight")
    press("ArrowRight")  # there is no head 3
    press("ArrowUp")
    press("0")
    shown.wait_for(f"L0H2 0 {WHOLE}")
    press("1")
    press("+")
    shown.wait_for("L0H2 1 10-30-10-30")
    press("+")
    shown.wait_for("L0H2 1 15-25-15-25")
    press("-")
    press("-")
    shown.wait_for(f"L0H2 1 {WHOLE}")
    assert shown.state() == {"layer": 0, "head": 2, "lam_scale": 1, "query": None, "window": None}


def test_brush_zooms_all_panels_and_a_double_click_goes_back(show, trace):
    shown = show(trace)
    shown.drag("content", (10.5, 5.5), (29.5, 24.5))
    shown.wait_for("L0H0 1 10-30-5-25")
    sizes = shown.page.eval_on_selector_all(".sisa-x-image", "all => all.map(c => [c.width, c.height])")
    assert sizes == [[20, 20]] * 4
    shown.page.get_by_role("button", name="whole map").click()
    shown.wait_for(f"L0H0 1 {WHOLE}")
    shown.drag("pattern", (20.5, 0.5), (39.5, 3.5))
    shown.wait_for("L0H0 1 20-40-0-4")
    shown.page.locator('[data-part="importance"] .sisa-x-overlay').dblclick(position={"x": 200, "y": 100})
    shown.wait_for(f"L0H0 1 {WHOLE}")


def test_hover_names_the_cell_and_its_four_numbers(show, trace):
    shown = show(trace)
    shown.point("importance", 33.5, 12.5)
    content, importance, total, probability = python_row(trace, 0, 0, 33)[12]
    words = shown.page.locator(".sisa-x-hover").inner_text().replace("\n", " ")
    assert f"query 33 ·{trace['token'].values[33].strip()}" in words
    assert f"key 12 ·{trace['token'].values[12].strip()}" in words
    for title, value in (
        ("content", content),
        ("λ × importance", importance),
        ("sum", total),
        ("probability", probability),
    ):
        assert f"{title} {value:.4f}".replace("-", "\u2212") in words
    shown.point("importance", 3.5, 30.5)  # above the diagonal
    assert not shown.page.locator(".sisa-x-hover").is_visible()


def test_hover_on_an_overview_names_the_largest_cell_of_the_pixel(show, make_trace):
    trace = make_trace(length=1500, layers=1, heads=1, d_head=2, d_state=2, spans={})
    shown = show(trace)
    shown.point("content", 1200.2, 600.2, length=1500)
    words = shown.page.locator(".sisa-x-hover").inner_text().replace("\n", " ")
    assert "cells in this pixel" in words
    query, key = (int(words.split(name)[1].split()[0]) for name in ("query", "key"))
    scores = trace.sisa.content(layer=0, head=0).values
    side = shown.frame()["side"]
    edges = [
        [round_down(b, side, 1500) for b in (round_up(at, side, 1500), round_up(at, side, 1500) + 1)]
        for at in (query, key)
    ]
    block = np.abs(scores[slice(*edges[0]), slice(*edges[1])])
    assert abs(scores[query, key]) == block.max()
    assert f"content {scores[query, key]:.4f}".replace("-", "\u2212") in words


def round_down(bin_, bins, length):
    return bin_ * length // bins


def round_up(at, bins, length):
    """The bin that holds a position."""
    return ((at + 1) * bins - 1) // length


def test_above_the_diagonal_nothing_is_painted(show, trace):
    shown = show(trace)
    for part in ("content", "importance", "scores", "pattern"):
        alpha = shown.alpha(part)
        np.testing.assert_array_equal(alpha == 255, np.tril(np.ones((40, 40), dtype=bool)))
    assert "repeating-linear-gradient" in shown.page.eval_on_selector(
        ".sisa-x-image", "c => getComputedStyle(c).backgroundImage"
    )


def test_grid_sorts_by_what_importance_moves_and_by_needle_mass(show, trace):
    shown = show(trace)
    shown.page.wait_for_selector('.sisa-x[data-grid="done"]')
    places = [(layer, head) for layer in range(2) for head in range(3)]
    moved = {}
    for layer, head in places:
        on, off = (trace.sisa.pattern(layer=layer, head=head, lam_scale=s).values for s in (1.0, 0.0))
        moved[layer, head] = np.nansum(np.abs(on - off), axis=1).mean() / 2
    needle = trace.sisa.span_mass(span="needle", query=38).values
    for order, value in (
        ("moved", lambda place: moved[place]),
        ("needleMass", lambda place: needle[place]),
        ("lam", lambda p: trace["lam"].values[p]),
    ):
        shown.page.get_by_label("sort heads by").select_option(order)
        buttons = shown.page.locator(".sisa-x-heads button").all()
        found = [
            (int(b.get_attribute("data-layer") or -1), int(b.get_attribute("data-head") or -1))
            for b in buttons
        ]
        assert found == sorted(places, key=lambda place: -value(place)), order
    label = shown.page.locator('button[data-layer="1"][data-head="2"]').get_attribute("aria-label")
    assert f"importance moves {100 * moved[1, 2]:.1f} %" in label
    assert f"needle mass {100 * needle[1, 2]:.1f} % (query 38)" in label
    shown.page.locator('button[data-layer="1"][data-head="2"]').click()
    shown.wait_for(f"L1H2 1 {WHOLE}")


def test_table_sorts_and_lists_every_key_for_screen_readers(show, trace):
    shown = show(trace)
    shown.page.get_by_label("query", exact=True).fill("25")
    shown.page.keyboard.press("Enter")
    shown.page.get_by_label("keys to list").select_option("Infinity")
    assert len(shown.rows()) == 26
    shown.page.get_by_role("button", name="content").click()
    contents = [number(row[2]) for row in shown.rows()]
    assert contents == sorted(contents, reverse=True)
    assert shown.page.locator('th[aria-sort="descending"]').inner_text() == "content"
    shown.page.get_by_role("button", name="key", exact=True).click()
    assert [row[0] for row in shown.rows()] == [str(key) for key in range(26)]
    shown.page.get_by_label("query", exact=True).fill("99")
    shown.page.keyboard.press("Enter")
    assert shown.state()["query"] == 25


def test_facts_spans_and_limits_are_stated(show, make_trace):
    clamped = np.zeros((2, 3, 40), dtype=bool)
    clamped[:, :, 35:] = True
    shown = show(make_trace(clamped=clamped), title="A <b>title</b>", precision="fixed16")
    text = shown.page.locator(".sisa-x").inner_text()
    assert "A <b>title</b>" in text
    assert "clamp acts at 5 of 40 positions" in text
    assert "needle tokens 10 to 11" in text
    assert "answer tokens 39 to 39" in text
    assert "later layers are not re-run" in text
    assert "stored in 16 bits" in text
    assert shown.page.title() == "A <b>title</b>"


def test_legend_has_the_ranges_of_the_panels(show, trace):
    shown = show(trace)
    limit = max(
        float(np.nanmax(np.abs(getattr(trace.sisa, name)(layer=0, head=0))))
        for name in ("content", "importance", "scores")
    )
    ends = shown.page.locator(".sisa-x-ends").all_inner_texts()
    low, zero, high = ends[0].split("\n")
    assert (number(low), zero) == (-number(high), "0")
    assert number(high) == pytest.approx(limit, rel=5e-3)
    assert ends[0] == ends[1] == ends[2]
    late = float(np.nanmax(trace.sisa.pattern(layer=0, head=0)[5:]))  # early queries see few keys
    assert ends[3].split()[:2] == ["0", "≥"]
    assert number(ends[3].split()[2]) == pytest.approx(late, rel=5e-3)
    shown.page.get_by_label("contrast").select_option("5")
    shown.page.wait_for_function("() => document.querySelector('.sisa-x-ends').innerText.includes('≥')")
    stronger = shown.page.locator(".sisa-x-ends").all_inner_texts()[3].split()
    assert number(stronger[2]) == pytest.approx(late / 5, rel=5e-3)


def test_plain_transformer_has_two_panels_and_no_lambda_to_move(show, plain_trace):
    shown = show(plain_trace)
    assert shown.page.locator("input[type=range]").is_disabled()
    assert "no importance term" in shown.page.locator(".sisa-x-lam").inner_text()
    assert "attention alone" in shown.page.locator(".sisa-x-facts").inner_text()
    assert shown.page.locator(".sisa-x-panel h3").all_inner_texts() == ["content", "softmax"]
    shows = shown.page.get_by_label("thumbnails show").locator("option")
    assert shows.all_inner_texts() == ["content", "softmax"]
    shown.page.get_by_label("query", exact=True).fill("20")
    shown.page.keyboard.press("Enter")
    expected = python_row(plain_trace, 0, 0, 20)
    for key, _, content, weight in shown.rows():
        assert number(content) == pytest.approx(expected[int(key)][0], abs=1e-3)
        assert number(weight) == pytest.approx(expected[int(key)][3], abs=1e-3)


def test_a_state_space_has_one_panel_and_no_lambda(show, make_trace, screenshots):
    q = np.zeros((2, 3, 40, 1))
    score = ScoreForm(kind="linear", d_state=4, state_space=True)
    trace = make_trace(length=40, q=q, k=q, d_head=1, score=score)
    shown = show(trace)
    page = shown.page
    page.wait_for_selector('.sisa-x[data-grid="done"]')
    assert page.locator(".sisa-x-panel h3").all_inner_texts() == ["mixing weights"]
    assert page.locator("input[type=range]").is_disabled()
    page.locator(".sisa-x-panels").focus()
    page.keyboard.press("0")  # there is no λ to switch off
    assert shown.state()["lam_scale"] == 1
    shown.click("pattern", 30.5, 2)
    expected = trace.sisa.pattern(layer=0, head=0, query=30).values
    for key, _, weight in shown.rows():
        assert number(weight) == pytest.approx(expected[int(key)], abs=1e-6)
    words = page.locator(".sisa-x").inner_text()
    assert "half-life" in words
    assert not any(word in words for word in ("clamp", "moves", "λ ×", "λ changes", "λ 1"))
    page.locator(".sisa-x").screenshot(path=screenshots / "explorer_state_space.png")


@pytest.mark.parametrize(
    ("score", "title", "units", "ends", "words"),
    [
        ("linear", "mixing weights", "(signed, unnormalised)", None, "There is no softmax"),
        ("sigmoid", "sigmoid", "of sum + bias", ["0", "1"], "b = −log(query + 1): a row need not sum to 1"),
    ],
)
def test_a_mixer_without_softmax_is_shown_as_what_it_is(
    show, make_trace, screenshots, score, title, units, ends, words
):
    terms = {"importance": "<i>state</i>"}
    trace = make_trace(score=ScoreForm(kind=score, bias="log_t", terms=terms, d_state=4))
    shown = show(trace, layer=1)
    page = shown.page
    page.wait_for_selector('.sisa-x[data-grid="done"]')
    shown.wait_for(f"L1H0 1 {WHOLE}")
    page.get_by_label("query", exact=True).fill("31")
    page.keyboard.press("Enter")
    panel = page.locator('[data-part="pattern"]')
    assert (panel.locator("h3").inner_text(), panel.locator(".sisa-x-units").inner_text()) == (title, units)
    labels = [label.split() for label in page.locator(".sisa-x-ends").all_inner_texts()]
    assert labels[3] == (ends or labels[2])
    assert np.array_equal(shown.pixels("scores"), shown.pixels("pattern")) == (score == "linear")
    headings = page.locator(".sisa-x-table thead button").all_inner_texts()
    assert [heading.split("\n")[0] for heading in headings] == [
        "key",
        "content",
        "λ × <i>state</i>",
        "sum",
        "weight",
    ]
    rows = shown.rows()
    assert_rows_equal(rows, python_row(trace, 1, 0, 31))
    assert {len(row[5].split(".")[1]) for row in rows} == {6 if score == "linear" else 4}
    assert words in page.locator(".sisa-x-status").inner_text()
    assert "<i>state</i> moves" in page.locator(".sisa-x-headwords").inner_text()
    assert "of the weights" in page.locator(".sisa-x-headwords").inner_text()
    assert page.get_by_label("thumbnails show").locator("option").all_inner_texts()[3] == title
    page.locator(".sisa-x").screenshot(path=screenshots / f"explorer_{score}.png")


def test_a_page_that_may_start_no_worker_does_the_work_itself(show, trace, watched_page):
    watched_page.page.add_init_script(
        "window.Worker = class { constructor() { throw new Error('forbidden'); } }"
    )
    shown = show(trace)
    shown.page.wait_for_selector('.sisa-x[data-grid="done"]')
    shown.wait_for(f"L0H0 1 {WHOLE}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme_follows_the_system(show, trace, watched_page, scheme):
    watched_page.page.emulate_media(color_scheme=scheme)
    shown = show(trace)
    assert shown.page.locator(".sisa-x").get_attribute("data-theme") == scheme
    other = "dark" if scheme == "light" else "light"
    watched_page.page.emulate_media(color_scheme=other)
    shown.page.wait_for_selector(f'.sisa-x[data-theme="{other}"]')


@pytest.mark.slow
def test_largest_cell_of_any_4096_token_map_is_visible_in_the_overview(show, make_trace):
    rng = np.random.default_rng(5)
    length, heads = 4096, 6
    query = np.array([0, 4095, 4095, *rng.integers(1, length, heads - 3)])
    key = np.array([0, 0, 4095, *(rng.integers(0, at + 1) for at in query[3:])])
    q, k = 0.01 * rng.normal(size=(2, 1, heads, length, 2))
    for head in range(heads):
        q[0, head, query[head]], k[0, head, key[head]] = (3, 0), (3 * (-1) ** head, 0)
    shown = show(
        make_trace(
            length=length,
            layers=1,
            heads=heads,
            d_head=2,
            d_state=2,
            q=q,
            k=k,
            lam=np.full((1, heads), 1e-6),
            spans={},
        )
    )
    for head in range(heads):
        if head:
            shown.page.locator(".sisa-x-panels").press("ArrowRight")
        shown.wait_for(f"L0H{head} 1 0-4096-0-4096")
        picture = shown.pixels("content")
        end = (
            SIGNED[-1] if head % 2 == 0 else SIGNED[0]
        )  # the map's largest cell has an end colour of the scale
        colour = [int(end[at : at + 2], 16) for at in (1, 3, 5)]
        found = np.argwhere((picture == [*colour, 255]).all(axis=-1))
        side = len(picture)
        assert found.tolist() == [[round_up(query[head], side, length), round_up(key[head], side, length)]]
