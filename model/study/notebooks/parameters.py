"""Parameters of a notebook: taken from its namespace, checked before anything runs.

papermill injects whatever name it is given and only logs a line about one that the notebook does not know.
Here such a name is an error, as is a value that is not legal.

papermill also guesses what a value is, and guesses differently in its two options. `-y 'lr: 3e-3'` is text,
since YAML wants a dot in 3.0e-3; `-p smoke true` is text, since -p wants True; `-p output_dir 2026` is a
number. Text that can mean one value only is taken as that value, all else is refused with how to write it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, fields
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from data.refusal import refusal

INJECTED = "# Parameters"  # first line of the cell that papermill adds
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
LONGEST_NUMBER = 40  # characters; more digits than that are no number that anybody writes
TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}  # as in YAML
KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}
Spec = TypeVar("Spec")


def from_parameters(spec: type[Spec], namespace: Mapping[str, object]) -> Spec:
    """Return the parameters of a notebook, checked, from its global names.

    Text in the place of a number, a list or True and False is taken where it can mean one value only: "3e-3"
    is 0.003 and "true" is True.

    Args:
        spec: a dataclass that checks its own values; its field names are the notebook's parameters.
        namespace: `globals()` of the notebook.

    Raises:
        ValueError: a parameter is unknown, missing or not legal; names it and what is legal.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Recipe:
        ...     flour: int
        >>> flour = 500  # the cell tagged `parameters`
        >>> from_parameters(Recipe, globals()).flour
        500
        >>> from_parameters(Recipe, {"flour": "a lot"})
        Traceback (most recent call last):
        ValueError: flour is 'a lot'; legal: a whole number. It came as text; with papermill: -p flour 1 ...
    """
    known: dict[str, Field[Any]] = {
        field.name: field
        for field in fields(spec)  # pyright: ignore[reportArgumentType] (of a TypeVar)
    }
    cells = namespace.get("In", [])  # IPython's list of the sources that were run
    for name in _injected(cells if isinstance(cells, list) else []):
        if name not in known:
            raise refusal("parameter", name, legal=", ".join(known), step=f"Check the spelling of -p {name}.")
    missing = [name for name in known if name not in namespace]
    if missing:
        step = "Run the cell tagged `parameters` first."
        raise refusal("parameters", missing, legal="all defined above", step=step)
    kinds = get_type_hints(spec)
    return spec(**{name: _taken(field, kinds[name], namespace[name]) for name, field in known.items()})


def _taken(field: Field[Any], kind: Any, value: object) -> object:
    """Return a value as what a field holds, or refuse text, or what is no text, with how to write it."""
    if get_origin(kind) is Sequence:
        return _list_taken(field, get_args(kind)[0], value)
    if get_origin(kind) is Literal:
        kind = str
    if kind is str and value is not None and not isinstance(value, str):
        return _not_text(field, value)
    if kind not in KINDS or kind is str or not isinstance(value, str):
        return value  # the class has its own words for it
    meant = _meant(kind, value)
    if meant is None:
        example = _example(field, kind, value)
        ways = f"-p {field.name} {example} or -y '{field.name}: {example}'"
        step = f"It came as text; with papermill: {ways}."
        raise refusal(field.name, value, legal=KINDS[kind], step=step)
    return meant


def _list_taken(field: Field[Any], kind: Any, value: object) -> object:
    """Return a list whose elements are what a field holds; text such as "[0, 1]" is a list, too."""
    values = value
    if isinstance(value, str):
        text = value.strip()
        if not (text.startswith("[") and text.endswith("]")) or set("[]{}") & set(text[1:-1]):
            kinds = "whole numbers" if kind is int else "text"
            step = f"It came as text; with papermill: -y '{field.name}: {_as_yaml(field, kind)}'."
            raise refusal(field.name, value, legal=f"a list of {kinds}", step=step)
        parts = text[1:-1].split(",") if text[1:-1].strip() else []
        values = [part.strip().strip("'\"") for part in parts]
    if kind is not int or not isinstance(values, list | tuple):
        return values
    return [_element_taken(element) for element in values]


def _element_taken(element: object) -> object:
    """Return the number that an element of a list means; others as they are, for the class to refuse."""
    meant = _meant(int, element) if isinstance(element, str) else None
    return element if meant is None else meant


def _meant(kind: type, text: str) -> object | None:
    """Return the one value of a kind that a text can mean, or None."""
    text = text.strip()
    if kind is bool:
        return TRUTH.get(text.lower())
    if len(text) > LONGEST_NUMBER:
        return None
    if kind is int:
        return int(text) if WHOLE_NUMBER.fullmatch(text) else None
    return float(text) if NUMBER.fullmatch(text) else None


def _not_text(field: Field[Any], value: object) -> object:
    """Refuse what papermill made of a text that looks like a number, or like True."""
    came = {bool: "True or False", int: "a number", float: "a number"}.get(type(value), "no text")
    step = f"It came as {came}; with papermill: -r {field.name} TEXT, which takes every text as it stands."
    raise refusal(field.name, value, legal=KINDS[str], step=step)


def _example(field: Field[Any], kind: type, text: str) -> object:
    """Return how a value would be written: the number that was meant where one was, else the default."""
    number = _meant(float, text) if kind is int else None
    if isinstance(number, float) and number.is_integer():
        return int(number)
    return field.default if type(field.default) is kind else kind(1)


def _as_yaml(field: Field[Any], kind: type) -> str:
    """Return the default of a list as YAML has it."""
    default = field.default if isinstance(field.default, list | tuple) else (kind(1),)
    return f"[{', '.join(map(str, default))}]"


def _injected(cells: list[str]) -> Iterator[str]:
    """Names that papermill assigned, read from the cells run so far."""
    for source in cells:
        if source.startswith(INJECTED):
            for node in ast.parse(source).body:
                if isinstance(node, ast.Assign):
                    yield from (target.id for target in node.targets if isinstance(target, ast.Name))
