"""What a NIAHTask refuses, and in which words: checks of values, none of the task itself."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from data.refusal import one_of, refusal, whole
from data.text.corpus import TokenCorpus

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FILLERS = ("synthetic", "repeated", "corpus")
SPLITS = ("train", "heldout")
PROTOCOLS = ("ours", "paper")
LONGEST_VALUE = 64
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
    """The filler, or the protocol's own for None; ValueError for an unknown filler or protocol."""
    one_of("protocol", protocol, PROTOCOLS)
    chosen = DEFAULT_FILLER[protocol] if filler is None else filler
    one_of("filler", chosen, FILLERS)
    return chosen


def settled_lengths(lengths: object, *, protocol: str) -> tuple[int, ...]:
    """Context lengths as a tuple of whole numbers, or the protocol's own for None."""
    given = DEFAULT_LENGTHS[protocol] if lengths is None else lengths
    if not isinstance(given, (list, tuple)) or not given:
        legal = "one or more token counts, such as (128, 256)"
        raise refusal("lengths", given, legal=legal, step="Put the lengths into a tuple.")
    return tuple(whole("lengths", length, least=1) for length in given)


def settled_depths(depths: object) -> tuple[float, ...] | None:
    """Depths as a tuple of floats, or None, which draws them."""
    if depths is None:
        return None
    if not isinstance(depths, (list, tuple)) or not depths or not all(map(_is_share, depths)):
        legal = "None, or one or more numbers from 0 to 1"
        raise refusal("depths", depths, legal=legal, step="0 is the start of the filler, 1 its end.")
    return tuple(float(depth) for depth in depths)


def settled_value_length(value_length: object) -> int:
    """The tokens of a value as int, 1 to 64."""
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
    """ValueError unless tokenizer, corpus, template and n_symbols go with the filler."""
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
    """ValueError if one of ``fields`` differs from what the paper's protocol fixes."""
    for name, value in FIXED_BY_PAPER.items():
        if fields[name] != value:
            legal = f"{value!r} under protocol 'paper'"
            step = "The paper's protocol fixes it; leave it out or use protocol 'ours'."
            raise refusal(name, fields[name], legal=legal, step=step)


def check_room(lengths: Sequence[int], *, least: int) -> None:
    """ValueError if a context is too short for what is hidden in it."""
    for length in lengths:
        if length < least:
            legal = f"token counts >= {least} with these knobs"
            step = "Lengthen the context or hide fewer, shorter needles."
            raise refusal("lengths", length, legal=legal, step=step)


def _check_needed(name: str, given: object, *, filler: str, needed: bool, legal: str) -> None:
    if needed != (given is not None):
        step = f"{'Pass' if needed else 'Leave out'} {name} with filler {filler!r}."
        raise refusal(name, given, legal=legal, step=step)


def _is_share(depth: object) -> bool:
    return isinstance(depth, (int, float)) and not isinstance(depth, bool) and 0 <= depth <= 1
