"""Is this Dataset a trace? Every plot asks first."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from data.refusal import brief
from sisa_viz.trace.axes import HALF_WIDTH, OPTIONAL, PLAIN, VARIABLES
from sisa_viz.trace.numbers import whole_number
from sisa_viz.trace.weights import ScoreForm, score_form

SCHEMA = "sisa-trace/2"
MOST_SPANS = 1000
STRUCTURED = ("config", "score", "seed", "versions", "spans")


def check_trace(trace: object) -> xr.Dataset:
    """Return the trace as it came, once it is known to keep the contract.

    Variables, dims, dtypes, labels, attributes and spans are checked, and no number is read, so that a file
    opened lazily stays unread. Every plot calls this first. `build_trace` has refused numbers that are not
    finite by then.

    Args:
        trace: what claims to be a trace.

    Raises:
        TypeError: it is no Dataset.
        ValueError: something is missing or has another shape, type or value; the message names what came and
            what is legal.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.trace import check_trace
        >>> trace = example_trace()
        >>> check_trace(trace) is trace
        True
        >>> check_trace(trace.drop_vars("lam"))
        Traceback (most recent call last):
        ValueError: the trace lacks ['lam']; with d_state=2 it holds [...]
    """
    if not isinstance(trace, xr.Dataset):
        raise TypeError(
            f"a trace is an xarray.Dataset, this is a {type(trace).__name__}; "
            "make one with model.capture, or open one with sisa_viz.open_trace"
        )
    schema = trace.attrs.get("schema")
    if not isinstance(schema, str) or schema != SCHEMA:
        raise ValueError(
            f"the Dataset's schema is {brief(schema)}, legal: {SCHEMA!r}; "
            "make traces with model.capture (xarray arithmetic drops the attributes)"
        )
    _check_variables(trace, _attributes(trace))
    _check_coords(trace)
    check_spans(json.loads(trace.attrs["spans"]), trace.sizes["position"])
    return trace


def _attributes(trace: xr.Dataset) -> ScoreForm:
    """Return what the score is, once every attribute is known to be of its kind."""
    for name in STRUCTURED:
        try:
            json.loads(trace.attrs[name], parse_constant=_no_number)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                f"attribute {name!r} is {brief(trace.attrs.get(name))}, legal: a JSON string"
            ) from error
    if not isinstance(trace.attrs.get("text"), str):
        raise ValueError(f"attribute 'text' is {brief(trace.attrs.get('text'))}, legal: a string")
    config = json.loads(trace.attrs["config"])
    if not isinstance(config, dict):
        raise ValueError(f"attribute 'config' is {brief(config)}, legal: a JSON object")
    return score_form(json.loads(trace.attrs["score"]))


def _no_number(constant: str) -> None:
    """Refuse NaN and the infinities, which Python reads from JSON although JSON has no such numbers."""
    raise ValueError(f"JSON has no {constant}")


def _check_variables(trace: xr.Dataset, score: ScoreForm) -> None:
    legal = PLAIN if score.d_state == 0 else tuple(VARIABLES)
    missing = sorted(set(legal) - set(OPTIONAL) - set(trace.data_vars))
    if missing:
        raise ValueError(f"the trace lacks {missing}; with d_state={score.d_state} it holds {sorted(legal)}")
    for name in legal:
        if name in trace:
            _check_variable(name, trace[name].variable)
    if score.d_state and trace.sizes["d_state"] != score.d_state:
        raise ValueError(
            f"b_rot has {trace.sizes['d_state']} state channels, the score says d_state={score.d_state}"
        )
    if "phase" in trace and 2 * trace.sizes["pair"] != score.d_state:
        raise ValueError(f"phase has {trace.sizes['pair']} pairs, legal: d_state/2 = {score.d_state / 2:g}")


def _check_variable(name: str, variable: xr.Variable) -> None:
    quantity = VARIABLES[name]
    if variable.dims != quantity.dims:
        raise ValueError(
            f"{name} has dims {variable.dims}, legal: {quantity.dims}; "
            "keep a dimension when you select: trace.isel(layer=[0])"
        )
    legal = {quantity.dtype} | ({"float16"} if name in HALF_WIDTH else set())
    if str(variable.dtype) not in legal:
        raise ValueError(f"{name} has dtype {variable.dtype}, legal: {', '.join(sorted(legal))}")


def _check_coords(trace: xr.Dataset) -> None:
    for name in ("layer", "head", "position", "token", "token_id"):
        if name not in trace.coords:
            raise ValueError(f"the trace has no coordinate {name!r}; it has {sorted(map(str, trace.coords))}")
    for name in ("layer", "head"):
        _check_numbering(trace[name].variable, name)
    for name in ("token", "token_id"):
        if trace[name].dims != ("position",):
            raise ValueError(f"{name} has dims {trace[name].dims}, legal: ('position',)")
    if trace["token_id"].dtype.kind not in "iu":
        raise ValueError(f"token_id has dtype {trace['token_id'].dtype}, legal: integers")
    if not np.array_equal(trace["position"].values, np.arange(trace.sizes["position"])):
        raise ValueError(
            "position does not run 0, 1, 2, …: a trace holds one whole sequence; "
            "plot a part with the windows of the plot instead"
        )
    wrong = [label for label in trace["token"].values if not isinstance(label, str)]
    if wrong:
        raise ValueError(f"a token is {brief(wrong[0])}, legal: strings, one a position")


def _check_numbering(variable: xr.Variable, name: str) -> None:
    """Refuse layers or heads without numbers of their own: one would be shown as the other."""
    numbers = variable.values
    whole = variable.dims == (name,) and numbers.dtype.kind in "iu"
    if not whole or numbers.min() < 0 or np.unique(numbers).size < numbers.size:
        raise ValueError(f"{name} is {brief(numbers.tolist())}, legal: different whole numbers from 0")


def check_spans(spans: Mapping[str, Sequence[int]], length: int) -> dict[str, tuple[int, int]]:
    """Return named spans as plain integers, once each is known to lie inside the sequence.

    Args:
        spans: half-open (start, stop) pairs of token positions, by name; integers of numpy are legal too.
        length: tokens of the sequence.

    Raises:
        ValueError: `spans` is no mapping, has more than 1,000 names, or `check_span` refuses one of them.

    Example:
        >>> from sisa_viz.trace.check import check_spans
        >>> check_spans({"needle": [3, 6], "answer": [8, 9]}, length=9)
        {'needle': (3, 6), 'answer': (8, 9)}
    """
    if not isinstance(spans, Mapping):
        raise ValueError(f"spans is {brief(spans)}, legal: names, each with two integers (start, stop)")
    if len(spans) > MOST_SPANS:
        raise ValueError(
            f"spans is {len(spans):,} spans; legal: at most {MOST_SPANS:,}. Keep those that a plot shall mark"
        )
    return {str(name): check_span(span, length, name=str(name)) for name, span in spans.items()}


def check_span(span: Sequence[int], length: int, *, name: str = "span") -> tuple[int, int]:
    """Return one span of token positions as two integers, 0 <= start < stop <= length.

    A span is half-open, as Python's slices are: `stop` is the position after its last token. It holds at
    least one token.

    Args:
        span: (start, stop), two integers.
        length: tokens of the sequence.
        name: what the error calls the span.

    Raises:
        ValueError: these are no two integers, or the span is empty or reaches past the sequence.

    Example:
        >>> from sisa_viz.trace.check import check_span
        >>> check_span([3, 6], 9)
        (3, 6)
        >>> check_span((3, 12), 9, name="needle")
        Traceback (most recent call last):
        ValueError: span 'needle' is [3, 12), legal: 0 <= start < stop <= 9
    """
    edges = [whole_number(edge) for edge in span] if isinstance(span, Sequence | np.ndarray) else []
    if len(edges) != 2 or edges[0] is None or edges[1] is None:
        raise ValueError(f"span {name!r} is {brief(span)}, legal: two integers (start, stop)")
    start, stop = edges[0], edges[1]
    if not 0 <= start < stop <= length:
        shown = f"[{brief(start)}, {brief(stop)})"
        raise ValueError(f"span {name!r} is {shown}, legal: 0 <= start < stop <= {length}")
    return start, stop


def check_finite(array: xr.DataArray) -> xr.DataArray:
    """Return an array of a trace as it came, once its numbers are known to be finite.

    A trace that was built has finite numbers, a file that somebody else wrote need not. The array is read
    from its file for this.

    Args:
        array: a variable of a trace, or a part of one.

    Raises:
        ValueError: it holds NaN or an infinity; the message says where the first one is.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.trace.check import check_finite
        >>> check_finite(example_trace()["lam"]).dims
        ('layer', 'head')
    """
    bad = ~np.isfinite(array.values)
    if bad.any():
        first = array[tuple(np.argwhere(bad)[0])]
        where = {axis: int(first[axis]) for axis in array.dims if axis in first.coords}
        place = f", the first at {where}" if where else ""
        raise ValueError(
            f"{array.name} holds {int(bad.sum())} values that are not finite{place}; "
            "a diverged model has no scores to show"
        )
    return array
