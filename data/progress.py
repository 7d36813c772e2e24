"""Tell whoever waits how far a long piece of work is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm.auto import tqdm

Item = TypeVar("Item")


def shown(items: Iterable[Item], *, what: str, total: int | None = None) -> Iterable[Item]:
    """Return items to go through, with a bar where a person watches and without one elsewhere.

    Args:
        items: pieces of work.
        what: what they are, in the plural.
        total: how many there are, where `items` does not know.

    Example:
        >>> from contextlib import redirect_stderr
        >>> from io import StringIO
        >>> with redirect_stderr(StringIO()):
        ...     list(shown([1, 2], what="numbers"))
        [1, 2]
    """
    if not watched_by_a_person():
        return items
    return tqdm(items, desc=what, total=total, leave=False)


def watched_by_a_person() -> bool:
    """Return whether a person sees the output as it comes, in a terminal or a notebook front end.

    A bar that redraws itself fills the log of a pipe or of a headless run with thousands of lines. Kernels
    that Jupyter Server starts have the session's name in their environment; those of papermill do not.

    Example:
        >>> from contextlib import redirect_stderr
        >>> from io import StringIO
        >>> with redirect_stderr(StringIO()):  # as a pipe would
        ...     watched_by_a_person()
        False
    """
    in_kernel = "ipykernel" in sys.modules
    return "JPY_SESSION_NAME" in os.environ if in_kernel else sys.stderr.isatty()
