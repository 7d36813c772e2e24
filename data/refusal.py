"""One wording for every refused value: what came, what is legal, what to do next."""

import os
from collections.abc import Sequence
from pathlib import Path

LONGEST_SHOWN_VALUE = 120


def refusal(field: str, value: object, *, legal: str, step: str) -> ValueError:
    """Return the ValueError to raise for a field whose value cannot be used.

    Every refusal of this project has these three parts, so that a reader finds the way out in the message
    itself. The error is returned rather than raised, so that `raise` stands where the check is.

    Args:
        field: name of the field or argument, as the caller wrote it.
        value: what was received; its repr is cut to 120 characters so that the message stays readable.
        legal: the legal values, in words.
        step: a whole sentence that says what to do next.

    Example:
        >>> print(refusal("depth", 1.5, legal="0 to 1", step="0 is the start of the text."))
        depth is 1.5; legal: 0 to 1. 0 is the start of the text.
    """
    shown = repr(value)
    if len(shown) > LONGEST_SHOWN_VALUE:
        shown = shown[: LONGEST_SHOWN_VALUE - 3] + "..."
    return ValueError(f"{field} is {shown}; legal: {legal}. {step}")


def one_of(field: str, value: object, choices: Sequence[object]) -> None:
    """Refuse a value that is not among the choices.

    Args:
        field: name of the field, for the message.
        value: what was received.
        choices: the legal values, in the order in which the message shall list them.

    Raises:
        ValueError: if `value` equals none of `choices`; the message lists them all.

    Example:
        >>> one_of("split", "train", ("train", "heldout"))
        >>> one_of("split", "test", ("train", "heldout"))
        Traceback (most recent call last):
        ValueError: split is 'test'; legal: 'train', 'heldout'. Set split to one of them.
    """
    if value not in choices:
        legal = ", ".join(map(repr, choices))
        raise refusal(field, value, legal=legal, step=f"Set {field} to one of them.")


def folder_path(field: str, value: object) -> None:
    """Refuse a value that is not the path of a folder to write to.

    The folder need not exist: it is enough that it can be made in the nearest folder above it that does
    exist. Nothing is made here, so that a form can be checked before any work starts.

    Args:
        field: name of the field, for the message.
        value: what was received, a string.

    Raises:
        ValueError: if it is no string, or a file, or lies where nothing can be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     folder_path("output_dir", folder + "/not/yet/there")
        >>> folder_path("output_dir", "")
        Traceback (most recent call last):
        ValueError: output_dir is ''; legal: the path of a folder. It is made where it does not exist.
    """
    if not isinstance(value, str) or not value:
        raise refusal(field, value, legal="the path of a folder", step="It is made where it does not exist.")
    path = Path(value).absolute()
    existing = next(part for part in (path, *path.parents) if os.path.exists(part))
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        step = f"{existing} is {'not writable' if existing.is_dir() else 'a file'}; choose another."
        raise refusal(field, value, legal="the path of a folder that can be written to", step=step)


def whole(field: str, value: object, *, least: int) -> int:
    """Return the value as an int, or refuse it if it is not a whole number of at least `least`.

    Numbers of numpy are whole numbers too. `True` is not, although Python counts it as 1: where it is
    passed as a number, something was mistaken for something else. Neither is 3.0.

    Args:
        field: name of the field, for the message.
        value: what was received.
        least: the smallest legal number.

    Raises:
        ValueError: if `value` is no whole number, or below `least`.

    Example:
        >>> whole("steps", 400, least=1)
        400
        >>> whole("steps", True, least=1)
        Traceback (most recent call last):
        ValueError: steps is True; legal: whole numbers >= 1. Set steps to such a number.
    """
    index = getattr(value, "__index__", None)
    if isinstance(value, bool) or index is None or index() < least:
        legal = f"whole numbers >= {least}"
        raise refusal(field, value, legal=legal, step=f"Set {field} to such a number.")
    return index()
