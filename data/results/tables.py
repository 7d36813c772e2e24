"""The tidy table of training runs: architecture, seed, step, tokens, name, value; one number a row."""

import re
from collections.abc import Iterable

import pandas as pd

from data.results.variants import Variant

RUN_COLUMNS = ("architecture", "seed", "step", "tokens", "name", "value")
MATCH = "exact_match"


def check_table(table: object, columns: Iterable[str], *, what: str) -> pd.DataFrame:
    """Return a table unchanged if it is a DataFrame that has rows and all wanted columns.

    Args:
        table: whatever a caller passed.
        columns: names that it must have; others may stand beside them.
        what: how an error calls it, such as "the table of runs".

    Raises:
        TypeError: it is no DataFrame.
        ValueError: it lacks columns, or has no rows.

    Example:
        >>> check_table(pd.DataFrame({"step": [50]}), ["step", "seed"], what="the table of runs")
        Traceback (most recent call last):
        ValueError: the table of runs lacks columns ['seed']; it has ['step']
    """
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


def check_metrics(metrics: object) -> pd.DataFrame:
    """Return a table of runs unchanged if it has the columns of `sisa_viz.read_runs`.

    Args:
        metrics: whatever a caller passed as a table of runs.

    Raises:
        TypeError: it is no DataFrame.
        ValueError: it lacks columns, or has no rows.

    Example:
        >>> row = ("fox", 0, 50, 1000, "val/loss", 3.5)
        >>> len(check_metrics(pd.DataFrame([row], columns=list(RUN_COLUMNS))))
        1
    """
    return check_table(metrics, RUN_COLUMNS, what="the table of runs")


def pick_metric(metrics: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of one metric in a table of runs, without those that have no value.

    Args:
        metrics: a table of runs.
        name: of the metric, such as "val/loss".

    Raises:
        ValueError: no run logged it; the error lists the metrics that were logged.

    Example:
        >>> rows = [("fox", 0, 50, 1000, "val/loss", 3.5), ("fox", 0, 50, 1000, "lr", 0.1)]
        >>> pick_metric(pd.DataFrame(rows, columns=list(RUN_COLUMNS)), "lr")["value"].tolist()
        [0.1]
    """
    rows = check_metrics(metrics)
    rows = rows.loc[(rows["name"] == name) & rows["value"].notna()]
    if rows.empty:
        raise ValueError(
            f"metric {name!r} was not logged; there are {sorted(map(str, metrics['name'].unique()))}"
        )
    return rows


def one_run_a_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of runs unchanged if no two runs share variant and seed.

    Means and intervals count seeds. A run that is in a table twice would count as two of them and make an
    interval narrower than the evidence.

    Args:
        rows: columns architecture, seed, step and name, and perhaps run, which the error then names.

    Raises:
        ValueError: two rows share all four of them.

    Example:
        >>> rows = pd.DataFrame({"architecture": ["fox", "fox"], "seed": [0, 1], "step": 50, "name": "lr"})
        >>> one_run_a_seed(rows)["seed"].tolist()
        [0, 1]
    """
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
    """Return the names of the sets of episodes that a table of runs has exact matches of, by letters.

    Args:
        metrics: a table of runs; of its columns, name alone is read.

    Example:
        >>> episode_sets(pd.DataFrame({"name": ["corpus256/exact_match", "val/loss"]}))
        ['corpus256']
    """
    names = sorted(set(metrics["name"]))
    return [name.removesuffix(f"/{MATCH}") for name in names if name.endswith(f"/{MATCH}")]


def check_choice(name: str, value: str, legal: Iterable[str]) -> str:
    """Return the value of an option unchanged if it is one of the legal ones.

    Args:
        name: of the option, for the error.
        value: what a caller asked for.
        legal: every value it may have.

    Raises:
        ValueError: it is none of them; the error lists them.

    Example:
        >>> check_choice("x", "time", ["step", "tokens"])
        Traceback (most recent call last):
        ValueError: x is 'time'; legal: step, tokens
    """
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
    """Return the rows of a table sorted by the names in one column, in the order of `in_order`.

    Rows of one name keep their order, so a curve stays sorted by step.

    Args:
        table: any table.
        column: the one that has the names.

    Example:
        >>> rows_in_order(pd.DataFrame({"scale": ["152M", "50M"]}), "scale")["scale"].tolist()
        ['50M', '152M']
    """
    place = {name: at for at, name in enumerate(in_order(table[column].unique()))}
    return table.sort_values(column, key=lambda names: names.map(place), kind="stable", ignore_index=True)


def _letters_and_numbers(name: str) -> list[int | str]:
    parts = re.split(r"(\d+)", name)
    return [int(part) if at % 2 else part for at, part in enumerate(parts)]
