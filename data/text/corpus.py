"""A corpus as one array of tokens, training documents first, held-out ones after them."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.refusal import one_of, refusal, whole
from data.text.corpus_file import CorpusFields, digest, read, write
from data.text.haystack import Haystack, text_haystack
from data.text.tokenizer import END, load_tokenizer, marker_id, well_formed

if TYPE_CHECKING:
    from tokenizers import Tokenizer

HELD_OUT_ONE_IN = 20
DOCUMENTS_AT_ONCE = 1000


def is_heldout(text: str) -> bool:
    """True for about 5 % of documents, decided by the document's own sha256 and by nothing else."""
    digest = hashlib.sha256(well_formed(text).encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_ONE_IN == 0


@dataclass(frozen=True, eq=False, repr=False)
class TokenCorpus:
    """Tokens of many documents, each closed by ``<|endoftext|>``.

    tokens          uint16 or uint32 [position], all documents one after the other
    starts          int64 [document + 1]; document d is ``tokens[starts[d] : starts[d + 1]]``
    n_train         the first ``n_train`` documents are for training, the others are held out
    tokenizer_json  the tokenizer that made them
    metadata        where they come from, ready for JSON
    """

    tokens: np.ndarray
    starts: np.ndarray
    n_train: int
    tokenizer_json: str
    metadata: dict = field(default_factory=dict)
    _haystacks: dict = field(default_factory=dict, init=False)

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
        metadata: dict | None = None,
        progress: Callable[[str], object] | None = None,
    ) -> "TokenCorpus":
        """Tokenise ``texts`` in their order, and stop after the batch that reaches ``max_tokens``."""
        parts: dict[bool, list[np.ndarray]] = {False: [], True: []}
        limit = float("inf") if max_tokens is None else whole("max_tokens", max_tokens, least=1)
        n_tokens = 0
        for heldout, ids in _encoded(texts, tokenizer):
            parts[heldout].append(ids)
            n_tokens += len(ids)
            n_documents = len(parts[False]) + len(parts[True])
            if progress and n_documents % 10_000 == 0:
                progress(f"corpus: {n_documents:,} documents, {n_tokens:,} tokens")
            if n_tokens >= limit:
                break
        if not n_tokens:
            raise refusal("texts", [], legal="at least one document", step="Check the source's path.")
        documents = parts[False] + parts[True]
        starts = np.concatenate([[0], np.cumsum([len(ids) for ids in documents])])
        return cls(np.concatenate(documents), starts, len(parts[False]), tokenizer.to_str(), metadata or {})

    @classmethod
    def load(cls, path: str | Path) -> "TokenCorpus":
        """Read and check a file that ``save`` wrote; ValueError for any other or damaged file."""
        return cls(**read(Path(path)))

    def save(self, path: str | Path) -> None:
        """Write one .npz: aside first, then renamed, so that no reader sees half a file."""
        fields: CorpusFields = {
            "tokens": self.tokens,
            "starts": self.starts,
            "n_train": self.n_train,
            "tokenizer_json": self.tokenizer_json,
            "metadata": self.metadata,
        }
        write(Path(path), fields)

    def split(self, name: str) -> np.ndarray:
        """Tokens of "train" or "heldout" [position], a view."""
        one_of("split", name, ("train", "heldout"))
        border = self.starts[self.n_train]
        return self.tokens[:border] if name == "train" else self.tokens[border:]

    def haystack(self, split: str) -> Haystack:
        """The split with the places where a needle may go; found once."""
        if split not in self._haystacks:
            self._haystacks[split] = text_haystack(self.split(split), tokenizer=self.tokenizer)
        return self._haystacks[split]

    def document(self, index: int) -> str:
        """Text of one document, without its end marker."""
        ids = self.tokens[self.starts[index] : self.starts[index + 1] - 1]
        return self.tokenizer.decode(ids.tolist(), skip_special_tokens=False)

    @property
    def n_documents(self) -> int:
        return len(self.starts) - 1

    @property
    def d_vocab(self) -> int:
        """Vocabulary size that a model needs."""
        return self.tokenizer.get_vocab_size()

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        return load_tokenizer(self.tokenizer_json)

    @cached_property
    def sha256(self) -> str:
        """Hash of tokens, document borders, split and tokenizer: the name of this corpus in a run."""
        return digest(self.tokens, self.starts, self.n_train, self.tokenizer_json)


def _encoded(texts: Iterable[str], tokenizer: "Tokenizer") -> Iterator[tuple[bool, np.ndarray]]:
    """(held out?, ids with the end marker) of every document that is not blank."""
    dtype = np.uint16 if tokenizer.get_vocab_size() <= 1 << 16 else np.uint32
    end = marker_id(tokenizer, END, "</s>", "[SEP]")
    stream = (well_formed(text) for text in texts if text.strip())
    while batch := list(islice(stream, DOCUMENTS_AT_ONCE)):
        encodings = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        for text, encoding in zip(batch, encodings, strict=True):
            yield is_heldout(text), np.array([*encoding.ids, end], dtype)
