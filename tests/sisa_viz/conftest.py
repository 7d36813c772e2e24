"""Synthetic traces, no torch: random factors with a needle that one head finds by each term."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from sisa_viz.trace import build_trace

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
    arrays = factors(
        length=length, layers=layers, heads=heads, d_head=d_head, d_state=d_state, seed=seed, decay=decay
    )
    labels = labels or [" " + WORDS[i % len(WORDS)] for i in range(length)]
    spans = {"needle": (length // 4, length // 4 + 2)} if spans is None else spans
    config = {"d_state": d_state, "n_layers": layers, "n_heads": heads, "d_head": d_head}
    named: dict[str, Any] = {"token_ids": np.arange(length) % 7, "labels": labels, "seed": seed}
    return build_trace(**(arrays | named | {"config": config, "spans": spans} | options))


@pytest.fixture(scope="session")
def make_trace() -> Callable[..., xr.Dataset]:
    return make


@pytest.fixture
def trace() -> xr.Dataset:
    return make()


@pytest.fixture
def plain_trace() -> xr.Dataset:
    return make(d_state=0)


@pytest.fixture(scope="session")
def hostile() -> list[str]:
    """Tokens that markup, fonts, files or axes could trip over; two of them are equal."""
    return [
        "<script>window.pwned=1</script>",
        "<s>",
        "</s>",
        "<img src=x onerror=window.pwned=1>",
        "a\nb",
        "\x00",
        "🙂",
        "\ud800",
        "x" * 10_000,
        "$x$",
        "&lt;b&gt;",
        " the",
        " the",
        "<a href='javascript:window.pwned=1'>go</a>",
        "%{y}",
        "<extra>box</extra>",
        "\u202eabc",
        "</script><script>window.pwned=1</script>",
        "",
        "<span style='background:url(http://example.com/x)'>s</span>",
    ]


def curves(
    *, architectures: tuple[str, ...] = ("transformer", "SISA d_state=16"), seeds: int = 3, steps: int = 100
) -> pd.DataFrame:
    """A tidy table of runs whose needle accuracy rises, noisily, around half of the steps."""
    rng, rows = np.random.default_rng(0), []
    for architecture in architectures:
        for seed in range(seeds):
            middle = steps * rng.uniform(0.4, 0.6)
            for step in range(0, steps + 1, 10):
                values = {
                    "train/loss": 3 - step / 100 + rng.normal() / 20,
                    "lr": 1e-3,
                    "grad_norm": rng.gamma(2.0),
                    "niah/exact_match": 0.5 + 0.5 * np.tanh((step - middle) / 10),
                }
                values |= {"val/loss": 3.1 - step / 100} if step % 50 == 0 else {}
                sisa = architecture != "transformer"
                values |= (
                    {f"lam/L{n}H{h}": 0.3 + n + h / 10 + seed / 100 for n in range(2) for h in range(3)}
                    if sisa
                    else {}
                )
                rows += [
                    (f"{architecture}-{seed}", architecture, seed, step, step * 512, name, value)
                    for name, value in values.items()
                ]
    return pd.DataFrame(rows, columns=["run", "architecture", "seed", "step", "tokens", "name", "value"])


@pytest.fixture(scope="session")
def make_metrics() -> Callable[..., pd.DataFrame]:
    return curves


@pytest.fixture(scope="session")
def metrics() -> pd.DataFrame:
    return curves()


@pytest.fixture
def published() -> pd.DataFrame:
    rows = [
        ("152M", "transformer", np.nan, "mb4", 1000, 61.5),
        ("152M", "transformer", np.nan, "mb4", 2000, 78.0),
        ("152M", "sisa", 16.0, "learned", 1000, 100.0),
    ]
    return pd.DataFrame(rows, columns=["scale", "model", "d_state", "setup", "step", "niah_pct"])


@pytest.fixture
def summary() -> pd.DataFrame:
    rows = [
        (length, depth, 0.5 + depth / 4, 0.4, 0.9, 64) for length in (128, 512) for depth in (0.0, 0.5, 1.0)
    ]
    table = pd.DataFrame(rows, columns=["context_length", "requested_depth", "rate", "low", "high", "n"])
    return table.drop(index=1)  # (128, 0.5) was not measured


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Write a run folder: config.json from text or fields, metrics.csv from text or a table."""

    def write(name: str, *, config: Any, metrics: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
        columns = ["step", "tokens", "name", "value"]
        (folder / "metrics.csv").write_text(
            metrics if isinstance(metrics, str) else metrics[columns].to_csv(index=False)
        )
        return folder

    return write
