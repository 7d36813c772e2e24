"""Byte-level BPE in which every digit is a token of its own.

Any text has ids and comes back byte for byte. `<|endoftext|>` ends documents, `<|pad|>` fills rows;
both are markers only: the same characters inside a text are ordinary text.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from data.refusal import refusal, whole
from data.text.tokenizer_check import faults

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END, PADDING = "<|endoftext|>", "<|pad|>"
# The names under which this project's and other common tokenizers keep the two markers, best first.
END_NAMES = (END, "</s>", "[SEP]")
PADDING_NAMES = (PADDING, "<pad>", "[PAD]", END, "</s>")
N_BYTES = 256
MOST_SYMBOLS = 1 << 20  # four times the largest vocabularies in use
LONGEST_PIECE = 1 << 18  # characters
CUT_WITHIN = 1 << 12  # characters at the end of a piece in which a space is looked for
WORD_BORDER = re.compile(r"(?<=\S) (?=\S)")
PROBE = "The cat, é 42.\n"


def train_tokenizer(texts: Iterable[str], *, d_vocab: int = 4096) -> "Tokenizer":
    """Train a byte-level BPE tokenizer with single digits on some texts.

    Digits are never merged, so that a number of four digits is four tokens wherever it stands: the value
    of a needle can then be drawn digit by digit and scored token by token.

    Args:
        texts: what the merges are learned from, read once.
        d_vocab: the most symbols, 258 to 2²⁰. It counts the two markers and the 256 bytes; texts with too
            few pairs to merge give a smaller vocabulary.

    Returns:
        A tokenizer of the `tokenizers` library whose ids 0 and 1 are `<|endoftext|>` and `<|pad|>`.

    Raises:
        ValueError: if `d_vocab` is below 258 or above 2²⁰.

    Example:
        >>> from data import train_tokenizer
        >>> tokenizer = train_tokenizer(["the cat, the hat"] * 2, d_vocab=262)
        >>> tokenizer.encode("the 42").tokens
        ['the', 'Ġ', '4', '2']
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    d_vocab = vocabulary_size(d_vocab)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=d_vocab,
        special_tokens=[END, PADDING],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    pieces = (piece for text in listed_texts(texts) for piece in in_pieces(well_formed(text)))
    tokenizer.train_from_iterator(pieces, trainer)
    # Read back from JSON, so that a tokenizer just trained and one from a file behave alike.
    return load_tokenizer(tokenizer.to_str())


def load_tokenizer(text: str) -> "Tokenizer":
    """Return the tokenizer that is stored as JSON in a string.

    Markers inside texts are read as plain text: a document that writes `<|endoftext|>` does not end there.

    Args:
        text: what `tokenizer.to_str()` gave; corpora and checkpoints hold it.

    Raises:
        ValueError: if `text` is not JSON of the `tokenizers` library, holds a bad regular expression, or
            asks for sizes that no tokenizer has, such as padding to 2³⁴ tokens.

    Example:
        >>> from data import load_tokenizer, train_tokenizer
        >>> stored = train_tokenizer(["a cat"], d_vocab=258).to_str()
        >>> load_tokenizer(stored).get_vocab_size()
        258
    """
    from tokenizers import Tokenizer

    legal = "JSON of the tokenizers library"
    if not isinstance(text, str):
        raise refusal("tokenizer", text, legal=legal, step="Pass what tokenizer.to_str() gave.")
    text = text.removeprefix("\ufeff")  # some editors put this mark at the beginning of a file
    for fault in faults(text):
        raise refusal("tokenizer", text, legal=legal, step=f"It cannot be used: {fault}.")
    try:
        tokenizer = Tokenizer.from_str(text)
        tokenizer.encode_special_tokens = True
        encode(tokenizer, PROBE)  # with truncation still on, whose settings may panic
        # both are of somebody's batches: a text would lose its end, or gain tokens that nobody wrote
        tokenizer.no_truncation()
        tokenizer.no_padding()
    except (KeyboardInterrupt, SystemExit):
        raise
    # A bad regular expression is a PanicException, which is no Exception; other errors are bare Exceptions.
    except BaseException as error:
        step = f"Store it with tokenizer.to_str() ({error})."
        raise refusal("tokenizer", text, legal=legal, step=step) from error
    return tokenizer


def vocabulary_size(d_vocab: object) -> int:
    """Return the size of a vocabulary that can be trained, or refuse it before any text is read.

    Args:
        d_vocab: a whole number from 258, the markers and the bytes, to 2²⁰. The library allocates the whole
            table at once and ends the process where it does not fit into memory.

    Raises:
        ValueError: for anything else.

    Example:
        >>> vocabulary_size(4096)
        4096
    """
    return whole("d_vocab", d_vocab, least=N_BYTES + 2, most=MOST_SYMBOLS)


def encode(tokenizer: "Tokenizer", text: str) -> list[int]:
    """Return the ids of a text alone, without the markers that a tokenizer may put around it.

    Episodes are put together from pieces that were encoded one by one, so a marker in each of them would
    end up in the middle of the text.

    Args:
        tokenizer: any tokenizer of the `tokenizers` library.
        text: what to encode; it may be empty.

    Example:
        >>> tokenizer = train_tokenizer(["a cat"], d_vocab=258)
        >>> len(encode(tokenizer, "a cat"))  # nothing is merged here: one id a byte
        5
    """
    return tokenizer.encode(well_formed(text), add_special_tokens=False).ids


def marker_id(tokenizer: "Tokenizer", *names: str) -> int:
    """Return the id of the first of several names that the vocabulary has, or 0 if it has none.

    Tokenizers of other makers name their markers differently, hence several names in order of preference.

    Args:
        tokenizer: any tokenizer of the `tokenizers` library.
        names: symbols to look for, best first, such as `*END_NAMES`.

    Example:
        >>> tokenizer = train_tokenizer(["a cat"], d_vocab=258)
        >>> marker_id(tokenizer, *END_NAMES), marker_id(tokenizer, "[PAD]", "<|pad|>")
        (0, 1)
    """
    found = (tokenizer.token_to_id(name) for name in names)
    return next((token_id for token_id in found if token_id is not None), 0)


def pad_id(tokenizer: "Tokenizer") -> int:
    """Return the id that fills rows on the right.

    It is the tokenizer's padding marker under any common name, else its end marker, else 0. Padding has
    no label and lies behind the text, so that a causal model never sees it.

    Args:
        tokenizer: any tokenizer of the `tokenizers` library.

    Example:
        >>> pad_id(train_tokenizer(["a cat"], d_vocab=258))
        1
    """
    return marker_id(tokenizer, *PADDING_NAMES)


def well_formed(text: str) -> str:
    r"""Return the text with lone surrogates written out as escapes.

    A lone surrogate is half of a pair that stands for one character in UTF-16. Strings of Python may hold
    one, but it has no bytes in UTF-8, and the tokenizer would refuse the whole document for it.

    Args:
        text: any string; all but lone surrogates come back as they are.

    Example:
        >>> print(well_formed("caf\u00e9 \ud800"))
        café \ud800
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def listed_texts(texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts, or refuse what is none: one text alone would be read letter by letter.

    Args:
        texts: strings, in a list or one after the other.

    Raises:
        ValueError: for one text alone, or for an item that is no text; the message says which.

    Example:
        >>> list(listed_texts(["One.", "Two."]))
        ['One.', 'Two.']
    """
    legal = "several texts, such as a list of strings"
    if isinstance(texts, (str, bytes)) or not isinstance(texts, Iterable):
        raise refusal("texts", texts, legal=legal, step="Put a single text into a list.")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise refusal(f"texts[{number}]", text, legal="a string", step="Decode bytes; leave None out.")
        yield text


def in_pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces of at most 2¹⁸ characters, cut before single spaces where there are some.

    The library takes about 128 bytes a character while it encodes, so that a text of 50 MB would take more
    than 6 GB. In byte-level BPE no token reaches over the beginning of a space and a word: the pieces have
    the tokens of the whole. Elsewhere, and in text without spaces, tokens may differ at the cuts.

    Args:
        text: any string; one that is short enough comes back as it is.

    Example:
        >>> [len(piece) for piece in in_pieces("word " * 100_000)]
        [262139, 237861]
    """
    start = 0
    while len(text) - start > LONGEST_PIECE:
        stop = start + LONGEST_PIECE
        spaces = [found.start() for found in WORD_BORDER.finditer(text, stop - CUT_WITHIN, stop)]
        cut = spaces[-1] if spaces else stop
        yield text[start:cut]
        start = cut
    yield text[start:]
