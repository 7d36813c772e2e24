"""Running text as tokens, with the places where a sentence may be put in."""

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from data.text.labels import token_bytes
from data.text.tokenizer import END, encode, marker_id

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LINE, SENTENCE, STOP = range(3)
REPEATED = "The river runs past the old mill."


@dataclass(frozen=True, eq=False)
class Haystack:
    """``tokens`` [position]; ``breaks``, sorted positions before which a sentence may go, each with its
    kind: LINE (a line or document begins) or SENTENCE (a space and the next sentence follow)."""

    tokens: np.ndarray
    breaks: np.ndarray
    kinds: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """Positions where an episode's filler may begin."""
        return self.breaks[self.kinds == LINE]

    def nearest(self, *, start: int, stop: int, share: float) -> tuple[int, int]:
        """(position, kind) of the break in [start, stop] nearest to ``share`` of the way.

        ``stop`` itself always counts, as kind STOP: there the filler is cut off, mid-sentence or not.
        """
        target = start + share * (stop - start)
        after = int(np.searchsorted(self.breaks, ceil(target)))  # a float would copy all breaks
        around = [at for at in (after - 1, after) if 0 <= at < len(self.breaks)]
        inside = [
            (int(self.breaks[at]), int(self.kinds[at])) for at in around if start <= self.breaks[at] < stop
        ]
        return min([*inside, (stop, STOP)], key=lambda place: abs(place[0] - target))


def text_haystack(tokens: np.ndarray, *, tokenizer: "Tokenizer") -> Haystack:
    """Running text; breaks after line ends, after documents, and between sentences of a line."""
    pieces = [token_bytes(tokenizer, token_id) for token_id in range(tokenizer.get_vocab_size())]
    ends_line = np.array([piece.endswith(b"\n") for piece in pieces])
    ends_line[marker_id(tokenizer, END, "</s>", "[SEP]")] = True
    ends_sentence = np.array([piece.endswith((b".", b"!", b"?")) for piece in pieces])
    starts_space = np.array([piece.startswith(b" ") for piece in pieces])
    line = ends_line[tokens[:-1]]
    sentence = ends_sentence[tokens[:-1]] & starts_space[tokens[1:]]
    at = np.flatnonzero(line | sentence)
    breaks, kinds = at + 1, np.where(line[at], LINE, SENTENCE)
    return Haystack(tokens, np.concatenate([[0], breaks]), np.concatenate([[LINE], kinds]))


def repeated_haystack(tokenizer: "Tokenizer", *, longest: int) -> Haystack:
    """One sentence again and again, at least ``longest`` tokens."""
    first, again = (np.array(encode(tokenizer, lead + REPEATED)) for lead in ("", " "))
    n_again = -(-longest // len(again))
    breaks = np.concatenate([[0], len(first) + len(again) * np.arange(n_again)])
    kinds = np.where(breaks == 0, LINE, SENTENCE)
    return Haystack(np.concatenate([first, np.tile(again, n_again)]), breaks, kinds)
