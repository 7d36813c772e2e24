"""A trace as the explorer carries it: one JSON description and one block of bytes a head.

A block holds, little-endian (js/maths/decode.js reads it), as "float32":

    anchored_decay [position], q, k [position, d_head], b_rot, c_rot [position, d_state]

and as "fixed16", where numbers are integers times a power of 2^¼:

    low 16 bits of anchored_decay             uint16 [position]
    q, k, b_rot, c_rot                        int16, one power a channel
    high 8 bits of anchored_decay             int8 [position]
    powers of anchored_decay and of each channel of q, k, b_rot, c_rot          int8

A plain transformer has no decay and no state channels. "fixed16" has the size of float16 and about a
tenth of its rounding error in a score. Each head has its own encoding: one whose scores 16 bits would
change by more than 0.001 nats, as they do where the decay falls by thousands of nats, stays float32.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from sisa_viz.look import colours
from sisa_viz.look.text import visible
from sisa_viz.trace.check import check_trace
from sisa_viz.trace.needles import answering_query
from sisa_viz.trace.scores import Head, content, importance

SCHEMA = "sisa-explorer/1"
PRECISIONS = ("auto", "float32", "fixed16")
FLOAT32_LIMIT = 6_000_000  # bytes of all heads up to which "auto" keeps float32
LARGEST = 32767
LARGEST_DECAY = (1 << 23) - 1
PARTS = 4  # of a power of two: the integers of a channel reach at least 2^-¼ of the largest one
LARGEST_ROUNDING = 1e-3  # nats in a score
CHECKED_QUERIES = 16  # for each of the two products


@dataclass(frozen=True)
class Block:
    """One head's bytes, how they are encoded, and what that changes in a score (nats)."""

    data: bytes
    encoding: str
    rounding: float = 0.0


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
    meta, packed = _meta(trace, title=title), []
    for info, head in zip(meta["info"], _heads(trace), strict=True):
        packed.append(block := pack_head(head, encoding))
        info["encoding"] = block.encoding
    meta["rounding"] = max(block.rounding for block in packed)
    return Packed(meta, [block.data for block in packed])


def choose_encoding(trace: xr.Dataset, precision: str) -> str:
    """ "float32" or "fixed16"; "auto" takes float32 while all heads fit in 6 MB."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; legal: {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    values = sum(trace[name].size for name in ("q", "k", "b_rot", "c_rot") if name in trace)
    return "float32" if 4 * values <= FLOAT32_LIMIT else "fixed16"


def pack_head(head: Head, encoding: str) -> Block:
    """One head; a rounding of more than 0.001 nats, measured where it is largest, turns to float32."""
    factors = _factors(head)
    for name, values in factors.items():
        if not np.isfinite(values).all():
            raise ValueError(
                f"{name} holds values that are not finite; a diverged model has no scores to show"
            )
    block = _fixed16(head, factors) if encoding == "fixed16" else None
    if block and block.rounding <= LARGEST_ROUNDING:
        return block
    arrays = ([] if head.anchored_decay is None else [head.anchored_decay]) + list(factors.values())
    return Block(b"".join(values.astype("<f4").tobytes() for values in arrays), "float32")


def _fixed16(head: Head, factors: dict[str, np.ndarray]) -> Block:
    pairs = {name: quantise(values) for name, values in factors.items()}
    rounded = {name: (whole * step(powers)).astype(np.float32) for name, (whole, powers) in pairs.items()}
    middle = b"".join(whole.tobytes() for whole, _ in pairs.values())
    powers = b"".join(powers.tobytes() for _, powers in pairs.values())
    decay, (low, high, power) = head.anchored_decay, (b"", b"", b"")
    if decay is not None:
        whole, top = quantise(decay[:, None], largest=LARGEST_DECAY)
        decay, (low, high, power) = whole[:, 0] * step(top), _split(whole[:, 0], top)
    error = _rounding(head, replace(head, **rounded, anchored_decay=decay))
    return Block(low + middle + high + power + powers, "fixed16", error)


def quantise(values: np.ndarray, *, largest: int = LARGEST) -> tuple[np.ndarray, np.ndarray]:
    """[position, channel] → integers of that shape, at most `largest` in size, and a power a channel."""
    top = np.abs(values).max(axis=0)
    with np.errstate(divide="ignore"):  # a channel of zeros takes the smallest power
        powers = np.clip(np.ceil(PARTS * np.log2(top / largest)), -128, 127).astype(np.int8)
    whole = np.rint(values.astype(np.float64) / step(powers))
    return np.clip(whole, -largest, largest).astype("<i2" if largest == LARGEST else "<i4"), powers


def step(powers: np.ndarray) -> np.ndarray:
    """What an integer of each channel counts."""
    return np.exp2(powers / PARTS)


def _split(whole: np.ndarray, power: np.ndarray) -> tuple[bytes, bytes, bytes]:
    """24-bit integers as their low 16 and high 8 bits, and the power."""
    high, low = np.divmod(whole, 1 << 16)
    return low.astype("<u2").tobytes(), high.astype(np.int8).tobytes(), power.tobytes()


def _factors(head: Head) -> dict[str, np.ndarray]:
    factors = {"q": head.q, "k": head.k, "b_rot": head.b_rot, "c_rot": head.c_rot}
    return {name: values for name, values in factors.items() if values is not None}


def _rounding(head: Head, rounded: Head) -> float:
    """The largest change of a score, on the queries whose products weigh the errors of the keys most."""
    suspects = [_weightiest(head.q, head.k - rounded.k)]
    if head.b_rot is not None and head.c_rot is not None and rounded.b_rot is not None:
        suspects.append(_weightiest(head.c_rot, head.b_rot - rounded.b_rot))
    queries = np.unique(np.concatenate(suspects))
    exact, found = (content(h, queries) + importance(h, queries) for h in (head, rounded))
    return float(np.nanmax(np.abs(exact - found)))


def _weightiest(values: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Positions with the largest Σ_channel |value| · largest error."""
    return np.argsort(np.abs(values) @ np.abs(errors).max(axis=0))[-CHECKED_QUERIES:]


def _heads(trace: xr.Dataset) -> Iterator[Head]:
    for layer in trace["layer"].values:
        for head in trace["head"].values:
            yield trace.sisa.factors(layer=int(layer), head=int(head))


def _meta(trace: xr.Dataset, *, title: str) -> dict[str, Any]:
    spans = trace.sisa.spans
    return {
        "schema": SCHEMA,
        "title": visible(title, spaces=False),
        "n": trace.sizes["position"],
        "d_head": trace.sizes["d_head"],
        "d_state": trace.sizes.get("d_state", 0),
        "layers": trace["layer"].values.tolist(),
        "heads": trace["head"].values.tolist(),
        "info": _info(trace),
        "weighing": asdict(trace.sisa.weighing),
        "terms": None if trace.sisa.is_state_space else _terms(trace),
        "tokens": [str(token) for token in trace["token"].values],
        "spans": spans,
        "needle_query": answering_query(trace),
        "colours": {
            "signed": colours.SIGNED,
            "pattern": colours.FROM_ZERO,
            "spans": [colours.MARK, colours.OTHERS[0], colours.OTHERS[3]],
        },
    }


def _terms(trace: xr.Dataset) -> dict[str, str]:
    return {part: visible(name, spaces=False) for part, name in trace.sisa.terms.items()}


def _info(trace: xr.Dataset) -> list[dict[str, Any]]:
    """λ, half-life in tokens (None: it never decays) and clamped positions of every head, layer by layer."""
    if trace.sisa.is_plain:
        heads = range(trace.sizes["layer"] * trace.sizes["head"])
        return [{"lam": 0.0, "half_life": None, "clamped": 0} for _ in heads]
    columns = (trace["lam"], trace.sisa.half_life(), trace.sisa.clamp_count())
    rows = zip(*(column.values.ravel().tolist() for column in columns), strict=True)
    return [
        {"lam": lam, "half_life": half_life if np.isfinite(half_life) else None, "clamped": clamped}
        for lam, half_life, clamped in rows
    ]


def to_json(value: Any) -> str:
    """ASCII JSON: half a surrogate pair in a token survives as an escape everywhere, and no `<` remains."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
