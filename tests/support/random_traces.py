"""Traces of random factors, without torch."""

from typing import Any

import numpy as np
import xarray as xr

from sisa_viz import build_trace

WORDS = "the quick brown fox jumps over a lazy dog and then it sleeps by old oak trees".split()


def factors(
    *, length: int, layers: int, heads: int, d_head: int, d_state: int, seed: int, decay: float
) -> dict[str, Any]:
    """Random factors with causal running sums, shaped as in sisa_viz.axes; `decay` scales −log α."""
    rng = np.random.default_rng(seed)
    shape = (layers, heads, length)
    arrays: dict[str, Any] = {name: rng.normal(size=(*shape, d_head)) for name in ("q", "k")}
    if d_state == 0:
        return arrays
    spread = np.geomspace(0.1, 10, layers * heads).reshape(layers, heads, 1)
    log_decay = -decay * spread * rng.gamma(2.0, 0.5, size=shape)
    cum = np.cumsum(log_decay, axis=-1)
    return arrays | {
        "b_rot": rng.normal(size=(*shape, d_state)),
        "c_rot": rng.normal(size=(*shape, d_state)),
        "log_decay": log_decay,
        "cum_decay": cum,
        "anchored_decay": np.maximum(cum, -76.0) + 38.0,
        "clamped": cum < -76.0,
        "phase": np.cumsum(rng.normal(size=(*shape, d_state // 2)), axis=-2) / 50,
        "lam": rng.gamma(2.0, 0.2, size=(layers, heads)),
    }


def make(
    *,
    length: int = 24,
    layers: int = 2,
    heads: int = 3,
    d_head: int = 8,
    d_state: int = 4,
    seed: int = 0,
    decay: float = 0.05,
    labels: list[str] | None = None,
    spans: dict | None = None,
    **options: Any,
) -> xr.Dataset:
    """One with every head's own decay; `options` replace arrays of `build_trace`."""
    arrays = factors(
        length=length, layers=layers, heads=heads, d_head=d_head, d_state=d_state, seed=seed, decay=decay
    )
    labels = labels or [" " + WORDS[i % len(WORDS)] for i in range(length)]
    spans = {"needle": (length // 4, length // 4 + 2)} if spans is None else spans
    config = {"d_state": d_state, "n_layers": layers, "n_heads": heads, "d_head": d_head}
    named: dict[str, Any] = {"token_ids": np.arange(length) % 7, "labels": labels, "seed": seed}
    return build_trace(**(arrays | named | {"config": config, "spans": spans} | options))
