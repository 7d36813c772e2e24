"""Which head looks at a needle, and which term of its score finds it: numbers from a trace alone."""

import xarray as xr

LEAST_OVER_CHANCE = 3  # a head with less than this many times the uniform share finds nothing


def needle_head(trace: xr.Dataset, *, span: str = "value") -> dict[str, int]:
    """Return the layer and head with the most attention on a span, from the query that answers.

    Args:
        trace: one that names the span; `answering_query` says which query is asked.
        span: name of the span that is looked for.

    Returns:
        {"layer": ..., "head": ...}, zero-based coordinates, ready to be passed on as arguments.

    Example:
        >>> import numpy as np
        >>> from sisa_viz.trace import build_trace
        >>> from sisa_viz.trace.needles import needle_head
        >>> q, k = np.zeros((1, 2, 3, 2)), np.zeros((1, 2, 3, 2))
        >>> q[0, 1] = k[0, 1, 0] = 1  # in head 1 every query finds the first key
        >>> trace = build_trace(q=q, k=k, token_ids=[0, 1, 2], labels=["7", "is", "7"],
        ...                     config={"d_state": 0}, spans={"value": (0, 1), "answer": (2, 3)})
        >>> needle_head(trace)
        {'layer': 0, 'head': 1}
    """
    mass = trace.sisa.span_mass(span=span, query=answering_query(trace))
    best = mass.stack(at=("layer", "head")).idxmax().item()
    return dict(zip(("layer", "head"), map(int, best), strict=True))


def answering_query(trace: xr.Dataset) -> int:
    """Find the position that predicts the answer to a needle.

    That is the token before the span "answer", if that span begins after the span "needle"; a language model
    predicts the answer's first token there. Without such an answer it is the last position, where an answer
    would follow.

    Args:
        trace: a trace; its spans may name a needle and an answer.

    Returns:
        A token position, from 0.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.trace.needles import answering_query
        >>> answering_query(example_trace())  # eight tokens, and the answer would be the ninth
        7
    """
    spans = trace.sisa.spans
    answer, _ = spans.get("answer", (0, 0))
    needle, _ = spans.get("needle", (0, 0))
    return answer - 1 if answer > needle else trace.sizes["position"] - 1


def opening(trace: xr.Dataset) -> dict[str, int]:
    """Return where to look first: the head that finds the needle, and the query that answers.

    The head is the one with the most attention on the span "value", the part of a needle that is asked for,
    or on the whole needle where the trace names no value.

    Args:
        trace: a trace; its spans may name a needle.

    Returns:
        {"layer": ..., "head": ..., "query": ...}, zero-based; empty where there is no needle.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> opening(example_trace())
        {'layer': 1, 'head': 0, 'query': 7}
    """
    spans, query = trace.sisa.spans, answering_query(trace)
    if "needle" not in spans:
        return {}
    has_value = "value" in spans and spans["value"][0] <= query  # else no head sees it from there
    return {**needle_head(trace, span="value" if has_value else "needle"), "query": query}


def found_by(mass: float, content: float, importance: float, *, chance: float) -> str:
    """Say which term alone puts at least half of a head's probability on a span.

    A head that puts less than three times the uniform share there finds nothing.

    Args:
        mass: probability on the span under the whole score.
        content: the same under softmax of content alone.
        importance: the same under softmax of importance alone.
        chance: the uniform share, span length / visible keys.

    Returns:
        "content", "importance", "content or importance", "both together" or "not found".

    Example:
        >>> from sisa_viz.trace.needles import found_by
        >>> found_by(0.8, 0.7, 0.1, chance=0.1), found_by(0.2, 0.2, 0.2, chance=0.1)
        ('content', 'not found')
    """
    if mass < LEAST_OVER_CHANCE * chance:
        return "not found"
    found = [name for name, alone in (("content", content), ("importance", importance)) if alone >= mass / 2]
    return " or ".join(found) or "both together"
