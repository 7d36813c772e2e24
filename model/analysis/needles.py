"""Heads of a trace that look at the needle, and the term of the score by which they find it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import softmax

from data.refusal import refusal
from sisa_viz.trace.needles import found_by


def needle_heads(trace: xr.Dataset, *, query: int, span: str = "value", top: int = 8) -> pd.DataFrame:
    """Heads that look at a span from one query, most probability first.

    Columns: head (L2H5), then the share of attention on the span under the whole score, and under softmax of
    content alone and of importance alone, and by which term the head finds the span (see `found_by`).

    Raises:
        ValueError: the trace is of a mixer whose weights are no attention, a state space.
    """
    if trace.sisa.is_state_space:
        step = "Capture another part, or a model that attends."
        raise refusal("trace", "of a state space", legal="one of attention heads", step=step)
    start, stop = trace.sisa.spans[span]
    whole_score = trace.sisa.span_mass(span=span, query=query)
    rows = []
    for layer, head in product(trace["layer"].values, trace["head"].values):
        at = {"layer": int(layer), "head": int(head), "query": query}
        content, importance = (
            getattr(trace.sisa, part)(**at).values.ravel() for part in ("content", "importance")
        )
        alone = [float(softmax(score[~np.isnan(score)])[start:stop].sum()) for score in (content, importance)]
        masses = [float(whole_score.sel(layer=layer, head=head)), *alone]
        chance = (stop - start) / (query + 1)
        rows.append([f"L{layer}H{head}", *masses, found_by(*masses, chance=chance)])
    columns = ["head", "mass", "content alone", "importance alone", "found by"]
    table = pd.DataFrame(rows, columns=columns).sort_values("mass", ascending=False)
    return table.head(top).round(3).reset_index(drop=True)
