"""Which keys of a locked query the explorer and its comparisons have on show."""

from collections.abc import Sequence

from data.refusal import refusal


def keys_on_show(query: int | None, window: Sequence[int] | None) -> range:
    """Return the keys of a locked query that are on show: those of the window, or all up to the query.

    Args:
        query: a position, or None where no row is chosen.
        window: (query start, query stop, key start, key stop), or None for the whole map.

    Raises:
        ValueError: no query is locked.

    Example:
        >>> keys_on_show(20, None), keys_on_show(20, [10, 30, 5, 25])
        (range(0, 21), range(5, 21))
    """
    if query is None:
        step = "Click a row, or set state.query."
        raise refusal("query", query, legal="a locked query", step=step)
    first, last = window[2:] if window else (0, query + 1)
    return range(first, min(last, query + 1))
