"""Needles beyond the training context, by position code and anchor: what was measured, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from data import measured, wilson
from data.results.intervals import share_interval
from model.study.findings.fusion_levels import TRANSFORMER_WITHOUT_ROPE
from model.study.lengths import ANCHORS, WITHOUT_ANCHOR

PLANS_OF_LENGTHS = ("main", "fusion")
GRID_CELL = ["architecture", "context_length", "depth"]  # one square of plot_niah_grid


def measured_lengths() -> pd.DataFrame:
    """Return the measured lengths of compared runs; no rows where the table is not there.

    Learning rates that lost are left out, see `data.measured.chosen`.

    Returns:
        Columns of `data.measured.lengths`: a run, anchor, position code (rope), length and depth a row.

    Example:
        >>> sorted(set(measured_lengths().query("variant == 'transformer, no RoPE'")["rope"]))
        ['none']
    """
    try:
        return measured.chosen(measured.lengths())
    except FileNotFoundError:
        return pd.DataFrame(
            columns=["run", "variant", "seed", "anchor", "rope", *GRID_CELL[1:], "successes", "n"]
        )


def anchor_shown(variant: str) -> str:
    """Return the anchor under which a variant is shown: "exact" where it was measured, else "causal".

    Args:
        variant: label of the variant.

    Returns:
        "exact" or "causal"; "none" for variants without importance, and where nothing was measured.

    Example:
        >>> anchor_shown("transformer")
        'none'
    """
    table = measured_lengths()
    there = set(table.loc[table["variant"] == variant, "anchor"])
    return next((anchor for anchor in ANCHORS if anchor in there), WITHOUT_ANCHOR)


def under_anchor(table: pd.DataFrame, anchor: str) -> pd.DataFrame:
    """Return the rows of a table of lengths under one anchor, and those of models that have none.

    Args:
        table: with a column anchor.
        anchor: "exact", "causal", or "none" for the latter alone.

    Example:
        >>> under_anchor(pd.DataFrame({"anchor": ["exact", "causal", "none"]}), "exact")["anchor"].tolist()
        ['exact', 'none']
    """
    return table.loc[table["anchor"].isin([anchor, WITHOUT_ANCHOR])]


def measured_grid(variant: str, *, anchor: str) -> pd.DataFrame:
    """Return the cells of a variant under each position code, and of the transformer without any.

    Args:
        variant: label of the variant.
        anchor: of its decay, see `anchor_shown`.

    Returns:
        What `sisa_viz.plot_niah_grid` draws, see `over_seeds`; the column architecture, which makes its
        panels, holds the position code. No rows where nothing has been measured yet.

    Example:
        >>> cells = measured_grid("SISA d_state=16", anchor="causal")
        >>> sorted(set(cells["architecture"]))
        ['dynamic_ntk', 'ntk', 'pi', 'rope', 'transformer, no RoPE', 'yarn']
    """
    table = under_anchor(measured_lengths(), anchor)
    table = table.loc[table["variant"].isin([variant, TRANSFORMER_WITHOUT_ROPE])]
    panels = table["rope"].where(table["variant"] == variant, TRANSFORMER_WITHOUT_ROPE)
    return over_seeds(table.assign(architecture=panels), by=GRID_CELL)


def every_variant() -> pd.DataFrame:
    """Return the share of needles found, variant, position code and anchor × length, as text.

    All depths count together; the number is the mean over seeds, with its interval from three seeds on.

    Example:
        >>> every_variant().loc[("SISA d_state=16", "rope", "causal"), 512]
        '52% (40% to 65%)'
    """
    cells = over_seeds(measured_lengths(), by=["variant", "rope", "anchor", "context_length"])
    words = [
        f"{rate:.0%}" if np.isnan(low) else f"{rate:.0%} ({low:.0%} to {high:.0%})"
        for rate, low, high in cells[["rate", "low", "high"]].itertuples(index=False)
    ]
    named = cells.assign(words=words)
    wide = named.pivot(index=["variant", "rope", "anchor"], columns="context_length", values="words")
    return wide.rename_axis(index=["variant", "position code", "anchor"])


def over_seeds(table: pd.DataFrame, *, by: Sequence[str]) -> pd.DataFrame:
    """Return the share of successes in each cell: mean over runs, with an interval from three seeds on.

    Runs answered the same episodes, so that these count once, not once a seed; see
    `data.results.intervals.share_interval`.

    Args:
        table: run, successes, n and the columns of by.
        by: columns that make a cell.

    Returns:
        by, then seeds, n (episodes of one run), rate, low, high; no interval for fewer than three seeds.

    Example:
        >>> table = pd.DataFrame({"run": ["a", "b", "c"], "length": 8, "successes": 8, "n": 10})
        >>> over_seeds(table, by=["length"]).round(2).values.tolist()
        [[8.0, 3.0, 10.0, 0.8, 0.49, 0.94]]
    """
    by_run = table.groupby([*by, "run"]).agg({"successes": "sum", "n": "sum"})
    rows = []
    for cell, cell_runs in by_run.reset_index().groupby(list(by)):
        episodes = cell_runs["n"].to_numpy(int)
        found = share_interval(cell_runs["successes"].to_numpy(int) / episodes, episodes=int(episodes.min()))
        of_cell = dict(zip(by, cast(tuple[object, ...], cell), strict=True))
        interval = {"rate": found.value, "low": found.low, "high": found.high}
        rows.append(of_cell | {"seeds": found.n, "n": int(episodes.min())} | interval)
    return pd.DataFrame(rows, columns=[*by, "seeds", "n", "rate", "low", "high"])


def by_length(grid: pd.DataFrame) -> pd.DataFrame:
    """Return how many needles one model finds, position code and anchor × length, with Wilson intervals.

    Args:
        grid: cells of one model: rope (the position code), anchor, context_length, successes, n; all depths
            of a length are counted together.

    Example:
        >>> grid = pd.DataFrame(
        ...     {"rope": "rope", "anchor": "exact", "context_length": 64, "successes": [1, 0], "n": 1})
        >>> by_length(grid).loc[("rope", "exact"), 64]
        '1 of 2 (9% to 91%)'
    """
    sums = grid.groupby(["rope", "anchor", "context_length"]).agg({"successes": "sum", "n": "sum"})
    words = []
    for successes, n in sums.itertuples(index=False):
        low, high = wilson(successes, n)
        words.append(f"{successes} of {n} ({low:.0%} to {high:.0%})")
    wide: pd.DataFrame = pd.Series(words, index=sums.index).unstack()
    return wide.rename_axis(index=["position code", "anchor"])
