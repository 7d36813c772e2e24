"""What plotly packs when it writes a figure: arrays as base64, which its own figures do not read back."""

import base64
from typing import Any

import numpy as np

PLOTLY = "application/vnd.plotly.v1+json"  # the MIME type of its figures in a notebook


def unpacked(value: Any) -> Any:
    """Return plain dicts and lists, with numpy arrays where plotly packed numbers as base64.

    Args:
        value: A figure as a dictionary, or a part of one.

    Raises:
        ValueError: What claims to be packed cannot be read.

    Example:
        >>> unpacked({"x": {"dtype": "i1", "bdata": "AQID"}})["x"].tolist()
        [1, 2, 3]
    """
    if isinstance(value, dict):
        if value.keys() >= {"bdata", "dtype"}:
            flat = np.frombuffer(base64.b64decode(value["bdata"], validate=True), dtype=value["dtype"])
            return flat.reshape([int(size) for size in str(value.get("shape", flat.size)).split(",")])
        return {name: unpacked(inner) for name, inner in value.items()}
    return [unpacked(inner) for inner in value] if isinstance(value, list) else value
