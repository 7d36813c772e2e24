"""Running text as tokens, with the places where a sentence may be put in."""

from dataclasses import dataclass
from enum import IntEnum
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from data.text.labels import ends_line, token_bytes
from data.text.tokenizer import END_NAMES, encode, marker_id

if TYPE_CHECKING:
    from tokenizers import Tokenizer

REPEATED_SENTENCE = "The river runs past the old mill."


class Break(IntEnum):
    """What follows a place where a sentence may be put in; it decides how the sentence is joined to the text.

    LINE: a line or a document begins here. SENTENCE: a space and the next sentence follow.
    STOP: the text is cut off here, mid-sentence or not.
    """

    LINE = 0
    SENTENCE = 1
    STOP = 2


@dataclass(frozen=True, eq=False)
class Haystack:
    """Text to hide needles in.

    Args:
        tokens: token ids [position].
        breaks: sorted positions before which a sentence may be put [break].
        kinds: `Break.LINE` or `Break.SENTENCE` for each of them [break].

    Example:
        >>> text = Haystack(np.arange(100), np.array([0, 20, 70]), np.array([0, 1, 1]))
        >>> place, kind = text.nearest(start=0, stop=100, share=0.25)
        >>> place, kind.name
        (20, 'SENTENCE')
    """

    tokens: np.ndarray
    breaks: np.ndarray
    kinds: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """Positions where the filler of an episode may begin: beginnings of lines."""
        return self.breaks[self.kinds == Break.LINE]

    def nearest(self, *, start: int, stop: int, share: float) -> tuple[int, Break]:
        """Return the break nearest to a share of the way from `start` to `stop`, and its kind.

        `stop` itself always counts, as `Break.STOP`, so that there is a place even in text without breaks.

        Args:
            start: first position of the filler, tokens.
            stop: position behind its last token.
            share: 0 is `start`, 1 is `stop`.
        """
        target = start + share * (stop - start)
        # numpy would convert all breaks to float64 to compare them with a float: 8 bytes for each break of a
        # corpus at each needle. Rounding up is the same search: no whole number lies between 20.4 and 21.
        after = int(np.searchsorted(self.breaks, ceil(target)))
        around = [at for at in (after - 1, after) if 0 <= at < len(self.breaks)]
        inside = [
            (int(self.breaks[at]), Break(self.kinds[at])) for at in around if start <= self.breaks[at] < stop
        ]
        return min([*inside, (stop, Break.STOP)], key=lambda place: abs(place[0] - target))


def text_haystack(tokens: np.ndarray, *, tokenizer: "Tokenizer") -> Haystack:
    """Return running text with the breaks that are found in it.

    A line begins after a token that ends with a line end, and after the marker that ends a document. A
    sentence begins between a token that ends with `.`, `!` or `?` and one that starts with a space. The
    test is made once for each token of the vocabulary, then looked up for each position.

    Args:
        tokens: token ids [position], such as `corpus.split("train")`.
        tokenizer: the tokenizer that made them.

    Example:
        >>> from data import TokenCorpus, train_tokenizer
        >>> tokenizer = train_tokenizer(["One. Two."], d_vocab=258)
        >>> text = text_haystack(np.array(tokenizer.encode("One. Two.").ids), tokenizer=tokenizer)
        >>> text.breaks.tolist(), [Break(kind).name for kind in text.kinds]
        ([0, 4], ['LINE', 'SENTENCE'])
    """
    pieces = [token_bytes(tokenizer, token_id) for token_id in range(tokenizer.get_vocab_size())]
    line_end = ends_line(tokenizer)
    line_end[marker_id(tokenizer, *END_NAMES)] = True
    ends_sentence = np.array([piece.endswith((b".", b"!", b"?")) for piece in pieces])
    starts_space = np.array([piece.startswith(b" ") for piece in pieces])
    line = line_end[tokens[:-1]]
    sentence = ends_sentence[tokens[:-1]] & starts_space[tokens[1:]]
    at = np.flatnonzero(line | sentence)
    breaks, kinds = at + 1, np.where(line[at], Break.LINE, Break.SENTENCE)
    # the text's own beginning is a line start too, though no token lies before it
    return Haystack(tokens, np.concatenate([[0], breaks]), np.concatenate([[Break.LINE], kinds]))


def repeated_haystack(tokenizer: "Tokenizer", *, longest: int) -> Haystack:
    """Return one sentence again and again, with a break before each of them.

    The filler says nothing, so that the needle is the only thing to be remembered: the easiest text that
    there is.

    Args:
        tokenizer: the tokenizer to encode with.
        longest: the fewest tokens that are needed; whole sentences are added until they are reached.

    Example:
        >>> from data import train_tokenizer
        >>> text = repeated_haystack(train_tokenizer(["a"], d_vocab=258), longest=100)
        >>> len(text.tokens) >= 100, text.breaks.tolist()
        (True, [0, 33, 67, 101])
    """
    # Only the first sentence lacks a space before it, and its tokens may differ for that.
    first = np.array(encode(tokenizer, REPEATED_SENTENCE))
    again = np.array(encode(tokenizer, " " + REPEATED_SENTENCE))
    n_again = -(-longest // len(again))  # rounded up
    breaks = np.concatenate([[0], len(first) + len(again) * np.arange(n_again)])
    kinds = np.where(breaks == 0, Break.LINE, Break.SENTENCE)
    return Haystack(np.concatenate([first, np.tile(again, n_again)]), breaks, kinds)
