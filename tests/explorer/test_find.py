"""Find in the text and the list of keys, in Chromium; what is typed and what is found are text only."""

import pytest
from explorer_pages import DRAWN
from random_traces import WORDS

pytestmark = pytest.mark.browser
INSIDE = """() => {
  const text = document.querySelector(".sisa-x-words").getBoundingClientRect();
  const word = document.querySelector(".sisa-x-words [aria-current]").getBoundingClientRect();
  return word.top >= text.top && word.bottom <= text.bottom;
}"""


def test_slash_finds_and_enter_goes_from_hit_to_hit(show, make_trace):
    shown = show(make_trace(length=600, layers=1, heads=1, d_head=2, d_state=2))
    page = shown.page
    page.keyboard.press("/")  # nothing has the focus yet
    field, count = page.get_by_label("find in the text"), page.locator(".sisa-x-count")
    assert field.evaluate("field => field === document.activeElement")
    page.keyboard.type("BROWN fox")  # words 2 and 3
    hits = list(range(2, 600, len(WORDS)))
    assert count.inner_text() == f"{len(hits)} hits"
    assert page.locator(".sisa-x-hit").count() == 2 * len(hits)
    for key, at in (("Enter", 0), ("Enter", 1), ("Shift+Enter", 0), ("Shift+Enter", -1), ("Enter", 0)):
        page.keyboard.press(key)
        assert shown.state()["query"] == hits[at]
        assert count.inner_text() == f"{hits.index(hits[at]) + 1} of {len(hits)}"
        assert page.evaluate(INSIDE)
    locked = page.locator(".sisa-x-words [aria-current]")
    assert locked.evaluate("word => getComputedStyle(word).outlineStyle") == "solid"  # other hits are dashed
    field.fill("#444")
    page.get_by_role("button", name="next hit").click()
    assert (shown.state()["query"], count.inner_text(), page.evaluate(INSIDE)) == (444, "1 of 1", True)
    field.fill("#600")
    assert (count.inner_text(), page.get_by_role("button", name="next hit").is_disabled()) == ("no hit", True)
    field.fill("")
    assert (count.inner_text(), page.locator(".sisa-x-hit").count()) == ("", 0)


@pytest.mark.parametrize(
    "text",
    ["<img src=x onerror=window.hit=1>", "</script><script>window.hit=1</script>", "(.*)[", "\u202e", "·<b>"],
)
def test_hostile_text_is_found_as_it_is_written(show, make_trace, text):
    labels = [f"w{at} " for at in range(40)]
    labels[7], labels[20] = text, text[: len(text) // 2]
    labels[21] = text[len(text) // 2 :]
    shown = show(make_trace(labels=labels))
    page = shown.page
    page.get_by_label("find in the text").fill(text)
    page.keyboard.press("Enter")
    assert page.locator(".sisa-x-count").inner_text() == "1 of 2"
    assert shown.state()["query"] == 7
    page.keyboard.press("Enter")
    assert shown.state()["query"] in (20, 21)
    assert page.locator(".sisa-x-words :is(img, b, script)").count() == 0
    assert page.evaluate("window.hit") is None


def test_a_question_mark_lists_the_keys_and_escape_gives_the_focus_back(show, trace, screenshots):
    shown = show(trace)
    page = shown.page
    page.locator(".sisa-x-panels").focus()
    page.keyboard.press("+")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="keys and pointer")
    words = dialog.inner_text()
    for said in ("← →", "the trained λ", "find in the text", "the whole map", "wheel", "close"):
        assert said in words
    page.screenshot(path=screenshots / "explorer_keys.png")
    page.keyboard.press("ArrowRight")  # does nothing behind the dialog
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.evaluate("document.activeElement.className") == "sisa-x-panels"
    page.wait_for_function(DRAWN)
    assert (shown.state()["head"], shown.state()["window"]) == (0, [10, 30, 10, 30])
    page.get_by_role("button", name="keys and pointer").click()
    dialog.get_by_role("button", name="close").click()
    assert not dialog.is_visible()
