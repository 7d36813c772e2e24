"""The recipe of a training run, the paper's (arXiv 2606.02332): AdamW, warm-up and cosine, clipping."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from data.refusal import as_number, refusal, whole


class Batches(Protocol):
    """Name what `fit` asks of batches; data.TrainingBatches has it.

    A batch is a pure function of (seed, step), so a resumed run needs no memory of the data it has seen.
    """

    def build(self, seed: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Return token ids and labels [row, position] of one batch; −100 is not scored."""
        ...

    def spec(self) -> dict[str, object]:
        """Return plain fields that say what the batches are, as JSON would hold them."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Say how to train; every field is checked when the recipe is made.

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

    Raises:
        ValueError: for a number that cannot be used; names the field, the value and the legal values.

    Example:
        >>> training = TrainingConfig(steps=100, warmup=10)
        >>> [round(training.rate(step), 3) for step in (0, 9, 55, 100)]
        [0.1, 1.0, 0.5, 0.0]
        >>> TrainingConfig(steps=0)
        Traceback (most recent call last):
        ValueError: steps is 0; legal: whole numbers >= 1. Set steps to such a number.
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
            self._keep(name, whole(name, getattr(self, name), least=1))
        if self.warmup is not None:
            self._keep("warmup", whole("warmup", self.warmup, least=0))
        if not isinstance(self.compile, bool):  # "no" would count as yes
            raise refusal("compile", self.compile, legal="True or False", step="Set compile to one of them.")
        for name in ("lr", "clip"):
            value = as_number(getattr(self, name))
            if value is None or not 0 < value < math.inf:
                step = f"Set {name} to one."
                raise refusal(name, getattr(self, name), legal="numbers above 0", step=step)
            self._keep(name, value)
        for name in ("lr_lam", "weight_decay"):  # 0 is legal: λ that stays, no decay
            value = as_number(getattr(self, name))
            if value is None or not 0 <= value < math.inf:
                step = f"Set {name} to one."
                raise refusal(name, getattr(self, name), legal="numbers from 0", step=step)
            self._keep(name, value)

    def _keep(self, name: str, value: float) -> None:
        """Keep a field as a plain number, which JSON can hold, where one of numpy was given."""
        object.__setattr__(self, name, value)

    def due(self, step: int, every: int) -> bool:
        """Return whether what happens every so many steps happens at this one; it does at the last."""
        return step % every == 0 or step == self.steps

    def rate(self, step: int) -> float:
        """Return the share of the peak learning rate at a step: linear warm-up, then half a cosine to zero.

        With w steps of warm-up and S steps in all it is (t + 1) / w before step w, so that the first step
        learns too, and (1 + cos(π (t − w) / (S − w))) / 2 from there on.
        """
        warmup = max(1, self.steps // 20) if self.warmup is None else self.warmup
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, self.steps - warmup)))
