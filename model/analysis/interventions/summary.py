"""Effects over episodes as a table with intervals: a row an intervention, a column a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from data.results.intervals import mean_interval

MEASURES = {"log_p_lost": ("low", "high"), "exact_lost": ("exact_low", "exact_high")}


def summarise_effects(effects: pd.DataFrame, *, by: Sequence[str] = ("name",)) -> pd.DataFrame:
    """Return the mean effect of every intervention with its interval over episodes.

    All episodes are seen by the unchanged and by the changed model, so the differences of pairs are averaged,
    with Student's t-interval. Exact matches are counted likewise: +1 where a right answer was lost, −1 where
    one was won.

    Args:
        effects: of `effects`: a row an intervention and episode.
        by: columns that tell interventions, depths or lengths apart; their order of appearance is kept.

    Returns:
        the columns of `by`, then log_p_lost (mean nats), low, high, exact_lost (share of the episodes),
        exact_low, exact_high, rate (share that is right), n. Intervals are NaN below three episodes.

    Example:
        >>> rows = pd.DataFrame({"name": "a", "log_p_lost": [1.0, 2.0, 3.0],
        ...                      "was_right": True, "exact_match": [True, False, False]})
        >>> summarise_effects(rows)[["log_p_lost", "exact_lost", "n"]].round(2).values.tolist()
        [[2.0, 0.67, 3.0]]
    """
    right, still = effects["was_right"].astype(float), effects["exact_match"].astype(float)
    rows = []
    for key, group in effects.assign(exact_lost=right - still).groupby(list(by), sort=False):
        row = dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
        for measure, (low, high) in MEASURES.items():
            found = mean_interval(group[measure].to_numpy(float))
            row |= {measure: found.value, low: found.low, high: found.high}
        rows.append(row | {"rate": group["exact_match"].to_numpy(float).mean(), "n": len(group)})
    measures = [column for measure, ends in MEASURES.items() for column in (measure, *ends)]
    return pd.DataFrame(rows, columns=[*by, *measures, "rate", "n"])


def mean_of_draws(
    table: pd.DataFrame,
    *,
    by: Sequence[str],
    of: Sequence[str] = ("log_p_lost", "exact_match", "was_right"),
) -> pd.DataFrame:
    """Return the mean over random draws of what is otherwise the same: draws do not count as episodes.

    Args:
        table: a row an episode, intervention and draw.
        by: columns that tell rows apart but for the draw; their order of appearance is kept.
        of: columns that are averaged.

    Example:
        >>> rows = pd.DataFrame({"name": ["a", "a"], "episode": [0, 0], "x": [1.0, 3.0]})
        >>> mean_of_draws(rows, by=["name", "episode"], of=["x"]).values.tolist()
        [['a', 0, 2.0]]
    """
    means: Any = table.groupby(list(by), sort=False)[list(of)].mean()  # typed as what many kinds of means are
    return means.reset_index()
