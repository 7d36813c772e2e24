r"""Display strings of tokens, taken from their bytes rather than from BPE symbols.

A token shows exactly the characters whose bytes it holds. Spaces, line ends and tabs become `·`
`⏎` `⇥`, bytes of a character split between tokens become `\xf0`, and characters that would act on
the display (controls, direction marks) become escapes. Markup stays as it is: escaping belongs to the plot.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from data.refusal import refusal, whole

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LIBRARY_IDS = 1 << 32  # the library counts ids with 32 bits
GLYPHS = {" ": "·", "\n": "⏎", "\t": "⇥"}


def token_labels(tokenizer: "Tokenizer", ids: Sequence[int]) -> list[str]:
    """Return one display string for each token id.

    Plots put these strings on their axes. Nothing in them is invisible: a space is a dot, a control
    character its escape, and half of a character its byte.

    Args:
        tokenizer: the tokenizer that made the ids.
        ids: token ids, in any order.

    Raises:
        ValueError: for an id outside the vocabulary.

    Example:
        >>> from data import token_labels, train_tokenizer
        >>> tokenizer = train_tokenizer(["the cat"] * 2, d_vocab=263)
        >>> token_labels(tokenizer, tokenizer.encode("the cat\\n7").ids)
        ['the', '·cat', '⏎', '7']
    """
    return [_label(tokenizer, token_id) for token_id in ids]


def token_bytes(tokenizer: "Tokenizer", token_id: int) -> bytes:
    """Return the UTF-8 bytes that one token id stands for.

    Three notations are read: symbols of byte-level BPE, `<0x0A>` for a single byte, and `▁` for a space.
    A marker gives its own name, since no text stands for it.

    Args:
        tokenizer: the tokenizer that made the id.
        token_id: 0 to the size of the vocabulary - 1.

    Raises:
        ValueError: for an id outside the vocabulary.

    Example:
        >>> from data import train_tokenizer
        >>> tokenizer = train_tokenizer(["a"], d_vocab=258)
        >>> [token_bytes(tokenizer, token_id) for token_id in tokenizer.encode("é").ids]
        [b'\\xc3', b'\\xa9']
        >>> token_bytes(tokenizer, 0)
        b'<|endoftext|>'
    """
    number = whole("token id", token_id, least=0)
    symbol = tokenizer.id_to_token(number) if number < LIBRARY_IDS else None
    if symbol is None:
        legal = f"0 to {tokenizer.get_vocab_size() - 1}"
        raise refusal("token id", token_id, legal=legal, step="Label ids with the tokenizer that made them.")
    if type(tokenizer.decoder).__name__ == "ByteLevel":
        alphabet = _byte_alphabet()
        return b"".join(alphabet.get(character) or character.encode() for character in symbol)
    if len(symbol) == 6 and symbol.startswith("<0x"):
        return bytes.fromhex(symbol[3:5])
    return symbol.replace("▁", " ").encode()


def ends_line(tokenizer: "Tokenizer") -> np.ndarray:
    """Return for each id of the vocabulary whether its text ends with a line end.

    Args:
        tokenizer: any tokenizer of the `tokenizers` library.

    Returns:
        Booleans [vocabulary].

    Example:
        >>> from data import train_tokenizer
        >>> tokenizer = train_tokenizer(["a"], d_vocab=258)
        >>> ends_line(tokenizer)[tokenizer.encode("a\\n").ids].tolist()
        [False, True]
    """
    symbols = range(tokenizer.get_vocab_size())
    return np.array([token_bytes(tokenizer, token_id).endswith(b"\n") for token_id in symbols])


def _label(tokenizer: "Tokenizer", token_id: int) -> str:
    text = token_bytes(tokenizer, token_id).decode("utf-8", "backslashreplace")
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character in GLYPHS:
        return GLYPHS[character]
    return character if character.isprintable() else character.encode("unicode_escape").decode()


@cache
def _byte_alphabet() -> dict[str, bytes]:
    """Return the byte of each symbol of byte-level BPE.

    Byte-level BPE writes every byte as one printable character. Printable bytes of Latin-1 stand for
    themselves; the other 68 are numbered from U+0100 on, in order, so that byte 0 is `Ā` and the space,
    the 33rd of them, is U+0120, `Ġ`.
    """
    itself = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in itself]
    symbols = {chr(byte): byte for byte in itself} | {chr(256 + at): byte for at, byte in enumerate(others)}
    return {symbol: bytes([byte]) for symbol, byte in symbols.items()}
