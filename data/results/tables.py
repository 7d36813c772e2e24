"""The tidy table of training runs: architecture, seed, step, tokens, name, value; one number a row."""

import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

from data.results.variants import Variant

Frame = pd.DataFrame
RUN_COLUMNS = ("architecture", "seed", "step", "tokens", "name", "value")
MATCH = "exact_match"


def check_table(table: Any, columns: Iterable[str], *, what: str) -> pd.DataFrame:
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


def check_metrics(metrics: Any) -> pd.DataFrame:
    """Return a table of runs, such as one from `sisa_viz.read_runs`; the error names what it lacks."""
    return check_table(metrics, RUN_COLUMNS, what="the table of runs")


def pick_metric(metrics: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of one metric that have a value; ValueError lists the metrics there are."""
    rows = check_metrics(metrics)
    rows = rows.loc[(rows["name"] == name) & rows["value"].notna()]
    if rows.empty:
        raise ValueError(
            f"metric {name!r} was not logged; there are {sorted(map(str, metrics['name'].unique()))}"
        )
    return rows


def one_run_a_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of runs; ValueError if two runs share variant and seed, as means count seeds, not runs."""
    twins = rows.loc[rows.duplicated(["architecture", "seed", "step", "name"], keep=False)]
    if len(twins):
        variant, seed = twins["architecture"].iloc[0], twins["seed"].iloc[0]
        own = twins.loc[(twins["architecture"] == variant) & (twins["seed"] == seed)]
        named = f": {', '.join(map(str, own['run'].unique()))}" if "run" in own else ""
        raise ValueError(
            f"the table has several runs of {variant}, seed {seed}{named}; legal: one run a seed. "
            "Choose one, or give each a name of its own in the column architecture"
        )
    return rows


def episode_sets(metrics: pd.DataFrame) -> list[str]:
    """Return the names of the sets of episodes that a table of runs has exact matches of.

    Example:
        >>> episode_sets(pd.DataFrame({"name": ["corpus256/exact_match", "val/loss"]}))
        ['corpus256']
    """
    names = sorted(set(metrics["name"]))
    return [name.removesuffix(f"/{MATCH}") for name in names if name.endswith(f"/{MATCH}")]


def check_choice(name: str, value: str, legal: Iterable[str]) -> str:
    """Return `value` if it is legal; ValueError names the option otherwise."""
    if value not in (options := list(legal)):
        raise ValueError(f"{name} is {value!r}; legal: {', '.join(options)}")
    return value


def architecture_names(table: pd.DataFrame) -> list[str]:
    """Return the label of every row of a published table, from its columns model and d_state.

    Example:
        >>> architecture_names(pd.DataFrame({"model": ["sisa", "mamba2"], "d_state": [16, None]}))
        ['SISA d_state=16', 'mamba2']
    """
    pairs = zip(table["model"], table["d_state"].fillna(0), strict=True)
    return [Variant(model, d_state=int(d_state)).label for model, d_state in pairs]


def in_order(names: Iterable[str]) -> list[str]:
    """Return names sorted by letters, and by size where there are numbers in them.

    Example:
        >>> in_order(["152M", "50M"]), in_order(["d_state=16", "d_state=4"])
        (['50M', '152M'], ['d_state=4', 'd_state=16'])
    """
    return sorted(map(str, names), key=_letters_and_numbers)


def rows_in_order(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows by the names in one column as `in_order` has them; rows of one name keep their order."""
    place = {name: at for at, name in enumerate(in_order(table[column].unique()))}
    return table.sort_values(column, key=lambda names: names.map(place), kind="stable", ignore_index=True)


def _letters_and_numbers(name: str) -> list[Any]:
    parts = re.split(r"(\d+)", name)
    return [int(part) if at % 2 else part for at, part in enumerate(parts)]
