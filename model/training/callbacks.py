"""What happens around the steps of a training run: recording, evaluating, checkpointing, telling."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import lightning as L
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from data import NIAHTask
from data.files import write_aside
from data.results.head_table import HEAD_KEYS
from model.analysis.evaluation import evaluate, head_state, heldout_loss
from model.analysis.needle_lens import needle_lens
from model.network.network import SISAModel
from model.training.recipe import TrainingConfig
from model.training.run import HEADS_FILE, METRICS_COLUMNS, METRICS_FILE, NonFiniteLoss, Run

EVALUATION_SEED = 1_000_003  # far from any training seed


class StepCallback(L.Callback):
    """Calls `at(trainer, module, step)` once after every optimiser step."""

    def on_train_batch_end(
        self, trainer: L.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            self.at(trainer, module, trainer.global_step)

    def at(self, trainer: L.Trainer, module: Any, step: int) -> None:
        raise NotImplementedError


def due(step: int, every: int, steps: int) -> bool:
    return step % every == 0 or step == steps


class Recorder(StepCallback):
    """Loss, gradient norm and learning rate as rows of metrics.csv; stops at the first that is not finite.

    Numbers stay on the device until they are due, so that a GPU does not wait at every step.
    """

    def __init__(self, run: Run, training: TrainingConfig, *, seed: int) -> None:
        self.run, self.training, self.seed = run, training, seed
        self.tokens = 0
        self.last: dict[str, float] = {}
        self._checked: list[float] = []  # losses since the last row
        self._unchecked: list[tuple[int, Tensor, Tensor]] = []
        self._parts: list[Tensor] = []  # of one step; Lightning has divided them by their number
        self._norm = torch.zeros(())

    def state_dict(self) -> dict[str, Any]:
        return {"tokens": self.tokens, "losses": self._checked}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.tokens, self._checked = state_dict["tokens"], state_dict["losses"]

    def on_train_batch_end(
        self, trainer: L.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.tokens += batch[0].numel()
        self._parts.append(outputs["loss"].detach())
        super().on_train_batch_end(trainer, module, outputs, batch, batch_idx)

    def on_before_optimizer_step(self, trainer: L.Trainer, module: Any, optimizer: Any) -> None:
        # clips here, where the norm is known anyway
        self._norm = torch.nn.utils.clip_grad_norm_(module.parameters(), self.training.clip)

    def at(self, trainer: L.Trainer, module: Any, step: int) -> None:
        self._unchecked.append((step, torch.stack(self._parts).sum(), self._norm))
        self._parts = []
        if due(step, self.training.log_every, self.training.steps):
            self.check()
            rate = trainer.optimizers[0].param_groups[0]["lr"]
            self.write(
                step,
                {"train/loss": float(np.mean(self._checked)), "lr": rate, "grad_norm": float(self._norm)},
            )
            self._checked = []

    def check(self) -> None:
        """Fetch the numbers since the last call; the first that is not finite ends the run."""
        unchecked, self._unchecked = self._unchecked, []
        values = (
            torch.stack([torch.stack((loss, norm)) for _, loss, norm in unchecked]).tolist()
            if unchecked
            else []
        )
        for (step, *_), (loss, norm) in zip(unchecked, values, strict=True):
            if not np.isfinite([loss, norm]).all():
                raise NonFiniteLoss(self._complaint(step, loss, norm))
        self._checked += [loss for loss, _ in values]

    def _complaint(self, step: int, loss: float, norm: float) -> str:
        kept = self.run.checkpoint
        good = f"the last good checkpoint is {kept}" if kept.is_file() else "there is no checkpoint yet"
        first, count = (step - 1) * self.training.accumulate, self.training.accumulate
        more = f" and the {count - 1} after it" if count > 1 else ""
        return (
            f"step {step}: loss {loss}, gradient norm {norm}; the batch is build(seed={self.seed}, "
            f"step={first}){more}; {good}. Lower lr or look at that batch."
        )

    def write(self, step: int, values: Mapping[str, float], heads: pd.DataFrame | None = None) -> None:
        """Append numbers of the whole model to metrics.csv and those of heads to heads.csv."""
        rows = [(step, self.tokens, name, value) for name, value in values.items()]
        self.run.append(METRICS_FILE, pd.DataFrame(rows, columns=METRICS_COLUMNS))
        if heads is not None and not heads.empty:
            self.run.append(HEADS_FILE, heads.assign(step=step).loc[:, ["step", *heads.columns]])
        self.last |= values


class Evaluator(StepCallback):
    """Needle tasks, held-out loss and the state of every head, all at the same steps."""

    def __init__(
        self,
        recorder: Recorder,
        training: TrainingConfig,
        *,
        tasks: dict[str, NIAHTask],
        heldout: np.ndarray | None,
    ) -> None:
        self.recorder, self.training, self.heldout = recorder, training, heldout
        self.episodes = {
            name: task.build(EVALUATION_SEED, n_episodes=training.n_episodes) for name, task in tasks.items()
        }

    def at(self, trainer: L.Trainer, module: Any, step: int) -> None:
        if due(step, self.training.evaluate_every, self.training.steps):
            # what watches hooks, and sees batches of many shapes, is not compiled
            with trainer.precision_plugin.forward_context(), torch.compiler.set_stance("force_eager"):
                self.recorder.write(step, *self.measure(module.model))

    def measure(self, model: SISAModel) -> tuple[dict[str, float], pd.DataFrame]:
        """Return the numbers of the whole model by name, and the table of its heads."""
        values: dict[str, float] = {}
        for name, episodes in self.episodes.items():
            scores = evaluate(model, episodes)
            values |= {
                f"{name}/{measure}": float(np.mean(scores[measure]))
                for measure in ("exact_match", "first_token", "nll")
            }
            values[f"{name}/n"] = len(scores)
        if self.heldout is not None:
            values["val/loss"] = heldout_loss(model, self.heldout)
        rows = next((episodes.tokens for episodes in self.episodes.values()), self.heldout)
        heads = pd.DataFrame(columns=list(HEAD_KEYS))
        if rows is not None:
            heads = head_state(model, rows)
        if self.episodes:
            lens = needle_lens(model, list(self.episodes.values())[-1])
            heads = _joined(heads, lens)
        return values, heads


def _joined(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Both tables of heads in one; a head that one of them lacks gets NaN in its columns."""
    if one.empty or other.empty:
        return other if one.empty else one
    return one.merge(other, on=list(HEAD_KEYS), how="outer", sort=True)


class CheckpointWriter(StepCallback):
    """Replaces last.ckpt as a whole, after the metrics of its step are on the disk and known to be finite."""

    def __init__(self, recorder: Recorder, training: TrainingConfig) -> None:
        self.recorder, self.training = recorder, training

    def at(self, trainer: L.Trainer, module: Any, step: int) -> None:
        if due(step, self.training.checkpoint_every, self.training.steps):
            self.recorder.check()
            with write_aside(self.recorder.run.checkpoint) as aside:
                trainer.save_checkpoint(aside)


class Progress(StepCallback):
    """A bar where somebody watches, otherwise a line now and then."""

    def __init__(self, recorder: Recorder, training: TrainingConfig) -> None:
        self.recorder, self.training = recorder, training
        self.bar: Any = None

    def on_train_start(self, trainer: L.Trainer, module: Any) -> None:
        self.started = time.monotonic(), self.recorder.tokens
        if watched_by_a_person():
            self.bar = tqdm(
                total=self.training.steps, initial=trainer.global_step, desc="training", unit="step"
            )

    def at(self, trainer: L.Trainer, module: Any, step: int) -> None:
        if self.bar is not None:
            self.bar.update()
        if due(step, self.training.evaluate_every, self.training.steps):
            self.tell(step)

    def tell(self, step: int) -> None:
        since, before = self.started
        speed = (self.recorder.tokens - before) / max(1e-9, time.monotonic() - since)
        shown = {name: x for name, x in self.recorder.last.items() if name.endswith(("loss", "exact_match"))}
        numbers = "  ".join(f"{name} {x:.3f}" for name, x in shown.items())
        if self.bar is not None:
            self.bar.set_postfix_str(numbers)
        else:
            print(f"step {step}/{self.training.steps}  {numbers}  {speed:,.0f} tokens/s", flush=True)

    def teardown(self, trainer: L.Trainer, module: Any, stage: str) -> None:
        if self.bar is not None:
            self.bar.close()


def watched_by_a_person() -> bool:
    """Whether a terminal or a notebook front end shows the output; papermill and pipes do not.

    Jupyter Server names the session in the environment of its kernels; a headless run starts its own.
    """
    in_kernel = "ipykernel" in sys.modules
    return "JPY_SESSION_NAME" in os.environ if in_kernel else sys.stderr.isatty()
