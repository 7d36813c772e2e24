"""Is this Dataset a trace? Every plot asks first."""

import json
from collections.abc import Mapping, Sequence
from operator import index
from reprlib import repr as brief
from typing import Any

import numpy as np
import xarray as xr

from sisa_viz.trace.axes import HALF_WIDTH, OPTIONAL, PLAIN, VARIABLES
from sisa_viz.trace.weights import ScoreForm, score_form

SCHEMA = "sisa-trace/2"
STRUCTURED = ("config", "score", "seed", "versions", "spans")


def check_trace(trace: Any) -> xr.Dataset:
    """Return `trace` if it keeps the contract; ValueError (TypeError for no Dataset) says what is wrong.

    Reads shapes, types, labels and attributes only, so that a lazily opened file stays unread.
    """
    if not isinstance(trace, xr.Dataset):
        raise TypeError(
            f"a trace is an xarray.Dataset, this is a {type(trace).__name__}; "
            "make one with model.capture, or open one with sisa_viz.open_trace"
        )
    if trace.attrs.get("schema") != SCHEMA:
        raise ValueError(
            f"the Dataset's schema is {trace.attrs.get('schema')!r}, legal: {SCHEMA!r}; "
            "make traces with model.capture (xarray arithmetic drops the attributes)"
        )
    _check_variables(trace, _attributes(trace))
    _check_coords(trace)
    check_spans(json.loads(trace.attrs["spans"]), trace.sizes["position"])
    return trace


def _attributes(trace: xr.Dataset) -> ScoreForm:
    """What the score is, once every attribute is known to be of its kind."""
    for name in STRUCTURED:
        try:
            json.loads(trace.attrs[name])
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
    if not np.array_equal(trace["position"].values, np.arange(trace.sizes["position"])):
        raise ValueError(
            "position does not run 0, 1, 2, …: a trace holds one whole sequence; "
            "plot a part with the windows of the plot instead"
        )
    wrong = [label for label in trace["token"].values if not isinstance(label, str)]
    if wrong:
        raise ValueError(f"a token is {brief(wrong[0])}, legal: strings, one a position")


def check_spans(spans: Mapping[str, Sequence[int]], length: int) -> dict[str, tuple[int, int]]:
    """Named half-open (start, stop) token spans inside [0, length], as plain integers."""
    if not isinstance(spans, Mapping):
        raise ValueError(f"spans is {brief(spans)}, legal: names, each with two integers (start, stop)")
    return {str(name): check_span(span, length, name=str(name)) for name, span in spans.items()}


def check_span(span: Sequence[int], length: int, *, name: str = "span") -> tuple[int, int]:
    """One half-open span; ValueError names it and the legal range."""
    try:
        start, stop = map(index, span)
    except (TypeError, ValueError) as error:
        raise ValueError(f"span {name!r} is {brief(span)}, legal: two integers (start, stop)") from error
    if not 0 <= start < stop <= length:
        raise ValueError(f"span {name!r} is [{start}, {stop}), legal: 0 <= start < stop <= {length}")
    return start, stop


def check_lam_scale(lam_scale: float) -> float:
    """A factor on λ; ValueError unless it is finite."""
    if not np.isfinite(lam_scale):
        raise ValueError(
            f"lam_scale is {lam_scale}; legal: a finite number, 1 for the trained λ, 0 for no importance at "
            f"all"
        )
    return lam_scale
