"""Numbers of single heads as a table: one row a step, layer and head, one column a measure.

A run folder keeps them in heads.csv. Runs of earlier versions kept them in metrics.csv, under names such as
"lam/L0H1"; `split_heads` is the one place that reads those.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

HEAD_KEYS = ("layer", "head")
INITIAL_LAM = math.log1p(math.exp(-1))  # λ of every head before training, softplus(−1) ≈ 0.3133
NAME_OF_HEAD = r"^(?P<measure>\w+)/L(?P<layer>\d+)H(?P<head>\d+)$"
LONG_COLUMNS = ("name", "value", "tokens")  # of a table of one number a row, beside what tells runs apart


def head_table(numbers: Iterable[tuple[int, int, str, float]]) -> pd.DataFrame:
    """Return a table of heads from single numbers (layer, head, measure, value).

    Measures become columns in alphabetical order, and a head that lacks one of them gets NaN there: a hybrid
    has layers without λ, and a state space may have more heads than attention.

    Example:
        >>> head_table([(0, 0, "lam", 0.5), (0, 1, "lam", 0.25), (0, 0, "half_life", 8.0)]).fillna(0.0)
           layer  head  half_life   lam
        0      0     0        8.0  0.50
        1      0     1        0.0  0.25
    """
    long = pd.DataFrame(numbers, columns=[*HEAD_KEYS, "measure", "value"])
    return _wide(long, list(HEAD_KEYS))


def split_heads(metrics: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a table of one number a row into numbers of the whole model and numbers of its heads.

    Names such as "lam/L0H1" are λ of head 1 in layer 0, as runs of earlier versions wrote them. Other
    columns, such as the step and what tells runs apart, are kept in both tables; tokens stay in the first
    alone.

    Args:
        metrics: columns name, value and any others, among them step.

    Returns:
        the rows of all other names, and a table of heads, empty where no name is of a head.

    Example:
        >>> rows = [(10, "train/loss", 2.0), (10, "lam/L0H0", 0.5), (10, "lam/L0H1", 0.25)]
        >>> whole, heads = split_heads(pd.DataFrame(rows, columns=["step", "name", "value"]))
        >>> whole["name"].tolist()
        ['train/loss']
        >>> heads.values.tolist()
        [[10.0, 0.0, 0.0, 0.5], [10.0, 0.0, 1.0, 0.25]]
    """
    parts = metrics["name"].astype(str).str.extract(NAME_OF_HEAD)
    of_head = parts["measure"].notna()
    whole = without_heads(metrics)
    keys = [name for name in metrics.columns if name not in LONG_COLUMNS]
    long = pd.concat([metrics.loc[of_head, [*keys, "value"]], parts.loc[of_head]], axis=1)
    return whole, _wide(long, [*keys, *HEAD_KEYS])


def without_heads(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table of one number a row that are of the whole model and not of single heads.

    Example:
        >>> names = pd.DataFrame({"name": ["train/loss", "lam/L0H0", "niah/nll"]})
        >>> without_heads(names)["name"].tolist()
        ['train/loss', 'niah/nll']
    """
    of_head = metrics["name"].astype(str).str.fullmatch(NAME_OF_HEAD)
    return metrics.loc[~of_head].reset_index(drop=True)


def _wide(long: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row for each of the keys, one column a measure; the rows in the order of the keys."""
    if long.empty:
        return pd.DataFrame(columns=keys)
    numbers = long.astype(dict.fromkeys(HEAD_KEYS, int))
    wide = numbers.pivot(index=keys, columns="measure", values="value").sort_index()
    return wide.reset_index().rename_axis(columns=None)
