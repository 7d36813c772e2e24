"""The four numbers of every key that some queries see, as the explorer and its comparisons have them."""

from collections.abc import Sequence

import numpy as np

from data.refusal import refusal
from sisa_viz.trace.scores import Head, content, importance


def parts_of(head: Head, queries: np.ndarray, *, lam_scale: float = 1.0) -> dict[str, np.ndarray]:
    """Compute the four numbers of every key for some queries.

    Args:
        head: factors of one head.
        queries: positions [query].
        lam_scale: factor on λ.

    Returns:
        content, importance (times the factor), scores and pattern, each [query, key], NaN for later keys.

    Example:
        >>> import numpy as np
        >>> from sisa_viz.examples import example_trace
        >>> head = example_trace().sisa.factors(layer=0, head=0)
        >>> parts_of(head, np.array([0]), lam_scale=0.0)["importance"][0, :2].tolist()
        [0.0, nan]
    """
    first, second = content(head, queries), lam_scale * importance(head, queries)
    total = first + second
    weights = head.weighing.weights(total, queries)
    return {"content": first, "importance": second, "scores": total, "pattern": weights}


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
