"""Whether models lose their needles beyond the training context: claims with their intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from data import published
from data.results.estimate import Estimate
from data.results.intervals import share_interval
from data.results.literature import published_length
from data.results.verdicts import NOT_MEASURED, UNDECIDED, Claim, claims_table, judge
from model.config.architectures import architectures
from model.study.findings.context_lengths import anchor_shown, measured_lengths, under_anchor
from model.study.findings.fusion_levels import TRANSFORMER_WITHOUT_ROPE
from model.study.lengths import STRETCH

HALF_IS_KEPT = 0.5  # share of the needles found at the training context
TIMES_CONTEXT = (2, 4)  # lengths that are claimed of, in training contexts


def length_claims(variant: str, *, anchor: str | None = None, trained_on: int = 512) -> pd.DataFrame:
    """Return whether models keep less than half of their needles beyond the training context.

    Kept is exact match at twice or four times that context over exact match at it, all depths together, at
    most 1: the mean over seeds as a share of the needles found at 1 ×. The rows are of the transformer with
    and without RoPE, and of the variant as it was trained and under each way to stretch RoPE.

    Args:
        variant: label of the variant.
        anchor: of its decay during the measurement; by default `context_lengths.anchor_shown`.
        trained_on: the training context, tokens.

    Returns:
        The columns of `data.results.verdicts.claims_table`, then at 1 ×, the share found at the training
        context.

    Example:
        >>> table = length_claims("SISA d_state=16", anchor="causal").set_index("claim")
        >>> table.loc["SISA d_state=16: keeps less than half at 4 ×", ["measured", "verdict"]].tolist()
        ['0 %', 'reproduced']
    """
    anchor = anchor_shown(variant) if anchor is None else anchor
    table, claims, at_once = under_anchor(measured_lengths(), anchor), [], []
    as_trained = table.loc[~table["rope"].isin(list(STRETCH))]
    shown = ("transformer", variant, TRANSFORMER_WITHOUT_ROPE)
    asked = {name: as_trained.loc[as_trained["variant"] == name] for name in shown}
    without_rope = [record.name for record in architectures() if record.rope == "none"]
    if variant not in (TRANSFORMER_WITHOUT_ROPE, *without_rope):
        cells = table.loc[table["variant"] == variant]
        asked |= {f"{variant}, {rope}": cells.loc[cells["rope"] == rope] for rope in STRETCH}
    for name, cells in asked.items():
        counts = cells.pivot_table(
            index="run", columns="context_length", values=["successes", "n"], aggfunc="sum"
        )
        for times in TIMES_CONTEXT:
            claims.append(_claim(counts, name, times, trained_on))
            at_once.append(_at_once(counts, trained_on))
    return claims_table(claims).assign(**{"at 1 ×": at_once})


def _claim(counts: pd.DataFrame, name: str, times: int, trained_on: int) -> Claim:
    """Judge one length; the paper's own test ends at 1.5 times the training context, where all but fail."""
    said, length = published_length(published.length(), variant=name), times * trained_on
    claim = f"{name}: keeps less than half at {times} ×"
    nothing = Claim(
        claim=claim,
        published=said,
        estimate=Estimate(value=np.nan, n=len(counts)),
        verdict=NOT_MEASURED,
        what_would_decide_it="python -m model.study lengths --corpus FILE, on runs of it",
    )
    if not {("n", trained_on), ("n", length)} <= set(counts.columns):
        return nothing
    near = counts["successes", trained_on].to_numpy(float) / counts["n", trained_on].to_numpy(float)
    far = counts["successes", length].to_numpy(float) / counts["n", length].to_numpy(float)
    if not near.all():
        needed = "runs that find needles at 1 ×"
        return replace(nothing, verdict=UNDECIDED, what_would_decide_it=needed)
    # Of the needles found at 1 ×, at most all are kept; their number is what the episodes leave uncertain.
    kept = np.minimum(far / near, 1)
    found = max(1, round(float(counts["n", length].min() * near.mean())))
    return judge(
        claim,
        said,
        share_interval(kept, episodes=found),
        border=HALF_IS_KEPT,
        side="below",
        claimed=bool(said),
        form="{:.0%}",
    )


def _at_once(counts: pd.DataFrame, trained_on: int) -> str:
    """Share found at the training context; "" where that was not measured."""
    if ("n", trained_on) not in counts:
        return ""
    return f"{(counts['successes'] / counts['n'])[trained_on].mean():.1%}"
