"""A trace as the explorer carries it: one JSON description and one block of bytes a head.

A block holds, little-endian (js/maths.js reads it), as "float32":

    anchored_decay [position], q, k [position, d_head], b_rot, c_rot [position, d_state]

and as "fixed16", where numbers are integers times a power of two:

    low 16 bits of anchored_decay             uint16 [position]
    q, k, b_rot, c_rot                        int16, one power a channel
    high 8 bits of anchored_decay             int8 [position]
    powers of anchored_decay and of each channel of q, k, b_rot, c_rot          int8

A plain transformer has no decay and no state channels. "fixed16" has the size of float16 and about a
seventh of its rounding error in a score.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from sisa_viz import colours
from sisa_viz.check import check_trace
from sisa_viz.scores import Head, content, importance
from sisa_viz.text import visible

SCHEMA = "sisa-explorer/1"
PRECISIONS = ("auto", "float32", "fixed16")
FLOAT32_LIMIT = 6_000_000  # bytes of all heads up to which "auto" keeps float32
LARGEST = 32767
LARGEST_DECAY = (1 << 23) - 1
CHECKED_QUERIES = 32


@dataclass(frozen=True)
class Packed:
    """`meta` is JSON-ready; `blocks` has one entry a head, layer by layer."""

    meta: dict[str, Any]
    blocks: list[bytes]


def pack(trace: xr.Dataset, *, title: str = "Score explorer", precision: str = "auto") -> Packed:
    """Factors of every head and what the page needs to label them.

    Raises ValueError for an unknown precision, for what is no trace, and for factors that are not finite.
    """
    check_trace(trace)
    encoding = choose_encoding(trace, precision)
    packed = [pack_head(head, encoding) for head in _heads(trace)]
    blocks = [block for block, _ in packed]
    meta = _meta(trace, title=title, encoding=encoding)
    meta["rounding"] = max(error for _, error in packed)
    return Packed(meta, blocks)


def choose_encoding(trace: xr.Dataset, precision: str) -> str:
    """ "float32" or "fixed16"; "auto" takes float32 while all heads fit in 6 MB."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; legal: {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    values = sum(trace[name].size for name in ("q", "k", "b_rot", "c_rot") if name in trace)
    return "float32" if 4 * values <= FLOAT32_LIMIT else "fixed16"


def pack_head(head: Head, encoding: str) -> tuple[bytes, float]:
    """One block, and the largest change that rounding its factors makes to a score (nats, on 32 queries)."""
    factors = _factors(head)
    for name, values in factors.items():
        if not np.isfinite(values).all():
            raise ValueError(
                f"{name} holds values that are not finite; a diverged model has no scores to show"
            )
    if encoding == "float32":
        arrays = ([] if head.anchored_decay is None else [head.anchored_decay]) + list(factors.values())
        return b"".join(values.astype("<f4").tobytes() for values in arrays), 0.0
    pairs = {name: quantise(values) for name, values in factors.items()}
    low, high, power = _split_decay(head.anchored_decay)
    middle = b"".join(whole.tobytes() for whole, _ in pairs.values())
    powers = b"".join(powers.astype(np.int8).tobytes() for _, powers in pairs.values())
    return low + middle + high + power + powers, _rounding(head, pairs)


def quantise(values: np.ndarray, *, largest: int = LARGEST) -> tuple[np.ndarray, np.ndarray]:
    """[position, channel] → integers of that shape, at most `largest` in size, and one power a channel."""
    top = np.abs(values).max(axis=0)
    _, exponent = np.frexp(top / largest)
    powers = np.clip(np.where(top > 0, exponent, 0), -128, 127).astype(np.int32)
    whole = np.rint(np.ldexp(values.astype(np.float64), -powers))
    return np.clip(whole, -largest, largest).astype("<i2" if largest == LARGEST else "<i4"), powers


def _split_decay(decay: np.ndarray | None) -> tuple[bytes, bytes, bytes]:
    """24-bit integers as their low 16 and high 8 bits, and the power."""
    if decay is None:
        return b"", b"", b""
    whole, power = quantise(decay[:, None], largest=LARGEST_DECAY)
    high, low = np.divmod(whole[:, 0], 1 << 16)
    return low.astype("<u2").tobytes(), high.astype(np.int8).tobytes(), power.astype(np.int8).tobytes()


def _factors(head: Head) -> dict[str, np.ndarray]:
    factors = {"q": head.q, "k": head.k, "b_rot": head.b_rot, "c_rot": head.c_rot}
    return {name: values for name, values in factors.items() if values is not None}


def _rounding(head: Head, pairs: dict[str, tuple[np.ndarray, np.ndarray]]) -> float:
    queries = np.unique(np.linspace(0, head.length - 1, CHECKED_QUERIES).astype(int))
    factors = {name: np.ldexp(whole.astype(np.float32), powers) for name, (whole, powers) in pairs.items()}
    rounded = Head(**factors, anchored_decay=head.anchored_decay, lam=head.lam)
    exact, found = (content(h, queries) + importance(h, queries) for h in (head, rounded))
    return float(np.nanmax(np.abs(exact - found)))


def _heads(trace: xr.Dataset) -> Iterator[Head]:
    for layer in trace["layer"].values:
        for head in trace["head"].values:
            yield trace.sisa.factors(layer=int(layer), head=int(head))


def _meta(trace: xr.Dataset, *, title: str, encoding: str) -> dict[str, Any]:
    spans = trace.sisa.spans
    n = trace.sizes["position"]
    return {
        "schema": SCHEMA,
        "title": visible(title, spaces=False),
        "n": n,
        "d_head": trace.sizes["d_head"],
        "d_state": trace.sizes.get("d_state", 0),
        "encoding": encoding,
        "layers": trace["layer"].values.tolist(),
        "heads": trace["head"].values.tolist(),
        "info": _info(trace),
        "tokens": [str(token) for token in trace["token"].values],
        "spans": spans,
        "needle_query": spans["answer"][0] - 1 if spans.get("answer", (0,))[0] > 0 else n - 1,
        "colours": {
            "signed": colours.SIGNED,
            "pattern": colours.FROM_ZERO,
            "spans": [colours.MARK, colours.OTHERS[0], colours.OTHERS[3]],
        },
    }


def _info(trace: xr.Dataset) -> list[dict[str, float | None]]:
    """λ, half-life in tokens (None: it never decays) and clamped positions of every head, layer by layer."""
    if trace.sisa.is_plain:
        return [{"lam": 0.0, "half_life": None, "clamped": 0}] * (trace.sizes["layer"] * trace.sizes["head"])
    columns = (trace["lam"], trace.sisa.half_life(), trace.sisa.clamp_count())
    rows = zip(*(column.values.ravel().tolist() for column in columns), strict=True)
    return [
        {"lam": lam, "half_life": half_life if np.isfinite(half_life) else None, "clamped": clamped}
        for lam, half_life, clamped in rows
    ]


def to_json(value: Any) -> str:
    """ASCII JSON: half a surrogate pair in a token survives as an escape everywhere, and no `<` remains."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
