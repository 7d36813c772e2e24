"""Libraries that only some uses need: a missing one is named together with the extra that brings it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

Extra = Literal["notebooks", "print", "train", "workshop", "sweep"]  # of pyproject.toml; "all" is their sum
EXTRAS: tuple[Extra, ...] = get_args(Extra)


@contextmanager
def needs_extra(extra: Extra) -> Iterator[None]:
    """Say which extra brings a library that is not installed.

    The default install holds what exploring scores in JupyterLab takes. Training, sweeps, printed figures and
    headless notebooks need more, and a bare "No module named 'lightning'" leaves a reader guessing. Wrap the
    import in this, where it is used.

    Args:
        extra: a key of `optional-dependencies` in pyproject.toml.

    Raises:
        ModuleNotFoundError: the import inside failed; names the library and the command that installs it.

    Example:
        >>> from data.extras import needs_extra
        >>> with needs_extra("train"):
        ...     import no_such_library
        Traceback (most recent call last):
        ...
        ModuleNotFoundError: no_such_library is not installed. Install it with: pip install "sisa-lens[train]"
    """
    try:
        yield
    except ModuleNotFoundError as error:
        command = f'pip install "sisa-lens[{extra}]"'
        raise ModuleNotFoundError(
            f"{error.name} is not installed. Install it with: {command}", name=error.name
        ) from error
