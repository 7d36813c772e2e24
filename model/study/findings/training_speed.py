"""Training speed by d_state, as `benchmarks/state_size.py` measures it."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path

import pandas as pd

from data.refusal import refusal
from data.results.variants import Variant

SPEED_FILE = "state_size.json"  # its name in a folder of benchmark results
SPEED_COLUMNS = ["d_state", "tokens_per_second", "relative"]


def throughput(path: str | PathLike[str]) -> pd.DataFrame:
    """Return the training speed of every d_state that was measured; no rows where the file is not there.

    Args:
        path: what `benchmarks/state_size.py` wrote, benchmarks/results/state_size.json in the repository.

    Returns:
        d_state, tokens_per_second, relative (to the transformer), machine, and what plots want: architecture
        (the variant's label) and seed.

    Raises:
        ValueError: the file holds no such rows.

    Example:
        >>> file = Path("state_size.json")
        >>> row = {"d_state": 16, "tokens_per_second": 9e5, "relative": 0.9}
        >>> _ = file.write_text(json.dumps({"machine": "a GPU", "rows": [row]}))
        >>> throughput(file)[["architecture", "relative"]].values.tolist()
        [['SISA d_state=16', 0.9]]
    """
    path = Path(path)
    if not path.is_file():
        return pd.DataFrame(columns=[*SPEED_COLUMNS, "architecture", "seed", "machine"])
    written = json.loads(path.read_text(encoding="utf-8"))
    table = pd.DataFrame(written.get("rows"))
    if not set(SPEED_COLUMNS) <= set(table):
        step = "Measure it again with benchmarks/state_size.py."
        raise refusal(f"rows of {path.name}", list(table), legal=", ".join(SPEED_COLUMNS), step=step)
    names = [Variant("sisa", d_state=size).label if size else "transformer" for size in table["d_state"]]
    named = table[SPEED_COLUMNS].assign(architecture=names, seed=0, machine=written["machine"])
    return named.sort_values("d_state", ignore_index=True)
