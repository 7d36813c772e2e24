"""The needle test behind the published figures, as their public script runs it.

One length (512 tokens), one sentence repeated as filler, five fixed pairs of key phrase and answer, the
needle cut into the filler anywhere from token 5 to half the context (sentence borders do not
count), the key phrase again at the end, and only the first token of the answer is scored. Five answers
can be memorised, and the distance is always 250 to 500 tokens: this tests induction.

The script's own numbers are 200 episodes and seed 42. Its first pair is "The secret code is" ALPHA and its
filler a sentence about a quick brown fox; the other four pairs are this project's, of the same form.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.niah.episodes import Needle, Row, hide
from data.niah.tokenized import Tokenized

FILLER = "The quick brown fox jumps over the lazy dog."
PAIRS = (
    ("The secret code is", "ALPHA"),
    ("The hidden city is", "Lisbon"),
    ("The magic word is", "thunder"),
    ("The chosen colour is", "purple"),
    ("The final answer is", "seven"),
)
FIRST_PLACE = 5
SEED, N_EPISODES, LENGTH = 42, 200, 512


@dataclass(frozen=True, eq=False)
class PaperBuilder(Tokenized):
    """Builds rows of ``filler[:place] key answer . filler[place:] key first-answer-token``."""

    min_length = LENGTH

    def row(self, rng: np.random.Generator, *, length: int, depth: float) -> Row:
        """One episode; ``depth`` 0 to 1 runs over the protocol's own range of places."""
        key, answer = PAIRS[rng.integers(len(PAIRS))]
        query, value, stop = (self._ids(text) for text in (" " + key, " " + answer, "."))
        needle = Needle(np.concatenate([query, value, stop]), len(query), len(query) + 1)
        n_filler = length - len(needle.ids) - len(query) - 1
        place = FIRST_PLACE + int(depth * (length // 2 - FIRST_PLACE))
        filler = np.resize(self._sentence, n_filler)
        return hide(filler, [place], [needle], query, requested_depth=place / n_filler, key=key, value=answer)

    @cached_property
    def _sentence(self) -> np.ndarray:
        return self._ids(FILLER + " ")
