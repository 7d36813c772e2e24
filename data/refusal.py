"""One wording for every refused value: what came, what is legal, what to do next."""

import errno
import json
import math
import os
import reprlib
from collections.abc import Callable, Hashable, Sequence
from numbers import Real
from operator import index
from pathlib import Path
from typing import Any

LONGEST_SHOWN_VALUE = 120
LONGEST_NAME = 255  # bytes of one name in a path, on every usual file system
LONGEST_PATH = 3_500  # bytes; the system takes 4,095, of which the files in a folder need some


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
    shown = _written(value)
    if len(shown) > LONGEST_SHOWN_VALUE:
        shown = shown[: LONGEST_SHOWN_VALUE - 3] + "..."
    return ValueError(f"{field} is {shown}; legal: {legal}. {step}")


def brief(value: object) -> str:
    """Return a value as a message shows it: its repr, long parts left out, whatever the value is.

    A message must not fail where it is needed most. Python writes no whole number of more than 4,300 digits,
    and an object of another library may fail at its own repr.

    Args:
        value: what was received.

    Example:
        >>> brief([1, 2, 3]), brief("layer" * 9)
        ('[1, 2, 3]', "'layerlayerla...erlayerlayer'")
        >>> brief(10**5000)
        '<int that cannot be written out>'
    """
    return _written(value, reprlib.repr)


def _written(value: object, write: Callable[[object], str] = repr) -> str:
    try:
        return write(value)
    except Exception:  # of any kind, from whatever class the value is
        return f"<{type(value).__name__} that cannot be written out>"


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
    # an array is compared element by element, so that [choice] would pass; choices are never such lists
    if not isinstance(value, Hashable) or value not in choices:
        legal = ", ".join(map(repr, choices))
        raise refusal(field, value, legal=legal, step=f"Set {field} to one of them.")


def folder_path(field: str, value: object, *, writable: bool = True) -> Path:
    """Return the path of a folder to write to, `~` expanded, or refuse what cannot be one.

    The folder need not exist: it is enough that it can be made in the nearest folder above it that does
    exist. Nothing is made here, so that a form can be checked before any work starts. Use the path that
    comes back: in the text that was given, `~` would become a folder of that name.

    Args:
        field: name of the field, for the message.
        value: what was received, a string or a path.
        writable: refuse what cannot be written to from here, now.

    Raises:
        ValueError: if it is no path, or a file, or lies where nothing can be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     folder_path("output_dir", folder + "/not/yet/there").name
        'there'
        >>> folder_path("output_dir", "")
        Traceback (most recent call last):
        ValueError: output_dir is ''; legal: the path of a folder. It is made where it does not exist.
    """
    path = _path(field, value, legal="the path of a folder", step="It is made where it does not exist.")
    if not writable:
        return path
    full = path.absolute()
    existing = next(part for part in (full, *full.parents) if os.path.exists(part))
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        step = f"{existing} is {'not writable' if existing.is_dir() else 'a file'}; choose another."
        raise refusal(field, value, legal="the path of a folder that can be written to", step=step)
    return path


def file_path(field: str, value: object) -> Path:
    """Return the path of a file that a person named, `~` expanded, or refuse what cannot be one.

    Whether the file exists is not looked at: reading and writing have their own words for that. Every path
    that comes from a person goes through here or through `folder_path`, so that `~` means the same
    everywhere.

    Args:
        field: name of the field, for the message.
        value: what was received, a string or a path.

    Raises:
        ValueError: if it is no path, is empty, or has a name that no file can have.

    Example:
        >>> file_path("path", "~/corpus.npz") == Path.home() / "corpus.npz"
        True
        >>> file_path("path", None)
        Traceback (most recent call last):
        ValueError: path is None; legal: the path of a file. Write it as text or as a Path.
    """
    return _path(field, value, legal="the path of a file", step="Write it as text or as a Path.")


def _path(field: str, value: object, *, legal: str, step: str) -> Path:
    """Return a path with `~` expanded; ValueError for what the file system could not even look for."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str) or not value:
        raise refusal(field, value, legal=legal, step=step)
    path = Path(value)
    try:
        path = path.expanduser()
        if len(os.fsencode(path)) > LONGEST_PATH or any(
            len(os.fsencode(part)) > LONGEST_NAME for part in path.parts
        ):  # the system looks at a name only once it has found the folder that holds it
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return path
    except (ValueError, RuntimeError, OSError) as error:  # a NUL, a user that is not there, a name too long
        raise refusal(field, value, legal=legal, step=f"It is no path here: {error}.") from error
    return path


def whole(field: str, value: object, *, least: int, most: int | None = None) -> int:
    """Return the value as an int, or refuse it if it is not a whole number from `least` to `most`.

    Numbers of numpy are whole numbers too. `True` is not, although Python counts it as 1: where it is
    passed as a number, something was mistaken for something else. Neither is 3.0.

    Args:
        field: name of the field, for the message.
        value: what was received.
        least: the smallest legal number.
        most: the largest legal number; None sets no limit.

    Raises:
        ValueError: if `value` is no whole number, below `least` or above `most`.

    Example:
        >>> whole("steps", 400, least=1)
        400
        >>> whole("steps", True, least=1)
        Traceback (most recent call last):
        ValueError: steps is True; legal: whole numbers >= 1. Set steps to such a number.
    """
    legal = f"whole numbers >= {least}" if most is None else f"whole numbers >= {least} and <= {most:,}"
    try:
        number = index(value)  # pyright: ignore[reportArgumentType] (a TypeError says that it is none)
    except TypeError:  # arrays of numpy have the method too, and raise only when it is called
        number = None
    if isinstance(value, bool) or number is None or number < least or (most is not None and number > most):
        raise refusal(field, value, legal=legal, step=f"Set {field} to such a number.")
    return number


def as_number(value: object) -> float | None:
    """Return a real number as a plain float, or None if the value is none.

    Numbers of numpy become plain ones, which JSON can hold. `True` is no number here, as in `whole`; text
    is none either. NaN comes back as it is and fails every comparison; a whole number beyond all floats comes
    back as infinity.

    Args:
        value: what was received.

    Example:
        >>> as_number(1), as_number(True), as_number("0.5")
        (1.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value)  # pyright: ignore[reportArgumentType] (its stub of Real lacks __float__)
    except OverflowError:  # a whole number of more than 308 digits
        return math.inf if value > 0 else -math.inf  # pyright: ignore[reportOperatorIssue]


def plain_json(field: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return a dictionary as JSON will give it back, numbers of numpy made plain.

    A file's metadata are checked where they are given, since the file is often written minutes later.

    Args:
        field: name of the field, for the message.
        value: texts, numbers, lists and dictionaries, by text.

    Raises:
        ValueError: if it holds something that JSON has no form for, NaN and infinity included.

    Example:
        >>> plain_json("metadata", {"from": ("a", "b")})
        {'from': ['a', 'b']}
    """
    try:
        return dict(json.loads(json.dumps(value, default=_plain, allow_nan=False)))
    except (TypeError, ValueError, RecursionError) as error:
        step = f"It cannot be stored: {error}."
        raise refusal(field, value, legal="texts, numbers, lists and dictionaries", step=step) from error


def _plain(value: object) -> object:
    """Return a number or array of numpy in plain Python; TypeError for what has no such form."""
    tolist = getattr(value, "tolist", None)
    if tolist is None:
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    return tolist()
