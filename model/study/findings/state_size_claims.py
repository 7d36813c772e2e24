"""Whether d_state changes needles, loss or speed: claims with their intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from data import published
from data.results.estimate import FEWEST_SEEDS, Estimate
from data.results.intervals import paired_difference, slope_interval
from data.results.variants import Variant
from data.results.verdicts import FALLS_HERE, GROWS_HERE, UNDECIDED, Claim, claims_table, judge
from model.study.findings.selection import NOT_YET
from model.study.findings.state_size import ADAPTIVE
from model.study.findings.training_speed import SPEED_FILE

LARGEST_STEADY_SIZE = 64  # larger ones come close to diverging at the rates that suit small ones


def state_claims(runs: pd.DataFrame, speed: pd.DataFrame, *, needles: str) -> pd.DataFrame:
    """Return what d_state changes in needles, loss and speed, one row a claim.

    First the slopes of `size_claims`, then the difference that learned gates make, then the training speed
    at d_state 32, the one that the paper reports.

    Args:
        runs: of `model.study.findings.state_size.ended`.
        speed: of `model.study.findings.training_speed.throughput`.
        needles: name of the held-out set.

    Returns:
        The columns of `data.results.verdicts.claims_table`.

    Example:
        >>> from model.study.findings.state_size import ended
        >>> from model.study.findings.training_speed import throughput
        >>> table = state_claims(ended(lr=1e-3), throughput("not there"), needles="corpus256")
        >>> table["what would decide it"].iloc[-1]
        'a GPU: state_size.json is not measured yet'
    """
    gains = [_difference(runs, metric) for metric in (f"{needles}/exact_match", "val/loss")]
    others = claims_table([*gains, _speed(speed)])
    return pd.concat([size_claims(runs, needles=needles), others], ignore_index=True)


def size_claims(runs: pd.DataFrame, *, needles: str) -> pd.DataFrame:
    """Return the slopes of exact match and loss over d_state, of all sizes and of those up to 64.

    Each is the change a doubling of d_state by least squares over runs, seeds apart, with its t-interval.

    Args:
        runs: of `model.study.findings.state_size.ended`.
        needles: name of the held-out set.

    Returns:
        The columns of `data.results.verdicts.claims_table`, one row a claim.

    Example:
        >>> size = [4, 8, 16, 32]
        >>> runs = pd.DataFrame({"d_state": size, "seed": 0, "val/loss": [2.0, 2.1, 2.2, 2.4]})
        >>> runs["architecture"] = [f"SISA d_state={d_state}" for d_state in size]
        >>> runs["corpus256/exact_match"] = 0.5
        >>> size_claims(runs, needles="corpus256")[["claim", "measured"]].iloc[2].tolist()
        ['val/loss falls with d_state, up to 32', '+0.130 a doubling']
    """
    sisa = runs.loc[[Variant.from_label(name).is_sisa for name in runs["architecture"]]]
    slopes = (
        (f"{needles}/exact_match", "exact match grows with d_state", _published_match()),
        ("val/loss", "val/loss falls with d_state", "not reported"),
    )
    limits = dict.fromkeys((sisa["d_state"].max(), LARGEST_STEADY_SIZE))  # one where nothing larger is there
    claims = [
        _slope(sisa.loc[sisa["d_state"] <= most], metric, f"{claim}, up to {most:g}", said)
        for metric, claim, said in slopes
        for most in limits
    ]
    return claims_table(claims)


def _published_match() -> str:
    """Needle accuracy of all published state sizes, by scale."""
    table = published.final()
    rates = table.loc[table["model"] == "sisa"].groupby("scale", sort=False)["niah_pct"].agg(["min", "max"])
    words = [
        f"{scale} {high:g} %" if low == high else f"{scale} {low:g} to {high:g} %"
        for scale, low, high in rates.itertuples()
    ]
    return f"at every d_state: {', '.join(words)}"


def _slope(runs: pd.DataFrame, metric: str, claim: str, said: str) -> Claim:
    """Change a doubling of d_state, least squares over runs, seeds apart, with its t-interval."""
    known = runs.dropna(subset=[metric])
    doublings = np.log2(known["d_state"].to_numpy(float))
    found = slope_interval(doublings, known[metric].to_numpy(float), groups=known["seed"].tolist())
    judged = _change(claim, said, found, unit=" a doubling")
    if found.has_interval:
        return judged
    spread = len(set(doublings))
    need = f"at least {FEWEST_SEEDS} sizes and {FEWEST_SEEDS + 1} runs; there are {spread} and {len(known)}"
    return replace(judged, what_would_decide_it=need)


def _difference(runs: pd.DataFrame, metric: str) -> Claim:
    """Adaptive minus fixed at the same d_state, of runs that share a seed, with its t-interval."""
    d_state = runs.loc[runs["architecture"] == ADAPTIVE, "d_state"]
    fixed = Variant("sisa", d_state=int(d_state.iloc[0]) if len(d_state) else 16).label
    both = runs.loc[runs["architecture"].isin([ADAPTIVE, fixed])]
    pairs = both.pivot(index="seed", columns="architecture", values=metric)
    pairs = pairs.reindex(columns=[ADAPTIVE, fixed]).dropna()
    gain = paired_difference(pairs[ADAPTIVE].to_numpy(float), pairs[fixed].to_numpy(float))
    return _change(f"adaptive gates change {metric} against {fixed}", "future work there", gain)


def _change(claim: str, said: str, found: Estimate, *, unit: str = "") -> Claim:
    """Whether a number grows or falls."""
    words = (GROWS_HERE, FALLS_HERE)
    return judge(claim, said, found, border=0, side="above", words=words, form="{:+.3f}", unit=unit)


def _speed(speed: pd.DataFrame) -> Claim:
    """Judge the speed, which is published for d_state 32 alone."""
    table = published.throughput()
    paper = float(table.loc[table["model"] == "sisa", "relative"].iloc[0])
    measured_here = speed.loc[speed["d_state"] == 32]
    nothing = Claim(
        claim="training speed at d_state=32, relative to the transformer",
        published=f"{paper:.2f} (152M, one run)",
        estimate=Estimate(value=np.nan),
        verdict=UNDECIDED,
        what_would_decide_it=f"a GPU: {SPEED_FILE} is {NOT_YET}",
    )
    if measured_here.empty:
        return nothing
    return replace(
        nothing,
        estimate=Estimate(value=float(measured_here["relative"].iloc[0]), n=1),
        unit=f" ({measured_here['machine'].iloc[0]})",
        what_would_decide_it="repeated timings on a GPU: one has no interval",
    )
