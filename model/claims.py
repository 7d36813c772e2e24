"""Claims of the paper beside what was measured, each with an interval and a plain verdict.

A verdict never says more than its interval: "reproduced at this scale", "not reproduced at this scale", or
"undecided".
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from data import wilson

REPRODUCED, NOT_REPRODUCED = "reproduced at this scale", "not reproduced at this scale"
LEVEL = 0.95


def steps_to(metrics: pd.DataFrame, *, level: float, metric: str = "niah/exact_match") -> pd.DataFrame:
    """First measured step at which each run reaches level: architecture × seed; NaN where it never does."""
    reached = metrics[(metrics["name"] == metric) & (metrics["value"] >= level)]
    runs = metrics.groupby(["architecture", "seed"]).size().index
    first = pd.Series(reached.groupby(["architecture", "seed"])["step"].min())
    return first.reindex(runs).unstack("seed")


def geometric_mean(ratios: np.ndarray) -> tuple[float, float, float]:
    """Geometric mean of ratios [seed] with its 95 % t-interval; the interval is NaN for fewer than two."""
    logs = np.log(ratios)
    if len(logs) < 2:
        return float(np.exp(logs.mean())) if len(logs) else np.nan, np.nan, np.nan
    mean, half = logs.mean(), stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
    return float(np.exp(mean)), float(np.exp(mean - half)), float(np.exp(mean + half))


def claims(metrics: pd.DataFrame, *, baseline: str = "transformer") -> pd.DataFrame:
    """The table that ends notebook 03.

    Args:
        metrics: of `read_runs`; the metric is niah/exact_match.
        baseline: the architecture that the others are compared with.

    Returns:
        claim, published, measured, low, high, runs, verdict; one row a claim.
    """
    names = sorted(metrics["architecture"].unique())
    rows = [_finds_the_needle(metrics, name) for name in names]
    rows += [_faster(metrics, name, baseline) for name in names if name != baseline and baseline in names]
    return pd.DataFrame(rows)


def _finds_the_needle(metrics: pd.DataFrame, name: str) -> dict[str, object]:
    """Published: every architecture of every size ends at 100 % but for the Mamba baselines.

    Each run counts with its own last evaluation. Runs share their test episodes, so the Wilson interval of
    the mean rate counts those once.
    """
    own = metrics.loc[metrics["architecture"] == name]
    rates, counts = (
        own.loc[own["name"] == metric].sort_values("step").groupby("seed")["value"].last().to_numpy()
        for metric in ("niah/exact_match", "niah/n")
    )
    n = int(counts.min())
    low, high = wilson(round(float(rates.mean()) * n), n)
    undecided = "undecided: interval holds 95 %"
    verdict = REPRODUCED if low >= LEVEL else NOT_REPRODUCED if high < LEVEL else undecided
    return {
        "claim": f"{name} ends at 95 % or more",
        "published": "100 % (50M to 369M)",
        "measured": f"{rates.mean():.1%}",
        "low": f"{low:.1%}",
        "high": f"{high:.1%}",
        "runs": len(rates),
        "verdict": verdict,
    }


def _faster(metrics: pd.DataFrame, name: str, baseline: str) -> dict[str, object]:
    """Published at 152M: 100 % against 61.5 % at step 1,000; at 50M it is the other way round."""
    compared = metrics.loc[metrics["architecture"].isin([name, baseline])]
    shared = compared.groupby("seed")["architecture"].nunique() == 2
    table = steps_to(compared.loc[compared["seed"].isin(shared.index[shared])], level=0.9)
    pairs = table.dropna(axis=1)
    lost = table.shape[1] - pairs.shape[1]
    ratios = (pairs.loc[name] / pairs.loc[baseline]).to_numpy() if len(pairs) == 2 else np.array([])
    ratio, low, high = geometric_mean(ratios)
    if lost or np.isnan(low):
        why = f"{lost} of {table.shape[1]} pairs below 90 %" if lost else "fewer than two shared seeds"
        verdict = f"undecided: {why}"
    elif low <= 1 <= high:
        verdict = "undecided: interval holds 1; needs more seeds"
    else:
        verdict = REPRODUCED if high < 1 else NOT_REPRODUCED
    return {
        "claim": f"{name}: fewer steps to 90 % (ratio < 1)",
        "published": "yes at 152M, no at 50M, alike at 369M",
        "measured": f"{ratio:.2f}",
        "low": f"{low:.2f}",
        "high": f"{high:.2f}",
        "runs": pairs.shape[1] * 2,
        "verdict": verdict,
    }
