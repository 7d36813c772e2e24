"""What is shown is what was written, and nothing of it is markup."""

import html
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisa_viz.look.text import escape, token_axis, token_label, visible

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=40)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" the", "·the"),
        ("a\nb\tc", "a⏎b⇥c"),
        ("\x00", "⟨U+0000⟩"),
        ("\u202eabc", "⟨U+202E⟩abc"),
        ("\ud800", "⟨U+D800⟩"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("é", "é"),
        ("\u2028", "⟨U+2028⟩"),
        ("\u00a0", "⟨U+00A0⟩"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


def test_visible_cuts_and_keeps_spaces_on_request():
    assert visible("x" * 100, limit=5) == "xxxx…"
    assert visible("xxxxx", limit=5) == "xxxxx"
    assert visible("a b", spaces=False) == "a b"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("<s>", "&lt;s&gt;"), ("&lt;", "&amp;lt;"), ("$x$", "&#36;x&#36;"), ("it's", "it's"), (3, "3")],
)
def test_escape(text, escaped):
    assert escape(text) == escaped


@given(ANY_TEXT)
def test_escaped_text_holds_no_markup_and_reads_as_it_was(text):
    shown = escape(text)
    assert not set("<>$\n\x00") & set(shown)
    assert html.unescape(shown) == visible(text, spaces=False)
    json.dumps(shown).encode("utf-8")
    shown.encode("utf-8")


@given(ANY_TEXT)
def test_token_labels_are_short_and_never_empty(token):
    assert 0 < len(html.unescape(token_label(token))) <= 18 * len("⟨U+10FFFF⟩") + 1


def test_equal_tokens_keep_their_own_positions():
    axis = token_axis([4, 5, 6], [" the", " the", "<s>"])
    assert axis["tickvals"] == [4, 5, 6]
    assert axis["ticktext"] == ["4 ·the", "5 ·the", "6 &lt;s&gt;"]


def test_long_axes_have_few_ticks_and_every_label():
    axis = token_axis(range(100), ["x"] * 100, most=32)
    assert axis["tickvals"] == list(range(0, 100, 4))
    assert axis["labelalias"] == {str(at): f"{at} x" for at in range(100)}
