"""Needles without text: markers, keys, values and filler words are plain token ids.

`n_symbols` ids are shared out as: 0 pad, 1 needle marker, 2 query marker, then keys (1/8),
values (1/4) and filler words (the rest). With 64: keys 3-10, values 11-26, filler 27-63.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.niah.episodes import Needle, Row, draw_depths, hide
from data.refusal import refusal, whole

PAD_ID, NEEDLE_ID, QUERY_ID = 0, 1, 2
MARKER_LABELS = ("pad", "needle", "query")
FIRST_KEY_ID = 3
DEFAULT_SYMBOLS = 64
MOST_SYMBOLS = 1 << 20


def settled_symbols(n_symbols: object) -> int | None:
    """Return the size of a synthetic vocabulary as an int, or None where none was given.

    Args:
        n_symbols: a whole number from 16, the fewest that hold markers, keys, values and filler, to 2²⁰.

    Raises:
        ValueError: for anything else.

    Example:
        >>> settled_symbols(64), settled_symbols(None)
        (64, None)
    """
    return None if n_symbols is None else whole("n_symbols", n_symbols, least=16, most=MOST_SYMBOLS)


@dataclass(frozen=True)
class SyntheticBuilder:
    """Builds rows of `[filler .. NEEDLE (key) value .. filler .. QUERY (key) value]`.

    Filler words never stand for a key or a value, so that a needle can be told from the filler by its ids
    alone. What has to be learned is to copy what followed the marker (and key) earlier.

    Args:
        n_symbols: size of the vocabulary, 16 to 2²⁰.
        value_length: tokens of a value.
        n_needles: needles that may be asked for.
        n_distractors: needles that are never asked for.
        depths: shares of the filler, 0 to 1, at which needles lie; None draws them uniformly.

    Example:
        >>> builder = SyntheticBuilder(
        ...     n_symbols=64, value_length=1, n_needles=1, n_distractors=0, depths=None
        ... )
        >>> row = builder.row(np.random.default_rng(0), length=8, depth=0.5)
        >>> builder.labels(row.tokens)
        ['w23', 'w18', 'needle', 'v13', 'w9', 'w11', 'query', 'v13']
    """

    n_symbols: int
    value_length: int
    n_needles: int
    n_distractors: int
    depths: Sequence[float] | None

    pad_id = PAD_ID

    def __post_init__(self):
        settled_symbols(self.n_symbols)
        if self.keyed and self.n_hidden > self.n_keys:
            raise refusal(
                "n_needles + n_distractors",
                self.n_hidden,
                legal=f"1 to {self.n_keys}",
                step=f"{self.n_symbols} symbols hold {self.n_keys} keys; raise n_symbols.",
            )

    @property
    def d_vocab(self) -> int:
        """Vocabulary size that a model needs."""
        return self.n_symbols

    @property
    def n_hidden(self) -> int:
        """Number of needles in a row, distractors included."""
        return self.n_needles + self.n_distractors

    @property
    def keyed(self) -> bool:
        """Whether needles have keys, as they must where there are several."""
        return self.n_hidden > 1

    @property
    def n_keys(self) -> int:
        """Number of ids that are keys."""
        return self.n_symbols // 8

    @property
    def first_value(self) -> int:
        """The lowest id of a value."""
        return FIRST_KEY_ID + self.n_keys

    @property
    def first_filler(self) -> int:
        """The lowest id of a filler word."""
        return self.first_value + self.n_symbols // 4

    @property
    def min_length(self) -> int:
        """Fewest tokens that hold every needle, the query, the answer and one filler word."""
        # Query and answer together are as long as a needle: with two needles and values of one token,
        # 3 × (marker, key, value) and one filler word make 10.
        markers = 2 if self.keyed else 1
        return (markers + self.value_length) * (self.n_hidden + 1) + 1

    def row(self, rng: np.random.Generator, *, length: int, depth: float) -> Row:
        """Return one episode of exactly `length` tokens whose asked needle lies at `depth`."""
        values = rng.integers(self.first_value, self.first_filler, (self.n_hidden, self.value_length))
        keys = np.zeros(1, int)
        if self.keyed:
            keys = FIRST_KEY_ID + rng.permutation(self.n_keys)[: self.n_hidden]
        needles = [self._needle(key, value) for key, value in zip(keys, values, strict=True)]
        n_filler = length - len(needles[0].ids) * (self.n_hidden + 1)
        filler = rng.integers(self.first_filler, self.n_symbols, n_filler)
        others = np.concatenate(
            [draw_depths(rng, self.depths, n=self.n_needles - 1), rng.uniform(size=self.n_distractors)]
        )
        places = [round(share * n_filler) for share in (depth, *others)]
        query = np.array([QUERY_ID, keys[0]] if self.keyed else [QUERY_ID])
        return hide(
            filler,
            places,
            needles,
            query,
            requested_depth=depth,
            key=self.label(keys[0]) if self.keyed else "",
            value=" ".join(map(self.label, values[0])),
        )

    def label(self, token_id: int) -> str:
        """Return the display string of one id: pad, needle, query, k0.., v0.., w0.."""
        if token_id < FIRST_KEY_ID:
            return MARKER_LABELS[token_id]
        for letter, first in (("w", self.first_filler), ("v", self.first_value)):
            if token_id >= first:
                return f"{letter}{token_id - first}"
        return f"k{token_id - FIRST_KEY_ID}"

    def labels(self, ids: Sequence[int]) -> list[str]:
        """Return the display strings of many ids."""
        return [self.label(int(token_id)) for token_id in ids]

    def _needle(self, key: int, value: np.ndarray) -> Needle:
        head = [NEEDLE_ID, key] if self.keyed else [NEEDLE_ID]
        return Needle(np.concatenate([head, value]), len(head), len(head) + len(value))
