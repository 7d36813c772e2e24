"""The labelled trace: what a model hands over and the only thing that plots read.

    layer 0..n-1, head 0..n-1, position 0..L-1
    q, k, b_rot, c_rot      factors of the two score terms    O(L)
    log_decay, cum_decay, anchored_decay, clamped, phase      along the tokens
    lam                                                       one λ a head

No L × L array is stored. `build_trace` is the only constructor, `check_trace` the only judge.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from sisa_viz.trace import accessor as accessor  # registers `.sisa` on every Dataset
from sisa_viz.trace.axes import HALF_WIDTH, OPTIONAL, PLAIN, VARIABLES, axis_attrs
from sisa_viz.trace.check import SCHEMA, check_spans, check_trace
from sisa_viz.trace.store import open_trace

__all__ = ["build_trace", "check_trace", "open_trace"]

DTYPES = ("float32", "float16")


def build_trace(
    *,
    q: Any,
    k: Any,
    token_ids: Any,
    labels: Sequence[str],
    config: Mapping[str, Any],
    lam: Any = None,
    b_rot: Any = None,
    c_rot: Any = None,
    log_decay: Any = None,
    cum_decay: Any = None,
    anchored_decay: Any = None,
    clamped: Any = None,
    phase: Any = None,
    seed: int | None = None,
    versions: Mapping[str, str] | None = None,
    text: str | None = None,
    spans: Mapping[str, Sequence[int]] | None = None,
    dtype: str = "float32",
) -> xr.Dataset:
    """Label the factors of one sequence.

    Arrays (anything numpy reads) have the shapes of `sisa_viz.trace.axes.VARIABLES`: q, k [layer, head,
    position, d_head]; b_rot, c_rot [.., d_state]; phase [.., pair] in radians; the decays [layer, head,
    position] in nats; lam [layer, head]. With config["d_state"] == 0 only q and k may be given;
    without a content term d_head is 0. `spans` maps a name to a
    half-open (start, stop) in token positions. A mixer without softmax says so in config["score"], see
    `sisa_viz.trace.weights`. `dtype` "float16" halves q, k, b_rot, c_rot; the rest stays
    float32. Half a surrogate pair in a label or in `text` (default: the labels in a row) becomes
    its escape, such as "\\ud800".

    Raises ValueError, naming what came and what is legal, for missing, misshapen or non-finite arrays.
    """
    arrays = {"q": q, "k": k, "b_rot": b_rot, "c_rot": c_rot, "log_decay": log_decay, "cum_decay": cum_decay}
    arrays |= {"anchored_decay": anchored_decay, "clamped": clamped, "phase": phase, "lam": lam}
    given = {name: value for name, value in arrays.items() if value is not None}
    _check_names(given, config)
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; legal: {', '.join(DTYPES)}")
    data = {name: _variable(name, value, dtype) for name, value in given.items()}
    layer, head, length = _sizes(data["q"])
    trace = xr.Dataset(data, coords=_coords(layer, head, length, token_ids, labels))
    trace.attrs = {
        "schema": SCHEMA,
        "config": json.dumps(dict(config)),
        "seed": json.dumps(seed),
        "versions": json.dumps(dict(versions or {})),
        "text": _unicode("".join(labels) if text is None else text),
        "spans": json.dumps(check_spans(spans or {}, length)),
    }
    return check_trace(trace)


def _check_names(given: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    if "d_state" not in config:
        raise ValueError(
            f"config has no d_state; it holds {sorted(config)}. A plain transformer says d_state=0"
        )
    plain = config["d_state"] == 0
    legal = set(PLAIN if plain else VARIABLES)
    missing = legal - set(OPTIONAL) - set(given)
    if missing or set(given) - legal:
        raise ValueError(
            f"with d_state={config['d_state']} a trace holds {sorted(legal)} ({', '.join(OPTIONAL)} may be "
            f"left out); "
            f"missing: {sorted(missing)}, not wanted: {sorted(set(given) - legal)}"
        )


def _variable(name: str, value: Any, dtype: str) -> xr.Variable:
    """One labelled variable in its storage dtype; refuses the wrong rank and numbers that are not finite."""
    quantity = VARIABLES[name]
    array = np.asarray(value)
    if array.ndim != len(quantity.dims):
        raise ValueError(
            f"{name} has shape {array.shape}; it needs the {len(quantity.dims)} dims {quantity.dims}"
        )
    target = dtype if name in HALF_WIDTH else quantity.dtype
    with np.errstate(over="ignore"):  # an overflow to inf is reported below, by name
        array = array.astype(target)
    bad = ~np.isfinite(array)
    if bad.any():
        where = dict(zip(quantity.dims, map(int, np.argwhere(bad)[0]), strict=True))
        raise ValueError(
            f"{name} holds {int(bad.sum())} values that are not finite as {target}, the first at {where}; "
            "a diverged model has no scores to show, and a float16 overflow is cured by dtype='float32'"
        )
    return xr.Variable(quantity.dims, array, quantity.attrs)


def _sizes(q: xr.Variable) -> tuple[int, int, int]:
    layer, head, length = q.shape[:3]
    if 0 in (layer, head, length):
        raise ValueError(f"q has shape {q.shape}; each of {VARIABLES['q'].dims[:3]} needs at least one entry")
    return layer, head, length


def _coords(
    layer: int, head: int, length: int, token_ids: Any, labels: Sequence[str]
) -> dict[str, xr.Variable]:
    ids = np.asarray(token_ids)
    if ids.shape != (length,) or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"token_ids has shape {ids.shape} and dtype {ids.dtype}; it needs {length} integers, one a "
            f"position"
        )
    if isinstance(labels, str) or len(labels) != length or not all(isinstance(item, str) for item in labels):
        raise ValueError(
            f"labels is a {type(labels).__name__} of length {len(labels)}; it needs {length} strings, one a "
            f"position"
        )
    tokens = np.empty(length, dtype=object)  # numpy's own strings would drop a trailing NUL
    tokens[:] = [_unicode(label) for label in labels]
    coords = {
        name: xr.Variable((name,), np.arange(size), axis_attrs(name))
        for name, size in (("layer", layer), ("head", head), ("position", length))
    }
    return coords | {
        "token": xr.Variable(("position",), tokens, axis_attrs("token")),
        "token_id": xr.Variable(("position",), ids.astype(np.int64), axis_attrs("token_id")),
    }


def _unicode(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
