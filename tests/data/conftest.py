"""A small real corpus, tokenised once for all tests of this folder."""

import pytest

from data import topics_corpus


@pytest.fixture(scope="session")
def corpus():
    return topics_corpus()


@pytest.fixture(scope="session")
def tokenizer(corpus):
    return corpus.tokenizer
