"""The labelled trace: what a model hands over and the only thing that plots read.

    layer 0..n-1, head 0..n-1, position 0..L-1
    q, k, b_rot, c_rot      factors of the two score terms    O(L)
    log_decay, cum_decay, anchored_decay, clamped, phase      along the tokens
    lam                                                       one λ a head

No L × L array is stored. `build_trace` is the only constructor, `check_trace` the only judge.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from data.refusal import brief, plain_json, refusal
from sisa_viz.trace import accessor as accessor  # registers `.sisa` on every Dataset
from sisa_viz.trace.axes import HALF_WIDTH, OPTIONAL, PLAIN, VARIABLES, axis_attrs
from sisa_viz.trace.check import SCHEMA, check_spans, check_trace
from sisa_viz.trace.numbers import whole_number
from sisa_viz.trace.store import open_trace
from sisa_viz.trace.weights import ScoreForm, score_form

__all__ = ["build_trace", "check_trace", "open_trace"]

DTYPES = ("float32", "float16")


def build_trace(
    *,
    q: ArrayLike,
    k: ArrayLike,
    token_ids: ArrayLike,
    labels: Sequence[str],
    config: Mapping[str, object],
    score: ScoreForm | None = None,
    lam: ArrayLike | None = None,
    b_rot: ArrayLike | None = None,
    c_rot: ArrayLike | None = None,
    log_decay: ArrayLike | None = None,
    cum_decay: ArrayLike | None = None,
    anchored_decay: ArrayLike | None = None,
    clamped: ArrayLike | None = None,
    phase: ArrayLike | None = None,
    seed: int | None = None,
    versions: Mapping[str, str] | None = None,
    text: str | None = None,
    spans: Mapping[str, Sequence[int]] | None = None,
    dtype: str = "float32",
) -> xr.Dataset:
    """Label the factors of one sequence as a trace.

    Arrays are anything that numpy reads; `sisa_viz.trace.axes.VARIABLES` names their dims.

    Args:
        q, k: [layer, head, position, d_head] after RoPE; d_head is 0 where there is no content term.
        token_ids: integers [position].
        labels: one string a position. Half a surrogate pair becomes its escape, such as "\\ud800".
        config: the model's own configuration, kept as it is. Without `score` it needs "d_state".
        score: what the score is. Left out, it is a softmax over content and, unless config["d_state"] is 0,
            importance with that many state channels, so that {"d_state": 4} is then config enough.
        lam: λ [layer, head]. λ and the factors up to phase belong to a score with state channels alone.
        b_rot, c_rot: [layer, head, position, d_state].
        log_decay, cum_decay, anchored_decay: log α_t, g_t and ĝ_t [layer, head, position] in nats.
        clamped: [layer, head, position] bool, where the clamp acts.
        phase: [layer, head, position, pair] in radians; may be left out.
        seed, versions: provenance, kept as it is.
        text: what was read; by default the labels in a row.
        spans: half-open (start, stop) in token positions by name, for example {"needle": (3, 9)}.
        dtype: "float16" halves q, k, b_rot and c_rot; the rest stays float32.

    Raises:
        ValueError: an array is missing, misshapen or not finite; it names what came and what is legal.

    Example:
        >>> import numpy as np
        >>> from sisa_viz.trace import build_trace
        >>> q = k = np.ones((1, 1, 2, 4))
        >>> trace = build_trace(q=q, k=k, token_ids=[0, 1], labels=["a", "b"], config={"d_state": 0})
        >>> trace.sisa.pattern(layer=0, head=0, query=1).values.tolist()
        [0.5, 0.5]
    """
    _check_kinds(
        score=score,
        dtype=dtype,
        config=config,
        versions={} if versions is None else versions,
        spans={} if spans is None else spans,
    )
    arrays = {"q": q, "k": k, "b_rot": b_rot, "c_rot": c_rot, "log_decay": log_decay, "cum_decay": cum_decay}
    arrays |= {"anchored_decay": anchored_decay, "clamped": clamped, "phase": phase, "lam": lam}
    given = {name: value for name, value in arrays.items() if value is not None}
    score = _softmax_of(config) if score is None else score
    _check_names(given, score.d_state)
    data = {name: _variable(name, value, dtype) for name, value in given.items()}
    layer, head, length = _sizes(data["q"])
    trace = xr.Dataset(data, coords=_coords(layer, head, length, token_ids, labels))
    trace.attrs = {
        "schema": SCHEMA,
        "config": json.dumps(plain_json("config", dict(config))),
        "score": json.dumps(score.to_dict()),
        "seed": json.dumps(_seed(seed)),
        "versions": json.dumps(plain_json("versions", dict(versions or {}))),
        "text": _text(labels, text),
        "spans": json.dumps(check_spans(spans or {}, length)),
    }
    return check_trace(trace)


def _check_kinds(*, score: object, dtype: object, **mappings: object) -> None:
    """Refuse what is no dictionary, no form of a score or no dtype by name."""
    for name, value in mappings.items():
        if not isinstance(value, Mapping):
            raise refusal(name, value, legal="a dictionary", step="dict(...) makes one of pairs.")
    if not (score is None or isinstance(score, ScoreForm)):
        step = "ScoreForm(**score) makes one of a dictionary."
        raise refusal("score", score, legal="a ScoreForm, or None for a softmax", step=step)
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"dtype is {brief(dtype)}; legal: {', '.join(DTYPES)}")


def _softmax_of(config: Mapping[str, object]) -> ScoreForm:
    """Return the score that a config alone describes; one of another kind belongs into `score`."""
    if "d_state" not in config:
        raise ValueError(
            f"config has no d_state; it holds {sorted(config)}. A plain transformer says d_state=0"
        )
    meant = sorted({"score", "score_bias", "score_terms"} & set(config))
    if meant:
        raise ValueError(f"config holds {meant}; pass score=ScoreForm(...) of sisa_viz.trace.weights instead")
    return score_form({"d_state": config["d_state"]})


def _check_names(given: Mapping[str, object], d_state: int) -> None:
    legal = set(VARIABLES if d_state else PLAIN)
    missing = legal - set(OPTIONAL) - set(given)
    if missing or set(given) - legal:
        raise ValueError(
            f"with d_state={d_state} a trace holds {sorted(legal)} ({', '.join(OPTIONAL)} may be left out); "
            f"missing: {sorted(missing)}, not wanted: {sorted(set(given) - legal)}"
        )


def _variable(name: str, value: ArrayLike, dtype: str) -> xr.Variable:
    """Label one variable in its storage dtype; refuse the wrong rank and numbers that are not finite."""
    quantity = VARIABLES[name]
    array = _numbers(name, value)
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


def _numbers(name: str, value: ArrayLike) -> np.ndarray:
    """Return real numbers as an array; numpy would drop an imaginary part or a mask, and read text."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.empty(0, dtype=object)
    kind = "of masked numbers" if isinstance(value, np.ma.MaskedArray) else f"of dtype {array.dtype}"
    if array.dtype.kind not in "biuf" or isinstance(value, np.ma.MaskedArray):
        raise ValueError(
            f"{name} is an array {kind}: {brief(value)}; legal: real numbers, in rows of one length"
        )
    return array


def _sizes(q: xr.Variable) -> tuple[int, int, int]:
    layer, head, length = q.shape[:3]
    if 0 in (layer, head, length):
        raise ValueError(f"q has shape {q.shape}; each of {VARIABLES['q'].dims[:3]} needs at least one entry")
    return layer, head, length


def _coords(
    layer: int, head: int, length: int, token_ids: ArrayLike, labels: Sequence[str]
) -> dict[str, xr.Variable]:
    ids = _numbers("token_ids", token_ids)
    if ids.shape != (length,) or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"token_ids has shape {ids.shape} and dtype {ids.dtype}; it needs {length} integers, one a "
            f"position"
        )
    if ids.dtype.kind == "u" and int(ids.max()) > np.iinfo(np.int64).max:
        raise ValueError(f"token_ids reaches {int(ids.max())}; legal: up to {np.iinfo(np.int64).max}, int64")
    if not isinstance(labels, Sequence | np.ndarray) or (isinstance(labels, np.ndarray) and not labels.ndim):
        raise ValueError(f"labels is {brief(labels)}; it needs a list of {length} strings, one a position")
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


def _seed(seed: int | None) -> int | None:
    number = whole_number(seed)
    if seed is not None and (number is None or number.bit_length() > 64):
        step = "It says how the model was made, and has at most 64 bits."
        raise refusal("seed", seed, legal="a whole number, or None", step=step)
    return number


def _text(labels: Sequence[str], text: str | None) -> str:
    if text is not None and not isinstance(text, str):
        step = "Leave it out for the labels in a row."
        raise refusal("text", text, legal="a string, or None", step=step)
    return _unicode("".join(labels) if text is None else text)


def _unicode(text: str) -> str:
    """Write half a surrogate pair as its escape: no UTF-8, and so no file and no page, can hold it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
