"""What all builders of text episodes have."""

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
    """A builder of text episodes: ids, labels and vocabulary are the tokenizer's.

    Args:
        tokenizer: the tokenizer that the model reads with.
    """

    tokenizer: "Tokenizer"

    def labels(self, ids: Sequence[int]) -> list[str]:
        """Return one display string for each token id."""
        return token_labels(self.tokenizer, ids)

    @property
    def d_vocab(self) -> int:
        """Vocabulary size that a model needs."""
        return self.tokenizer.get_vocab_size()

    @cached_property
    def pad_id(self) -> int:
        """Id on the right of shorter rows."""
        return pad_id(self.tokenizer)

    def _ids(self, text: str) -> np.ndarray:
        return np.array(encode(self.tokenizer, text), np.int64)
