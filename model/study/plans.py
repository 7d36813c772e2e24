"""What the convergence study runs, by name of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Unpack

from data.refusal import one_of
from model.config import Anchor
from model.study.runs import StudyRun, VariantFields, expand

RATES_TRIED = (5e-4, 1e-3, 2e-3, 4e-3)
# The peak learning rate of least val/loss in the plans that search for it, those ending in lr. A variant that
# is best at another rate names it; needles had no say.
USUAL_RATE = 2e-3


class Plan(NamedTuple):
    """Name the variants that are compared and the seeds that each of them is trained with."""

    variants: list[VariantFields]
    seeds: range


def variant(name: str, /, **differing: Unpack[VariantFields]) -> VariantFields:
    """Return the fields of one variant: an architecture at the usual rate, or as told.

    Args:
        name: of the architecture, see `model.config.architectures`.
        differing: fields of `StudyRun` other than its defaults, such as d_state or another lr.

    Example:
        >>> variant("sisa", d_state=16)
        {'architecture': 'sisa', 'lr': 0.002, 'd_state': 16}
        >>> variant("jamba", lr=4e-3)
        {'architecture': 'jamba', 'lr': 0.004}
    """
    fields: VariantFields = {"architecture": name, "lr": USUAL_RATE}
    return {**fields, **differing}


def at_rates(variants: Sequence[VariantFields], rates: Sequence[float]) -> list[VariantFields]:
    """Return every variant at every learning rate, rates outermost.

    Plans that search for a rate are made of it; whatever rate a variant has of its own is replaced.

    Args:
        variants: of `variant`.
        rates: peak learning rates.

    Example:
        >>> [fields["lr"] for fields in at_rates([variant("fox"), variant("alibi")], (1e-3, 2e-3))]
        [0.001, 0.001, 0.002, 0.002]
    """
    return [{**fields, "lr": rate} for rate in rates for fields in variants]


STATE_SIZES = (4, 8, 16, 32, 48, 64, 96, 128)
TRANSFORMER, SISA = variant("transformer"), variant("sisa")
SISA_AT_BOTH_LAM_RATES = [
    variant("sisa", d_state=d_state, lr_lam=lr_lam) for lr_lam in (0.1, 1.0) for d_state in (16, 32, 64)
]
SISA_OF_ALL_SIZES = [variant("sisa", d_state=d_state) for d_state in STATE_SIZES]
WITH_STATE_SPACES = [variant(name, lr=4e-3) for name in ("jamba", "hymba", "mamba2", "mamba3")]
OTHER_ARCHITECTURES = [
    *WITH_STATE_SPACES,
    *[variant(name) for name in ("fox", "alibi", "sigmoid_sisa", "adaptive_sisa")],
    variant("transformer", rope="none", lr=1e-3),
]
AT_50M: list[VariantFields] = [
    {**fields, "preset": "50m", "lr": 1e-3} for fields in (TRANSFORMER, *SISA_AT_BOTH_LAM_RATES[:2])
]
WITH_EPISODES: list[VariantFields] = [{**fields, "episode_fraction": 0.25} for fields in (TRANSFORMER, SISA)]
ANCHORS: tuple[Anchor, ...] = ("minimax", "causal", "exact")
AT_12M: list[VariantFields] = [
    {**fields, "preset": "12m", "n_ctx": 2048, "batch_size": 16}
    for fields in (
        TRANSFORMER,
        variant("widened"),
        *[variant("sisa", d_state=d_state, anchor=anchor) for d_state in (16, 32) for anchor in ANCHORS],
    )
]

PLANS = {
    "lr": Plan(at_rates([TRANSFORMER, SISA], RATES_TRIED), range(1)),
    "main": Plan([TRANSFORMER, *SISA_AT_BOTH_LAM_RATES], range(5)),
    "fusion_lr": Plan(
        [*at_rates(OTHER_ARCHITECTURES, RATES_TRIED[1:]), *at_rates(WITH_STATE_SPACES, (8e-3,))], range(1)
    ),
    "fusion": Plan(OTHER_ARCHITECTURES, range(3)),
    "state_lr": Plan(
        at_rates([*SISA_OF_ALL_SIZES, *SISA_AT_BOTH_LAM_RATES[3:]], (1e-3, USUAL_RATE)), range(1)
    ),
    "state": Plan(SISA_OF_ALL_SIZES, range(1)),
    "episodes": Plan(WITH_EPISODES, range(3)),
    "50m_lr": Plan(at_rates(AT_50M[:2], (1e-3, USUAL_RATE)), range(1)),
    "50m": Plan(AT_50M, range(5)),
    "anchors_lr": Plan(at_rates(AT_12M, (1e-3, USUAL_RATE)), range(1)),
    "anchors": Plan(AT_12M, range(6)),
}


def planned(plan: str, base: StudyRun, *, seeds: Sequence[int] = ()) -> list[StudyRun]:
    """Return the runs of a plan, seeds outermost, so that an early end leaves whole rounds.

    Args:
        plan: name in `PLANS`.
        base: what its runs have in common, such as the corpus and the output folder.
        seeds: instead of the plan's own.

    Raises:
        ValueError: there is no such plan; lists all.

    Example:
        >>> [(run.variant, run.seed) for run in planned("50m", StudyRun(), seeds=[7])]
        [('transformer', 7), ('SISA d_state=16', 7), ('SISA d_state=32', 7)]
    """
    one_of("plan", plan, list(PLANS))
    variants, usual_seeds = PLANS[plan]
    return expand(base, variants, seeds or usual_seeds)
