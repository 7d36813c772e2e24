"""Held-out text is not training text: contamination of every corpus that can be built here."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import TokenCorpus, build_corpus, heldout_overlap, topics_corpus
from data.text import build as corpus_build
from data.text.corpus import is_heldout
from data.text.overlap import GRAM_TOKENS, shared_grams, without_shared

PARAGRAPH = "The same long paragraph stands in many documents, word for word, as boilerplate does.\n"


def slow_overlap(corpus):
    """The definition, with sets of Python tuples."""
    parts = (corpus.split(name).tolist() for name in ("train", "heldout"))
    train, heldout = [
        [tuple(part[at : at + GRAM_TOKENS]) for at in range(len(part) - GRAM_TOKENS + 1)] for part in parts
    ]
    known = set(train)
    return sum(gram in known for gram in heldout) / max(1, len(heldout))


def test_topics_are_not_contaminated(corpus):
    assert slow_overlap(corpus) < 0.01
    assert corpus.metadata["split"] == "documents"
    assert corpus.metadata["heldout_overlap"] == pytest.approx(slow_overlap(corpus), abs=1e-6)
    assert 0.1 < corpus.metadata["heldout_dropped"] < 0.5


def test_no_topic_lies_on_both_sides(corpus):
    from pydoc_data.topics import topics

    whole = {text.strip() for text in topics.values()}
    train = [corpus.document(index) for index in range(corpus.n_train)]
    assert set(train) == {text for text in whole if not is_heldout(text, one_in=5)}
    for index in range(corpus.n_train, corpus.n_documents):
        piece = corpus.document(index)
        assert any(piece in text and is_heldout(text, one_in=5) for text in whole)


@pytest.mark.parametrize("d_vocab", [300, 4096])
def test_other_tokenizers_give_clean_topics_too(d_vocab):
    assert heldout_overlap(topics_corpus(d_vocab=d_vocab)) < 0.01


def test_the_old_split_is_the_old_one_and_says_how_bad_it_is():
    old = topics_corpus(split="parts")
    assert old.metadata["split"] == "parts"
    assert old.n_documents > 200
    assert all(is_heldout(old.document(at)) == (at >= old.n_train) for at in range(old.n_documents))
    assert old.metadata["heldout_overlap"] == pytest.approx(heldout_overlap(old), abs=1e-6)
    assert heldout_overlap(old) == pytest.approx(slow_overlap(old))
    assert slow_overlap(old) > 0.2
    with pytest.raises(ValueError, match="split is 'lines'; legal: 'documents', 'parts'"):
        topics_corpus(split="lines")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("packages", [["iniconfig"], ["packaging", "iniconfig", "pytest"]])
def test_built_corpora_are_not_contaminated(packages, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_build, "standard_library", list)
    path = tmp_path / "corpus.npz"
    corpus = build_corpus(path, packages=packages, d_vocab=400, progress=None)
    assert slow_overlap(corpus) < 0.01
    assert TokenCorpus.load(path).metadata["heldout_overlap"] == pytest.approx(slow_overlap(corpus), abs=1e-6)


def test_a_file_of_the_old_split_is_taken_unless_another_is_asked_for(tmp_path, tokenizer):
    path = tmp_path / "corpus.npz"
    old = TokenCorpus.from_documents(["A cat."], tokenizer=tokenizer)
    silent = TokenCorpus(old.tokens, old.starts, old.n_train, old.tokenizer_json, {"d_vocab": 4096})
    silent.save(path)
    told = []
    assert build_corpus(path, progress=told.append).metadata == {"d_vocab": 4096}
    assert "held-out text was not compared with training" in told[0]
    assert build_corpus(path, split="parts", progress=None).sha256 == old.sha256
    with pytest.raises(ValueError, match=r"split is 'documents'; legal: 'parts', as stored in"):
        build_corpus(path, split="documents")


def test_copied_passages_are_dropped_at_line_ends(tokenizer):
    own = [f"Only document {number} says this, and it says it at some length for {number} reasons.\n" * 3
           for number in range(60)]  # fmt: skip
    texts = [own[number] + PARAGRAPH * 2 + own[number].upper() for number in range(60)]
    corpus = TokenCorpus.from_documents(texts, tokenizer=tokenizer, heldout_one_in=5)
    held = "".join(corpus.document(index) for index in range(corpus.n_train, corpus.n_documents))
    assert corpus.n_documents > corpus.n_train
    assert PARAGRAPH not in held
    assert slow_overlap(corpus) == 0 < corpus.metadata["heldout_dropped"]
    kept = TokenCorpus.from_documents(texts, tokenizer=tokenizer, heldout_one_in=5, keep_shared=True)
    assert kept.metadata["heldout_dropped"] == 0
    assert kept.metadata["heldout_overlap"] == pytest.approx(slow_overlap(kept), abs=1e-6)
    assert slow_overlap(kept) > 0.1


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_nothing_shared_is_left_and_nothing_else_is_lost(data):
    seed = data.draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    train = rng.integers(1, 50, 400)
    documents = []
    for _ in range(data.draw(st.integers(1, 4))):
        parts = [rng.integers(1, 50, rng.integers(0, 150))]
        if rng.random() < 0.6:
            start = rng.integers(0, 360)
            parts += [train[start : start + rng.integers(20, 40)], rng.integers(1, 50, rng.integers(0, 150))]
        documents.append(np.append(np.concatenate(parts), 0))
    ends_line = np.arange(50) % 7 == 0
    pieces = without_shared(documents, train=train, ends_line=ends_line, end=0)
    for piece in pieces:
        assert piece[-1] == 0
        assert not shared_grams(piece, train).any()
    clean = [document for document in documents if not shared_grams(document, train).any()]
    assert {tuple(document) for document in clean} <= {tuple(piece) for piece in pieces}


@pytest.mark.parametrize("n", [0, 1, GRAM_TOKENS - 1, GRAM_TOKENS])
def test_short_texts(n):
    assert shared_grams(np.arange(n), np.arange(100)).tolist() == [True] * max(0, n - GRAM_TOKENS + 1)
    assert not shared_grams(np.arange(100), np.arange(n)).any() or n == GRAM_TOKENS


def test_blocks_of_training_text_overlap(monkeypatch):
    monkeypatch.setattr("data.text.overlap.POSITIONS_AT_ONCE", 10)
    train = np.arange(500)
    assert shared_grams(train[100:300], train).all()
