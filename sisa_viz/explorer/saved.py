"""A widget as a notebook has saved it, on a page of its own: explorer or comparison, without a kernel."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from data.refusal import refusal
from sisa_viz.explorer import comparison_state, state
from sisa_viz.explorer.packed import ComparisonMeta, Meta, Packed
from sisa_viz.explorer.page import page

FLOAT = 4  # bytes
STEP = "Run the notebook again."


def saved_page(values: Mapping[str, Any], data: bytes) -> str:
    """Return the page of an explorer or a comparison from the values of its widget.

    The bar that silences terms is not on it, as nothing can run a model there.

    Args:
        values: of the widget's traits by name; "meta" is its description as JSON.
        data: the bytes of all heads, as the widget holds them.

    Raises:
        ValueError: a value is missing, or the data has another size than its description says.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer import ScoreExplorer
        >>> with_kernel = ScoreExplorer(example_trace()).figure
        >>> "<title>Score explorer</title>" in saved_page(with_kernel.get_state(), with_kernel.data)
        True
    """
    meta = json.loads(values["meta"])
    runs = [run["meta"] for run in meta["runs"]] if "runs" in meta else [meta]
    names = comparison_state.NAMES if "runs" in meta else state.NAMES
    missing = [name for name in names if name not in values]
    if missing:
        raise refusal("values", sorted(values), legal=f"with {', '.join(missing)}", step=STEP)
    blocks, start = [], 0
    for size in (size for run in runs for size in _sizes(run)):
        blocks.append(data[start : start + size])
        start += size
    if start != len(data):
        raise refusal("data", f"{len(data)} bytes", legal=f"{start} bytes", step=STEP)
    packed: Packed[Meta] | Packed[ComparisonMeta] = Packed(meta, blocks)
    return page(packed, {name: values[name] for name in names}, still=None)


def _sizes(meta: Meta) -> Iterator[int]:
    """Yield the bytes of each head, as js/maths/decode.js counts them."""
    n, width = meta["n"], 2 * (meta["d_head"] + meta["d_state"])
    for head in meta["info"]:
        if head["encoding"] == "fixed16":
            yield 2 * width * n + width + (3 * n + 1 if meta["d_state"] else 0)
        else:
            yield FLOAT * (width * n + (n if meta["d_state"] else 0))
