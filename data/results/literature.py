"""What the paper's tables say about a claim, in a few words: one seed each, few checkpoints."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from data.results.tables import architecture_names, in_order
from data.results.variants import Variant


class Bracket(NamedTuple):
    """Where a published run came to a level: after one checkpoint, and by another one.

    Args:
        after: the last step at which it was measured below the level, 0 if it never was.
        by: the first step at which it was measured at the level or above, ∞ if it never was.
    """

    after: float
    by: float


def crossing(run: pd.DataFrame, *, level: float) -> Bracket:
    """Return the two checkpoints between which a run first came to a level.

    Args:
        run: step and niah_pct (per cent) of one published run, by step.
        level: per cent.

    Example:
        >>> run = pd.DataFrame({"step": [1000, 2000, 3000], "niah_pct": [10.0, 60.0, 99.0]})
        >>> crossing(run, level=90)
        Bracket(after=2000.0, by=3000.0)
        >>> crossing(run, level=100)
        Bracket(after=3000.0, by=inf)
    """
    there = run.loc[run["niah_pct"] >= level, "step"]
    by = float(there.min()) if len(there) else np.inf
    before = run.loc[run["step"] < by, "step"]
    return Bracket(float(before.max()) if len(before) else 0.0, by)


def ratio_in_words(variant: Bracket, baseline: Bracket) -> str:
    """Return what two brackets say of the ratio of steps, variant over baseline.

    A number in (a, b] over one in (c, d] lies between a/d and b/c. 152M says no more than "below 0.5" where
    SISA was there at its first checkpoint, step 1,000, and the transformer between steps 2,000 and 3,000:
    between 0/3,000 and 1,000/2,000.

    Args:
        variant, baseline: of `crossing`.

    Example:
        >>> ratio_in_words(Bracket(0, 1000), Bracket(2000, 3000))
        'below 0.5'
        >>> ratio_in_words(Bracket(0, 1000), Bracket(0, 2000))
        'both by step 2,000'
    """
    if variant.after == baseline.after == 0:
        return f"both by step {max(variant.by, baseline.by):,.0f}"
    if np.isinf(variant.by) and np.isinf(baseline.by):
        return f"none by step {min(variant.after, baseline.after):,.0f}"
    low = variant.after / baseline.by
    high = variant.by / baseline.after if baseline.after else np.inf
    if low == 0:
        return f"below {high:.2g}"
    return f"above {low:.2g}" if np.isinf(high) else f"{low:.2g} to {high:.2g}"


def published_speed(
    curves: pd.DataFrame, *, variant: str, level: float, baseline: str = "transformer"
) -> str:
    """Return what is published of the steps to a level, variant over baseline, by scale; "" without figures.

    "50M: above 1; 152M: below 0.5; 369M: 0.67 to 1.5 or above 1", where "or" stands between two runs of one
    model, such as two precisions. No run was measured often enough for more than such bounds.

    Args:
        curves: of `data.published`.
        variant: label; a remark on λ's learning rate is ours and does not count.
        level: share of episodes.
        baseline: label of what it is compared with.

    Example:
        >>> from data import published
        >>> published_speed(published.curves(), variant="SISA d_state=32", level=0.9)
        '50M: above 1; 152M: below 0.5; 369M: 0.67 to 1.5 or above 1'
    """
    curves = curves.assign(name=architecture_names(curves)).dropna(subset=["niah_pct"]).sort_values("step")
    own = curves.loc[curves["name"] == _theirs(variant).label]
    other = curves.loc[curves["name"] == _theirs(baseline).label]
    found = []
    for scale in in_order(set(own["scale"]) & set(other["scale"])):
        beside = crossing(other.loc[other["scale"] == scale], level=100 * level)
        runs = own.loc[own["scale"] == scale].groupby("setup")
        said = [ratio_in_words(crossing(run, level=100 * level), beside) for _, run in runs]
        found.append(f"{scale}: {' or '.join(dict.fromkeys(said))}")
    return "; ".join(found)


def published_end(final: pd.DataFrame, *, variant: str) -> dict[str, float]:
    """Return the published share of episodes at the end of training, by scale; empty without figures.

    Args:
        final: of `data.published`.
        variant: label; a remark on λ's learning rate is ours and does not count.

    Example:
        >>> from data import published
        >>> published_end(published.final(), variant="mamba2")
        {'50M': 0.0, '152M': 0.825, '369M': 0.965}
    """
    own = final.assign(name=architecture_names(final))
    own = own.loc[own["name"] == _theirs(variant).label]
    return dict(zip(own["scale"], own["niah_pct"] / 100, strict=True))


def published_length(length: pd.DataFrame, *, variant: str, longest: int = 3072) -> str:
    """Return the published shares at the longest context that the paper tries, by scale; "" without figures.

    That is 1.5 times its training context of 2,048 tokens.

    Args:
        length: of `data.published`, which names no d_state.
        variant: label.
        longest: tokens.

    Example:
        >>> from data import published
        >>> published_length(published.length(), variant="SISA d_state=32")
        'at 1.5 ×: 50M 4 %, 152M 0 %'
    """
    theirs = _theirs(variant)
    model = "sisa" if theirs.is_sisa and not theirs.is_remarkable else theirs.label
    own = length.loc[(length["model"] == model) & (length["context_length"] == longest)]
    rates = [f"{scale} {rate:g} %" for scale, rate in zip(own["scale"], own["niah_pct"], strict=True)]
    return f"at 1.5 ×: {', '.join(rates)}" if rates else ""


def _theirs(variant: str) -> Variant:
    """Return the published variant that a label means; remarks on λ's rate and the anchor make no other."""
    return Variant.from_label(variant).as_published
