"""Needles of text: a sentence between two others, and its beginning again at the end.

::

    .. and the old mill. The secret number is 4821. The river runs .. past the ⏎The secret number is 4821
                         needle ...........[value].                             query ............. answer
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from data.niah.episodes import Needle, Row, draw_depths, hide
from data.niah.keys import KEYS
from data.niah.tokenized import Tokenized
from data.refusal import refusal
from data.text.corpus import TokenCorpus
from data.text.haystack import Break, Haystack, repeated_haystack
from data.text.tokenizer import encode

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FIELD = re.compile(r"\{(key|value)\}")
PLAIN_TEMPLATE = "The secret number is {value}."
KEYED_TEMPLATE = "The secret number of {key} is {value}."


@dataclass(frozen=True, eq=False, kw_only=True)
class TextBuilder(Tokenized):
    """Builds rows of exactly the asked length from pieces that were tokenised once.

    A row is never tokenised as a whole: filler, needle, query and value are ids that are put together, so
    that the value's position is known and its tokens are the same in needle and answer.

    Args:
        tokenizer: the tokenizer that the model reads with; each digit must be one token.
        haystack: the filler and its breaks.
        template: the sentence to hide, with {value}, and {key} where there are several.
        value_length: digits of a value.
        n_needles: needles that may be asked for.
        n_distractors: needles that are never asked for.
        depths: shares of the filler, 0 to 1, at which needles lie; None draws them uniformly.
    """

    haystack: Haystack
    template: str
    value_length: int
    n_needles: int
    n_distractors: int
    depths: Sequence[float] | None

    def row(self, rng: np.random.Generator, *, length: int, depth: float) -> Row:
        """Return one episode of `length` tokens, its asked needle at the break nearest to `depth`."""
        keys = rng.permutation(len(self._heads[Break.LINE]))[: self.n_hidden]
        values = rng.integers(0, 10, (self.n_hidden, self.value_length))
        others = np.concatenate(
            [draw_depths(rng, self.depths, n=self.n_needles - 1), rng.uniform(size=self.n_distractors)]
        )
        query = self._heads[Break.STOP][keys[0]]
        room = length - len(query) - self.value_length
        start = self._start(rng, length)
        # How much filler is left depends on the needles, whose length depends on their places, which lie in
        # the filler. Places are therefore looked for in the shortest filler that there can be, with every
        # needle at its longest; the tokens won back are added at the end.
        shortest = room - sum(self._longest(key) for key in keys)
        stop = start + shortest
        places = [self.haystack.nearest(start=start, stop=stop, share=share) for share in (depth, *others)]
        needles = [
            self._needle(key, value, kind) for key, value, (_, kind) in zip(keys, values, places, strict=True)
        ]
        filler = self.haystack.tokens[start : start + room - sum(len(needle.ids) for needle in needles)]
        offsets = [len(filler) if kind == Break.STOP else at - start for at, kind in places]
        kind, line_end = places[0][1], len(self._line_end)
        return hide(
            filler,
            offsets,
            needles,
            query,
            requested_depth=depth,
            key=self._keys[keys[0]],
            value="".join(map(str, values[0])),
            lead=line_end if kind == Break.STOP else 0,
            trail=line_end if kind == Break.LINE else 0,
        )

    @property
    def n_hidden(self) -> int:
        """Number of needles in a row, distractors included."""
        return self.n_needles + self.n_distractors

    @cached_property
    def min_length(self) -> int:
        """Tokens that hold the longest needles, query and answer, and one token of filler."""
        longest = sorted(self._longest(key) for key in range(len(self._keys)))[-self.n_hidden :]
        return sum(longest) + max(map(len, self._heads[Break.STOP])) + self.value_length + 1

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        return KEYS if "{key}" in self.template else ("",)

    @cached_property
    def _heads(self) -> dict[int, list[np.ndarray]]:
        """Ids of the needle up to its value, for each kind of place and each key.

        At the beginning of a line the sentence stands as it is; between two sentences a space comes first;
        where the text is cut off, a line end does.
        """
        stem = self.template.partition("{value}")[0]
        stems = [stem.replace("{key}", key) for key in self._keys]
        plain = [self._ids(text) for text in stems]
        return {
            Break.LINE: plain,
            Break.SENTENCE: [self._ids(" " + text) for text in stems],
            Break.STOP: [np.concatenate([self._line_end, ids]) for ids in plain],
        }

    @cached_property
    def _tails(self) -> dict[int, np.ndarray]:
        """Ids after the value, for each kind of place."""
        tail = self._ids(self.template.partition("{value}")[2])
        return {Break.LINE: np.concatenate([tail, self._line_end]), Break.SENTENCE: tail, Break.STOP: tail}

    @cached_property
    def _digits(self) -> np.ndarray:
        """Id of each digit [10]."""
        ids = [encode(self.tokenizer, str(digit)) for digit in range(10)]
        if any(len(found) != 1 for found in ids):
            raise refusal(
                "tokenizer", ids, legal="one token for each digit", step="Train one with train_tokenizer."
            )
        return np.array(ids)[:, 0]

    @cached_property
    def _line_end(self) -> np.ndarray:
        return self._ids("\n")

    def _longest(self, key: int) -> int:
        """Return the tokens of a needle where it takes most."""
        return self.value_length + max(len(self._heads[kind][key]) + len(self._tails[kind]) for kind in Break)

    def _start(self, rng: np.random.Generator, length: int) -> int:
        """Draw where the filler begins: any line start with `length` tokens after it."""
        starts = self._starts
        n_fit = int(np.searchsorted(starts, len(self.haystack.tokens) - length, side="right"))
        return int(starts[rng.integers(n_fit)])

    @cached_property
    def _starts(self) -> np.ndarray:
        return self.haystack.starts

    def _needle(self, key: int, value: np.ndarray, kind: int) -> Needle:
        head = self._heads[kind][key]
        ids = np.concatenate([head, self._digits[value], self._tails[kind]])
        return Needle(ids, len(head), len(head) + len(value))


def text_builder(
    *,
    filler: str,
    tokenizer: "Tokenizer",
    corpus: TokenCorpus | None,
    split: str,
    template: str | None,
    longest: int,
    value_length: int,
    n_needles: int,
    n_distractors: int,
    depths: Sequence[float] | None,
) -> TextBuilder:
    """Return a builder of text episodes, with the filler that was asked for.

    Args:
        filler: "repeated" or "corpus".
        tokenizer: the one that the model reads with.
        corpus: where the text of filler "corpus" comes from, else None.
        split: part of the corpus, "train" or "heldout".
        template: the sentence to hide; None takes the project's own.
        longest: tokens of the longest context that will be asked for.
        value_length, n_needles, n_distractors, depths: as in `TextBuilder`.

    Raises:
        ValueError: for too many needles, a template without its fields, digits of several tokens, or a
            corpus that is shorter than the longest context.

    Example:
        >>> from data import train_tokenizer
        >>> builder = text_builder(
        ...     filler="repeated", split="train", corpus=None, template="Code {value}.", depths=None,
        ...     tokenizer=train_tokenizer(["a"]), longest=60, value_length=2, n_needles=1, n_distractors=0,
        ... )
        >>> row = builder.row(np.random.default_rng(0), length=60, depth=0.0)
        >>> print("".join(builder.labels(row.tokens)).replace("·", " ").replace("⏎", " / "))
        Code 86. / The river runs past the old mill. The river / Code 86
    """
    keyed = n_needles + n_distractors > 1
    if n_needles + n_distractors > len(KEYS):
        raise refusal(
            "n_needles + n_distractors",
            n_needles + n_distractors,
            legal=f"1 to {len(KEYS)}",
            step="There are no more names.",
        )
    if template is None:
        template = KEYED_TEMPLATE if keyed else PLAIN_TEMPLATE
    _check_template(template, keyed=keyed)
    haystack = _haystack(filler, tokenizer, corpus, split, longest)
    builder = TextBuilder(
        haystack=haystack,
        tokenizer=tokenizer,
        template=template,
        value_length=value_length,
        n_needles=n_needles,
        n_distractors=n_distractors,
        depths=depths,
    )
    builder._digits  # noqa: B018 (refuses a tokenizer without single digits)
    return builder


def _haystack(
    filler: str, tokenizer: "Tokenizer", corpus: TokenCorpus | None, split: str, longest: int
) -> Haystack:
    """Return the filler; ValueError if the corpus has fewer tokens than the longest context."""
    if filler == "repeated" or corpus is None:
        return repeated_haystack(tokenizer, longest=longest)
    n_tokens = len(corpus.split(split))
    if n_tokens < longest:
        raise refusal(
            "lengths",
            longest,
            legal=f"1 to {n_tokens}, the tokens of split {split!r}",
            step="Shorten the contexts or use a larger corpus.",
        )
    return corpus.haystack(split)


def _check_template(template: str, *, keyed: bool) -> None:
    """Refuse a template that lacks a field, repeats one, or begins with the value, which leaves no query."""
    wanted = ["key", "value"] if keyed else ["value"]
    fields = FIELD.findall(template) if isinstance(template, str) else []
    # Anything else in braces ({value!r}, {value:>9}, {{) would be hidden as it is written.
    braces = fields and set("{}") & set(FIELD.sub("", template))
    if fields != wanted or braces or template.startswith("{value}"):
        legal = "text, then " + ", then ".join(f"{{{name}}} once" for name in wanted)
        example = KEYED_TEMPLATE if keyed else PLAIN_TEMPLATE
        raise refusal("template", template, legal=legal, step=f"For example {example!r}.")
