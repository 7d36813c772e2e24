"""Claims of the paper beside what was measured, each with an interval, a plain verdict and what is missing.

A verdict never says more than its interval: "reproduced", "not reproduced at this scale", or "undecided".

Speed is a ratio of steps, variant over baseline, of runs that share a seed and so the order of the data: the
median over seeds with a bootstrap 95 % interval. A run that has not reached the level by the last step that
all runs have is censored: it needs more steps than were measured, written as ∞. So the ratio is ∞ where only
the variant is censored, 0 where only the baseline is, and unknown where both are. Unknown pairs are counted
and left out of the median; the interval takes them as 0 at its low end and as ∞ at its high end.

Of few pairs a bootstrap interval of the median is their whole range, which holds the true one in 75 % of all
cases for three pairs and in 94 % for five (1 − 2^(1−n)). So three give an interval, a verdict takes five.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from data import published as of_the_paper
from data import wilson
from data.results.literature import published_end, published_speed
from data.results.tables import MATCH, episode_sets, in_order, one_run_a_seed

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced at this scale", "undecided"
NO_CLAIM = "no claim of the paper"
ENDS_AT = 0.95  # "finds the needle"
LEVELS = (0.5, 0.9)
FEWEST = 3  # seeds of an interval
OF_A_RATIO = 5  # seeds of a verdict on a ratio
RESAMPLES = 10_000


@dataclass(frozen=True)
class Estimate:
    """A number over seeds with its 95 % interval; NaN where there is none.

    Args:
        n: seeds that it rests on.
        censored: of these, pairs in which one run had not reached the level.
        lost: pairs in which both had not, which are not in it.
    """

    value: float
    low: float
    high: float
    n: int
    censored: int = 0
    lost: int = 0


def steps_to(metrics: pd.DataFrame, *, level: float, metric: str = "niah/exact_match") -> pd.DataFrame:
    """First measured step at which each run reaches level: architecture × seed.

    inf where the run had not by the last step that all runs have (censored), NaN where there is no such run.

    Raises:
        ValueError: two runs share architecture and seed.
    """
    own = one_run_a_seed(metrics.loc[metrics["name"] == metric])
    ends = own.groupby(["architecture", "seed"])["step"].max()
    runs, own = ends.index, own.loc[own["step"] <= ends.min()]
    first: Any = own.loc[own["value"] >= level].groupby(["architecture", "seed"])["step"].min()
    return first.reindex(runs).astype(float).fillna(np.inf).unstack("seed")


def ratio(steps: pd.DataFrame, *, variant: str, baseline: str = "transformer") -> Estimate:
    """Steps of a variant over those of the baseline, see the top of this file.

    Args:
        steps: of `steps_to`.
    """
    pairs = steps.reindex([variant, baseline]).dropna(axis=1).to_numpy()
    unknown = np.isinf(pairs).all(0)
    known = pairs[:, ~unknown]
    ratios, counts = known[0] / known[1], {"censored": int(np.isinf(known).any(0).sum())}
    value = float(np.median(ratios)) if len(ratios) else np.nan
    low, high = (
        _bootstrap(np.append(ratios, np.full(unknown.sum(), bound)))[side]
        if len(ratios) >= FEWEST
        else np.nan
        for side, bound in enumerate((0.0, np.inf))
    )
    return Estimate(value, low, high, len(ratios), **counts, lost=int(unknown.sum()))


def end(metrics: pd.DataFrame, *, variant: str, needles: str) -> Estimate:
    """Share of episodes at each run's own last evaluation: mean over seeds.

    Its interval is the 95 % t-interval over seeds, widened to the Wilson interval of the episodes, which the
    seeds share; none for fewer than three seeds.

    Args:
        needles: the set of episodes, such as "corpus256".

    Raises:
        ValueError: two runs of variant share a seed.
    """
    own = metrics.loc[metrics["architecture"] == variant].sort_values("step")
    rates, counts = (
        one_run_a_seed(own.loc[own["name"] == f"{needles}/{name}"]).groupby("seed")["value"].last().to_numpy()
        for name in (MATCH, "n")
    )
    mean, n = float(rates.mean()), len(rates)
    if n < FEWEST:
        return Estimate(mean, np.nan, np.nan, n)
    half = float(stats.t.ppf(0.975, n - 1) * stats.sem(rates))
    low, high = wilson(round(mean * int(counts.min())), int(counts.min()))
    return Estimate(mean, max(0.0, min(low, mean - half)), min(1.0, max(high, mean + half)), n)


def _bootstrap(ratios: np.ndarray) -> tuple[float, float]:
    """95 % percentile interval of the median; its ends occurred, none lies between a finite one and ∞."""
    places = np.random.default_rng(0).integers(len(ratios), size=(RESAMPLES, len(ratios)))
    drawn = np.median(ratios[places], axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975), method="inverted_cdf")
    return float(low), float(high)


def claims(
    metrics: pd.DataFrame, *, published: ModuleType = of_the_paper, baseline: str = "transformer"
) -> pd.DataFrame:
    """Every claim on needles for each variant and set of episodes; one row a claim.

    Args:
        metrics: of `read_runs`, or of `data.measured` with one learning rate a variant (`measured.chosen`).
        published: whatever has curves() and final() as `data.published`.
        baseline: the variant that the others are compared with.

    Returns:
        claim, variant, needles (the set), published, measured, low, high, seeds, censored, left out (pairs of
        seeds), verdict, what would decide it. A ratio under 1 means fewer steps.
    """
    sets = episode_sets(metrics)
    variants = sorted(in_order(set(metrics["architecture"])), key=lambda name: name != baseline)
    others = variants[1:] if baseline in variants else []
    rows = [_end(metrics, name, needles, published.final()) for needles in sets for name in variants]
    curves = published.curves()
    rows += [_speed(metrics, *asked, curves, baseline) for asked in product(others, sets, LEVELS)]
    return pd.DataFrame(rows)


def _end(metrics: pd.DataFrame, name: str, needles: str, final: pd.DataFrame) -> dict[str, object]:
    """A claim where all published sizes end on one side of 95 %."""
    estimate, said = end(metrics, variant=name, needles=needles), published_end(final, variant=name)
    below = bool(said) and max(said.values()) < ENDS_AT
    claimed = below or min(said.values(), default=0) >= ENDS_AT
    return {
        "claim": f"{name} ends {'below' if below else 'at'} 95 %{'' if below else ' or more'}",
        "variant": name,
        "needles": needles,
        "published": "; ".join(f"{scale}: {100 * share:.3g} %" for scale, share in said.items()),
        **in_words(estimate, "{:.1%}"),
        **_verdict(estimate, ENDS_AT, below=below, claimed=claimed),
    }


def _speed(
    metrics: pd.DataFrame, name: str, needles: str, level: float, curves: pd.DataFrame, baseline: str
) -> dict[str, object]:
    """The paper claims it of SISA; its own sizes disagree."""
    steps = steps_to(metrics, level=level, metric=f"{needles}/{MATCH}")
    estimate = ratio(steps, variant=name, baseline=baseline)
    return {
        "claim": f"{name}: fewer steps to {100 * level:g} % (ratio < 1)",
        "variant": name,
        "needles": needles,
        "published": published_speed(curves, variant=name, level=level, baseline=baseline),
        **in_words(estimate, "{:.2f}"),
        **_verdict(estimate, 1, below=True, claimed=name.startswith("SISA"), fewest=OF_A_RATIO),
    }


def in_words(estimate: Estimate, form: str) -> dict[str, str | int]:
    """measured, low and high as text, "" where unknown; then seeds, censored, left out."""
    value, low, high = (
        "" if np.isnan(x) else form.format(x).replace("inf", "∞").replace("%", " %")
        for x in (estimate.value, estimate.low, estimate.high)
    )
    counts = {"seeds": estimate.n, "censored": estimate.censored, "left out": estimate.lost}
    return {"measured": value, "low": low, "high": high} | counts


def _verdict(
    estimate: Estimate, border: float, *, below: bool, claimed: bool, fewest: int = FEWEST
) -> dict[str, str]:
    """Whether the number is below the border, or else at it or above, and what is missing to tell."""
    supported = estimate.high < border if below else estimate.low >= border
    refuted = estimate.low > border if below else estimate.high < border
    verdict = REPRODUCED if supported else NOT_REPRODUCED if refuted else UNDECIDED
    verdict = verdict if estimate.n >= fewest else UNDECIDED
    unclear = claimed and verdict == UNDECIDED
    return {
        "verdict": verdict if claimed else NO_CLAIM,
        "what would decide it": missing(estimate, border, fewest=fewest) if unclear else "",
    }


def missing(estimate: Estimate, border: float, *, fewest: int) -> str:
    """What would decide an interval that holds the border, or that there is none of yet."""
    pairs, censored = estimate.n + estimate.lost, estimate.censored + estimate.lost
    if pairs < fewest:
        return f"more seeds: {pairs} of at least {fewest}"
    if censored:
        return f"longer training: {censored} of {pairs} pairs censored"
    return f"more seeds: the interval holds {border:g}"
