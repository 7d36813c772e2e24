"""What a NIAHTask refuses, and in which words."""

from typing import TYPE_CHECKING

from data.refusal import one_of, refusal, whole

if TYPE_CHECKING:
    from data.niah.task import NIAHTask

FILLERS = ("synthetic", "repeated", "corpus")
SPLITS = ("train", "heldout")
PROTOCOLS = ("ours", "paper")
LONGEST_VALUE = 64
PAPER = {
    "filler": "repeated",
    "lengths": (512,),
    "depths": None,
    "value_length": 1,
    "n_needles": 1,
    "n_distractors": 0,
    "template": None,
}


def settled(task: "NIAHTask") -> dict[str, object]:
    """Every field that has a default or another form, as it will be stored; ValueError if it cannot be."""
    one_of("protocol", task.protocol, PROTOCOLS)
    one_of("split", task.split, SPLITS)
    paper = task.protocol == "paper"
    filler = task.filler if task.filler is not None else "repeated" if paper else "synthetic"
    one_of("filler", filler, FILLERS)
    fields: dict[str, object] = {
        "filler": filler,
        "lengths": _lengths(task.lengths if task.lengths is not None else (512,) if paper else (128,)),
        "depths": _depths(task.depths),
        "value_length": whole("value_length", task.value_length, least=1),
        "n_needles": whole("n_needles", task.n_needles, least=1),
        "n_distractors": whole("n_distractors", task.n_distractors, least=0),
    }
    if task.value_length > LONGEST_VALUE:
        raise refusal("value_length", task.value_length, legal=f"1 to {LONGEST_VALUE}", step="Shorten it.")
    if filler != "synthetic" and task.tokenizer is None and task.corpus is not None:
        fields["tokenizer"] = task.corpus.tokenizer
    return fields


def check_company(task: "NIAHTask") -> None:
    """ValueError unless tokenizer, corpus, template and n_symbols go with the filler and protocol."""
    text = task.filler != "synthetic"
    _needed(task, "tokenizer", text, "a tokenizers.Tokenizer for text fillers, None for synthetic ones")
    _needed(task, "corpus", task.filler == "corpus", "a TokenCorpus for filler 'corpus', else None")
    for name, allowed in (("template", text), ("n_symbols", not text)):
        if getattr(task, name) is not None and not allowed:
            legal = f"None with filler {task.filler!r}"
            raise refusal(name, getattr(task, name), legal=legal, step=f"Leave {name} out.")
    if task.corpus is not None and _json(task) != task.corpus.tokenizer_json:
        legal = "the tokenizer of the corpus"
        raise refusal("tokenizer", task.tokenizer, legal=legal, step="Leave it out.")
    if task.protocol == "paper":
        _check_paper(task)


def check_room(task: "NIAHTask", *, least: int) -> None:
    """ValueError if a context is too short for what is hidden in it."""
    for length in task.lengths or ():
        if length < least:
            legal = f"token counts >= {least} with these knobs"
            step = "Lengthen the context or hide fewer, shorter needles."
            raise refusal("lengths", length, legal=legal, step=step)


def _check_paper(task: "NIAHTask") -> None:
    for name, value in PAPER.items():
        if getattr(task, name) != value:
            legal = f"{value!r} under protocol 'paper'"
            step = "The paper's protocol fixes it; leave it out or use protocol 'ours'."
            raise refusal(name, getattr(task, name), legal=legal, step=step)


def _needed(task: "NIAHTask", name: str, needed: bool, legal: str) -> None:
    given = getattr(task, name)
    if needed != (given is not None):
        step = f"{'Pass' if needed else 'Leave out'} {name} with filler {task.filler!r}."
        raise refusal(name, given, legal=legal, step=step)


def _json(task: "NIAHTask") -> str:
    return task.tokenizer.to_str() if task.tokenizer is not None else ""


def _lengths(given: object) -> tuple[int, ...]:
    if not isinstance(given, (list, tuple)) or not given:
        legal = "one or more token counts, such as (128, 256)"
        raise refusal("lengths", given, legal=legal, step="Put the lengths into a tuple.")
    return tuple(whole("lengths", length, least=1) for length in given)


def _depths(given: object) -> tuple[float, ...] | None:
    if given is None:
        return None
    if not isinstance(given, (list, tuple)) or not given or not all(map(_is_share, given)):
        legal = "None, or one or more numbers from 0 to 1"
        raise refusal("depths", given, legal=legal, step="0 is the start of the filler, 1 its end.")
    return tuple(float(depth) for depth in given)


def _is_share(depth: object) -> bool:
    return isinstance(depth, (int, float)) and not isinstance(depth, bool) and 0 <= depth <= 1
