"""Needle-in-a-haystack episodes: a frozen spec whose ``build(seed)`` is a pure function.

One episode, synthetic filler, one needle, one-token value (ids spelled by their role)::

    position  0   1   2      3    4   5   ..  126    127
    token     w8  w1  needle v5   w3  w3  ..  query  v5
    label     .   .   .      .    .   .   ..  .      v5     (. is -100)
                      needle span [2, 4)      answer span [127, 128)

Text fillers hide ``The secret number is 4821.`` between two sentences and end with ``The secret
number is``. With more than one sentence to hide, each has a key (``The secret number of Ana is 4821.``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from data.episodes import Episodes, draw_cells, pad_rows
from data.refusal import one_of, refusal, whole
from data.synthetic import DEFAULT_SYMBOLS, SyntheticBuilder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from data.corpus import TokenCorpus

FILLERS = ("synthetic", "repeated", "corpus")
SPLITS = ("train", "heldout")
PROTOCOLS = ("ours", "paper")


@dataclass(frozen=True)
class NIAHTask:
    """What episodes to build. Every field is checked here; ValueError names field, value and legal values.

    filler         "synthetic" (token ids, no text), "repeated" (one sentence) or "corpus" (natural text)
    lengths        context lengths in tokens, answer included, >= 1 of them
    depths         share of the filler before the needle, each 0 to 1; None draws it uniformly
    value_length   tokens of the value (digits where the filler is text), 1 to 64
    n_needles      keyed sentences, one of which is asked; all lie at draws from ``depths``
    n_distractors  keyed sentences that are never asked and lie anywhere
    template       the hidden sentence with {value}, and {key} where more than one is hidden
    tokenizer      for text fillers; the corpus' own by default
    corpus         a TokenCorpus, for filler "corpus"
    split          "train" or "heldout": part of the corpus, and separate random streams for every filler
    n_symbols      vocabulary of the synthetic filler, 64 by default
    protocol       "ours", or "paper": the needle test behind the published figures (data/paper_protocol.py)
    """

    filler: Literal["synthetic", "repeated", "corpus"] | None = None
    lengths: Sequence[int] | None = None
    depths: Sequence[float] | None = None
    value_length: int = 1
    n_needles: int = 1
    n_distractors: int = 0
    template: str | None = None
    tokenizer: "Tokenizer | None" = field(default=None, repr=False, compare=False)
    corpus: "TokenCorpus | None" = field(default=None, repr=False, compare=False)
    split: Literal["train", "heldout"] = "train"
    n_symbols: int | None = None
    protocol: Literal["ours", "paper"] = "ours"

    def __post_init__(self):
        one_of("protocol", self.protocol, PROTOCOLS)
        one_of("split", self.split, SPLITS)
        self._settle("filler", self._filler())
        self._settle("lengths", self._lengths())
        self._settle("depths", self._depths())
        for name, least in (("value_length", 1), ("n_needles", 1), ("n_distractors", 0)):
            self._settle(name, whole(name, getattr(self, name), least=least))
        if self.value_length > 64:
            raise refusal("value_length", self.value_length, legal="1 to 64", step="Shorten the value.")
        self._check_company()
        self._check_room()

    def build(self, seed: int, *, n_episodes: int | None = None) -> Episodes:
        """``n_episodes`` episodes (64; 200 under the paper's protocol), the same ones for the same seed."""
        seed = whole("seed", seed, least=0)
        n = whole("n_episodes", self._default_episodes if n_episodes is None else n_episodes, least=1)
        rng = np.random.default_rng([seed, SPLITS.index(self.split)])
        lengths, depths = draw_cells(rng, self.lengths or (), self.depths, n=n)
        rows = [
            self._builder.row(rng, length=int(length), depth=float(depth))
            for length, depth in zip(lengths, depths, strict=True)
        ]
        return pad_rows(rows, pad_id=self._builder.pad_id)

    @property
    def d_vocab(self) -> int:
        """Vocabulary size that a model needs."""
        return self._builder.d_vocab

    @property
    def max_length(self) -> int:
        """The longest context, tokens."""
        return max(self.lengths or ())

    def token_labels(self, ids: Sequence[int]) -> list[str]:
        """Display strings of token ids, for plots and traces."""
        return self._builder.labels(ids)

    def spec(self) -> dict[str, Any]:
        """The plain fields, ready for JSON, with the corpus' hash in place of corpus and tokenizer."""
        plain = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("tokenizer", "corpus")
        }
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
        return {**listed, "corpus_sha256": self.corpus.sha256 if self.corpus is not None else None}

    @cached_property
    def _builder(self):
        knobs = {
            "value_length": self.value_length,
            "n_needles": self.n_needles,
            "n_distractors": self.n_distractors,
            "depths": self.depths,
        }
        if self.filler == "synthetic":
            return SyntheticBuilder(n_symbols=self.n_symbols or DEFAULT_SYMBOLS, **knobs)
        assert self.tokenizer is not None
        if self.protocol == "paper":
            from data.paper_protocol import PaperBuilder

            return PaperBuilder(self.tokenizer)
        from data.text_needles import text_builder

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
        return 200 if self.protocol == "paper" else 64

    def _settle(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _filler(self) -> str:
        default = "repeated" if self.protocol == "paper" else "synthetic"
        filler = default if self.filler is None else self.filler
        one_of("filler", filler, FILLERS)
        return filler

    def _lengths(self) -> tuple[int, ...]:
        default = (512,) if self.protocol == "paper" else (128,)
        given = default if self.lengths is None else self.lengths
        if isinstance(given, (str, int)) or not len(given):
            raise refusal(
                "lengths",
                given,
                legal="one or more token counts, such as (128, 256)",
                step="Put the lengths into a tuple.",
            )
        return tuple(whole("lengths", length, least=1) for length in given)

    def _depths(self) -> tuple[float, ...] | None:
        if self.depths is None:
            return None
        given = self.depths
        if isinstance(given, (str, int, float)) or not len(given) or not all(map(_is_share, given)):
            raise refusal(
                "depths",
                given,
                legal="None, or one or more numbers from 0 to 1",
                step="0 is the start of the filler, 1 its end.",
            )
        return tuple(float(depth) for depth in given)

    def _check_company(self) -> None:
        """Which fields go with which filler and protocol."""
        text = self.filler != "synthetic"
        if text and self.tokenizer is None and self.corpus is not None:
            self._settle("tokenizer", self.corpus.tokenizer)
        elif text and self.corpus is not None and self.tokenizer.to_str() != self.corpus.tokenizer_json:
            raise refusal(
                "tokenizer", self.tokenizer, legal="the tokenizer of the corpus", step="Leave it out."
            )
        needs = {
            "tokenizer": (text, "a tokenizers.Tokenizer for text fillers, None for synthetic ones"),
            "corpus": (self.filler == "corpus", "a TokenCorpus for filler 'corpus', else None"),
        }
        for name, (needed, legal) in needs.items():
            given = getattr(self, name)
            if needed != (given is not None):
                step = f"{'Pass' if needed else 'Leave out'} {name} with filler {self.filler!r}."
                raise refusal(name, given, legal=legal, step=step)
        for name, allowed in (("template", text), ("n_symbols", not text)):
            if getattr(self, name) is not None and not allowed:
                raise refusal(
                    name,
                    getattr(self, name),
                    legal=f"None with filler {self.filler!r}",
                    step=f"Leave {name} out.",
                )
        if self.protocol == "paper":
            self._check_paper()

    def _check_paper(self) -> None:
        fixed = {
            "filler": "repeated",
            "lengths": (512,),
            "depths": None,
            "value_length": 1,
            "n_needles": 1,
            "n_distractors": 0,
            "template": None,
        }
        for name, value in fixed.items():
            if getattr(self, name) != value:
                raise refusal(
                    name,
                    getattr(self, name),
                    legal=f"{value!r} under protocol 'paper'",
                    step="The paper's protocol fixes it; leave it out or use protocol 'ours'.",
                )

    def _check_room(self) -> None:
        if self.n_symbols is not None:
            self._settle("n_symbols", whole("n_symbols", self.n_symbols, least=16))
        least = self._builder.min_length
        for length in self.lengths or ():
            if length < least:
                raise refusal(
                    "lengths",
                    length,
                    legal=f"token counts >= {least} with these knobs",
                    step="Lengthen the context or hide fewer, shorter needles.",
                )


def _is_share(depth: object) -> bool:
    return isinstance(depth, (int, float)) and not isinstance(depth, bool) and 0 <= depth <= 1
