"""What the study's runs say of λ and half-life by layer, and the sentences that the atlas ends with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pandas as pd

from data.results.estimate import FEWEST_SEEDS, Estimate
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
    medians = medians.map(np.log) if log else medians
    words: dict[str, dict[str, object]] = {}
    for key, values in medians.groupby(["variant", "layer"]):
        variant, layer = cast("tuple[str, int]", key)  # pandas types a key of several columns as one
        words.setdefault(variant, {"runs": len(values)})[f"layer {layer}"] = _written(
            values.to_numpy(float), log=log
        )
    table = pd.DataFrame.from_dict(words, orient="index").rename_axis("variant")
    return table.loc[in_order(table.index)]


def _written(values: np.ndarray, *, log: bool) -> str:
    found = mean_interval(values)
    form = "{:.1f}" if log else "{:.3f}"
    ends = np.array([found.value, found.low, found.high])
    mean, low, high = map(form.format, np.exp(ends) if log else ends)
    return f"{mean} ({low} to {high})" if found.has_interval else mean


def depth_trends(heads: pd.DataFrame) -> pd.DataFrame:
    """Return whether λ and half-life rise or fall with depth, one variant and measure a row.

    In each run, the rank correlation over its heads of the number with the layer; its mean over runs has a
    t-interval from three runs on. Heads of one run were trained together, so that one run has no interval.

    Args:
        heads: rows as `last_step` takes them.

    Returns:
        variant, measure ("lam", "half_life"), correlation, low, high, runs, verdict: "rises with depth",
        "falls with depth", or "undecided" where the interval holds 0 or there is none.

    Example:
        >>> row = {"variant": "SISA d_state=16", "step": 50, "half_life": 8.0}
        >>> at = [(run, n // 4, n % 4, 0.3 - n / 100) for run in "abc" for n in range(24)]
        >>> heads = pd.DataFrame(at, columns=["run", "layer", "head", "lam"]).assign(**row)
        >>> depth_trends(heads)[["measure", "verdict"]].values.tolist()
        [['lam', 'falls with depth'], ['half_life', 'undecided']]
    """
    rows = last_step(heads)
    found = []
    for variant in in_order(rows["variant"].unique()):
        runs = [run for _, run in rows.loc[rows["variant"] == variant].groupby("run")]
        for measure in MEASURES:
            each = [rank_correlation(run["layer"].to_numpy(), run[measure].to_numpy()) for run in runs]
            mean = mean_interval([estimate.value for estimate in each])
            verdict = verdict_on(mean, border=0, side="above", words=(RISES, FALLS))
            low, high = np.clip([mean.low, mean.high], -1, 1)
            found.append((variant, measure, mean.value, low, high, len(runs), verdict))
    return pd.DataFrame(found, columns=pd.Index(TREND_COLUMNS))


def first_layer_lead(heads: pd.DataFrame, variant: str) -> Estimate:
    """Return by how much the median λ of layer 0 exceeds that of all other layers, mean over runs.

    A rank correlation with depth does not tell a slope from a first layer that stands apart; this does.

    Args:
        heads: rows as `last_step` takes them.
        variant: whose runs are taken.

    Example:
        >>> row = {"variant": "a", "step": 50, "head": 0, "half_life": 8.0}
        >>> at = [(run, layer, 0.31 - 0.01 * (layer > 0)) for run in "abc" for layer in range(3)]
        >>> heads = pd.DataFrame(at, columns=["run", "layer", "lam"]).assign(**row)
        >>> round(first_layer_lead(heads, "a").value, 4)
        0.01
    """
    rows = last_step(heads)
    rows = rows.loc[rows["variant"] == variant]
    medians = rows.assign(first=rows["layer"] == 0).groupby(["run", "first"])["lam"].median().unstack()
    return mean_interval((medians[True] - medians[False]).to_numpy(float))


def ranked_by(atlas: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return how well the other numbers of an atlas rank its heads by one of them.

    Args:
        atlas: of `model.analysis.atlas.head_atlas`.
        column: the one that is compared with, such as "importance_share".

    Returns:
        By predictor: correlation (Spearman's), low, high; the strongest first.

    Example:
        >>> numbers = dict.fromkeys(PREDICTORS, range(12))
        >>> ranked_by(pd.DataFrame(numbers), "importance_share").loc["lam"].round(2).tolist()
        [1.0, 0.97, 1.0]
    """
    found = {
        name: rank_correlation(atlas[name].to_numpy(), atlas[column].to_numpy())
        for name in PREDICTORS
        if name != column
    }
    rows = {name: (one.value, one.low, one.high) for name, one in found.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=pd.Index(["correlation", "low", "high"]))
    return table.rename_axis("predictor").sort_values("correlation", key=lambda x: -x.abs())


def atlas_conclusion(
    atlas: pd.DataFrame,
    trends: pd.DataFrame,
    *,
    shown: str,
    lead: Estimate,
    correlations: pd.DataFrame | None = None,
) -> list[str]:
    """Return what an atlas, the study's trends and perhaps knock-outs say, in sentences made of the numbers.

    Every sentence on the study carries its interval and says no more than that allows.

    Args:
        atlas: of `model.analysis.atlas.head_atlas`.
        trends: of `depth_trends`.
        shown: variant whose λ by layer has sentences of its own.
        lead: of `first_layer_lead`, of that variant.
        correlations: of `data.results.ranks.atlas_correlations`; None where no knock-outs were measured.

    Example:
        >>> row = {"layer": 0, "lam": 0.3133, "half_life": 8.0, "importance_share": 0.25}
        >>> atlas = pd.DataFrame([row | {"head": head} for head in (0, 1)])
        >>> trend = ("a", "lam", -0.5, -0.6, -0.4, 12, "falls with depth")
        >>> trends = pd.DataFrame([trend], columns=TREND_COLUMNS)
        >>> lead = Estimate(value=0.008, low=0.007, high=0.009, n=12)
        >>> atlas_conclusion(atlas, trends, shown="a", lead=lead)[3]
        'In a, λ falls with depth: rank correlation −0.50 (95 % interval −0.60 to −0.40, 12 runs).'
    """
    own = trends.loc[trends["variant"] == shown].set_index("measure")
    sentences = [_of_weight(atlas), _of_reach(atlas), _of_variants(trends)]
    for measure in [name for name in MEASURES if name in own.index]:
        sentences.append(_of_depth(own.loc[measure].to_dict(), f"In {shown}, {MEASURES[measure]}"))
    sentences.append(_of_lead(lead, shown))
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
    reach = atlas["half_life"]
    return (
        f"Yet importance moves between {share.min():.0f} and {share.max():.0f} % of a head's attention, most "
        f"in layer {layers.idxmax()} (median head {100 * layers.max():.0f} %), least in layer "
        f"{layers.idxmin()} ({100 * layers.min():.0f} %); half-lives lie between {reach.min():.1f} and "
        f"{reach.max():.1f} tokens."
    )


def _of_variants(trends: pd.DataFrame) -> str:
    verdicts = trends.loc[(trends["measure"] == "lam") & (trends["runs"] >= FEWEST_SEEDS), "verdict"]
    count = {what: int((verdicts == what).sum()) for what in (FALLS, RISES, UNDECIDED)}
    return (
        f"Of {len(verdicts)} variants of the study with {FEWEST_SEEDS} runs or more, λ {FALLS} in "
        f"{count[FALLS]}, {RISES} in {count[RISES]} and is {UNDECIDED} in {count[UNDECIDED]}."
    )


def _of_lead(lead: Estimate, shown: str) -> str:
    start = f"The median λ of layer 0 of {shown} against that of the other layers:"
    if not lead.has_interval:
        return f"{start} {lead.value:+.4f}, of {lead.n} runs too few for an interval.".replace("-", "−")
    what = verdict_on(lead, border=0, side="above", words=("higher", "lower"))
    numbers = f"{lead.value:+.4f} (95 % interval {lead.low:+.4f} to {lead.high:+.4f}, {lead.n} runs)"
    return f"{start} {what}, {numbers}.".replace("-", "−")


def _of_depth(trend: Mapping[Any, Any], start: str) -> str:
    what = trend["verdict"] if trend["verdict"] != UNDECIDED else f"is {UNDECIDED} by depth"
    return f"{start} {what}: rank correlation {_interval(trend)}, {trend['runs']} runs)."


def _of_costs(correlations: pd.DataFrame, term: str) -> str:
    rows = correlations.loc[(correlations["term"] == term) & (correlations["how"] == "zero")]
    clear = [row for row in rows.to_dict("records") if _side(row) != UNDECIDED]
    if not clear:
        return f"No number of the atlas tells what a head without {term} costs: every interval holds 0."
    named = [f"{row['predictor']} {_interval(row)})" for row in sorted(clear, key=_strength)]
    return f"What a head without {term} costs goes with {', '.join(named)}; {len(rows) - len(clear)} of " + (
        f"{len(rows)} numbers are {UNDECIDED}."
    )


def _side(row: Mapping[Any, Any]) -> str:
    estimate = Estimate(value=row["correlation"], low=row["low"], high=row["high"])
    return verdict_on(estimate, border=0, side="above", words=("above", "below"))


def _strength(row: Mapping[Any, Any]) -> float:
    return -abs(float(row["correlation"]))


def _interval(row: Mapping[Any, Any]) -> str:
    numbers = [f"{row[name]:.2f}".replace("-", "−") for name in ("correlation", "low", "high")]
    if np.isnan(row["low"]):
        return f"{numbers[0]} (no interval"
    return f"{numbers[0]} (95 % interval {numbers[1]} to {numbers[2]}"
