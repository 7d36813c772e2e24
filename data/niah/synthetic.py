"""Needles without text: markers, keys, values and filler words are plain token ids.

``n_symbols`` ids are shared out as: 0 pad, 1 needle marker, 2 query marker, then keys (1/8),
values (1/4) and filler words (the rest). With 64: keys 3-10, values 11-26, filler 27-63.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.niah.episodes import Needle, Row, draw_depths, hide
from data.refusal import refusal, whole

PAD, NEEDLE, QUERY = 0, 1, 2
DEFAULT_SYMBOLS = 64


@dataclass(frozen=True)
class SyntheticBuilder:
    """Builds rows of ``[filler .. NEEDLE (key) value .. filler .. QUERY (key) value]``."""

    n_symbols: int
    value_length: int
    n_needles: int
    n_distractors: int
    depths: Sequence[float] | None

    pad_id = PAD

    def __post_init__(self):
        whole("n_symbols", self.n_symbols, least=16)
        if self.keyed and self.n_hidden > self.n_keys:
            raise refusal(
                "n_needles + n_distractors",
                self.n_hidden,
                legal=f"1 to {self.n_keys}",
                step=f"{self.n_symbols} symbols hold {self.n_keys} keys; raise n_symbols.",
            )

    @property
    def d_vocab(self) -> int:
        return self.n_symbols

    @property
    def n_hidden(self) -> int:
        return self.n_needles + self.n_distractors

    @property
    def keyed(self) -> bool:
        return self.n_hidden > 1

    @property
    def n_keys(self) -> int:
        return self.n_symbols // 8

    @property
    def first_value(self) -> int:
        return 3 + self.n_keys

    @property
    def first_filler(self) -> int:
        return self.first_value + self.n_symbols // 4

    @property
    def min_length(self) -> int:
        """Fewest tokens that hold every needle, the query, the answer and one filler word."""
        statement = 1 + self.keyed + self.value_length
        return statement * (self.n_hidden + 1) + 1

    def row(self, rng: np.random.Generator, *, length: int, depth: float) -> Row:
        """One episode of exactly ``length`` tokens whose asked needle lies at ``depth``."""
        values = rng.integers(self.first_value, self.first_filler, (self.n_hidden, self.value_length))
        keys = 3 + rng.permutation(self.n_keys)[: self.n_hidden] if self.keyed else np.zeros(1, int)
        needles = [self._needle(key, value) for key, value in zip(keys, values, strict=True)]
        n_filler = length - (len(needles[0].ids)) * (self.n_hidden + 1)
        filler = rng.integers(self.first_filler, self.n_symbols, n_filler)
        others = np.concatenate(
            [draw_depths(rng, self.depths, n=self.n_needles - 1), rng.uniform(size=self.n_distractors)]
        )
        places = [round(share * n_filler) for share in (depth, *others)]
        query = np.array([QUERY, keys[0]] if self.keyed else [QUERY])
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
        """Display string of one id: pad, needle, query, k0.., v0.., w0.."""
        if token_id < 3:
            return ("pad", "needle", "query")[token_id]
        for letter, first in (("w", self.first_filler), ("v", self.first_value)):
            if token_id >= first:
                return f"{letter}{token_id - first}"
        return f"k{token_id - 3}"

    def labels(self, ids: Sequence[int]) -> list[str]:
        """Display strings of many ids."""
        return [self.label(int(token_id)) for token_id in ids]

    def _needle(self, key: int, value: np.ndarray) -> Needle:
        head = [NEEDLE, key] if self.keyed else [NEEDLE]
        return Needle(np.concatenate([head, value]), len(head), len(head) + len(value))
