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

import numpy as np
import xarray as xr

from data.results.tables import check_choice
from sisa_viz.explorer.packed import HeadInfo, Meta, Packed
from sisa_viz.look import colours
from sisa_viz.look.text import visible
from sisa_viz.trace.check import check_trace
from sisa_viz.trace.needles import answering_query
from sisa_viz.trace.scores import Head, content, importance

SCHEMA = "sisa-explorer/1"
PRECISIONS = ("auto", "float32", "fixed16")
FLOAT32_LIMIT = 6_000_000  # bytes of all heads up to which "auto" keeps float32
LARGEST = 32_767
LARGEST_DECAY = (1 << 23) - 1
STEPS_AN_OCTAVE = 4  # of a power of two: the integers of a channel reach at least 2^-¼ of the largest one
LARGEST_ROUNDING = 1e-3  # nats in a score
CHECKED_QUERIES = 16  # for each of the two products


@dataclass(frozen=True)
class Block:
    """Hold one head as bytes.

    Args:
        data: the block, laid out as this file's head says.
        encoding: "float32" or "fixed16".
        rounding: the largest change of a score that the encoding makes, in nats.
    """

    data: bytes
    encoding: str
    rounding: float = 0.0


def pack(trace: xr.Dataset, *, title: str = "Score explorer", precision: str = "auto") -> Packed:
    """Pack the factors of every head, and what the page needs to label them.

    The page multiplies factors itself: of L tokens it receives O(L) numbers a head instead of L × L scores.

    Args:
        trace: what `model.capture` or `sisa_viz.open_trace` returns.
        title: the heading; characters that nobody sees are written out.
        precision: "float32", "fixed16" (half the size) or "auto"; see `choose_encoding`.

    Raises:
        TypeError: this is no Dataset.
        ValueError: this is no trace, the precision is unknown, or a factor is not finite.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer.pack import pack
        >>> packed = pack(example_trace())
        >>> len(packed.blocks), len(packed.blocks[0])  # 8 positions × (ĝ, 2 × 4 of q and k, 2 × 2 of B and C)
        (4, 416)
        >>> packed.meta["info"][0]["encoding"]
        'float32'
    """
    check_trace(trace)
    encoding = choose_encoding(trace, precision)
    packed = [_pack_head(head, encoding) for head in _heads(trace)]
    return Packed(_meta(trace, packed, title=title), [block.data for block in packed])


def choose_encoding(trace: xr.Dataset, precision: str) -> str:
    """Choose how the numbers of a trace are stored, unless the caller has chosen.

    A page grows with the trace, and above some megabytes half the size is worth more than the last digits.
    "fixed16" is a wish: a head whose scores it would change by more than 0.001 nats stays float32.

    Args:
        trace: the trace to store.
        precision: "float32", "fixed16", or "auto": float32 while q, k, B and C of all heads fit in 6 MB.

    Returns:
        "float32" or "fixed16".

    Raises:
        ValueError: the precision is none of the three.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer.pack import choose_encoding
        >>> choose_encoding(example_trace(), "auto"), choose_encoding(example_trace(), "fixed16")
        ('float32', 'fixed16')
    """
    check_choice("precision", precision, PRECISIONS)
    if precision != "auto":
        return precision
    values = sum(trace[name].size for name in ("q", "k", "b_rot", "c_rot") if name in trace)
    return "float32" if 4 * values <= FLOAT32_LIMIT else "fixed16"


def _pack_head(head: Head, encoding: str) -> Block:
    """Pack one head; where 16 bits would change a score by more than 0.001 nats, it stays float32."""
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
    decay = head.anchored_decay
    low = high = power = b""
    if decay is not None:
        whole, top = quantise(decay[:, None], largest=LARGEST_DECAY)
        decay = whole[:, 0] * step(top)
        low, high, power = _split(whole[:, 0], top)
    error = _rounding(head, replace(head, **rounded, anchored_decay=decay))
    return Block(low + middle + high + power + powers, "fixed16", error)


def quantise(values: np.ndarray, *, largest: int = LARGEST) -> tuple[np.ndarray, np.ndarray]:
    """Write each channel as integers times one step: values ≈ whole · 2^(power / 4).

    Args:
        values: [position, channel].
        largest: the largest size of an integer: 32,767 for 16 bits, 8,388,607 for the 24 bits of the decay.

    Returns:
        Integers [position, channel], int16 or else int32, and the powers, int8 [channel].

    Example:
        >>> import numpy as np
        >>> from sisa_viz.explorer.pack import quantise, step
        >>> whole, powers = quantise(np.array([[1.0], [-0.5]]))
        >>> powers.tolist(), (whole * step(powers)).round(3).tolist()
        ([-59], [[1.0], [-0.5]])
    """
    top = np.abs(values).max(axis=0)
    # The smallest power with which the largest value still fits. Where that value is 1 in 16 bits,
    # 4 · log2(1 / 32767) = −59.9998 is rounded up to −59, and the integer is 2^(59/4) = 27,554. With −60 it
    # would be 2^15 = 32,768, one more than 16 bits hold.
    with np.errstate(divide="ignore"):  # a channel of zeros takes the smallest power
        powers = np.clip(np.ceil(STEPS_AN_OCTAVE * np.log2(top / largest)), -128, 127).astype(np.int8)
    whole = np.rint(values.astype(np.float64) / step(powers))
    return np.clip(whole, -largest, largest).astype("<i2" if largest == LARGEST else "<i4"), powers


def step(powers: np.ndarray) -> np.ndarray:
    """Compute what 1 counts in the integers of each channel: 2^(power / 4).

    Quarters of a power of two let the largest integer of a channel reach at least 84 % of the range; whole
    powers would leave up to half of it, one bit, unused.

    Args:
        powers: integers [channel].

    Example:
        >>> import numpy as np
        >>> from sisa_viz.explorer.pack import step
        >>> step(np.array([-4, 0, 2])).round(4).tolist()
        [0.5, 1.0, 1.4142]
    """
    return np.exp2(powers / STEPS_AN_OCTAVE)


def _split(whole: np.ndarray, power: np.ndarray) -> tuple[bytes, bytes, bytes]:
    """24-bit integers as their low 16 and high 8 bits, and the power."""
    high, low = np.divmod(whole, 1 << 16)
    return low.astype("<u2").tobytes(), high.astype(np.int8).tobytes(), power.tobytes()


def _factors(head: Head) -> dict[str, np.ndarray]:
    factors = {"q": head.q, "k": head.k, "b_rot": head.b_rot, "c_rot": head.c_rot}
    return {name: values for name, values in factors.items() if values is not None}


def _rounding(head: Head, rounded: Head) -> float:
    """Return the largest change of a score, on the queries that weigh the errors of the keys most."""
    suspects = [_weightiest(head.q, head.k - rounded.k)]
    if head.b_rot is not None and head.c_rot is not None and rounded.b_rot is not None:
        suspects.append(_weightiest(head.c_rot, head.b_rot - rounded.b_rot))
    queries = np.unique(np.concatenate(suspects))
    exact = content(head, queries) + importance(head, queries)
    found = content(rounded, queries) + importance(rounded, queries)
    return float(np.nanmax(np.abs(exact - found)))


def _weightiest(values: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Positions with the largest Σ_channel |value| · largest error."""
    return np.argsort(np.abs(values) @ np.abs(errors).max(axis=0))[-CHECKED_QUERIES:]


def _heads(trace: xr.Dataset) -> Iterator[Head]:
    for layer in trace["layer"].values:
        for head in trace["head"].values:
            yield trace.sisa.factors(layer=int(layer), head=int(head))


def _meta(trace: xr.Dataset, packed: list[Block], *, title: str) -> Meta:
    spans = trace.sisa.spans
    return {
        "schema": SCHEMA,
        "title": visible(title, spaces=False),
        "n": trace.sizes["position"],
        "d_head": trace.sizes["d_head"],
        "d_state": trace.sizes.get("d_state", 0),
        "layers": trace["layer"].values.tolist(),
        "heads": trace["head"].values.tolist(),
        "info": _info(trace, [block.encoding for block in packed]),
        "weighing": asdict(trace.sisa.weighing),
        "terms": None if trace.sisa.is_state_space else _terms(trace),
        "tokens": [str(token) for token in trace["token"].values],
        "spans": spans,
        "needle_query": answering_query(trace),
        "colours": {
            "signed": colours.SIGNED,
            "pattern": colours.FROM_ZERO,
            "spans": colours.SPANS,
        },
        "rounding": max(block.rounding for block in packed),
    }


def _terms(trace: xr.Dataset) -> dict[str, str]:
    return {part: visible(name, spaces=False) for part, name in trace.sisa.terms.items()}


def _info(trace: xr.Dataset, encodings: list[str]) -> list[HeadInfo]:
    """Describe every head, layer by layer."""
    if trace.sisa.is_plain:
        return [HeadInfo(lam=0.0, half_life=None, clamped=0, encoding=each) for each in encodings]
    columns = (trace["lam"], trace.sisa.half_life(), trace.sisa.clamp_count())
    rows = zip(*(column.values.ravel().tolist() for column in columns), encodings, strict=True)
    return [
        HeadInfo(
            lam=lam,
            half_life=half_life if np.isfinite(half_life) else None,
            clamped=clamped,
            encoding=encoding,
        )
        for lam, half_life, clamped, encoding in rows
    ]


def to_json(value: object) -> str:
    """Write a value as JSON that can stand inside a page.

    It is ASCII, so that half a surrogate pair in a token survives as an escape everywhere. No `<` remains, so
    that no text of a trace can close the element that holds it.

    Args:
        value: what JSON can hold.

    Raises:
        ValueError: a number is not finite, which JSON cannot say.

    Example:
        >>> from sisa_viz.explorer.pack import to_json
        >>> print(to_json({"token": "</script>"}))
        {"token":"\\u003c/script>"}
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
