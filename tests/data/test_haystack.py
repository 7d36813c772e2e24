"""Where a sentence may go: breaks found in text, and the nearest one to a depth."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data import TokenCorpus
from data.text.haystack import REPEATED_SENTENCE, Break, Haystack, repeated_haystack, text_haystack


def pieces(tokenizer, haystack):
    """The text cut at every break, with the kind of the cut before each piece."""
    parts = np.split(haystack.tokens, haystack.breaks[1:])
    texts = [tokenizer.decode(part.tolist(), skip_special_tokens=False) for part in parts]
    return list(zip(haystack.kinds.tolist(), texts, strict=True))


def test_breaks_of_lines_sentences_and_documents(tokenizer):
    texts = ["One. Two!  Three? Not 1.5 or a.b\nFour", "Five."]
    corpus = TokenCorpus.from_documents(texts, tokenizer=tokenizer)
    haystack = text_haystack(corpus.split("train"), tokenizer=tokenizer)
    assert pieces(tokenizer, haystack) == [
        (Break.LINE, "One."),
        (Break.SENTENCE, " Two!"),
        (Break.SENTENCE, "  Three?"),
        (Break.SENTENCE, " Not 1.5 or a.b\n"),
        (Break.LINE, "Four<|endoftext|>"),
        (Break.LINE, "Five.<|endoftext|>"),
    ]


def test_repeated_sentence_breaks_between_sentences(tokenizer):
    haystack = repeated_haystack(tokenizer, longest=100)
    assert len(haystack.tokens) >= 100
    found = pieces(tokenizer, haystack)
    assert found[0] == (Break.LINE, REPEATED_SENTENCE)
    assert set(found[1:]) == {(Break.SENTENCE, " " + REPEATED_SENTENCE)}


@given(data=st.data())
def test_nearest_is_the_nearest(data):
    breaks = data.draw(st.lists(st.integers(0, 60), min_size=1, max_size=12, unique=True).map(sorted))
    kinds = data.draw(st.lists(st.sampled_from([Break.LINE, Break.SENTENCE]), min_size=12, max_size=12))
    haystack = Haystack(np.zeros(70), np.array(breaks), np.array(kinds[: len(breaks)]))
    start = data.draw(st.integers(0, 40))
    stop, share = start + data.draw(st.integers(1, 20)), data.draw(st.floats(0, 1))
    place, kind = haystack.nearest(start=start, stop=stop, share=share)
    legal = [at for at in breaks if start <= at < stop] + [stop]
    target = start + share * (stop - start)
    assert place in legal
    assert abs(place - target) == min(abs(at - target) for at in legal)
    assert kind == (Break.STOP if place == stop else kinds[breaks.index(place)])


def test_a_corpus_finds_its_breaks_once(corpus):
    assert corpus.haystack("train") is corpus.haystack("train")
    assert len(corpus.haystack("heldout").tokens) == len(corpus.split("heldout"))
