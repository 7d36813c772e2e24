"""Display strings: whole characters, visible spaces, bytes where a character is split, markup untouched."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import token_labels
from data.text.labels import GLYPHS, token_bytes
from data.text.tokenizer import encode


def labels(tokenizer, text):
    return token_labels(tokenizer, encode(tokenizer, text))


@settings(max_examples=150, deadline=None)
@given(text=st.text())
def test_bytes_of_the_tokens_are_the_text(tokenizer, text):
    ids = encode(tokenizer, text)
    assert b"".join(token_bytes(tokenizer, token_id) for token_id in ids) == text.encode()


@settings(max_examples=150, deadline=None)
@given(text=st.text())
def test_labels_hold_printable_characters_only(tokenizer, text):
    for label in labels(tokenizer, text):
        assert label
        assert label.isprintable()
        assert not set(label) & set(GLYPHS)


@given(text=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126)))
def test_printable_ascii_shows_as_it_is(tokenizer, text):
    assert "".join(labels(tokenizer, text)) == text


def test_spaces_lines_and_tabs_are_seen(tokenizer):
    assert "".join(labels(tokenizer, "a b\n\tc")) == "a·b⏎⇥c"


def test_split_characters_show_their_bytes(tokenizer):
    assert labels(tokenizer, "🦜") == ["\\xf0", "\\x9f", "\\xa6", "\\x9c"]


def test_markup_and_direction_marks(tokenizer):
    assert "".join(labels(tokenizer, "<script>alert(1)</script>")) == "<script>alert(1)</script>"
    shown = "".join(labels(tokenizer, "a\u202eb\x1b[0m"))
    assert "\u202e" not in shown
    assert shown.endswith("b\\x1b[0m")


def test_markers_show_their_names(tokenizer):
    assert token_labels(tokenizer, [0, 1]) == ["<|endoftext|>", "<|pad|>"]


def test_vocabularies_of_other_kinds():
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({"▁the": 0, "<0x0A>": 1, "naïve—": 2}, unk_token="▁the")
    other = tokenizers.Tokenizer(model)
    assert token_labels(other, [0, 1, 2]) == ["·the", "⏎", "naïve—"]


def test_ids_outside_the_vocabulary_are_refused(tokenizer):
    with pytest.raises(ValueError, match="token id is 99999; legal: 0 to 1023"):
        token_labels(tokenizer, [99999])


@pytest.mark.parametrize("token_id", [-1, 2**32, 2**70, 1.5, None, True])
def test_what_is_no_token_id(tokenizer, token_id):
    with pytest.raises(ValueError, match="token id is"):
        token_labels(tokenizer, [token_id])


def test_a_slice_of_a_corpus_has_labels(corpus):
    assert token_labels(corpus.tokenizer, corpus.tokens[:5]) == token_labels(
        corpus.tokenizer, corpus.tokens[:5].astype(int).tolist()
    )
    assert token_labels(corpus.tokenizer, corpus.tokens[:0]) == []
