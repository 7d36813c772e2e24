"""What the study's runs say of λ and half-life by layer, and the sentences that the atlas ends with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from data.results.estimate import Estimate
from data.results.head_table import INITIAL_LAM
from data.results.intervals import mean_interval
from data.results.ranks import PREDICTORS, rank_correlation
from data.results.tables import check_table, in_order
from data.results.verdicts import UNDECIDED, verdict_on

HEADS = ("variant", "run", "step", "layer", "head", "lam", "half_life")
RISES, FALLS = "rises with depth", "falls with depth"
MEASURES = {"lam": "λ", "half_life": "half-life"}
TREND_COLUMNS = ["variant", "measure", "correlation", "low", "high", "runs", "verdict"]


def last_step(heads: pd.DataFrame) -> pd.DataFrame:
    """Return the heads that have λ at the last step of their run.

    Args:
        heads: of `data.measured.heads`, or of single run folders with a column variant.

    Raises:
        ValueError: a column is missing, or no head has λ.

    Example:
        >>> row = {"variant": "SISA d_state=16", "run": "a", "layer": 0, "head": 0, "half_life": 9.0}
        >>> last_step(pd.DataFrame([row | {"step": n, "lam": 0.3} for n in (0, 50)]))["step"].tolist()
        [50]
    """
    rows = check_table(heads, HEADS, what="the table of heads").dropna(subset=["lam"])
    rows = rows.loc[rows["step"] == rows.groupby("run")["step"].transform("max")]
    return check_table(rows, HEADS, what="the table of heads with λ")


def by_layer(heads: pd.DataFrame, *, measure: str) -> pd.DataFrame:
    """Return the median head of each layer at the last step: mean over runs, ± what its interval reaches.

    Half-lives are averaged as logarithms, so that one head of 170,000 tokens does not count for all; their
    interval is then written from end to end.

    Args:
        heads: rows as `last_step` takes them.
        measure: "lam" or "half_life".

    Returns:
        By variant: runs, and a column a layer: text, the mean and its 95 % t-interval from three runs on.

    Example:
        >>> row = {"variant": "SISA d_state=16", "step": 50, "layer": 0, "head": 0, "half_life": 8.0}
        >>> runs = [row | {"run": run, "lam": lam} for run, lam in (("a", 0.3), ("b", 0.31), ("c", 0.32))]
        >>> by_layer(pd.DataFrame(runs), measure="lam").loc["SISA d_state=16", "layer 0"]
        '0.310 (0.285 to 0.335)'
    """
    rows, log = last_step(heads), measure == "half_life"
    medians = rows.groupby(["variant", "run", "layer"])[measure].median()
    medians = np.log(medians) if log else medians
    words: dict[str, dict[str, object]] = {}
    for key, values in medians.groupby(["variant", "layer"]):
        variant, layer = cast("tuple[str, int]", key)  # pandas types a key of several columns as one
        words.setdefault(variant, {"runs": len(values)})[f"layer {layer}"] = _written(values, log=log)
    table = pd.DataFrame.from_dict(words, orient="index").rename_axis("variant")
    return table.loc[in_order(table.index)]


def _written(values: pd.Series, *, log: bool) -> str:
    found = mean_interval(values.to_numpy(float))
    form = "{:.1f}" if log else "{:.3f}"
    mean, low, high = (form.format(np.exp(end) if log else end) for end in (found.value, found.low, found.high))
    return f"{mean} ({low} to {high})" if found.has_interval else mean


def depth_trends(heads: pd.DataFrame) -> pd.DataFrame:
    """Return whether λ and half-life rise or fall with depth, one variant and measure a row.

    In each run, the rank correlation over its heads of the number with the layer; its mean over runs has a
    t-interval from three runs on. A variant of one run has the interval over heads (Fisher's z), of two runs
    none.

    Args:
        heads: rows as `last_step` takes them.

    Returns:
        variant, measure ("lam", "half_life"), correlation, low, high, runs, verdict: "rises with depth",
        "falls with depth", or "undecided" where the interval holds 0 or there is none.

    Example:
        >>> row = {"variant": "SISA d_state=16", "run": "a", "step": 50, "half_life": 8.0}
        >>> heads = [row | {"layer": n // 4, "head": n % 4, "lam": 0.3 - n / 100} for n in range(24)]
        >>> depth_trends(pd.DataFrame(heads))[["measure", "verdict"]].values.tolist()
        [['lam', 'falls with depth'], ['half_life', 'undecided']]
    """
    rows = last_step(heads)
    found = []
    for variant in in_order(rows["variant"].unique()):
        runs = [run for _, run in rows.loc[rows["variant"] == variant].groupby("run")]
        for measure in MEASURES:
            each = [rank_correlation(run["layer"].to_numpy(), run[measure].to_numpy()) for run in runs]
            one = each[0] if len(each) == 1 else mean_interval([estimate.value for estimate in each])
            verdict = verdict_on(one, border=0, side="above", words=(RISES, FALLS))
            low, high = np.clip([one.low, one.high], -1, 1)
            found.append((variant, measure, one.value, low, high, len(runs), verdict))
    return pd.DataFrame(found, columns=pd.Index(TREND_COLUMNS))


def atlas_conclusion(
    atlas: pd.DataFrame,
    trends: pd.DataFrame,
    *,
    shown: str,
    correlations: pd.DataFrame | None = None,
) -> list[str]:
    """Return what an atlas, the study's trends and perhaps knock-outs say, in sentences made of the numbers.

    Every sentence on the study carries its interval and says no more than that allows.

    Args:
        atlas: of `model.analysis.atlas.head_atlas`.
        trends: of `depth_trends`.
        shown: variant whose λ by layer has a sentence of its own.
        correlations: of `data.results.ranks.atlas_correlations`; None where no knock-outs were measured.

    Example:
        >>> row = {"layer": 0, "lam": 0.3133, "half_life": 8.0, "importance_share": 0.25}
        >>> atlas = pd.DataFrame([row | {"head": head} for head in (0, 1)])
        >>> trend = ("a", "lam", -0.5, -0.6, -0.4, 12, "falls with depth")
        >>> atlas_conclusion(atlas, pd.DataFrame([trend], columns=TREND_COLUMNS), shown="a")[-1]
        'In a, λ falls with depth: rank correlation −0.50 (95 % interval −0.60 to −0.40, 12 runs).'
    """
    own = trends.loc[trends["variant"] == shown].set_index("measure")
    sentences = [_of_weight(atlas), _of_reach(atlas), _of_others(trends)] if len(trends) > 1 else []
    sentences = sentences or [_of_weight(atlas), _of_reach(atlas)]
    for measure in [name for name in MEASURES if name in own.index]:
        sentences.append(_of_depth(own.loc[measure], f"In {shown}, {MEASURES[measure]}"))
    if correlations is not None:
        sentences += [_of_costs(correlations, term) for term in dict.fromkeys(correlations["term"])]
    return sentences


def _of_weight(atlas: pd.DataFrame) -> str:
    moved = (atlas["lam"] - INITIAL_LAM).abs().max()
    return (
        f"The checkpoint's λ lie between {atlas['lam'].min():.4f} and {atlas['lam'].max():.4f}: none of "
        f"{len(atlas)} heads moved further than {moved:.4f} from {INITIAL_LAM:.4f}."
    )


def _of_reach(atlas: pd.DataFrame) -> str:
    share, layers = 100 * atlas["importance_share"], atlas.groupby("layer")["importance_share"].median()
    return (
        f"Yet importance moves between {share.min():.0f} and {share.max():.0f} % of a head's attention, most in "
        f"layer {layers.idxmax()} (median head {100 * layers.max():.0f} %), least in layer {layers.idxmin()} "
        f"({100 * layers.min():.0f} %); half-lives lie between {atlas['half_life'].min():.1f} and "
        f"{atlas['half_life'].max():.1f} tokens."
    )


def _of_others(trends: pd.DataFrame) -> str:
    lam = trends.loc[trends["measure"] == "lam", "verdict"]
    counts = [f"{what} in {int((lam == what).sum())}" for what in (FALLS, RISES)]
    return (
        f"Of {len(lam)} variants of the study, λ {' and '.join(counts)}; it is {UNDECIDED} in "
        f"{int((lam == UNDECIDED).sum())}."
    )


def _of_depth(trend: pd.Series, start: str) -> str:
    what = trend["verdict"] if trend["verdict"] != UNDECIDED else f"is {UNDECIDED} by depth"
    return f"{start} {what}: rank correlation {_interval(trend)}, {trend['runs']} runs)."


def _of_costs(correlations: pd.DataFrame, term: str) -> str:
    rows = correlations.loc[(correlations["term"] == term) & (correlations["how"] == "zero")]
    clear = [row for _, row in rows.iterrows() if _side(row) != UNDECIDED]
    if not clear:
        return f"No number of the atlas tells what a head without {term} costs: every interval holds 0."
    named = [f"{row['predictor']} {_interval(row)})" for row in sorted(clear, key=_strength)]
    return f"What a head without {term} costs goes with {', '.join(named)}; {len(rows) - len(clear)} of " + (
        f"{len(rows)} numbers are {UNDECIDED}."
    )


def _side(row: pd.Series) -> str:
    estimate = Estimate(value=row["correlation"], low=row["low"], high=row["high"])
    return verdict_on(estimate, border=0, side="above", words=("above", "below"))


def _strength(row: pd.Series) -> float:
    return -abs(float(row["correlation"]))


def _interval(row: pd.Series) -> str:
    numbers = [f"{row[name]:.2f}".replace("-", "−") for name in ("correlation", "low", "high")]
    if np.isnan(row["low"]):
        return f"{numbers[0]} (no interval"
    return f"{numbers[0]} (95 % interval {numbers[1]} to {numbers[2]}"
