"""Tell whoever waits for a training run how far it is."""

from __future__ import annotations

import time

import lightning as L
from tqdm.auto import tqdm

from data.progress import watched_by_a_person
from model.network.network import SISAModel
from model.training.callbacks import Recorder, StepCallback
from model.training.recipe import TrainingConfig

LEAST_SECONDS = 1e-9  # so that a speed exists where the clock has not moved


class Progress(StepCallback):
    """Show a bar where somebody watches, otherwise print a line at every evaluation.

    Args:
        recorder: whose numbers are shown.
        training: how many steps there are, and how often they are evaluated.
    """

    def __init__(self, recorder: Recorder, training: TrainingConfig) -> None:
        self.recorder, self.training = recorder, training
        self.bar: tqdm | None = None
        self.started = (0.0, 0)  # seconds, tokens

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock, and the bar where a person watches; a resumed run goes on where it was."""
        self.started = time.monotonic(), self.recorder.tokens
        if watched_by_a_person():
            self.bar = tqdm(
                total=self.training.steps, initial=trainer.global_step, desc="training", unit="step"
            )

    def at(self, trainer: L.Trainer, model: SISAModel, step: int) -> None:
        """Move the bar, and tell the numbers where there are new ones."""
        if self.bar is not None:
            self.bar.update()
        if self.training.due(step, self.training.evaluate_every):
            self.tell(step)

    def tell(self, step: int) -> None:
        """Show the last losses and exact matches, and tokens per second since the start."""
        since, before = self.started
        speed = (self.recorder.tokens - before) / max(LEAST_SECONDS, time.monotonic() - since)
        shown = {name: x for name, x in self.recorder.last.items() if name.endswith(("loss", "exact_match"))}
        numbers = "  ".join(f"{name} {x:.3f}" for name, x in shown.items())
        if self.bar is not None:
            self.bar.set_postfix_str(numbers)
        else:
            print(f"step {step}/{self.training.steps}  {numbers}  {speed:,.0f} tokens/s", flush=True)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Close the bar, however the run ended."""
        if self.bar is not None:
            self.bar.close()
