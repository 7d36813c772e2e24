"""When each variant finds the needle, where it ends, and what verdicts its runs allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd

from data import measured
from data.results.claims import LEVELS, SURPRISAL, claims, end, ratio, steps_to
from data.results.intervals import mean_interval
from data.results.tables import MATCH, in_order
from data.results.verdicts import NO_CLAIM, in_words
from model.study.findings.selection import NOT_YET


def verdicts(metrics: pd.DataFrame, *, needles: str) -> pd.DataFrame:
    """Return what the paper claims of one held-out set, with the verdicts of these runs, for reading.

    Args:
        metrics: a table of runs, one learning rate a variant.
        needles: name of the held-out set.

    Returns:
        The columns of `data.results.claims.claims` but variant and needles, which the claim itself says.

    Example:
        >>> verdicts(measured.tiny().query("seed < 3 and architecture == 'transformer'"), needles="niah")[
        ...     ["claim", "measured", "verdict"]
        ... ].values.tolist()
        [['transformer ends at 95 % or more', '100.0 %', 'reproduced']]
    """
    table = claims(metrics.loc[metrics["name"].str.startswith(f"{needles}/")])
    claimed = table.loc[table["verdict"] != NO_CLAIM].drop(columns=["variant", "needles"])
    return claimed.reset_index(drop=True)


def tally(sizes: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return how many claims get which verdict, by size of the models and held-out set.

    Args:
        sizes: a table of runs for each size, under the name that the rows shall have.

    Example:
        >>> found = tally({"0.1M": measured.tiny().query("architecture == 'transformer'")})
        >>> found.loc[("0.1M", "niah")].to_dict()
        {'reproduced': 1}
    """
    tables = [claims(metrics).assign(size=size) for size, metrics in sizes.items()]
    counts = pd.concat(tables).groupby(["size", "needles", "verdict"], sort=False)["claim"].count()
    wide = cast(pd.DataFrame, counts.unstack(fill_value=0))
    return wide.rename_axis(None, axis="columns")


def steps_table(metrics: pd.DataFrame, *, needles: str, level: float = 0.5) -> pd.DataFrame:
    """Return the first measured step at which each run answers enough episodes: variant × seed, as text.

    "> 1,500" stands where a run was below the level until the last step that all runs have, "" where a
    variant was not trained with a seed.

    Args:
        metrics: a table of runs.
        needles: name of the held-out set.
        level: share of episodes.

    Example:
        >>> steps_table(measured.tiny(), needles="niah").loc["jamba", ["seed 0", "seed 1"]].tolist()
        ['100', '100']
    """
    metric = f"{needles}/{MATCH}"
    steps = steps_to(metrics, level=level, metric=metric)
    steps = steps.loc[in_order(steps.index)]
    last = metrics.loc[metrics["name"] == metric].groupby(["architecture", "seed"])["step"].max().min()
    words = [[_step_in_words(step, last) for step in row] for row in steps.to_numpy()]
    columns = [f"seed {seed}" for seed in steps.columns]
    return pd.DataFrame(words, index=steps.index.rename("variant"), columns=columns)


def ratios(metrics: pd.DataFrame, *, needles: str) -> pd.DataFrame:
    """Return the steps of each variant over those of the transformer, for both levels, as text.

    The interval is 0 to ∞ below six pairs of seeds, since fewer hold the true median too rarely. The ratio is
    ∞ where the variant alone had not reached the level. See `data.results.claims.ratio`.

    Args:
        metrics: a table of runs, the transformer among them.
        needles: name of the held-out set.

    Returns:
        variant, level, ratio, low, high, seeds, censored, left out.

    Example:
        >>> pair = measured.tiny().query("architecture in ['transformer', 'jamba']")
        >>> ratios(pair, needles="niah")[["variant", "level", "low", "high"]].iloc[0].tolist()
        ['jamba', '50%', '0.00', '∞']
    """
    others = in_order(set(metrics["architecture"]) - {"transformer"})
    rows = []
    for level in LEVELS:
        steps = steps_to(metrics, level=level, metric=f"{needles}/{MATCH}")
        for name in others:
            found = in_words(ratio(steps, variant=name), "{:.2f}")
            rows.append({"variant": name, "level": f"{level:.0%}"} | found)
    return pd.DataFrame(rows).rename(columns={"measured": "ratio"})


def final_table(metrics: pd.DataFrame, *, needles: str, names: Sequence[str]) -> pd.DataFrame:
    """Return where each variant stands at the end of training, as text.

    −log p of the answer stands beside exact match because it is not a threshold: a model that goes from one
    right digit in four to three gains nothing in exact match, and much in −log p.

    Args:
        metrics: of `data.measured.metrics`, one learning rate a variant.
        needles: name of the held-out set.
        names: labels of the rows; one that has no runs is listed as not measured yet.

    Returns:
        By variant: seeds; exact match with its interval (`data.results.claims.end`); −log p of the answer
        (nats) with its t-interval over seeds; val/loss (nats a token), mean and range over seeds.

    Example:
        >>> large = measured.metrics().query("preset == '50m' and lr == 1e-3")
        >>> final_table(large, needles="corpus256", names=["transformer", "jamba"])["seeds"].tolist()
        ['5', 'not measured yet']
    """
    ended = dict(list(measured.final(metrics).groupby("architecture")))
    rows = []
    for name in names:
        if name in ended:
            rows.append(_ended(metrics, ended[name], name, needles))
        else:
            rows.append({"seeds": NOT_YET})
    return pd.DataFrame(rows, index=pd.Index(names, name="variant")).fillna("")


def _ended(metrics: pd.DataFrame, runs: pd.DataFrame, name: str, needles: str) -> dict[str, str]:
    """Return the row of one variant; `runs` has one run a row, at its last step."""
    found = end(metrics, variant=name, needles=needles)
    nll = f"{needles}/{SURPRISAL}"
    surprisal = mean_interval(runs[nll].to_numpy(float) if nll in runs else [])
    loss = runs["val/loss"]
    return {
        "seeds": str(found.n),
        "exact match": f"{found.value:.1%}",
        "95 % interval": f"{found.low:.1%} to {found.high:.1%}" if found.has_interval else "",
        "−log p, nats": "" if np.isnan(surprisal.value) else f"{surprisal.value:.2f}",
        "its 95 % interval": f"{surprisal.low:.2f} to {surprisal.high:.2f}" if surprisal.has_interval else "",
        "val/loss": f"{loss.mean():.3f}",
        "range over seeds": f"{loss.min():.3f} to {loss.max():.3f}" if found.n > 1 else "",
    }


def _step_in_words(step: float, last: int) -> str:
    if np.isnan(step):
        return ""
    return f"{step:,.0f}" if np.isfinite(step) else f"> {last:,}"
