"""What is refused in a stored tokenizer before the library sees it: sizes that end the process.

The library is written in Rust. Where it cannot get memory, it aborts the process, and where it meets a bad
regular expression, it raises an exception that `except Exception` does not catch. A checkpoint comes from
anywhere, so that its tokenizer is looked through as JSON first.
"""

import json
from collections.abc import Iterator

KINDS = ("BPE", "Unigram", "WordLevel", "WordPiece")
LONGEST_ROW = 1 << 20  # tokens that rows may be padded to, or cut off at
LARGEST_ID = (1 << 24) - 1  # 64 times the largest vocabulary in use
LONGEST_SETTING = 10_000  # characters; the pattern of GPT-4's tokenizer has about 200
STAGES = ("normalizer", "pre_tokenizer", "post_processor", "decoder")


def faults(text: str) -> Iterator[str]:
    """Yield what is wrong with a stored tokenizer, in words; nothing if it may be read.

    Args:
        text: JSON of the `tokenizers` library.

    Example:
        >>> list(faults('{"model": {"type": "BPE", "vocab": {}}}'))
        []
        >>> list(faults('{"model": {"type": "BPE"}, "padding": {"strategy": {"Fixed": 17179869184}}}'))
        ['padding.strategy.Fixed is 17179869184; legal: at most 1048576']
    """
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        yield f"it is not JSON ({error})"
        return
    model = stored.get("model") if isinstance(stored, dict) else None
    if not isinstance(model, dict):
        yield "it has no model"
        return
    # Older files do not name their kind; the library then finds it by the fields.
    if model.get("type", "BPE") not in KINDS:
        yield f"model.type is {str(model['type'])[:40]!r}; legal: {', '.join(KINDS)}"
    if model.get("dropout"):
        yield f"model.dropout is {model['dropout']}; legal: none, or no text has the same tokens twice"
    yield from _rows(stored)
    yield from _ids(stored, model)
    for stage in STAGES:
        yield from _long_settings(stored.get(stage), stage)


def _rows(stored: dict[str, object]) -> Iterator[str]:
    """Yield what is wrong with the lengths that rows are padded to or cut off at."""
    for name in ("padding", "truncation"):
        for place, value in _leaves(stored.get(name), name):
            if isinstance(value, (int, float)) and not 0 <= value <= LONGEST_ROW:
                yield f"{place} is {value}; legal: at most {LONGEST_ROW}"


def _ids(stored: dict[str, object], model: dict[str, object]) -> Iterator[str]:
    """Yield which id is too large to be one of a vocabulary."""
    vocab, added = model.get("vocab"), stored.get("added_tokens")
    ids = list(vocab.values()) if isinstance(vocab, dict) else []
    ids += [token.get("id") for token in added if isinstance(token, dict)] if isinstance(added, list) else []
    largest = max((number for number in ids if isinstance(number, int)), default=0)
    if largest > LARGEST_ID:
        yield f"an id is {largest}; legal: at most {LARGEST_ID}"


def _long_settings(stage: object, name: str) -> Iterator[str]:
    """Yield which setting is a text so long that it may blow up every text it is applied to."""
    for place, value in _leaves(stage, name):
        # The table of a Precompiled normalizer is a long text by nature.
        if isinstance(value, str) and len(value) > LONGEST_SETTING and "precompiled_charsmap" not in place:
            yield f"{place} has {len(value):,} characters; legal: at most {LONGEST_SETTING:,}"


def _leaves(value: object, place: str) -> Iterator[tuple[str, object]]:
    """Yield every plain value below a place with its dotted name."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{place}[{number}]")
    else:
        yield place, value
