"""What runs come to: whether they have ended, and what the seeds of a variant say together."""

import numpy as np
import pandas as pd

from data.results.claims import end, steps_to
from data.results.estimate import Estimate
from data.results.tables import MATCH, episode_sets, in_order

HALF = 0.5  # share of episodes whose first step is told
FINISHED, UNFINISHED, UNKNOWN = "finished", "unfinished", "unknown"


def state(step: float, planned: float) -> str:
    """Return whether a run has logged its last planned step; unknown where its plan is NaN.

    Args:
        step: the last one that the run has logged.
        planned: optimiser steps that it was to take.

    Example:
        >>> state(400, 400), state(50, 400), state(50, np.nan)
        ('finished', 'unfinished', 'unknown')
    """
    if np.isnan(planned):
        return UNKNOWN
    return FINISHED if step >= planned else UNFINISHED


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return what the seeds of each variant say together about each set of needles.

    Args:
        runs: a table of runs that went equally far; one that is still training would pull its variant down.

    Returns:
        architecture, needles (name of the set), seeds, mean (share of right answers at the end), low and high
        (its 95 % interval, NaN where there is none), reached (seeds that came to 50 %) and steps (median over
        seeds of the first step at 50 %, ∞ where fewer than half of them came that far).

    Raises:
        ValueError: two runs share variant and seed.

    Example:
        >>> rows = [("fox", 0, step, "niah/exact_match", step / 100) for step in (50, 100)]
        >>> table = pd.DataFrame(rows, columns=["architecture", "seed", "step", "name", "value"])
        >>> summary(table)[["architecture", "seeds", "mean", "steps"]].values.tolist()
        [['fox', 1, 1.0, 50.0]]
    """
    rows = []
    for needles in episode_sets(runs):
        metric = f"{needles}/{MATCH}"
        first = steps_to(runs, level=HALF, metric=metric)
        for name in in_order(first.index):
            steps, found = first.loc[name].dropna().to_numpy(float), _end(runs, name, needles)
            rows.append(
                {
                    "architecture": name,
                    "needles": needles,
                    "seeds": found.n,
                    "mean": found.value,
                    "low": found.low,
                    "high": found.high,
                    "reached": int(np.isfinite(steps).sum()),
                    "steps": _median(steps),
                }
            )
    columns = ["architecture", "needles", "seeds", "mean", "low", "high", "reached", "steps"]
    return pd.DataFrame(rows, columns=columns)


def _end(runs: pd.DataFrame, variant: str, needles: str) -> Estimate:
    """Return the mean at the end, with an interval where the number of episodes was logged."""
    own = runs.loc[runs["architecture"] == variant]
    if f"{needles}/n" in set(own["name"]):
        return end(runs, variant=variant, needles=needles)
    matches = own.loc[own["name"] == f"{needles}/{MATCH}"].sort_values("step")
    last = matches.groupby("seed")["value"].last().dropna()
    return Estimate(value=float(last.mean()), n=len(last))


def _median(steps: np.ndarray) -> float:
    """Return the median, where ∞ between two middle numbers stays ∞; numpy would make NaN of two of them."""
    low, high = np.quantile(steps, 0.5, method="lower"), np.quantile(steps, 0.5, method="higher")
    return float(low if low == high else (low + high) / 2)
