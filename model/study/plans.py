"""What the convergence study runs, by name of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data.refusal import one_of
from model.study.runs import StudyRun, expand

LRS = (5e-4, 1e-3, 2e-3, 4e-3)
# peak learning rate of least val/loss in plans "lr" and "fusion_lr"; a variant best at another one names it;
# needles had no say
LR = 2e-3


def variant(architecture: str, **more: Any) -> dict[str, Any]:
    return {"architecture": architecture, "lr": LR} | more


SISA = [variant("sisa", d_state=d, lr_lam=lam) for lam in (0.1, 1.0) for d in (16, 32, 64)]
FUSION = [variant(name, lr=4e-3) for name in ("jamba", "hymba", "mamba2", "mamba3")]
FUSION += [variant(name) for name in ("fox", "alibi", "sigmoid_sisa", "adaptive_sisa")]
FUSION += [variant("transformer", rope="none", lr=1e-3)]
STATE_SIZES = (4, 8, 16, 32, 48, 64, 96, 128)

# name: variants and seeds
PLANS: dict[str, tuple[list[dict[str, Any]], range]] = {
    "lr": ([variant(name, lr=lr) for name in ("transformer", "sisa") for lr in LRS], range(1)),
    "main": ([variant("transformer"), *SISA], range(5)),
    "fusion_lr": ([v | {"lr": lr} for lr in LRS[1:] for v in FUSION], range(1)),
    "fusion": (FUSION, range(3)),
    "state": ([variant("sisa", d_state=d) for d in STATE_SIZES], range(1)),
    "episodes": (
        [v | {"episode_fraction": 0.25} for v in (variant("transformer"), variant("sisa"))],
        range(3),
    ),
}


def planned(plan: str, base: StudyRun, *, seeds: Sequence[int] = ()) -> list[StudyRun]:
    """The runs of a plan; seeds outermost, so that an early end leaves whole rounds.

    Args:
        seeds: instead of the plan's own.
    """
    one_of("plan", plan, list(PLANS))
    variants, own = PLANS[plan]
    return expand(base, variants, seeds or own)
