"""A table of the heads that look at a needle, and of the term of the score by which they find it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import xarray as xr

from data.refusal import refusal
from sisa_viz.trace.axes import head_name
from sisa_viz.trace.needles import found_by
from sisa_viz.trace.weights import SOFTMAX


def needle_heads(trace: xr.Dataset, *, query: int, span: str = "value", top: int = 8) -> pd.DataFrame:
    """Return the heads that look at a span from one query, the most probability first.

    Beside the probability under the whole score stands what each term would give alone, so that the table
    says by which of them the head finds the span (`found_by`).

    Args:
        trace: one of attention heads.
        query: position that looks; the keys up to it count.
        span: name of the span that is looked at.
        top: number of rows.

    Returns:
        head (L2H5), mass (the share under the whole score), "content alone", "importance alone", "found by".

    Raises:
        ValueError: the trace is of a state space, whose weights are no attention.

    Example:
        >>> import numpy as np
        >>> from sisa_viz.trace import build_trace
        >>> from model.analysis.needles import needle_heads
        >>> q, k = np.zeros((1, 1, 8, 1)), np.zeros((1, 1, 8, 1))
        >>> q[0, 0, 7], k[0, 0, 2] = 3, 1  # the last query scores the third key with 3 nats
        >>> trace = build_trace(q=q, k=k, token_ids=range(8), labels=list("abcdefgh"),
        ...                     config={"d_state": 0}, spans={"value": (2, 3)})
        >>> needle_heads(trace, query=7)[["head", "mass", "found by"]].values.tolist()
        [['L0H0', 0.742, 'content']]
    """
    if trace.sisa.is_state_space:
        step = "Capture another part, or a model that attends."
        raise refusal("trace", "of a state space", legal="one of attention heads", step=step)
    start, stop = trace.sisa.spans[span]
    whole_score = trace.sisa.span_mass(span=span, query=query)
    chance = (stop - start) / (query + 1)
    rows = []
    for layer, head in product(trace["layer"].values.tolist(), trace["head"].values.tolist()):
        mass = float(whole_score.sel(layer=layer, head=head))
        content = _alone(trace.sisa.content(layer=layer, head=head, query=query), start, stop)
        importance = _alone(trace.sisa.importance(layer=layer, head=head, query=query), start, stop)
        reason = found_by(mass, content, importance, chance=chance)
        rows.append((head_name(layer, head), mass, content, importance, reason))
    columns = ["head", "mass", "content alone", "importance alone", "found by"]
    table = pd.DataFrame(rows, columns=columns).sort_values("mass", ascending=False)
    return table.head(top).round(3).reset_index(drop=True)


def _alone(term: xr.DataArray, start: int, stop: int) -> float:
    """Return the probability of keys start to stop under softmax of one term of one query's score."""
    row = term.values.reshape(1, -1)
    weights = SOFTMAX.weights(row, np.zeros(1, int))[0]
    return float(np.nansum(weights[start:stop]))  # keys after the query have no weight, but NaN
