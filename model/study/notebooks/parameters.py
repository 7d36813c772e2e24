"""Parameters of a notebook: taken from its namespace, checked before anything runs.

papermill injects whatever name it is given and only logs a line about one that the notebook does not know.
Here such a name is an error, as is a value that is not legal.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TypeVar

from data.refusal import refusal

INJECTED = "# Parameters"  # first line of the cell that papermill adds
Spec = TypeVar("Spec")


def from_parameters(spec: type[Spec], namespace: Mapping[str, object]) -> Spec:
    """Return the parameters of a notebook, checked, from its global names.

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
    """
    known = [field.name for field in fields(spec)]  # pyright: ignore[reportArgumentType]
    cells = namespace.get("In", [])  # IPython's list of the sources that were run
    for name in _injected(cells if isinstance(cells, list) else []):
        if name not in known:
            raise refusal("parameter", name, legal=", ".join(known), step=f"Check the spelling of -p {name}.")
    missing = [name for name in known if name not in namespace]
    if missing:
        step = "Run the cell tagged `parameters` first."
        raise refusal("parameters", missing, legal="all defined above", step=step)
    return spec(**{name: namespace[name] for name in known})


def _injected(cells: list[str]) -> Iterator[str]:
    """Names that papermill assigned, read from the cells run so far."""
    for source in cells:
        if source.startswith(INJECTED):
            for node in ast.parse(source).body:
                if isinstance(node, ast.Assign):
                    yield from (target.id for target in node.targets if isinstance(target, ast.Name))
