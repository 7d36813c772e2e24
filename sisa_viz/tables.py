"""The tidy table of training runs: architecture, seed, step, tokens, name, value; one number a row."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from sisa_viz.colours import architecture_name

Frame = Any  # a DataFrame; static types cannot follow what pandas returns from its own operations
RUN_COLUMNS = ("architecture", "seed", "step", "tokens", "name", "value")


def check_table(table: Any, columns: Iterable[str], *, what: str) -> Frame:
    """Return `table` if it is a non-empty DataFrame with these columns; the error names what is missing."""
    wanted = list(columns)
    if not isinstance(table, pd.DataFrame):
        raise TypeError(
            f"{what} is a {type(table).__name__}; legal: a pandas DataFrame with columns {wanted}"
        )
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise ValueError(f"{what} lacks columns {missing}; it has {[str(name) for name in table.columns]}")
    if table.empty:
        raise ValueError(f"{what} has no rows; check the filter or the folder it was read from")
    return table


def check_metrics(metrics: Any) -> Frame:
    """Return a table of runs, e.g. from sisa_viz.read_runs."""
    return check_table(metrics, RUN_COLUMNS, what="the table of runs")


def pick_metric(metrics: pd.DataFrame, name: str) -> Frame:
    """The rows of one metric with a finite value; ValueError lists the metrics there are."""
    rows = check_metrics(metrics)
    rows = rows[(rows["name"] == name) & rows["value"].notna()]
    if rows.empty:
        raise ValueError(
            f"metric {name!r} was not logged; there are {sorted(map(str, metrics['name'].unique()))}"
        )
    return rows


def check_choice(name: str, value: str, legal: Iterable[str]) -> str:
    """Return `value` if it is legal; ValueError names the option otherwise."""
    if value not in (options := list(legal)):
        raise ValueError(f"{name} is {value!r}; legal: {', '.join(options)}")
    return value


def architecture_names(table: pd.DataFrame) -> list[str]:
    """Of every row of a published table, from its columns model and d_state (NaN where there is none)."""
    pairs = zip(table["model"], table["d_state"].fillna(0), strict=True)
    return [architecture_name(model, d_state) for model, d_state in pairs]


def by_size(scales: Iterable[str]) -> list[str]:
    """Published scales such as "50M", smallest first."""
    return sorted(scales, key=lambda scale: float(scale[:-1]))
