"""One wording for every refused value: what came, what is legal, what to do next."""

from collections.abc import Sequence


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
    """Raise ValueError unless ``value`` is a string that can name a folder."""
    if not isinstance(value, str) or not value:
        raise refusal(field, value, legal="the path of a folder", step="It is made where it does not exist.")


def whole(field: str, value: object, *, least: int) -> int:
    """``value`` as int; ValueError unless it is a whole number (bool excluded) of at least ``least``."""
    index = getattr(value, "__index__", None)
    if isinstance(value, bool) or index is None or index() < least:
        legal = f"whole numbers >= {least}"
        raise refusal(field, value, legal=legal, step=f"Set {field} to such a number.")
    return index()
