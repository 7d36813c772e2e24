"""What a NIAHTask refuses, and in which words: checks of values, none of the task itself."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from data.memory import check_memory
from data.refusal import as_number, one_of, refusal, whole
from data.text.corpus import TokenCorpus

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FILLERS = ("synthetic", "repeated", "corpus")
SPLITS = ("train", "heldout")
PROTOCOLS = ("ours", "paper")
LONGEST_VALUE = 64
BYTES_A_TOKEN = 64  # int64 eight times: filler, breaks and their kinds, pieces, row, tokens, labels
DEFAULT_FILLER = {"ours": "synthetic", "paper": "repeated"}
DEFAULT_LENGTHS = {"ours": (128,), "paper": (512,)}
FIXED_BY_PAPER = {
    "filler": "repeated",
    "lengths": (512,),
    "depths": None,
    "value_length": 1,
    "n_needles": 1,
    "n_distractors": 0,
    "template": None,
}


def settled_filler(filler: str | None, *, protocol: str) -> str:
    """Return the filler of a task, which is the protocol's own where none was given.

    Args:
        filler: "synthetic", "repeated", "corpus", or None.
        protocol: "ours", whose filler is synthetic by default, or "paper", whose filler is one sentence.

    Raises:
        ValueError: for any other filler or protocol.

    Example:
        >>> settled_filler(None, protocol="paper")
        'repeated'
    """
    one_of("protocol", protocol, PROTOCOLS)
    chosen = DEFAULT_FILLER[protocol] if filler is None else filler
    one_of("filler", chosen, FILLERS)
    return chosen


def settled_lengths(lengths: object, *, protocol: str) -> tuple[int, ...]:
    """Return the context lengths of a task as a tuple of ints.

    Args:
        lengths: a list or tuple of token counts, or None for the protocol's own: 128 tokens, or 512 under
            the paper's protocol.
        protocol: "ours" or "paper".

    Raises:
        ValueError: if there is none, one is no whole number above 0, or an episode of it would not fit into
            memory.

    Example:
        >>> settled_lengths([128, 256], protocol="ours"), settled_lengths(None, protocol="paper")
        ((128, 256), (512,))
    """
    given = DEFAULT_LENGTHS[protocol] if lengths is None else _listed(lengths)
    if not given:
        legal = "one or more token counts, such as (128, 256)"
        raise refusal("lengths", lengths, legal=legal, step="Put the lengths into a tuple.")
    settled = tuple(whole("lengths", length, least=1) for length in given)
    for length in settled:
        check_memory("lengths", length, n_bytes=length * BYTES_A_TOKEN, step="Shorten the context.")
    return settled


def settled_depths(depths: object) -> tuple[float, ...] | None:
    """Return the depths of a task as a tuple of floats, or None where they are drawn.

    A depth is the share of the filler that lies before the needle: 0 is its start, 1 its end.

    Args:
        depths: a list or tuple of numbers from 0 to 1, or None.

    Raises:
        ValueError: if there is none, or one is no number from 0 to 1.

    Example:
        >>> settled_depths([0, 0.5]), settled_depths(None)
        ((0.0, 0.5), None)
    """
    if depths is None:
        return None
    shares = [as_number(depth) for depth in _listed(depths) or ()]
    settled = tuple(depth for depth in shares if depth is not None and 0 <= depth <= 1)
    if not settled or len(settled) < len(shares):
        legal = "None, or one or more numbers from 0 to 1"
        raise refusal("depths", depths, legal=legal, step="0 is the start of the filler, 1 its end.")
    return settled


def settled_value_length(value_length: object) -> int:
    """Return the number of tokens of a value as an int.

    Args:
        value_length: a whole number from 1 to 64; more is most likely a context length in the wrong place.

    Raises:
        ValueError: for anything else.

    Example:
        >>> settled_value_length(4)
        4
    """
    length = whole("value_length", value_length, least=1)
    if length > LONGEST_VALUE:
        raise refusal("value_length", length, legal=f"1 to {LONGEST_VALUE}", step="Shorten it.")
    return length


def check_company(
    *,
    filler: str,
    tokenizer: "Tokenizer | None",
    corpus: TokenCorpus | None,
    template: str | None,
    n_symbols: int | None,
) -> None:
    """Refuse a tokenizer, corpus, template or vocabulary that does not go with the filler.

    Text needs a tokenizer, and the filler "corpus" a corpus whose tokenizer is the same one. Synthetic
    filler is token ids without text: it has a size of vocabulary, but neither tokenizer nor template.
    What the filler would not use is refused rather than ignored.

    Args:
        filler: "synthetic", "repeated" or "corpus".
        tokenizer: the task's tokenizer, or None.
        corpus: the task's corpus, or None.
        template: the sentence to hide, or None for the filler's own.
        n_symbols: size of the synthetic vocabulary, or None for the default.

    Raises:
        ValueError: if one is missing, or given without use.

    Example:
        >>> check_company(filler="synthetic", tokenizer=None, corpus=None, template=None, n_symbols=64)
        >>> check_company(filler="repeated", tokenizer=None, corpus=None, template=None, n_symbols=None)
        Traceback (most recent call last):
        ValueError: tokenizer is None; legal: a tokenizers.Tokenizer for text fillers, None for ...
    """
    text = filler != "synthetic"
    legal_tokenizer = "a tokenizers.Tokenizer for text fillers, None for synthetic ones"
    legal_corpus = "a TokenCorpus for filler 'corpus', else None"
    _check_needed("tokenizer", tokenizer, filler=filler, needed=text, legal=legal_tokenizer)
    _check_needed("corpus", corpus, filler=filler, needed=filler == "corpus", legal=legal_corpus)
    for name, given, allowed in (("template", template, text), ("n_symbols", n_symbols, not text)):
        if given is not None and not allowed:
            legal = f"None with filler {filler!r}"
            raise refusal(name, given, legal=legal, step=f"Leave {name} out.")
    if corpus is not None and tokenizer is not None and tokenizer.to_str() != corpus.tokenizer_json:
        raise refusal("tokenizer", tokenizer, legal="the tokenizer of the corpus", step="Leave it out.")


def check_paper(fields: Mapping[str, object]) -> None:
    """Refuse what differs from the paper's protocol, so that its name is never put on another test.

    Args:
        fields: the task's fields by name, at least those that `FIXED_BY_PAPER` lists.

    Raises:
        ValueError: for the first field that differs; the message names the protocol's value.

    Example:
        >>> check_paper(FIXED_BY_PAPER)
        >>> check_paper({**FIXED_BY_PAPER, "n_needles": 2})
        Traceback (most recent call last):
        ValueError: n_needles is 2; legal: 1 under protocol 'paper'. The paper's protocol fixes it; ...
    """
    for name, value in FIXED_BY_PAPER.items():
        if fields[name] != value:
            legal = f"{value!r} under protocol 'paper'"
            step = "The paper's protocol fixes it; leave it out or use protocol 'ours'."
            raise refusal(name, fields[name], legal=legal, step=step)


def check_room(lengths: Sequence[int], *, least: int) -> None:
    """Refuse a context that is too short for what is hidden in it.

    Args:
        lengths: context lengths, tokens.
        least: tokens of the needles, the query, the answer and one token of filler.

    Raises:
        ValueError: for the first length below `least`.

    Example:
        >>> check_room((128, 256), least=5)
        >>> check_room((128, 4), least=5)
        Traceback (most recent call last):
        ValueError: lengths is 4; legal: token counts >= 5 with these knobs. Lengthen the context or ...
    """
    for length in lengths:
        if length < least:
            legal = f"token counts >= {least} with these knobs"
            step = "Lengthen the context or hide fewer, shorter needles."
            raise refusal("lengths", length, legal=legal, step=step)


def _check_needed(name: str, given: object, *, filler: str, needed: bool, legal: str) -> None:
    if needed != (given is not None):
        step = f"{'Pass' if needed else 'Leave out'} {name} with filler {filler!r}."
        raise refusal(name, given, legal=legal, step=step)


def _listed(values: object) -> Sequence[object] | None:
    """Return a list, tuple or row of numpy as a sequence; None if it is something else."""
    if isinstance(values, np.ndarray) and values.ndim == 1:
        return list(values)
    return values if isinstance(values, (list, tuple)) else None
