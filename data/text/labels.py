r"""Display strings of tokens, taken from their bytes rather than from BPE symbols.

A token shows exactly the characters whose bytes it holds. Spaces, line ends and tabs become ``·``
``⏎`` ``⇥``, bytes of a character split between tokens become ``\xf0``, and characters that would act on
the display (controls, direction marks) become escapes. Markup stays as it is: escaping belongs to the plot.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from data.refusal import refusal

if TYPE_CHECKING:
    from tokenizers import Tokenizer

GLYPHS = {" ": "·", "\n": "⏎", "\t": "⇥"}


def token_labels(tokenizer: "Tokenizer", ids: Sequence[int]) -> list[str]:
    """One display string per id; ValueError for an id outside the vocabulary."""
    return [_label(tokenizer, int(token_id)) for token_id in ids]


def token_bytes(tokenizer: "Tokenizer", token_id: int) -> bytes:
    """The UTF-8 bytes that one id stands for; a marker's own name for a marker."""
    symbol = tokenizer.id_to_token(token_id)
    if symbol is None:
        legal = f"0 to {tokenizer.get_vocab_size() - 1}"
        raise refusal("token id", token_id, legal=legal, step="Label ids with the tokenizer that made them.")
    if type(tokenizer.decoder).__name__ == "ByteLevel":
        alphabet = _byte_alphabet()
        return b"".join(alphabet.get(character) or character.encode() for character in symbol)
    if len(symbol) == 6 and symbol.startswith("<0x"):
        return bytes.fromhex(symbol[3:5])
    return symbol.replace("▁", " ").encode()


def _label(tokenizer: "Tokenizer", token_id: int) -> str:
    text = token_bytes(tokenizer, token_id).decode("utf-8", "backslashreplace")
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character in GLYPHS:
        return GLYPHS[character]
    return character if character.isprintable() else character.encode("unicode_escape").decode()


@cache
def _byte_alphabet() -> dict[str, bytes]:
    """Byte of each symbol of byte-level BPE: printable Latin-1 stands for itself, the rest from U+0100 on."""
    itself = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in itself]
    symbols = {chr(byte): byte for byte in itself} | {chr(256 + at): byte for at, byte in enumerate(others)}
    return {symbol: bytes([byte]) for symbol, byte in symbols.items()}
