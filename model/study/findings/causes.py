"""What knock-outs and patches say each term of each head is for, in sentences made of their tables.

A head needs a term where the whole interval of what the answer loses without it lies above a floor. What the
term then says is decided by position alone where its mean at each distance, over texts, does as well; by the
tokens where that loses more than the floor too; and undecided where an interval holds the floor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from data.results.estimate import Estimate
from data.results.tables import check_table
from data.results.verdicts import UNDECIDED, verdict_on
from sisa_viz.trace.axes import head_name

FLOOR = 0.5  # nats of log p(answer): below, the answer keeps 60 % of its probability and more
LEAST_SHARE = 0.05  # of the way between two runs: what a patch must bring back to be named
NEEDED, NOT_NEEDED = "needed", "not needed"
POSITION, TOKENS = "position", "tokens"
MATTERS, IDLE = "matters", "does not matter"
KEYS = ["layer", "head", "term"]
LOSS = ["log_p_lost", "low", "high"]
QUESTIONS = {  # what a kind of row asks: its column, and what is said above the floor and below it
    "zero": ("verdict", (NEEDED, NOT_NEEDED)),
    "mean": ("decided_by", (TOKENS, POSITION)),
    "shuffle": ("which_key", (MATTERS, IDLE)),
    "random": ("noise", (MATTERS, IDLE)),
}


def term_verdicts(knockouts: pd.DataFrame, *, floor: float = FLOOR) -> pd.DataFrame:
    """Return a verdict on every term of every head, beside the numbers that it rests on.

    Args:
        knockouts: of `model.analysis.knockouts.knockouts`: layer, head, term, how, log_p_lost, low, high, n.
        floor: loss of log p(answer) in nats that counts.

    Returns:
        A row a head and term, the largest loss first: name, layer, head, term; for each how its log_p_lost,
        low, high and n, as "zero" or "zero_low"; verdict ("needed", "not needed"), decided_by ("position",
        "tokens"), which_key and noise ("matters", "does not matter": shuffled over keys, and a random row
        instead). Each is "undecided" where the interval holds the floor or there is none.

    Raises:
        ValueError: a column is missing, or two rows have the same layer, head, term and how.

    Example:
        >>> row = {"layer": 0, "head": 3, "term": "importance", "n": 20}
        >>> zero = row | {"how": "zero", "log_p_lost": 11.0, "low": 8.6, "high": 13.4}
        >>> mean = row | {"how": "mean", "log_p_lost": 0.01, "low": -0.1, "high": 0.1}
        >>> found = term_verdicts(pd.DataFrame([zero, mean]))
        >>> found[["name", "verdict", "decided_by", "which_key"]].values.tolist()
        [['L0H3', 'needed', 'position', 'undecided']]
    """
    rows = check_table(knockouts, (*KEYS, "how", *LOSS, "n"), what="the table of knock-outs")
    if rows.duplicated([*KEYS, "how"]).to_numpy().any():
        raise ValueError("rows repeat a layer, head, term and how; legal: one row each")
    found = []
    for _, part in rows.groupby(KEYS, sort=False):
        own: dict[str, Any] = {name: part[name].iloc[0] for name in KEYS}
        own["name"] = head_name(int(own["layer"]), int(own["head"]))
        by_how = part.set_index("how")
        for how, (column, words) in QUESTIONS.items():
            loss = _loss(by_how, how)
            own |= {how: loss.value, f"{how}_low": loss.low, f"{how}_high": loss.high, f"{how}_n": loss.n}
            own[column] = verdict_on(loss, border=floor, side="above", words=words)
        found.append(own)
    return pd.DataFrame(found).sort_values("zero", ascending=False, kind="stable", ignore_index=True)


def _loss(by_how: pd.DataFrame, how: str) -> Estimate:
    if how not in by_how.index:
        return Estimate(value=np.nan, n=0)
    value, low, high, n = by_how.loc[how, [*LOSS, "n"]].to_numpy(dtype=float).tolist()
    return Estimate(value=value, low=low, high=high, n=int(n))


def causes_conclusion(
    knockouts: pd.DataFrame,
    *,
    reach: pd.DataFrame | None = None,
    patches: pd.DataFrame | None = None,
    floor: float = FLOOR,
) -> list[str]:
    """Return what the tables say, in sentences that code makes of them; none says more than its interval.

    Args:
        knockouts: as `term_verdicts` takes them.
        reach: knock-outs by depth and length: name, context_length, depth, log_p_lost, low, high.
        patches: of `model.analysis.patching.patching`, heads with their controls, denoising.
        floor: loss of log p(answer) in nats that counts.

    Example:
        >>> row = {"layer": 0, "head": 3, "term": "importance", "n": 20}
        >>> zero = row | {"how": "zero", "log_p_lost": 11.0, "low": 8.6, "high": 13.4}
        >>> for sentence in causes_conclusion(pd.DataFrame([zero])):
        ...     print(sentence)
        Of 1 head, 1 needs its importance: without it log p(answer) falls by more than 0.5 nats (95 % ...
        Undecided whether by position or by tokens: the importance of L0H3 (not measured).
    """
    verdicts = term_verdicts(knockouts, floor=floor)
    sentences = []
    for term, own in verdicts.groupby("term", sort=False):
        sentences += [_who_needs(own, str(term), floor), *_why(own, str(term))]
        sentences += _noise(own, str(term), floor)
    sentences += [] if reach is None or reach.empty else _where(reach, floor)
    return sentences + ([] if patches is None else [_who_says(patches)])


def reach_table(reach: pd.DataFrame) -> pd.DataFrame:
    """Return knock-outs by depth and length for reading: a row a head's term and length, a column a depth.

    Args:
        reach: name, context_length, depth, log_p_lost, low, high.

    Returns:
        Text by name and length: nats of log p(answer) lost, with the 95 % interval.

    Example:
        >>> row = {"name": "content of L1H0", "context_length": 96, "low": 0.5, "high": 1.5}
        >>> rows = [row | {"depth": depth, "log_p_lost": 1.0} for depth in (0.0, 1.0)]
        >>> reach_table(pd.DataFrame(rows)).iloc[0].to_dict()
        {'depth 0': '1.00 (0.50 to 1.50)', 'depth 1': '1.00 (0.50 to 1.50)'}
    """
    words = [_interval(row, "log_p_lost", "low", "high") for row in _rows(reach)]
    depths = [f"depth {depth:g}" for depth in reach["depth"]]
    table = reach.assign(said=words, at=depths)
    laid_out = table.pivot(index=["name", "context_length"], columns="at", values="said")
    order = table[["name", "context_length"]].drop_duplicates().itertuples(index=False, name=None)
    return laid_out.reindex(index=list(order), columns=list(dict.fromkeys(depths))).rename_axis(columns=None)


def _who_needs(own: pd.DataFrame, term: str, floor: float) -> str:
    needed, count = own.loc[own["verdict"] == NEEDED], Counter(own["verdict"])
    rest = [
        f"{count[what]} {'is' if count[what] == 1 else 'are'} {what}"
        for what in (UNDECIDED, NOT_NEEDED)
        if count[what]
    ]
    after = f"; {' and '.join(rest)}" if rest else ""
    heads = f"Of {len(own)} head{'s' if len(own) > 1 else ''}"
    if needed.empty:
        return f"{heads}, none is shown to need its {term} for the answer{after}."
    needs = "needs its" if len(needed) == 1 else "need their"
    numbers = _listed(f"{row['name']} {_interval(row, 'zero')}" for row in _rows(needed))
    return (
        f"{heads}, {len(needed)} {needs} {term}: without it log p(answer) falls by more than {floor:g} nats "
        f"(95 % interval, {needed['zero_n'].max()} episodes): {numbers}{after}."
    )


def _why(own: pd.DataFrame, term: str) -> list[str]:
    """Say of the heads that need a term what decides it: position, the tokens, or that it stays open."""
    needed = own.loc[own["verdict"] == NEEDED]
    starts = {
        POSITION: f"By position, not by tokens: the {term} of",
        TOKENS: f"By the tokens: the {term} of",
        UNDECIDED: f"Undecided whether by position or by tokens: the {term} of",
    }
    sentences = []
    for what, start in starts.items():
        some = needed.loc[needed["decided_by"] == what]
        if some.empty:
            continue
        heads = _listed(f"{row['name']} {_interval(row, 'mean')}" for row in _rows(some))
        if some["mean"].notna().any():
            heads += " nats lost with its mean at each distance in its place"
        sentences.append(f"{start} {heads}.".replace("nan (no interval)", "(not measured)"))
    keyed = needed.loc[needed["which_key"] == MATTERS]
    if len(keyed):
        heads = _listed(f"{row['name']} {_interval(row, 'shuffle')}" for row in _rows(keyed))
        sentences.append(
            f"Which key has which {term} matters, shuffled over the keys nats are lost: {heads}."
        )
    return sentences


def _noise(own: pd.DataFrame, term: str, floor: float) -> list[str]:
    """Name the heads that do no more than suffer when something else is put in the place of a term."""
    some = own.loc[(own["verdict"] == NOT_NEEDED) & (own["noise"] == MATTERS)]
    if some.empty:
        return []
    heads = _listed(f"{row['name']} {_interval(row, 'random')}" for row in _rows(some))
    return [
        f"Not needed, yet harmful when a random row stands in its place (more than {floor:g} nats): the "
        f"{term} of {heads}. Damage by a control alone shows no use."
    ]


def _where(reach: pd.DataFrame, floor: float) -> list[str]:
    """Say of each knock-out whether it costs more than the floor at every depth and length."""
    rows = check_table(reach, ("name", "context_length", "depth", *LOSS), what="the table by depth")
    lengths, depths = sorted(set(rows["context_length"])), sorted(set(rows["depth"]))
    everywhere, others = [], []
    for name, part in rows.groupby("name", sort=False):
        above = int((part["low"].to_numpy() > floor).sum())
        if above == len(part):
            everywhere.append(str(name))
        else:
            below = int((part["high"].to_numpy() < floor).sum())
            others.append(f"{name} ({above} of {len(part)} above, {below} below, the rest undecided)")
    cells = f"at depths {depths[0]:g} to {depths[-1]:g} and lengths {' and '.join(map(str, lengths))}"
    start = f"Loss of more than {floor:g} nats {cells}:"
    sentences = [f"{start} in every cell without {_listed(everywhere)}."] if everywhere else []
    return sentences + ([f"{start} not in every cell without {_listed(others)}."] if others else [])


def _who_says(patches: pd.DataFrame) -> str:
    rows = check_table(patches, ("layer", "head", "control", "share", "low", "high", "n"), what="the patches")
    own, control = [
        rows.loc[rows["control"] == is_control].set_index(["layer", "head"]) for is_control in (False, True)
    ]
    border = control["high"].reindex(own.index).fillna(np.inf).clip(lower=LEAST_SHARE)
    above = own.loc[own["low"] > border].sort_values("share", ascending=False)
    pairs = int(rows["n"].to_numpy().max())
    if above.empty:
        return f"No head alone is shown to bring the first digit back, over {pairs} pairs of texts."
    said = [
        f"{head_name(*place)} {_interval(row, 'share', 'low', 'high')}"
        for place, row in zip(above.index.tolist(), _rows(above), strict=True)
    ]
    return (
        f"The first digit comes through {_listed(said)}: share of the way back when the head's output is "
        f"patched from the clean run, above that from another text ({pairs} pairs)."
    )


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)


def _interval(row: dict[str, Any], name: str, low: str = "", high: str = "") -> str:
    """Write a number with its interval, and a minus sign that is one."""
    ends = [row[low or f"{name}_low"], row[high or f"{name}_high"]]
    number, *bounds = [f"{value:z.2f}".replace("-", "−") for value in (row[name], *ends)]
    return f"{number} (no interval)" if np.isnan(ends[0]) else f"{number} ({bounds[0]} to {bounds[1]})"
