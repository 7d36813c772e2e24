"""Synthetic traces, no torch: random factors with a needle that one head finds by each term."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from random_traces import make
from run_folders import write_run_folder

from sisa_viz.trace.weights import ScoreForm


@pytest.fixture(scope="session")
def make_trace() -> Callable[..., xr.Dataset]:
    return make


@pytest.fixture
def trace() -> xr.Dataset:
    return make()


@pytest.fixture
def plain_trace() -> xr.Dataset:
    return make(d_state=0)


@pytest.fixture
def state_space() -> xr.Dataset:
    """One signed term: no content, no softmax."""
    zeros = np.zeros((2, 3, 24, 1))
    score = ScoreForm(kind="linear", d_state=4, state_space=True)
    return make(q=zeros, k=zeros, d_head=1, spans={}, score=score)


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
    """Write a run folder of this name, see `write_run_folder`."""
    return lambda name, **contents: write_run_folder(tmp_path / name, **contents)


@pytest.fixture
def atlas() -> pd.DataFrame:
    """Eleven heads of four layers; the head L2H0 is not there."""
    rng = np.random.default_rng(2)
    at = [(layer, head) for layer in range(4) for head in range(3) if (layer, head) != (2, 0)]
    table = pd.DataFrame(at, columns=["layer", "head"])
    numbers = {name: rng.uniform(0.1, 0.9, len(table)) for name in ("phase_speed", "importance_share")}
    lam = 0.3133 + rng.uniform(-0.004, 0.002, len(table))
    return table.assign(lam=lam, half_life=2.0 ** rng.uniform(0, 6, len(table)), **numbers)


@pytest.fixture
def correlations() -> pd.DataFrame:
    """Two predictors and one that does not vary; two terms, the knock-out and two controls each."""
    names = ("lam", "half_life", "clamped")
    rows = [
        (term, how, name, rho, rho - 0.3, min(rho + 0.3, 1.0), 48, 1)
        for term in ("importance", "content")
        for how in ("mean", "zero", "<b>x")
        for name, rho in zip(names, (0.5, -0.2, np.nan), strict=True)
    ]
    columns = ["term", "how", "predictor", "correlation", "low", "high", "n", "runs"]
    return pd.DataFrame(rows, columns=columns)
