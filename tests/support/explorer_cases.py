"""Packed heads and what float64 numpy makes of them, as JSON for the JavaScript tests."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from sisa_viz.explorer.pack import pack
from sisa_viz.explorer.packed import Packed
from sisa_viz.trace.weights import ScoreForm


def maps(trace: xr.Dataset, layer: int, head: int, lam_scale: float) -> dict[str, np.ndarray]:
    """content, importance (λ scaled), scores, weights in float64, NaN above the diagonal."""
    picked = trace.isel(layer=layer, head=head)
    f = {str(name): picked[name].values.astype(np.float64) for name in picked.data_vars}
    hidden = np.triu(np.ones((len(f["q"]),) * 2, dtype=bool), 1)
    content = f["q"] @ f["k"].T / np.sqrt(max(f["q"].shape[-1], 1))
    importance = np.zeros_like(content)
    if "lam" in f:
        g = f["anchored_decay"]
        decay = np.exp(np.where(hidden, 0, g[:, None] - g[None, :]))
        importance = lam_scale * f["lam"] * decay * (f["c_rot"] @ f["b_rot"].T)
    content[hidden] = importance[hidden] = np.nan
    scores = content + importance
    pattern = weights(scores, trace.sisa.score)
    return {"content": content, "importance": importance, "scores": scores, "pattern": pattern}


def weights(scores: np.ndarray, score: ScoreForm) -> np.ndarray:
    """What values are weighed by, in float64."""
    if score.kind == "linear":
        return scores
    if score.kind == "sigmoid":
        bias = score.bias
        rows = -np.log(np.arange(1, len(scores) + 1)) if bias == "log_t" else np.full(len(scores), bias)
        return 1 / (1 + np.exp(-(scores + rows[:, None])))
    exponentials = np.exp(scores - np.nanmax(scores, axis=1, keepdims=True))
    return exponentials / np.nansum(exponentials, axis=1, keepdims=True)


def moved(on: np.ndarray, off: np.ndarray) -> float:
    """Mean over queries of the share of all weight that importance moves."""
    return float((np.nansum(abs(on - off), axis=1) / np.nansum(abs(on) + abs(off), axis=1)).mean())


def largest_in_bins(
    values: np.ndarray, window: tuple[int, int, int, int], rows: int, cols: int
) -> list[list[float | None]]:
    """Cell by cell: the value of largest size in each bin, None for a bin without a visible cell."""
    q0, q1, k0, k1 = window
    out: list[list[float | None]] = [[None] * min(cols, k1 - k0) for _ in range(min(rows, q1 - q0))]
    for i in range(q0, q1):
        for j in range(k0, min(k1, i + 1)):
            r, c = bin_of(i - q0, q1 - q0, len(out)), bin_of(j - k0, k1 - k0, len(out[0]))
            held = out[r][c]
            if held is None or abs(values[i, j]) > abs(held):
                out[r][c] = float(values[i, j])
    return out


def bin_of(at: int, length: int, bins: int) -> int:
    """The bin b with floor(b·length/bins) <= at < floor((b+1)·length/bins)."""
    return next(b for b in range(bins) if at < (b + 1) * length // bins)


def case(
    trace: xr.Dataset, *, precision: str, layer: int, head: int, lam_scale: float, window: tuple, bins: tuple
) -> dict[str, Any]:
    """One head as the page gets it, and everything the page computes from it."""
    packed: Packed = pack(trace, precision=precision)
    index = layer * trace.sizes["head"] + head
    info = packed.meta["info"][index]
    expected = maps(trace, layer, head, lam_scale)
    off = maps(trace, layer, head, 0.0)["pattern"]
    on = maps(trace, layer, head, 1.0)["pattern"]
    seen = np.tril_indices(trace.sizes["position"])
    return {
        "spec": {key: packed.meta[key] for key in ("n", "d_head", "d_state", "weighing")}
        | {"encoding": info["encoding"]},
        "lam": info["lam"],
        "bytes": base64.b64encode(packed.blocks[index]).decode(),
        "lam_scale": lam_scale,
        "maps": {name: values[seen].tolist() for name, values in expected.items()},
        "window": list(window),
        "bins": list(bins),
        "pools": {name: largest_in_bins(values, window, *bins) for name, values in expected.items()},
        "moved": moved(on, off),
        "needle": [3, 6],
        "needle_mass": float(abs(on[-1, 3:6]).sum() / abs(on[-1]).sum()),
    }


def write_cases(path: Path, cases: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(cases), encoding="ascii")
