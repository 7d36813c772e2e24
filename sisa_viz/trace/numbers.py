"""Numbers from whoever calls, made plain ones of Python before anything is computed or drawn with them.

A position or a factor often comes out of an array: np.int64(3), a 0-dimensional array, `trace["layer"][0]`.
Those are numbers like any other, but JSON, plotly and comparisons treat each of them differently, and some do
harm without a word: −np.uint8(1) is 255. So every door turns them into int and float, or refuses.
"""

import math
from collections.abc import Sequence
from numbers import Real
from operator import index

import numpy as np

from data.refusal import brief

LARGEST_LAM_SCALE = 1e6  # float32 scores, which end at 3.4e38, stay finite with it


def whole_number(value: object) -> int | None:
    """Return a whole number as a plain int, or None if the value is none.

    Integers of numpy and torch, and arrays without dimensions that hold one, are whole numbers. `True`, 3.0
    and "3" are not.

    Args:
        value: what was received.

    Example:
        >>> import numpy as np
        >>> whole_number(np.int64(3)), whole_number(np.array(3)), whole_number(3.0), whole_number(True)
        (3, 3, None, None)
    """
    single = _single(value)
    if isinstance(single, bool):
        return None
    try:
        return index(single)  # pyright: ignore[reportArgumentType] (a TypeError says that it is none)
    except TypeError:
        return None


def finite_number(value: object) -> float | None:
    """Return a finite real number as a plain float, or None if the value is none.

    Args:
        value: what was received; numbers of numpy and torch are legal, `True` and text are not.

    Example:
        >>> import numpy as np
        >>> finite_number(np.float32(0.5)), finite_number(2), finite_number("2"), finite_number(np.nan)
        (0.5, 2.0, None, None)
    """
    single = _single(value)
    if isinstance(single, bool) or not isinstance(single, Real):
        return None
    try:
        number = float(single)  # pyright: ignore[reportArgumentType] (its stub of Real lacks __float__)
    except OverflowError:  # an int beyond 1.8e308
        return None
    return number if math.isfinite(number) else None


def check_coordinate(name: str, value: object, legal: Sequence[int] | np.ndarray) -> int:
    """Return a coordinate of a trace as a plain int, once it is known to be one of the legal ones.

    Args:
        name: "layer" or "head", for the message.
        value: what was received.
        legal: the coordinates that the trace has.

    Raises:
        ValueError: it is none of them; the message lists them.

    Example:
        >>> check_coordinate("layer", 5, [0, 1])
        Traceback (most recent call last):
        ValueError: layer is 5; legal: 0, 1
    """
    number = whole_number(value)
    if number is None or number not in legal:
        raise ValueError(f"{name} is {brief(value)}; legal: {', '.join(map(str, legal))}")
    return number


def check_position(value: object, length: int, *, name: str = "query") -> int:
    """Return a position of a text as a plain int from 0, once it is known to lie inside.

    Args:
        value: what was received; negative numbers count from the end.
        length: tokens of the sequence.
        name: what the error calls it.

    Raises:
        ValueError: it is no whole number, or lies outside.

    Example:
        >>> check_position(-1, 8)
        7
        >>> check_position(8, 8, name="origin")
        Traceback (most recent call last):
        ValueError: origin is 8; legal: 0 to 7, or −1 for the last position
    """
    number = whole_number(value)
    if number is None or not -length <= number < length:
        raise ValueError(f"{name} is {brief(value)}; legal: 0 to {length - 1}, or −1 for the last position")
    return number % length


def check_lam_scale(lam_scale: object) -> float:
    """Return a factor on λ as a plain float, once scores can be computed with it.

    The pattern is softmax(content + lam_scale · importance): 1 keeps the trained λ, 0 takes the importance
    term away, and a negative factor turns it around, which is legal.

    Args:
        lam_scale: the factor, without unit.

    Raises:
        ValueError: it is no finite number, or beyond a million, where scores would overflow.

    Example:
        >>> check_lam_scale(0.5)
        0.5
    """
    number = finite_number(lam_scale)
    if number is None or abs(number) > LARGEST_LAM_SCALE:
        raise ValueError(
            f"lam_scale is {brief(lam_scale)}; legal: a finite number from −1,000,000 to 1,000,000, 1 for "
            "the trained λ, 0 for no importance at all"
        )
    return number


def check_limit(limit: object, *, name: str = "limit", units: str = "nats") -> float:
    """Return the end of a scale as a plain float, once it is known to be finite and above 0.

    Args:
        limit: what was received.
        name: what the error calls it.
        units: in the plural, for the message.

    Raises:
        ValueError: it is anything else.

    Example:
        >>> check_limit(np.uint8(2))
        2.0
        >>> check_limit(float("inf"))
        Traceback (most recent call last):
        ValueError: limit is inf nats; legal: a positive number that is finite
    """
    number = finite_number(limit)
    if number is None or number <= 0:
        raise ValueError(f"{name} is {brief(limit)} {units}; legal: a positive number that is finite")
    return number


def _single(value: object) -> object:
    """Return the one number that an array without dimensions holds; anything else as it came."""
    if getattr(value, "ndim", None) != 0:
        return value
    item = getattr(value, "item", None)
    return item() if callable(item) else value
