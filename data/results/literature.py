"""What the paper's tables say about a claim, in a few words: one seed each, few checkpoints."""

from __future__ import annotations

import re

import pandas as pd

from data.results.tables import architecture_names, in_order


def published_speed(
    curves: pd.DataFrame, *, variant: str, level: float, baseline: str = "transformer"
) -> str:
    """Ratio of the steps to level, variant over baseline, by scale: "50M: ≥2; 152M: ≤0.33"; "" without.

    ≤ and ≥ stand where one of the two was there at its first checkpoint, may have been there at one that only
    the other has, or was not yet there at its last.

    Args:
        curves: of `data.published`.
        variant: as plots spell it; a remark on λ's learning rate is ours and does not count.
        level: share of episodes.
    """
    curves = curves.assign(name=architecture_names(curves)).dropna(subset=["niah_pct"]).sort_values("step")
    own, other = (curves.loc[curves["name"] == _theirs(name)] for name in (variant, baseline))
    found = []
    for scale in in_order(set(other["scale"])):
        of_scale = other.loc[other["scale"] == scale]
        runs = own.loc[own["scale"] == scale].groupby("setup")
        said = [_compared(run, of_scale, 100 * level) for _, run in runs]
        found += [f"{scale}: {' or '.join(dict.fromkeys(said))}"] * bool(said)
    return "; ".join(found)


def published_end(final: pd.DataFrame, *, variant: str) -> dict[str, float]:
    """Share of episodes at the end of training, by scale; empty without figures."""
    own = final.assign(name=architecture_names(final))
    own = own.loc[own["name"] == _theirs(variant)]
    return dict(zip(own["scale"], own["niah_pct"] / 100, strict=True))


def published_length(length: pd.DataFrame, *, variant: str, longest: int = 3072) -> str:
    """Shares at the longest context that the paper tries, 1.5 times that of training, by scale; "" without.

    Args:
        length: of `data.published`, which names no d_state.
        variant: as plots spell it.
        longest: tokens.
    """
    model = re.sub(r"^SISA d_state=\d+$", "sisa", _theirs(variant))
    own = length.loc[(length["model"] == model) & (length["context_length"] == longest)]
    rates = [f"{scale} {rate:g} %" for scale, rate in zip(own["scale"], own["niah_pct"], strict=True)]
    return f"at 1.5 ×: {', '.join(rates)}" if rates else ""


def _theirs(variant: str) -> str:
    """The name without a remark on λ's learning rate; other remarks make another model."""
    return re.sub(", λ[^,]*", "", variant)


def _compared(run: pd.DataFrame, other: pd.DataFrame, level: float) -> str:
    (step, early, never), (base, base_early, base_never) = (
        _reached(run, level, beside=other),
        _reached(other, level, beside=run),
    )
    if early and base_early:
        return f"both by step {max(step, base):,}"
    if never and base_never:
        return f"none by step {base:,}"
    bound = "≤" if early or base_never else "≥" if never or base_early else ""
    return f"{bound}{step / base:.2g}"


def _reached(run: pd.DataFrame, level: float, *, beside: pd.DataFrame) -> tuple[int, bool, bool]:
    """Step; whether it may have been there before, as far as checkpoints tell; whether it never was."""
    there = run.loc[run["niah_pct"] >= level, "step"]
    if not len(there):
        return int(run["step"].iloc[-1]), False, True
    step, before = int(there.iloc[0]), run.loc[run["step"] < there.iloc[0], "step"]
    unseen = beside["step"].between(before.max(), step, inclusive="neither").any()
    return step, not len(before) or bool(unseen), False
