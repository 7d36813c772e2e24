"""Rank correlations: does a number of a head tell what a knock-out of the head costs?

Numbers of heads are skewed and of no common unit, so that ranks are compared and not the numbers themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
from scipy import special

from data.refusal import refusal
from data.results.estimate import LEVEL, Estimate
from data.results.head_table import HEAD_KEYS
from data.results.intervals import Values, mean_interval
from data.results.tables import check_table

FEWEST_HEADS = 10  # a correlation of fewer is shown without an interval
PREDICTORS = ("lam", "half_life", "phase_speed", "importance_share", "content_std", "importance_std")
COST = "log_p_lost"
CORRELATION_COLUMNS = ["term", "how", "predictor", "correlation", "low", "high", "n", "runs"]


def rank_correlation(x: Values, y: Values) -> Estimate:
    """Return Spearman's rank correlation of two numbers a head, with an interval by Fisher's z.

    artanh ρ spreads almost normally, with the variance (1 + ρ²/2) / (n − 3) of Bonett & Wright (2000,
    Psychometrika 65). A bootstrap over heads is no better at some 40 of them: each resample holds heads
    twice, whose equal ranks pull ρ about, and it needs a seed. tests/data/results/test_ranks.py simulates how
    often the interval holds the true value.

    Equal numbers share the mean of their ranks. A perfect order counts as one that a swap of two neighbours
    has spoilt, since no number of heads makes ρ = 1 certain.

    Args:
        x: one finite number a head.
        y: another of the same heads, in the same order.

    Returns:
        ρ and its interval; n counts heads. NaN where x or y is the same for all heads, and no interval below
        10 heads.

    Raises:
        ValueError: the two have different lengths, or hold what is no finite number.

    Example:
        >>> found = rank_correlation(range(12), [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10])
        >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
        (0.958, 0.812, 0.991)
    """
    one, other = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if one.shape != other.shape or one.ndim != 1 or not np.isfinite([one, other]).all():
        came = f"shapes {one.shape} and {other.shape}"
        raise refusal("x and y", came, legal="a finite number a head in both", step="Leave out other heads.")
    n = len(one)
    if n < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return Estimate(value=np.nan, n=n, fewest=FEWEST_HEADS)
    rho = float(np.corrcoef(pd.Series(one).rank(), pd.Series(other).rank())[0, 1])
    if n < FEWEST_HEADS:
        return Estimate(value=rho, n=n, fewest=FEWEST_HEADS)
    most = 1 - 12 / (n**3 - n)  # two neighbours swapped: ρ = 1 − 6 Σd² / (n³ − n) with Σd² = 2
    held = float(np.clip(rho, -most, most))
    half = float(special.ndtri(0.5 + LEVEL / 2)) * np.sqrt((1 + held**2 / 2) / (n - 3))
    low, high = np.tanh(np.arctanh(held) + np.array([-half, half]))
    return Estimate(value=rho, low=float(low), high=float(high), n=n, kind="Fisher's z", fewest=FEWEST_HEADS)


def atlas_correlations(
    atlas: pd.DataFrame, knockouts: pd.DataFrame, *, predictors: Sequence[str] = PREDICTORS
) -> pd.DataFrame:
    """Return how well each column of an atlas ranks the heads by what a knock-out of them costs.

    Every kind of knock-out is compared, controls too: a column that ranks the costs of a control as well as
    those of the knock-out says nothing about the term. lam_moved has the ranks of lam and is left out.

    Where both tables have a column run, ρ is computed in each run and its mean taken over the runs, since
    head 3 of one run is not head 3 of another. The interval is then Student's t over runs, cut to −1 and 1;
    heads of one run are not independent, but runs are.

    Args:
        atlas: of `model.analysis.atlas.head_atlas`, perhaps with a column run.
        knockouts: layer, head, term ("content" or "importance"), how ("zero", or a control: "mean",
            "shuffle", "random"), log_p_lost (nats of log p(answer); positive where it hurts), perhaps run.
        predictors: columns of the atlas.

    Returns:
        term, how, predictor, correlation, low, high (NaN without interval), n (heads of a run), runs.

    Raises:
        ValueError: a column is missing, a head is there twice, or the heads of the two tables differ.

    Example:
        >>> heads = pd.DataFrame({"layer": 0, "head": range(12), "lam": np.arange(12) / 10})
        >>> costs = heads[["layer", "head"]].assign(term="importance", how="zero", log_p_lost=heads["lam"])
        >>> found = atlas_correlations(heads, costs, predictors=["lam"])
        >>> found[["term", "how", "predictor", "n"]].values.tolist(), round(float(found["correlation"][0]), 3)
        ([['importance', 'zero', 'lam', 12]], 1.0)
    """
    check_table(atlas, (*HEAD_KEYS, *predictors), what="the atlas")
    check_table(knockouts, (*HEAD_KEYS, "term", "how", COST), what="the table of knock-outs")
    keys = [*(["run"] if "run" in atlas and "run" in knockouts else []), *HEAD_KEYS]
    rows = []
    for kind, part in knockouts.groupby(["term", "how"], sort=False):
        term, how = cast("tuple[str, str]", kind)  # pandas types a key of several columns as one
        joined = _joined(atlas, part, keys, f"{term}, {how}")
        runs = [run for _, run in joined.groupby("run")] if "run" in keys else [joined]
        for name in predictors:
            found = _over_runs(
                [rank_correlation(run[name].to_numpy(float), run[COST].to_numpy(float)) for run in runs]
            )
            rows.append((term, how, name, found.value, found.low, found.high, len(runs[0]), len(runs)))
    return pd.DataFrame(rows, columns=pd.Index(CORRELATION_COLUMNS))


def _joined(atlas: pd.DataFrame, costs: pd.DataFrame, keys: list[str], what: str) -> pd.DataFrame:
    """Return the heads of both tables side by side, or refuse tables of different heads."""
    for name, table in (("the atlas", atlas), (f"the knock-outs of {what}", costs)):
        if table.duplicated(keys).any():
            raise ValueError(f"{name} has a head twice; legal: one row for each of {keys}")
    joined = atlas.merge(costs[[*keys, COST]], on=keys)
    if not len(joined) == len(atlas) == len(costs):
        raise ValueError(
            f"the atlas has {len(atlas)} heads and the knock-outs of {what} {len(costs)}, {len(joined)} of "
            "them the same; legal: the same heads in both"
        )
    return joined


def _over_runs(found: list[Estimate]) -> Estimate:
    """Return the one estimate, or the mean over runs with an interval that −1 and 1 bound."""
    if len(found) == 1:
        return found[0]
    mean = mean_interval([estimate.value for estimate in found])
    low, high = np.clip([mean.low, mean.high], -1, 1)
    return Estimate(value=mean.value, low=float(low), high=float(high), n=mean.n, kind=mean.kind)
