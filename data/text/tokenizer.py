"""Byte-level BPE in which every digit is a token of its own.

Any text has ids and comes back byte for byte. ``<|endoftext|>`` ends documents, ``<|pad|>`` fills rows;
both are markers only: the same characters inside a text are ordinary text.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from data.refusal import refusal, whole

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END, PADDING = "<|endoftext|>", "<|pad|>"
N_BYTES = 256


def train_tokenizer(texts: Iterable[str], *, d_vocab: int = 4096) -> "Tokenizer":
    """A tokenizer of at most ``d_vocab`` symbols (fewer if ``texts`` have too few pairs to merge).

    ``d_vocab`` counts the two markers and the 256 bytes, so that the least is 258.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    d_vocab = whole("d_vocab", d_vocab, least=N_BYTES + 2)
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
    tokenizer.train_from_iterator(map(well_formed, texts), trainer)
    return load_tokenizer(tokenizer.to_str())


def load_tokenizer(text: str) -> "Tokenizer":
    """The tokenizer stored as JSON in ``text``; markers inside texts are read as plain text."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the library raises bare Exception
        step = f"Store it with tokenizer.to_str() ({error})."
        raise refusal("tokenizer", text, legal="JSON of the tokenizers library", step=step) from error
    tokenizer.encode_special_tokens = True
    return tokenizer


def encode(tokenizer: "Tokenizer", text: str) -> list[int]:
    """Ids of ``text`` alone, without markers around it."""
    return tokenizer.encode(text, add_special_tokens=False).ids


def marker_id(tokenizer: "Tokenizer", *names: str) -> int:
    """Id of the first of ``names`` that the vocabulary has, else 0."""
    found = (tokenizer.token_to_id(name) for name in names)
    return next((token_id for token_id in found if token_id is not None), 0)


def pad_id(tokenizer: "Tokenizer") -> int:
    """Id for padding, under the names that common tokenizers use."""
    return marker_id(tokenizer, PADDING, "<pad>", "[PAD]", END, "</s>")


def well_formed(text: str) -> str:
    """``text`` with lone surrogates, which have no bytes, written out as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
