"""The recipe of a training run, the paper's (arXiv 2606.02332): AdamW, warm-up and cosine, clipping."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from data.refusal import refusal, whole


class Batches(Protocol):
    """What fit trains on; data.TrainingBatches is one."""

    def build(self, seed: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Token ids and labels [row, position] of one batch; −100 is not scored."""
        ...

    def spec(self) -> dict[str, Any]:
        """Plain fields that say what the batches are."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How to train.

    Args:
        steps: optimiser steps.
        lr: peak learning rate.
        lr_lam: factor on the learning rate of λ_raw (0.1 in the paper).
        weight_decay: of every parameter but λ_raw and those that a mixer exempts.
        warmup: steps of linear warm-up; a twentieth of all steps by default.
        clip: largest norm of the gradient.
        accumulate: batches an optimiser step.
        evaluate_every, checkpoint_every, log_every: optimiser steps; each also happens at the last one.
        n_episodes: needle episodes an evaluation.
        compile: run the blocks and the loss of a training step through torch.compile.
    """

    steps: int
    lr: float = 6e-4
    lr_lam: float = 0.1
    weight_decay: float = 0.1
    warmup: int | None = None
    clip: float = 1.0
    accumulate: int = 1
    evaluate_every: int = 50
    checkpoint_every: int = 50
    log_every: int = 10
    n_episodes: int = 128
    compile: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "accumulate", "evaluate_every", "checkpoint_every", "log_every", "n_episodes"):
            whole(name, getattr(self, name), least=1)
        if self.warmup is not None:
            whole("warmup", self.warmup, least=0)
        for name, least in (("lr", 0), ("clip", 0), ("lr_lam", None), ("weight_decay", None)):
            value = getattr(self, name)
            legal = (
                isinstance(value, int | float)
                and math.isfinite(value)
                and (value > 0 if least == 0 else value >= 0)
            )
            if not legal or isinstance(value, bool):
                raise refusal(
                    name,
                    value,
                    legal=f"numbers {'above' if least == 0 else 'from'} 0",
                    step=f"Set {name} to one.",
                )

    def rate(self, step: int) -> float:
        """Share of the peak learning rate at a step: linear warm-up, then half a cosine to zero."""
        warmup = max(1, self.steps // 20) if self.warmup is None else self.warmup
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, self.steps - warmup)))
