"""A head too long for whole maps in Chromium: first a sample of its queries, soon every one of them."""

import numpy as np
import pytest
import xarray as xr
from explorer_pages import Shown, number

from sisa_viz.trace.scores import content

pytestmark = pytest.mark.browser

LENGTH = 8200  # beyond the 8,192 tokens up to which the page keeps whole maps
NOTE = """document.addEventListener("sisa:drawn", () => {
  const root = document.querySelector(".sisa-x");
  const words = root.querySelector(".sisa-x-header [role=status]").textContent;
  const peak = root.querySelector(".sisa-x-peak").textContent;
  (window.seen ??= []).push([root.dataset.drawn, root.dataset.exact, words, peak]);
}, true);"""


@pytest.fixture(scope="module")
def long_trace(make_trace) -> xr.Dataset:
    return make_trace(length=LENGTH, layers=1, heads=2, d_head=4, d_state=4)


def wait_until_exact(shown: Shown, drawn: str) -> list[list[str]]:
    """Wait until the panels show this exactly; pictures since the last wait: drawn, exact, words, peak."""
    shown.page.wait_for_function(
        "want => { const { exact, drawn } = document.querySelector('.sisa-x').dataset; "
        "return exact === 'true' && drawn === want; }",
        arg=drawn,
        timeout=120_000,
    )
    return shown.page.evaluate("window.seen.splice(0)")


def largest(trace: xr.Dataset, head: int) -> str:
    """What the panel of content says of its largest cell."""
    factors, best = trace.sisa.factors(layer=0, head=head), (0.0, 0, 0)
    for start in range(0, LENGTH, 512):
        queries = np.arange(start, min(start + 512, LENGTH))
        values = content(factors, queries)
        at, key = np.unravel_index(int(np.nanargmax(np.abs(values))), values.shape)
        best = max(best, (float(values[at, key]), int(queries[at]), int(key)), key=lambda cell: abs(cell[0]))
    return f"{best[0]:.4f} at query {best[1]}, key {best[2]}".replace("-", "\u2212")


def test_a_sample_comes_first_and_says_so_then_everything_exactly(show, watched_page, long_trace):
    watched_page.page.add_init_script(NOTE)
    shown = show(long_trace, head=0)
    whole = f"0-{LENGTH}-0-{LENGTH}"
    first, last = wait_until_exact(shown, f"L0H0 1 {whole}")
    assert (first[1], last[1]) == ("false", "true")
    assert first[2].startswith("So far from ")
    assert f"of {LENGTH:,} queries on show" in first[2]
    assert last[2].startswith(f"All {LENGTH:,} queries are computed")
    assert first[3].startswith("largest so far ")
    assert last[3] == f"largest {largest(long_trace, 0)}"
    shown.page.locator(".sisa-x-panels").focus()
    shown.page.keyboard.press("+")  # from blocks, at once exact
    assert [exact for _, exact, *_ in wait_until_exact(shown, "L0H0 1 2050-6150-2050-6150")] == ["true"]
    shown.page.keyboard.press("+")
    wait_until_exact(shown, "L0H0 1 3075-5125-3075-5125")
    shown.page.keyboard.press("ArrowRight")  # another head, of which nothing is there yet
    drawn = wait_until_exact(shown, "L0H1 1 3075-5125-3075-5125")
    assert [exact for _, exact, *_ in drawn] == ["false", "true"]
    assert drawn[-1][3] == f"largest {largest(long_trace, 1)}"


def test_what_is_asked_for_meanwhile_interrupts_the_rest(show, watched_page, long_trace):
    watched_page.page.add_init_script(NOTE)
    shown = show(long_trace, head=0)
    page, whole = shown.page, f"0-{LENGTH}-0-{LENGTH}"
    page.locator(".sisa-x-panels").focus()
    page.keyboard.press("+")
    page.wait_for_function("() => window.seen.length > 1")
    page.keyboard.press("0")
    page.keyboard.press("r")
    drawn = wait_until_exact(shown, f"L0H0 0 {whole}")
    assert drawn[1][:2] == ["L0H0 1 2050-6150-2050-6150", "false"]
    assert [exact for _, exact, *_ in drawn].count("true") == 1  # nothing that was given up was finished


def test_hover_reading_and_row_agree_with_python(show, watched_page, long_trace):
    watched_page.page.add_init_script(NOTE)
    shown = show(long_trace, layer=None, state={"layer": 0, "head": 0, "query": 8100})
    wait_until_exact(shown, f"L0H0 1 0-{LENGTH}-0-{LENGTH}")
    says = shown.page.locator(".sisa-x-says")
    row = long_trace.sisa.pattern(layer=0, head=0, query=8100).values
    assert f"at key {int(np.nanargmax(row))} " in says.inner_text()
    shown.page.get_by_label("tokens shaded").select_option("key")
    seeing = [long_trace.sisa.pattern(layer=0, head=0, query=at).values[8100] for at in range(8100, LENGTH)]
    assert f"at query {8100 + int(np.argmax(seeing))} " in says.inner_text()
    shown.point("content", 6000, 1000, length=LENGTH)
    box = shown.page.locator(".sisa-x-hover")
    box.wait_for()
    query, key, value = (number(line.split("\n")[1]) for line in box.locator("div").all_inner_texts()[:3])
    reach = 3 + LENGTH // shown.pixels("content").shape[0]  # of a bin, with an inner edge at a multiple of 4
    assert abs(query - 6000) <= reach
    assert abs(key - 1000) <= reach
    factors = long_trace.sisa.factors(layer=0, head=0)
    around = np.abs(content(factors, np.arange(6000 - 2, 6000 + 3))[:, 1000 - 2 : 1000 + 3])
    found = content(factors, np.array([int(query)]))[0, int(key)]
    assert value == pytest.approx(found, abs=1e-3)
    assert abs(found) >= np.median(around)  # the largest of hundreds of cells
