"""The tokenizer: any text comes back, digits stand alone, markers inside texts are text."""

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import TokenCorpus, build_corpus, load_tokenizer, topics_corpus, train_tokenizer
from data.text.tokenizer import encode, in_pieces, marker_id, pad_id, well_formed

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


@pytest.mark.parametrize("d_vocab", [10**10, 2**32, 2**20 + 1, 10**30])
def test_vocabularies_that_end_the_process_are_refused_before_any_text_is_read(d_vocab, tmp_path):
    def texts():
        raise AssertionError("a text was read")
        yield ""

    message = f"d_vocab is {d_vocab}; legal: whole numbers >= 258 and <= 1,048,576"
    for train in (
        lambda: train_tokenizer(texts(), d_vocab=d_vocab),
        lambda: topics_corpus(d_vocab=d_vocab),
        lambda: build_corpus(tmp_path / "corpus.npz", d_vocab=d_vocab),
    ):
        with pytest.raises(ValueError, match=message):
            train()


def changed(tokenizer, **parts):
    return json.dumps(json.loads(tokenizer.to_str()) | parts)


PADDING = {
    "strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1,
    "pad_type_id": 0, "pad_token": "<|pad|>",
}  # fmt: skip
SPLIT = {"type": "Split", "behavior": "Isolated", "invert": False}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"padding": PADDING | {"strategy": {"Fixed": 2**34}}}, "padding.strategy.Fixed is 17179869184"),
        ({"padding": PADDING | {"pad_to_multiple_of": 2**40}}, "padding.pad_to_multiple_of is 10995"),
        ({"padding": PADDING | {"pad_to_multiple_of": -1}}, "padding.pad_to_multiple_of is -1"),
        ({"model": {"type": "Quantum", "vocab": {}}}, "model.type is 'Quantum'; legal: BPE, Unigram, WordL"),
        ({"model": None}, "it has no model"),
        ({"pre_tokenizer": SPLIT | {"pattern": {"Regex": "(["}}}, "Store it with tokenizer.to_str()"),
        ({"normalizer": {"type": "Replace", "pattern": {"Regex": "*"}, "content": ""}}, "Store it with"),
        (
            {"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "b" * 10**6}},
            "1,000,000",
        ),
        ({"normalizer": {"type": "Prepend", "prepend": "b" * 10**6}}, "normalizer.prepend has 1,000,000"),
        ({"decoder": {"type": "Replace", "pattern": {"Regex": "("}, "content": ""}}, "Store it with"),
        (
            {"model": {"type": "WordLevel", "vocab": {"a": 2**32 - 1}, "unk_token": "a"}},
            "an id is 4294967295; legal: at most 16777215",
        ),
        (
            {"model": {"type": "BPE", "dropout": 0.5, "vocab": {}, "merges": []}},
            "model.dropout is 0.5; legal: none",
        ),
    ],
)
def test_stored_tokenizers_that_hang_or_crash_are_refused_on_reading(tokenizer, parts, words, capfd):
    with pytest.raises(ValueError, match=f"legal: JSON of the tokenizers library.*{re.escape(words)}"):
        load_tokenizer(changed(tokenizer, **parts))


def test_tokenizers_of_other_makers_are_read(tokenizer):
    tokenizers = pytest.importorskip("tokenizers")
    models = tokenizers.models
    for model in (
        models.WordPiece({"a": 0, "[UNK]": 1}, unk_token="[UNK]"),
        models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"),
        models.Unigram([("a", 0.0), ("b", -1.0)], 0),
        models.BPE(),
    ):
        stored = tokenizers.Tokenizer(model)
        stored.enable_padding(length=512, pad_id=0)
        stored.enable_truncation(512)
        assert load_tokenizer(stored.to_str()).get_vocab_size() == stored.get_vocab_size()
    assert load_tokenizer("\ufeff" + tokenizer.to_str()).to_str() == tokenizer.to_str()


@pytest.mark.parametrize("value", [None, b"{}", "", "[]", "null", "[" * 100_000])
def test_what_is_no_stored_tokenizer(value):
    with pytest.raises(ValueError, match=r"tokenizer is .*; legal: JSON of the tokenizers library"):
        load_tokenizer(value)


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.sampled_from("ab1 \n.'"), max_size=60), longest=st.integers(2, 9))
def test_pieces_have_the_tokens_of_the_whole(tokenizer, text, longest):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("data.text.tokenizer.LONGEST_PIECE", longest)
        patch.setattr("data.text.tokenizer.CUT_WITHIN", longest - 1)
        pieces = list(in_pieces(text))
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= longest
    if all(piece.startswith(" ") and not piece[1:2].isspace() for piece in pieces[1:]):
        assert encode(tokenizer, text) == [token for piece in pieces for token in encode(tokenizer, piece)]


ONE_LINE = """
import resource
from data import TokenCorpus, load_tokenizer, train_tokenizer
tokenizer = train_tokenizer(["the cat sat "], d_vocab=262)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
line = "the cat sat 12 " * 1_000_000
TokenCorpus.from_documents([line], tokenizer=tokenizer)
train_tokenizer([line], d_vocab=262)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_long_text_in_one_line_takes_bounded_memory():
    done = subprocess.run([sys.executable, "-c", ONE_LINE], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 700  # MiB for 15 MB of text; more than 2,000 in one piece


@pytest.mark.parametrize("setting", ["truncation", "padding"])
def test_a_text_is_neither_cut_nor_filled_up(setting):
    tokenizer = train_tokenizer(["a cat"], d_vocab=258)
    whole = encode(tokenizer, "a cat sat")
    if setting == "truncation":
        tokenizer.enable_truncation(2)
    else:
        tokenizer.enable_padding(length=64)
    assert encode(load_tokenizer(tokenizer.to_str()), "a cat sat") == whole
    with pytest.raises(
        ValueError, match=rf"tokenizer is 'one with {setting}'; legal: a tokenizers.Tokenizer"
    ):
        TokenCorpus.from_documents(["a cat sat"], tokenizer=tokenizer)


@pytest.mark.parametrize("tokenizer", [None, 5, "bpe"], ids=repr)
def test_a_corpus_is_made_by_a_tokenizer(tokenizer):
    with pytest.raises(ValueError, match=r"tokenizer is .*; legal: a tokenizers.Tokenizer"):
        TokenCorpus.from_documents(["a cat"], tokenizer=tokenizer)


@pytest.mark.parametrize("texts", [None, 5])
def test_texts_are_several(texts):
    with pytest.raises(ValueError, match=r"texts is .*; legal: several texts"):
        train_tokenizer(texts, d_vocab=258)
