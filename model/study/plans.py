"""What the convergence study runs, by name of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data.refusal import one_of
from model.study.runs import StudyRun, expand

LRS = (5e-4, 1e-3, 2e-3, 4e-3)
# peak learning rate of least val/loss in the plans that search for it, those ending in lr; a variant best at
# another one names it; needles had no say
LR = 2e-3


def variant(architecture: str, **more: Any) -> dict[str, Any]:
    return {"architecture": architecture, "lr": LR} | more


def at_rates(variants: Sequence[dict[str, Any]], lrs: Sequence[float]) -> list[dict[str, Any]]:
    return [v | {"lr": lr} for lr in lrs for v in variants]


SISA = [variant("sisa", d_state=d, lr_lam=lam) for lam in (0.1, 1.0) for d in (16, 32, 64)]
WITH_SSM = [variant(name, lr=4e-3) for name in ("jamba", "hymba", "mamba2", "mamba3")]
FUSION = [*WITH_SSM, *(variant(name) for name in ("fox", "alibi", "sigmoid_sisa", "adaptive_sisa"))]
FUSION += [variant("transformer", rope="none", lr=1e-3)]
STATE_SIZES = (4, 8, 16, 32, 48, 64, 96, 128)
STATES = [variant("sisa", d_state=d) for d in STATE_SIZES]
LARGE = [v | {"preset": "50m", "lr": 1e-3} for v in (variant("transformer"), *SISA[:2])]

# name: variants and seeds
PLANS: dict[str, tuple[list[dict[str, Any]], range]] = {
    "lr": (at_rates([variant("transformer"), variant("sisa")], LRS), range(1)),
    "main": ([variant("transformer"), *SISA], range(5)),
    "fusion_lr": ([*at_rates(FUSION, LRS[1:]), *at_rates(WITH_SSM, (8e-3,))], range(1)),
    "fusion": (FUSION, range(3)),
    "state_lr": (at_rates([*STATES, *SISA[3:]], (1e-3, LR)), range(1)),
    "state": (STATES, range(1)),
    "episodes": (
        [v | {"episode_fraction": 0.25} for v in (variant("transformer"), variant("sisa"))],
        range(3),
    ),
    "50m_lr": (at_rates(LARGE[:2], (1e-3, LR)), range(1)),
    "50m": (LARGE, range(5)),
}


def planned(plan: str, base: StudyRun, *, seeds: Sequence[int] = ()) -> list[StudyRun]:
    """The runs of a plan; seeds outermost, so that an early end leaves whole rounds.

    Args:
        seeds: instead of the plan's own.
    """
    one_of("plan", plan, list(PLANS))
    variants, own = PLANS[plan]
    return expand(base, variants, seeds or own)
