"""What all builders of episodes of text have."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from data.text.labels import token_labels
from data.text.tokenizer import encode, pad_id

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, eq=False, kw_only=True)
class Tokenized:
    """Ids, labels and vocabulary of a tokenizer."""

    tokenizer: "Tokenizer"

    def labels(self, ids: Sequence[int]) -> list[str]:
        return token_labels(self.tokenizer, ids)

    @property
    def d_vocab(self) -> int:
        return self.tokenizer.get_vocab_size()

    @cached_property
    def pad_id(self) -> int:
        return pad_id(self.tokenizer)

    def _ids(self, text: str) -> np.ndarray:
        return np.array(encode(self.tokenizer, text), np.int64)
