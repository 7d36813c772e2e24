"""The paper's claims on needles, of every variant that was trained: where it ends, how soon it gets there.

Speed is a ratio of steps, variant over baseline, of runs that share a seed and so the order of the data. A
run that has not reached the level by the last step that all runs have is censored: it needs more steps than
were measured, written as ∞. So the ratio is ∞ where only the variant is censored, 0 where only the baseline
is, and unknown where both are.

Exact match is a threshold: a model that goes from one right digit in four to three gains nothing. Therefore
−log p of the answer stands beside it, in nats an answer, as a difference of paired seeds. The paper has no
such figures, so there is no verdict on it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from types import ModuleType
from typing import cast

import numpy as np
import pandas as pd

from data import published as of_the_paper
from data.results.estimate import Estimate
from data.results.intervals import paired_difference, share_interval
from data.results.literature import published_end, published_speed
from data.results.median import median_interval
from data.results.tables import MATCH, episode_sets, in_order, one_run_a_seed
from data.results.variants import Variant
from data.results.verdicts import Claim, claims_table, judge

FINDS_THE_NEEDLE = 0.95
LEVELS = (0.5, 0.9)
SURPRISAL = "nll"  # −log p of the answer, nats


def claims(
    metrics: pd.DataFrame, *, published: ModuleType = of_the_paper, baseline: str = "transformer"
) -> pd.DataFrame:
    """Return every claim on needles for each variant and set of episodes as a table, one row a claim.

    Args:
        metrics: of `read_runs`, or of `data.measured` with one learning rate a variant (`measured.chosen`).
        published: whatever has curves() and final() as `data.published`.
        baseline: label of the variant that the others are compared with.

    Returns:
        The columns of `data.results.verdicts.claims_table`. A ratio under 1 means fewer steps.

    Example:
        >>> rows = [("transformer", seed, 400, "niah/exact_match", 1.0) for seed in range(3)]
        >>> rows += [("transformer", seed, 400, "niah/n", 128) for seed in range(3)]
        >>> table = pd.DataFrame(rows, columns=["architecture", "seed", "step", "name", "value"])
        >>> claims(table)[["claim", "measured", "verdict"]].values.tolist()
        [['transformer ends at 95 % or more', '100.0 %', 'reproduced']]
    """
    return claims_table(needle_claims(metrics, published=published, baseline=baseline))


def needle_claims(
    metrics: pd.DataFrame, *, published: ModuleType = of_the_paper, baseline: str = "transformer"
) -> list[Claim]:
    """Return every claim on needles for each variant and set of episodes.

    First where each variant ends, then its steps to both levels, then −log p of the answer. See `claims` for
    the arguments.

    Example:
        >>> rows = [("transformer", seed, 400, "niah/exact_match", 1.0) for seed in range(3)]
        >>> rows += [("transformer", seed, 400, "niah/n", 128) for seed in range(3)]
        >>> table = pd.DataFrame(rows, columns=["architecture", "seed", "step", "name", "value"])
        >>> found = needle_claims(table)
        >>> found[0].claim, found[0].verdict
        ('transformer ends at 95 % or more', 'reproduced')
    """
    sets = episode_sets(metrics)
    variants = sorted(in_order(set(metrics["architecture"])), key=lambda name: name != baseline)
    others = variants[1:] if baseline in variants else []
    final, curves = published.final(), published.curves()
    found = [_end_claim(metrics, name, needles, final) for needles in sets for name in variants]
    found += [_speed_claim(metrics, *asked, curves, baseline) for asked in product(others, sets, LEVELS)]
    logged = set(metrics["name"])
    with_surprisal = [needles for needles in sets if f"{needles}/{SURPRISAL}" in logged]
    for name, needles in product(others, with_surprisal):
        found += _surprisal_claims(metrics, name, needles, baseline)
    return found


def steps_to(metrics: pd.DataFrame, *, level: float, metric: str = "niah/exact_match") -> pd.DataFrame:
    """Return the first measured step at which each run reaches a level: architecture × seed.

    ∞ stands where the run had not by the last step that all runs have (censored), NaN where there is no such
    run. Later steps do not count, because a run that was stopped early might have been the faster one.

    Args:
        metrics: a table of runs.
        level: what the metric shall be at least.
        metric: name of a metric.

    Raises:
        ValueError: two runs share architecture and seed.

    Example:
        >>> rows = [("fox", 0, 50, 0.2), ("fox", 0, 100, 0.6), ("fox", 1, 50, 0.1), ("fox", 1, 100, 0.4)]
        >>> table = pd.DataFrame(rows, columns=["architecture", "seed", "step", "value"])
        >>> steps_to(table.assign(name="niah/exact_match"), level=0.5).loc["fox"].tolist()
        [100.0, inf]
    """
    own = one_run_a_seed(metrics.loc[metrics["name"] == metric])
    # pandas types the maximum of a column of groups as a scalar; it is a column.
    ends = cast("pd.Series", own.groupby(["architecture", "seed"])["step"].max())
    own = own.loc[own["step"] <= ends.min()]
    first = own.loc[own["value"] >= level].groupby(["architecture", "seed"])["step"].min()
    steps: pd.DataFrame = first.reindex(ends.index).astype(float).fillna(np.inf).unstack("seed")
    return steps


def ratio(steps: pd.DataFrame, *, variant: str, baseline: str = "transformer") -> Estimate:
    """Return the steps of a variant over those of the baseline: median over seeds that both have.

    A pair of which one run is censored counts as ∞ or 0, one of which both are is unknown; see
    `data.results.median.median_interval` for what the interval makes of them.

    Args:
        steps: of `steps_to`.
        variant, baseline: labels in the index of `steps`.

    Example:
        >>> steps = pd.DataFrame([[50.0] * 6, [100.0] * 6], index=["a", "transformer"])
        >>> found = ratio(steps, variant="a")
        >>> found.value, found.low, found.high
        (0.5, 0.5, 0.5)
    """
    pairs = steps.reindex([variant, baseline]).dropna(axis=1).to_numpy()
    # ∞ / ∞ would warn; both runs of an unknown pair become NaN first.
    pairs = np.where(np.isinf(pairs).all(axis=0), np.nan, pairs)
    return median_interval(pairs[0] / pairs[1])


def end(metrics: pd.DataFrame, *, variant: str, needles: str) -> Estimate:
    """Return the share of episodes that a variant answers at each run's own last evaluation: mean over seeds.

    Args:
        metrics: a table of runs.
        variant: its label.
        needles: the set of episodes, such as "corpus256".

    Raises:
        ValueError: two runs of variant share a seed.

    Example:
        >>> rows = [("fox", seed, 400, "niah/exact_match", 1.0) for seed in range(5)]
        >>> rows += [("fox", seed, 400, "niah/n", 128) for seed in range(5)]
        >>> table = pd.DataFrame(rows, columns=["architecture", "seed", "step", "name", "value"])
        >>> found = end(table, variant="fox", needles="niah")
        >>> found.value, round(found.low, 3), found.n
        (1.0, 0.971, 5)
    """
    own = metrics.loc[metrics["architecture"] == variant].sort_values("step")
    rates, counts = _last_of_each_seed(own, f"{needles}/{MATCH}"), _last_of_each_seed(own, f"{needles}/n")
    return share_interval(rates, episodes=int(counts.min()))


def surprisal_at_the_end(curves: pd.DataFrame) -> pd.Series:
    """Return −log p of the answer at the last evaluation that all runs have, by run.

    Args:
        curves: step × run, nats an answer.

    Example:
        >>> surprisal_at_the_end(pd.DataFrame({"a": [9.0, 4.0]}, index=[50, 100]))["a"].item()
        4.0
    """
    return curves.iloc[-1]


def surprisal_over_training(curves: pd.DataFrame) -> pd.Series:
    """Return −log p of the answer averaged over training, by run: area under the curve over its length.

    It says in one number how soon and how far a run came to expect the answer, without any level to reach.

    Args:
        curves: step × run, nats an answer, at the evaluations that all runs have.

    Example:
        >>> surprisal_over_training(pd.DataFrame({"a": [9.0, 4.0, 4.0]}, index=[0, 50, 100]))["a"].item()
        5.25
    """
    if len(curves) == 1:
        return curves.iloc[0]
    steps = curves.index.to_numpy(float)
    areas = np.trapezoid(curves.to_numpy(float), steps, axis=0)
    return pd.Series(areas / (steps[-1] - steps[0]), index=curves.columns)


def _last_of_each_seed(own: pd.DataFrame, metric: str) -> np.ndarray:
    rows = one_run_a_seed(own.loc[own["name"] == metric])
    return rows.groupby("seed")["value"].last().to_numpy(float)


def _end_claim(metrics: pd.DataFrame, name: str, needles: str, final: pd.DataFrame) -> Claim:
    """Judge one end; the paper claims one where all its sizes end on one side of 95 %."""
    said = published_end(final, variant=name)
    all_below = bool(said) and max(said.values()) < FINDS_THE_NEEDLE
    all_above = bool(said) and min(said.values()) >= FINDS_THE_NEEDLE
    return judge(
        f"{name} ends below 95 %" if all_below else f"{name} ends at 95 % or more",
        "; ".join(f"{scale}: {100 * share:.3g} %" for scale, share in said.items()),
        end(metrics, variant=name, needles=needles),
        border=FINDS_THE_NEEDLE,
        side="below" if all_below else "at least",
        claimed=all_below or all_above,
        variant=name,
        needles=needles,
        form="{:.1%}",
    )


def _speed_claim(
    metrics: pd.DataFrame, name: str, needles: str, level: float, curves: pd.DataFrame, baseline: str
) -> Claim:
    """Judge one ratio of steps; the paper claims it of SISA, its own sizes disagree."""
    steps = steps_to(metrics, level=level, metric=f"{needles}/{MATCH}")
    return judge(
        f"{name}: fewer steps to {100 * level:g} % (ratio < 1)",
        published_speed(curves, variant=name, level=level, baseline=baseline),
        ratio(steps, variant=name, baseline=baseline),
        border=1,
        side="below",
        claimed=Variant.from_label(name).is_sisa,
        variant=name,
        needles=needles,
    )


def _surprisal_claims(metrics: pd.DataFrame, name: str, needles: str, baseline: str) -> list[Claim]:
    """Differences of paired seeds; below 0, the variant expects the answer more than the baseline does."""
    summaries: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
        "at the end": surprisal_at_the_end,
        "averaged over training": surprisal_over_training,
    }
    curves = _common_curves(metrics, [name, baseline], f"{needles}/{SURPRISAL}")
    if curves.empty:
        return []
    found = []
    for when, summary in summaries.items():
        by_run = summary(curves).unstack("seed").reindex([name, baseline]).dropna(axis=1)
        found.append(
            judge(
                f"{name}: lower −log p of the answer than {baseline}, {when} (difference < 0)",
                "",
                paired_difference(by_run.loc[name].to_numpy(), by_run.loc[baseline].to_numpy()),
                border=0,
                side="below",
                claimed=False,
                variant=name,
                needles=needles,
                form="{:+.3f}",
                unit=" nats",
            )
        )
    return found


def _common_curves(metrics: pd.DataFrame, names: list[str], metric: str) -> pd.DataFrame:
    """Step × (architecture, seed) of one metric, at the evaluations that all these runs have."""
    rows = metrics.loc[(metrics["name"] == metric) & metrics["architecture"].isin(names)]
    wide = one_run_a_seed(rows).pivot(index="step", columns=["architecture", "seed"], values="value")
    # A run that diverged at once has no number anywhere; it must not take those of all others along.
    return wide.dropna(axis=1, how="all").dropna()
