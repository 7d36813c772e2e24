"""Needle-in-a-haystack episodes: a frozen spec whose `build(seed)` is a pure function.

One episode, synthetic filler, one needle, one-token value (ids spelled by their role)::

    position  0   1   2      3    4   5   ..  126    127
    token     w8  w1  needle v5   w3  w3  ..  query  v5
    label     .   .   .      .    .   .   ..  .      v5     (. is -100)
                      needle span [2, 4)      answer span [127, 128)

Text fillers hide `The secret number is 4821.` between two sentences and end with `The secret
number is`. With more than one sentence to hide, each has a key (`The secret number of Ana is 4821.`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from data.memory import MOST_SEED, check_memory
from data.niah.checks import (
    SPLITS,
    check_company,
    check_paper,
    check_room,
    settled_depths,
    settled_filler,
    settled_lengths,
    settled_value_length,
)
from data.niah.episodes import Episodes, draw_cells, pad_rows
from data.niah.paper_protocol import SCRIPT_EPISODES, PaperBuilder
from data.niah.synthetic import DEFAULT_SYMBOLS, SyntheticBuilder, settled_symbols
from data.niah.text import TextBuilder, text_builder
from data.refusal import one_of, whole
from data.text.corpus import TokenCorpus

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BYTES_OF_TOKEN = 24  # int64 three times: the row, tokens and labels
BYTES_OF_KNOBS = 1000  # twelve numbers and texts, in Python


@dataclass(frozen=True)
class NIAHTask:
    """What episodes to build.

    Every field is checked when the task is made. Fields whose default depends on others (filler, lengths,
    tokenizer) hold what was settled on, so that two tasks of the same meaning are equal.

    Args:
        filler: "synthetic" (token ids, no text; the default), "repeated" (one sentence) or "corpus"
            (natural text).
        lengths: context lengths in tokens, answer included, at least one of them; (128,) by default.
        depths: shares of the filler before the needle, each 0 to 1; None draws them uniformly.
        value_length: tokens of the value (digits where the filler is text), 1 to 64.
        n_needles: keyed sentences, one of which is asked; all lie at draws from `depths`.
        n_distractors: keyed sentences that are never asked and lie anywhere.
        template: the hidden sentence with {value}, and {key} where more than one is hidden.
        tokenizer: for text fillers; the corpus' own by default.
        corpus: where natural text comes from.
        split: "train" or "heldout": part of the corpus, and separate random streams for every filler.
        n_symbols: vocabulary of the synthetic filler, 64 by default.
        protocol: "ours", or "paper": the needle test behind the published figures, see
            `data.niah.paper_protocol`.

    Raises:
        ValueError: for a field that cannot be used; the message names value, legal values and next step.

    Example:
        >>> from data import NIAHTask
        >>> task = NIAHTask(lengths=(10,), depths=(0.5,))
        >>> episodes = task.build(seed=0, n_episodes=1)
        >>> task.token_labels(episodes.tokens[0])
        ['w23', 'w18', 'w9', 'needle', 'v13', 'w11', 'w1', 'w2', 'query', 'v13']
    """

    filler: Literal["synthetic", "repeated", "corpus"] | None = None
    lengths: Sequence[int] | None = None
    depths: Sequence[float] | None = None
    value_length: int = 1
    n_needles: int = 1
    n_distractors: int = 0
    template: str | None = None
    tokenizer: "Tokenizer | None" = field(default=None, repr=False, compare=False)
    corpus: TokenCorpus | None = field(default=None, repr=False, compare=False)
    split: Literal["train", "heldout"] = "train"
    n_symbols: int | None = None
    protocol: Literal["ours", "paper"] = "ours"

    def __post_init__(self):
        filler = settled_filler(self.filler, protocol=self.protocol)
        one_of("split", self.split, SPLITS)
        settled = {
            "filler": filler,
            "lengths": settled_lengths(self.lengths, protocol=self.protocol),
            "depths": settled_depths(self.depths),
            "value_length": settled_value_length(self.value_length),
            "n_needles": whole("n_needles", self.n_needles, least=1),
            "n_distractors": whole("n_distractors", self.n_distractors, least=0),
            "n_symbols": settled_symbols(self.n_symbols),
            "tokenizer": self._settled_tokenizer(filler),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        check_company(
            filler=filler,
            tokenizer=self.tokenizer,
            corpus=self.corpus,
            template=self.template,
            n_symbols=self.n_symbols,
        )
        if self.protocol == "paper":
            check_paper(vars(self))
        check_room(self.lengths or (), least=self._builder.min_length)

    def build(self, seed: int, *, n_episodes: int | None = None) -> Episodes:
        """Build episodes, the same ones for the same seed.

        Args:
            seed: a whole number from 0 to 2⁶⁴ - 1; every random choice follows from it and the split.
            n_episodes: 64 by default, 200 under the paper's protocol.
        """
        seed = whole("seed", seed, least=0, most=MOST_SEED)
        n = whole("n_episodes", self._default_episodes if n_episodes is None else n_episodes, least=1)
        n_bytes = n * (self.max_length * BYTES_OF_TOKEN + BYTES_OF_KNOBS)
        check_memory("n_episodes", n, n_bytes=n_bytes, step="Build fewer at a time, with other seeds.")
        rng = np.random.default_rng([seed, SPLITS.index(self.split)])
        lengths, depths = draw_cells(rng, self.lengths or (), self.depths, n=n)
        rows = [
            self._builder.row(rng, length=int(length), depth=float(depth))
            for length, depth in zip(lengths, depths, strict=True)
        ]
        return pad_rows(rows, pad_id=self._builder.pad_id)

    @property
    def d_vocab(self) -> int:
        """Vocabulary size that a model needs to read the episodes."""
        return self._builder.d_vocab

    @property
    def max_length(self) -> int:
        """Tokens of the longest context."""
        return max(self.lengths or ())

    def token_labels(self, ids: Sequence[int]) -> list[str]:
        """Return one display string for each token id, for plots and traces."""
        return self._builder.labels(ids)

    def spec(self) -> dict[str, Any]:
        """Return the plain fields, ready for JSON, with the corpus' hash in place of corpus and tokenizer."""
        plain = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("tokenizer", "corpus")
        }
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
        return {**listed, "corpus_sha256": self.corpus.sha256 if self.corpus is not None else None}

    def _settled_tokenizer(self, filler: str) -> "Tokenizer | None":
        """Return the tokenizer that was given, or the corpus' own where the filler is text."""
        if self.tokenizer is None and self.corpus is not None and filler != "synthetic":
            return self.corpus.tokenizer
        return self.tokenizer

    @cached_property
    def _builder(self) -> SyntheticBuilder | PaperBuilder | TextBuilder:
        knobs = {
            "value_length": self.value_length,
            "n_needles": self.n_needles,
            "n_distractors": self.n_distractors,
            "depths": self.depths,
        }
        if self.filler == "synthetic":
            n_symbols = DEFAULT_SYMBOLS if self.n_symbols is None else self.n_symbols
            return SyntheticBuilder(n_symbols=n_symbols, **knobs)
        assert self.tokenizer is not None
        if self.protocol == "paper":
            return PaperBuilder(tokenizer=self.tokenizer)
        return text_builder(
            filler=str(self.filler),
            tokenizer=self.tokenizer,
            corpus=self.corpus,
            split=self.split,
            template=self.template,
            longest=self.max_length,
            **knobs,
        )

    @property
    def _default_episodes(self) -> int:
        return SCRIPT_EPISODES if self.protocol == "paper" else 64
