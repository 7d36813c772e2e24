"""A corpus as one array of tokens, training documents first, held-out ones after them."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.refusal import file_path, one_of, plain_json, refusal, whole
from data.text.corpus_file import NEXT_STEP, CorpusFields, border_fault, digest, read, write
from data.text.haystack import Haystack, text_haystack
from data.text.labels import ends_line
from data.text.overlap import heldout_overlap, without_shared
from data.text.tokenizer import END_NAMES, in_pieces, listed_texts, load_tokenizer, marker_id, well_formed

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

HELD_OUT_ONE_IN = 20
DOCUMENTS_AT_ONCE = 1000
CHARACTERS_AT_ONCE = 1 << 20
DOCUMENTS_BETWEEN_REPORTS = 10_000


def is_heldout(text: str, *, one_in: int = HELD_OUT_ONE_IN) -> bool:
    """Return whether a document is held out, which its own text alone decides.

    The first 8 bytes of the text's sha256 are read as a number; one in 20 of them is a multiple of 20.
    A document therefore keeps its side when others are added, removed or moved, and two corpora that
    share a document never train on it in one and test on it in the other. A multiple of 20 is one of 5 too:
    what is held out with a larger share includes what is held out with a smaller one that divides it.

    Args:
        text: the whole document.
        one_in: hold out one document in so many, on average.

    Example:
        >>> sum(is_heldout(f"document {number}") for number in range(1000))
        52
    """
    digest = hashlib.sha256(well_formed(text).encode()).digest()
    return int.from_bytes(digest[:8], "big") % one_in == 0


@dataclass(frozen=True, eq=False, repr=False)
class TokenCorpus:
    """Tokens of many documents, each closed by `<|endoftext|>`.

    Args:
        tokens: uint16 or uint32 [position], all documents one after the other.
        starts: int64 [document + 1]; document d is `tokens[starts[d] : starts[d + 1]]`.
        n_train: the first `n_train` documents are for training, the others are held out.
        tokenizer_json: the tokenizer that made the tokens.
        metadata: where the documents come from, ready for JSON.

    Example:
        >>> from data import TokenCorpus, train_tokenizer
        >>> texts = ["The cat sat.", "The dog ran."]
        >>> corpus = TokenCorpus.from_documents(texts, tokenizer=train_tokenizer(texts, d_vocab=258))
        >>> corpus.document(1), len(corpus.split("train"))
        ('The dog ran.', 26)
    """

    tokens: np.ndarray
    starts: np.ndarray
    n_train: int
    tokenizer_json: str
    metadata: dict[str, Any] = field(default_factory=dict)
    _haystacks: dict[str, Haystack] = field(default_factory=dict, init=False)

    def __post_init__(self):
        fault = border_fault(self.tokens, self.starts, self.n_train)
        if fault:
            raise ValueError(f"this is no corpus: {fault}. Make one with TokenCorpus.from_documents.")

    def __repr__(self) -> str:
        return (
            f"TokenCorpus({len(self.tokens):,} tokens, {self.n_train:,} documents for training and "
            f"{self.n_documents - self.n_train:,} held out, sha256 {self.sha256[:12]})"
        )

    @classmethod
    def from_documents(
        cls,
        texts: Iterable[str],
        *,
        tokenizer: "Tokenizer",
        max_tokens: int | None = None,
        heldout_one_in: int = HELD_OUT_ONE_IN,
        keep_shared: bool = False,
        metadata: dict[str, Any] | None = None,
        progress: Callable[[str], object] | None = None,
    ) -> "TokenCorpus":
        """Tokenise documents in their order and put the held-out ones behind the others.

        Held-out passages that occur in training word for word are dropped, see `data.text.overlap`. The
        metadata say so: `heldout_dropped` is the share of held-out tokens that were, `heldout_overlap` the
        share of the remaining runs of 32 tokens that occur in training.

        Args:
            texts: the documents; blank ones are left out.
            tokenizer: any tokenizer of the `tokenizers` library.
            max_tokens: stop after the document that reaches this many tokens; all documents by default.
            heldout_one_in: hold out one document in so many.
            keep_shared: leave shared passages in the held-out text, as corpora of older runs do.
            metadata: where they come from, ready for JSON.
            progress: takes one line of text after every 10,000 documents.

        Raises:
            ValueError: if no document is left, the tokenizer cuts texts off, or `max_tokens` is no whole
                number above 0.
        """
        _check_keeps_texts(tokenizer)
        one_in = whole("heldout_one_in", heldout_one_in, least=1)
        given = plain_json("metadata", metadata or {})
        train, heldout = [], []
        limit = float("inf") if max_tokens is None else whole("max_tokens", max_tokens, least=1)
        n_tokens = 0
        for is_held, ids in _encoded(texts, tokenizer, one_in=one_in):
            (heldout if is_held else train).append(ids)
            n_tokens += len(ids)
            n_documents = len(train) + len(heldout)
            if progress and n_documents % DOCUMENTS_BETWEEN_REPORTS == 0:
                progress(f"corpus: {n_documents:,} documents, {n_tokens:,} tokens")
            if n_tokens >= limit:
                break
        if not n_tokens:
            raise refusal("texts", [], legal="at least one document", step="Check the source's path.")
        n_heldout = sum(map(len, heldout))
        if not keep_shared:
            heldout = _unshared(train, heldout, tokenizer)
        documents = train + heldout
        starts = np.concatenate([[0], np.cumsum([len(ids) for ids in documents])])
        corpus = cls(np.concatenate(documents), starts, len(train), tokenizer.to_str(), given)
        dropped = 1 - sum(map(len, heldout)) / n_heldout if n_heldout else 0.0
        corpus.metadata["heldout_dropped"] = round(dropped, 4)
        corpus.metadata["heldout_overlap"] = round(heldout_overlap(corpus), 6)
        return corpus

    @classmethod
    def load(cls, path: str | Path) -> "TokenCorpus":
        """Read and check a file that `save` wrote.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is another kind of file, or damaged: its sha256 is compared.
        """
        path = file_path("path", path)
        corpus = cls(**read(path))
        most, known = int(corpus.tokens.max()), max(corpus.tokenizer.get_vocab().values(), default=0)
        if most > known:
            raise ValueError(f"{path} has token {most}; its tokenizer ends at {known}. {NEXT_STEP}")
        return corpus

    def save(self, path: str | Path) -> None:
        """Write one .npz: aside first, then renamed, so that no reader sees half a file."""
        fields: CorpusFields = {
            "tokens": self.tokens,
            "starts": self.starts,
            "n_train": self.n_train,
            "tokenizer_json": self.tokenizer_json,
            "metadata": self.metadata,
        }
        write(file_path("path", path), fields)

    def split(self, name: str) -> np.ndarray:
        """Return the tokens of "train" or "heldout" [position], as a view."""
        one_of("split", name, ("train", "heldout"))
        border = self.starts[self.n_train]
        return self.tokens[:border] if name == "train" else self.tokens[border:]

    def haystack(self, split: str) -> Haystack:
        """Return a split with the places where a needle may go; they are found once and kept."""
        if split not in self._haystacks:
            self._haystacks[split] = text_haystack(self.split(split), tokenizer=self.tokenizer)
        return self._haystacks[split]

    def document(self, index: int) -> str:
        """Return the text of one document, without its end marker."""
        index = whole("document", index, least=0, most=self.n_documents - 1)
        ids = self.tokens[self.starts[index] : self.starts[index + 1] - 1]
        return self.tokenizer.decode(ids.tolist(), skip_special_tokens=False)

    @property
    def n_documents(self) -> int:
        """Number of documents, held-out ones included."""
        return len(self.starts) - 1

    @property
    def d_vocab(self) -> int:
        """Vocabulary size that a model needs to read this corpus."""
        return self.tokenizer.get_vocab_size()

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        """The tokenizer that made the tokens, read from `tokenizer_json` once."""
        return load_tokenizer(self.tokenizer_json)

    @cached_property
    def sha256(self) -> str:
        """Hash of tokens, document borders, split and tokenizer: the name of this corpus in a run."""
        return digest(self.tokens, self.starts, self.n_train, self.tokenizer_json)


def _check_keeps_texts(tokenizer: object) -> None:
    """Refuse what is no tokenizer, and one that cuts texts off or fills them up."""
    legal = "a tokenizers.Tokenizer that keeps texts whole"
    step = "Make one with data.train_tokenizer, or read it with data.load_tokenizer."
    for setting in ("truncation", "padding"):
        if not hasattr(tokenizer, setting):
            raise refusal("tokenizer", tokenizer, legal=legal, step=step)
        if getattr(tokenizer, setting) is not None:
            raise refusal("tokenizer", f"one with {setting}", legal=legal, step=step)


def _unshared(train: list[np.ndarray], heldout: list[np.ndarray], tokenizer: "Tokenizer") -> list[np.ndarray]:
    """Return the held-out documents without what the training documents hold too."""
    if not train:
        return heldout
    end = marker_id(tokenizer, *END_NAMES)
    return without_shared(heldout, train=np.concatenate(train), ends_line=ends_line(tokenizer), end=end)


def _encoded(
    texts: Iterable[str], tokenizer: "Tokenizer", *, one_in: int
) -> Iterator[tuple[bool, np.ndarray]]:
    """Yield (held out?, ids with the end marker) of every document that is not blank."""
    # Half the memory where ids fit: 77 million tokens take 155 MB as uint16 and 311 MB as uint32.
    dtype = np.uint16 if tokenizer.get_vocab_size() <= 1 << 16 else np.uint32
    end = marker_id(tokenizer, *END_NAMES)
    for batch in _batches(well_formed(text) for text in listed_texts(texts) if text.strip()):
        pieces = [list(in_pieces(text)) for text in batch]
        encodings = _encodings(chain.from_iterable(pieces), tokenizer)
        for text, of_text in zip(batch, pieces, strict=True):
            ids = [np.array(encoding.ids, dtype) for encoding in islice(encodings, len(of_text))]
            yield is_heldout(text, one_in=one_in), np.concatenate([*ids, np.array([end], dtype)])


def _encodings(texts: Iterable[str], tokenizer: "Tokenizer") -> Iterator["Encoding"]:
    """Yield the encoding of each text, a bounded number of characters at a time."""
    for batch in _batches(texts):
        yield from tokenizer.encode_batch_fast(batch, add_special_tokens=False)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield texts in lists of bounded length, since all of a list are in memory as encodings at once."""
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == DOCUMENTS_AT_ONCE or sum(map(len, batch)) >= CHARACTERS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
