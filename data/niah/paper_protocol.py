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

FILLER_SENTENCE = "The quick brown fox jumps over the lazy dog."
KEYS_AND_ANSWERS = (
    ("The secret code is", "ALPHA"),
    ("The hidden city is", "Lisbon"),
    ("The magic word is", "thunder"),
    ("The chosen colour is", "purple"),
    ("The final answer is", "seven"),
)
FIRST_NEEDLE_PLACE = 5
SCRIPT_SEED, SCRIPT_EPISODES, SCRIPT_LENGTH = 42, 200, 512


@dataclass(frozen=True, eq=False)
class PaperBuilder(Tokenized):
    """Builds rows of `filler[:place] key answer . filler[place:] key first-answer-token`.

    Args:
        tokenizer: the tokenizer that the model reads with.

    Example:
        >>> from data import NIAHTask, train_tokenizer
        >>> task = NIAHTask(protocol="paper", tokenizer=train_tokenizer(["a"], d_vocab=258))
        >>> episodes = task.build(seed=42)
        >>> episodes.tokens.shape, int((episodes.labels != -100).sum(axis=1).max())
        ((200, 512), 1)
    """

    min_length = SCRIPT_LENGTH

    def row(self, rng: np.random.Generator, *, length: int, depth: float) -> Row:
        """Return one episode; depth 0 to 1 runs over the protocol's own range of places.

        Args:
            rng: which of the five pairs is drawn from it.
            length: tokens of the episode, answer included.
            depth: 0 puts the needle before token 5 of the filler, 1 at half the context.
        """
        key, answer = KEYS_AND_ANSWERS[rng.integers(len(KEYS_AND_ANSWERS))]
        query = self._ids(" " + key)
        sentence = np.concatenate([query, self._ids(" " + answer), self._ids(".")])
        # the value is one token even where the answer has more: only the first one is scored
        needle = Needle(sentence, len(query), len(query) + 1)
        n_filler = length - len(needle.ids) - len(query) - 1
        place = FIRST_NEEDLE_PLACE + int(depth * (length // 2 - FIRST_NEEDLE_PLACE))
        filler = np.resize(self._sentence, n_filler)
        return hide(filler, [place], [needle], query, requested_depth=place / n_filler, key=key, value=answer)

    @cached_property
    def _sentence(self) -> np.ndarray:
        return self._ids(FILLER_SENTENCE + " ")
