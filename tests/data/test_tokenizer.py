"""The tokenizer: any text comes back, digits stand alone, markers inside texts are text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import load_tokenizer, train_tokenizer
from data.text.tokenizer import encode, marker_id, pad_id, well_formed

TEXTS = ["the cat sat on the mat", "the number 4821 is the number", "naïve café ☕ and 42 cats"]


@settings(max_examples=150, deadline=None)
@given(text=st.text())
def test_any_text_comes_back(tokenizer, text):
    assert tokenizer.decode(encode(tokenizer, text), skip_special_tokens=False) == text


@given(number=st.integers(0, 10**12))
def test_every_digit_is_one_token(tokenizer, number):
    digits = encode(tokenizer, str(number))
    assert [tokenizer.id_to_token(token_id) for token_id in digits] == list(str(number))


def test_markers_inside_texts_are_text(tokenizer):
    ids = encode(tokenizer, "a<|endoftext|>b<|pad|>")
    assert marker_id(tokenizer, "<|endoftext|>") not in ids
    assert pad_id(tokenizer) not in ids
    assert (marker_id(tokenizer, "<|endoftext|>"), pad_id(tokenizer)) == (0, 1)


def test_same_texts_same_tokenizer_and_size_is_kept():
    first, again = (train_tokenizer(TEXTS, d_vocab=270) for _ in range(2))
    assert first.to_str() == again.to_str()
    assert first.get_vocab_size() == 270
    assert train_tokenizer(TEXTS, d_vocab=100_000).get_vocab_size() < 400


def test_stored_tokenizer_encodes_the_same(tokenizer):
    other = load_tokenizer(tokenizer.to_str())
    text = "<|pad|> is 12 letters"
    assert encode(other, text) == encode(tokenizer, text)


def test_lone_surrogates_become_escapes():
    assert well_formed("a\ud800b") == "a\\ud800b"
    assert train_tokenizer(["\ud800 text"], d_vocab=258).get_vocab_size() == 258


def test_padding_of_tokenizers_with_other_names():
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({"the": 0, "[PAD]": 7}, unk_token="the")
    assert pad_id(tokenizers.Tokenizer(model)) == 7
    bare = tokenizers.models.WordLevel({"the": 3}, unk_token="the")
    assert pad_id(tokenizers.Tokenizer(bare)) == 0


def test_refusals():
    with pytest.raises(ValueError, match="d_vocab is 257; legal: whole numbers >= 258"):
        train_tokenizer(TEXTS, d_vocab=257)
    with pytest.raises(ValueError, match="tokenizer is 'x'; legal: JSON of the tokenizers library"):
        load_tokenizer("x")
