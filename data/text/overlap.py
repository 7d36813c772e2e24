"""How much of the held-out text stands in the training text word for word, and how it is taken out.

A model that has read a passage predicts it from memory. Held-out text that shares long runs of tokens with
training text therefore measures memory as well as skill. A run of 32 tokens, some 100 characters of English,
is too long to be shared by chance, so that one that is shared was copied.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

GRAM_TOKENS = 32  # a power of two: the hash doubles its length five times
HASH_BASE = 0x9E3779B97F4A7C15  # odd, with bits that look random: 2⁶⁴ over the golden ratio
POSITIONS_AT_ONCE = 1 << 20
SHORTEST_PIECE = 2 * GRAM_TOKENS


class SplitTokens(Protocol):
    """Say what is asked of a corpus: its tokens, and where documents and the held-out part begin."""

    @property
    def tokens(self) -> np.ndarray:
        """Token ids [position], the training documents first."""
        ...

    @property
    def starts(self) -> np.ndarray:
        """Where each document begins, and where the last one ends."""
        ...

    @property
    def n_train(self) -> int:
        """How many documents are training text."""
        ...


def heldout_overlap(corpus: SplitTokens) -> float:
    """Return the share of held-out runs of 32 tokens that also occur in the training text.

    Corpora that are built today publish this number in their metadata, as `heldout_overlap`. For a file
    that was made earlier and says nothing of it, it is computed here: about a second for a million tokens.

    Args:
        corpus: any corpus.

    Returns:
        0 to 1; 0 where the held-out text is shorter than one run.

    Example:
        >>> from data import TokenCorpus, heldout_overlap
        >>> tokens = np.tile(np.arange(40, dtype=np.uint16), 2)
        >>> copied = TokenCorpus(tokens, np.array([0, 40, 80]), n_train=1, tokenizer_json="{}")
        >>> heldout_overlap(copied)
        1.0
    """
    border = int(corpus.starts[corpus.n_train])
    shared = shared_grams(corpus.tokens[border:], corpus.tokens[:border])
    return float(shared.mean()) if len(shared) else 0.0


def shared_grams(heldout: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return for each run of 32 held-out tokens whether it occurs anywhere in the training tokens.

    Runs are compared by a hash of 64 bits. Two different runs have the same one by chance in about one of
    10⁶ corpora of 17 million tokens: 17e6 × 0.9e6 pairs over 2⁶⁴ hashes are 8e-7.

    Args:
        heldout: token ids [position].
        train: token ids [position], gone through in blocks so that memory stays bounded.

    Returns:
        Booleans [position - 31]: element i is about `heldout[i : i + 32]`.

    Example:
        >>> shared_grams(np.arange(40), np.arange(5, 38)).nonzero()[0].tolist()
        [5, 6]
    """
    hashes = _hashes(heldout)
    known = np.unique(hashes)
    found = np.zeros(len(known), bool)
    for start in range(0, len(train) - GRAM_TOKENS + 1, POSITIONS_AT_ONCE):
        block = np.unique(_hashes(train[start : start + POSITIONS_AT_ONCE + GRAM_TOKENS - 1]))
        found |= np.isin(known, block, assume_unique=True)
    return found[np.searchsorted(known, hashes)]


def without_shared(
    documents: Sequence[np.ndarray], *, train: np.ndarray, ends_line: np.ndarray, end: int
) -> list[np.ndarray]:
    """Return held-out documents without the passages that occur in training.

    Every token of a shared run of 32 is taken out, and with it the rest of its lines, so that what is left
    begins and ends where lines do. Of a document that shares something, pieces below 64 tokens are dropped
    too. Each piece becomes a document of its own; one that shares nothing comes back as it was.

    Args:
        documents: token ids of each held-out document, its end marker included.
        train: token ids of the whole training text [position].
        ends_line: for each id of the vocabulary, whether a line ends after it.
        end: id of the marker that closes a document.

    Example:
        >>> ends_line = np.arange(200) % 10 == 9  # ids 9, 19, … end a line
        >>> document = np.arange(1, 180)
        >>> train = np.arange(100, 133)  # the document has copied it
        >>> pieces = without_shared([document], train=train, ends_line=ends_line, end=0)
        >>> [(int(piece[0]), int(piece[-2]), int(piece[-1])) for piece in pieces]
        [(1, 99, 0)]
    """
    if not documents:
        return []
    shared = shared_grams(np.concatenate(documents), train)
    # A run is shared as a whole: mark its first token, then all 32, by counting how many runs are open.
    steps = np.zeros(sum(map(len, documents)) + 1, np.int64)
    np.add.at(steps, np.flatnonzero(shared), 1)
    np.add.at(steps, np.flatnonzero(shared) + GRAM_TOKENS, -1)
    covered = np.cumsum(steps)[:-1] > 0
    kept: list[np.ndarray] = []
    start = 0
    for document in documents:
        taken = covered[start : start + len(document)]
        start += len(document)
        kept += [document] if not taken.any() else _pieces(document, taken, ends_line=ends_line, end=end)
    return kept


def _pieces(
    document: np.ndarray, taken: np.ndarray, *, ends_line: np.ndarray, end: int
) -> Iterator[np.ndarray]:
    """Yield the lines between passages that are taken out, each run of lines closed by the end marker."""
    body = document[:-1]
    stops = np.flatnonzero(ends_line[body]) + 1
    borders = np.unique(np.concatenate([[0], stops, [len(body)]]))
    dirty = np.add.reduceat(taken[:-1], borders[:-1]) > 0 if len(body) else np.zeros(0, bool)
    # A run of clean lines begins where dirty turns to clean and stops where it turns back.
    change = np.flatnonzero(np.diff(np.concatenate([[True], dirty, [True]]).astype(np.int8)))
    for first, last in zip(change[::2], change[1::2], strict=True):
        piece = body[borders[first] : borders[last]]
        if len(piece) >= SHORTEST_PIECE:
            yield np.append(piece, np.asarray(end, document.dtype))


def _hashes(tokens: np.ndarray) -> np.ndarray:
    """Return a hash of each run of 32 tokens, uint64 [position - 31].

    It is the polynomial Σ (token + 1) · base^(31 − k) modulo 2⁶⁴. Two neighbours of half the length give
    one of the whole length, so that five steps do what 32 would.
    """
    if len(tokens) < GRAM_TOKENS:
        return np.zeros(0, np.uint64)
    hashes = tokens.astype(np.uint64) + np.uint64(1)
    length = 1
    while length < GRAM_TOKENS:
        power = np.uint64(pow(HASH_BASE, length, 1 << 64))
        hashes = hashes[:-length] * power + hashes[length:]  # wraps around, as it shall
        length *= 2
    return hashes
