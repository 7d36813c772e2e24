"""How far two trainings of one seed are apart, beside two seeds: GPUs add in no fixed order."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from data import measured
from data.results.intervals import further_run
from data.results.tables import MATCH

NO_NEEDLE_BELOW = 0.05  # share of episodes below which a run finds none, so that any two such runs agree
ALIKE = ["preset", "architecture", "lr", "episode_fraction"]  # the columns that runs of one variant share


def repeated(*, needles: str) -> pd.DataFrame:
    """Return how far the two curves of a run that was trained twice are apart, and those of other seeds.

    Pairs that never find a twentieth of the needles agree trivially and are left out.

    Args:
        needles: name of the held-out set; the curves are its exact match.

    Returns:
        By run: evaluations; apart and most (mean and largest difference between the two trainings); seeds
        (of the variant at the run's learning rate); seeds apart (mean difference between two of them); inside
        (share of evaluations at which the second training lies in the 95 % interval of one further seed).
        The last two are "" where only one seed was trained.

    Example:
        >>> table = repeated(needles="corpus256")
        >>> table.loc["small-fox-lr0.002-1500steps-seed0", ["apart", "seeds apart"]].tolist()
        [0.028, 0.068]
    """
    metric = f"{needles}/{MATCH}"
    first, again = measured.metrics(), measured.repeats()
    first = first.loc[first["name"] == metric]
    again = again.loc[again["name"] == metric]
    rows = {}
    for run, second in again.groupby("run"):
        of_variant = first.merge(second[ALIKE].drop_duplicates())
        seeds = of_variant.pivot(index="step", columns="seed", values="value")
        curve = second.set_index("step")["value"].reindex(seeds.index)
        once = seeds[second["seed"].iloc[0]]
        if max(curve.max(), once.max()) >= NO_NEEDLE_BELOW:
            rows[run] = _apart(once, curve) | _among_seeds(seeds, curve)
    table = pd.DataFrame(rows.values(), index=pd.Index(rows, name="run"))
    return table.round(3).astype(object).fillna("")


def _apart(once: pd.Series, again: pd.Series) -> dict[str, float]:
    """Differences of the two trainings of one run."""
    difference = (again - once).abs()
    return {"evaluations": len(again), "apart": difference.mean(), "most": difference.max()}


def _among_seeds(seeds: pd.DataFrame, curve: pd.Series) -> dict[str, float]:
    """How the second training lies among the first trainings of all seeds, step × seed."""
    n = seeds.shape[1]
    if n == 1:
        return {"seeds": n, "seeds apart": np.nan, "inside": np.nan}
    between = [(seeds[one] - seeds[two]).abs().mean() for one, two in combinations(seeds, 2)]
    expected = [further_run(values) for values in seeds.to_numpy()]
    inside = [found.low <= value <= found.high for found, value in zip(expected, curve, strict=True)]
    return {"seeds": n, "seeds apart": float(np.mean(between)), "inside": float(np.mean(inside))}
