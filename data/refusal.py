"""One wording for every refused value: what came, what is legal, what to do next."""

import os
from collections.abc import Sequence
from pathlib import Path


def refusal(field: str, value: object, *, legal: str, step: str) -> ValueError:
    """The ValueError to raise for ``field``; long values are cut so that the message stays readable."""
    shown = repr(value)
    if len(shown) > 120:
        shown = shown[:117] + "..."
    return ValueError(f"{field} is {shown}; legal: {legal}. {step}")


def one_of(field: str, value: object, choices: Sequence[object]) -> None:
    """Raise ValueError unless ``value`` is one of ``choices``."""
    if value not in choices:
        legal = ", ".join(map(repr, choices))
        raise refusal(field, value, legal=legal, step=f"Set {field} to one of them.")


def folder_path(field: str, value: object) -> None:
    """Raise ValueError unless ``value`` is the path of a folder to write to, or of one that can be made."""
    if not isinstance(value, str) or not value:
        raise refusal(field, value, legal="the path of a folder", step="It is made where it does not exist.")
    path = Path(value).absolute()
    there = next(part for part in (path, *path.parents) if os.path.exists(part))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        step = f"{there} is {'not writable' if there.is_dir() else 'a file'}; choose another."
        raise refusal(field, value, legal="the path of a folder that can be written to", step=step)


def whole(field: str, value: object, *, least: int) -> int:
    """``value`` as int; ValueError unless it is a whole number (bool excluded) of at least ``least``."""
    index = getattr(value, "__index__", None)
    if isinstance(value, bool) or index is None or index() < least:
        legal = f"whole numbers >= {least}"
        raise refusal(field, value, legal=legal, step=f"Set {field} to such a number.")
    return index()
