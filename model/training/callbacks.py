"""Act after the steps of a training run: record, evaluate, write checkpoints; `progress` tells."""

from __future__ import annotations

import os
from collections.abc import Mapping
from time import monotonic
from typing import Protocol, TypedDict, cast

import lightning as L
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor

from data import NIAHTask
from data.digests import note_digests
from data.files import write_aside
from data.results.head_table import HEAD_KEYS
from model.analysis.evaluation import evaluate, head_state, heldout_loss
from model.analysis.needle_lens import needle_lens
from model.network.network import SISAModel
from model.training.checkpoints import seal
from model.training.recipe import TrainingConfig
from model.training.run import HEADS_FILE, METRICS_COLUMNS, METRICS_FILE, TABLES, NonFiniteLoss, Run

EVALUATION_SEED = 1_000_003  # far from any training seed
SECONDS_BETWEEN_CHECKPOINTS = 60

Batch = tuple[Tensor, Tensor]  # tokens and labels, row × position


class HoldsModel(Protocol):
    """Name what the callbacks ask of a Lightning module, the one in `model.training.loop`."""

    model: SISAModel


class RecorderState(TypedDict):
    """Name what a checkpoint keeps of a Recorder."""

    tokens: int
    losses: list[float]


class StepCallback(L.Callback):
    """Call `at(trainer, model, step)` once after every optimiser step.

    Lightning calls back after every batch, and a step may take several of them (`accumulate`).
    """

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: STEP_OUTPUT,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Pass the last batch of a step on to `at`."""
        if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            self.at(trainer, cast(HoldsModel, pl_module).model, trainer.global_step)

    def at(self, trainer: L.Trainer, model: SISAModel, step: int) -> None:
        """Do what is to be done after a step; steps count from 1."""
        raise NotImplementedError


class Recorder(StepCallback):
    """Write loss, gradient norm and learning rate to metrics.csv, and end a run that is not finite any more.

    Numbers stay on the device until they are due: to read one makes the CPU wait for the GPU, which would
    otherwise work ahead. So a loss that is not a number is found when the next row is written, at the latest
    before the next checkpoint, and no checkpoint ever holds weights that followed from one.

    Args:
        run: the folder that is written to.
        training: how often, and how gradients are clipped.
        seed: of the batches, for the message that names a bad one.
    """

    def __init__(self, run: Run, training: TrainingConfig, *, seed: int) -> None:
        self.run, self.training, self.seed = run, training, seed
        self.tokens = 0
        self.last: dict[str, float] = {}
        self._checked: list[float] = []  # losses since the last row
        self._unchecked: list[tuple[int, Tensor, Tensor]] = []  # step, loss and gradient norm, on the device
        self._parts: list[Tensor] = []  # of one step; Lightning has divided them by their number
        self._norm = torch.zeros(())

    def state_dict(self) -> dict[str, object]:
        """Return what a checkpoint keeps.

        The losses since the last row belong to it: with log_every = 10 and a checkpoint at step 25, the row
        of step 30 is the mean of steps 21 to 30, of which a resumed run sees only the last five again.
        """
        return dict(RecorderState(tokens=self.tokens, losses=self._checked))

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Take up what `state_dict` returned."""
        state = cast(RecorderState, state_dict)
        self.tokens, self._checked = state["tokens"], state["losses"]

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: STEP_OUTPUT,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Count the tokens and keep the loss of one batch."""
        self.tokens += batch[0].numel()
        loss = cast(Mapping[str, Tensor], outputs)["loss"]  # Lightning wraps what training_step returns
        self._parts.append(loss.detach())
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Clip the gradient, here and not by Lightning, because clipping computes the norm that is logged."""
        self._norm = torch.nn.utils.clip_grad_norm_(pl_module.parameters(), self.training.clip)

    def at(self, trainer: L.Trainer, model: SISAModel, step: int) -> None:
        """Keep the numbers of a step and write a row where one is due."""
        self._unchecked.append((step, torch.stack(self._parts).sum(), self._norm))
        self._parts = []
        if self.training.due(step, self.training.log_every):
            self.check()
            rate = trainer.optimizers[0].param_groups[0]["lr"]
            self.write(
                step,
                {"train/loss": float(np.mean(self._checked)), "lr": rate, "grad_norm": float(self._norm)},
            )
            self._checked = []

    def check(self) -> None:
        """Fetch the numbers since the last call.

        Raises:
            NonFiniteLoss: for the first loss or gradient norm that is not finite.
        """
        unchecked, self._unchecked = self._unchecked, []
        if not unchecked:
            return
        # one transfer for all: each tolist waits for the device
        values = torch.stack([torch.stack((loss, norm)) for _, loss, norm in unchecked]).tolist()
        for (step, *_), (loss, norm) in zip(unchecked, values, strict=True):
            if not np.isfinite([loss, norm]).all():
                raise NonFiniteLoss(self._complaint(step, loss, norm))
        self._checked += [loss for loss, _ in values]

    def _complaint(self, step: int, loss: float, norm: float) -> str:
        """Return the message for a step that is not finite: its batch, and what can be gone back to."""
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
    """Measure needle tasks, held-out loss and the state of every head, all at the same steps.

    Episodes are built once, from a seed of their own, so every evaluation of every run asks the same.

    Args:
        recorder: what the numbers are written by.
        training: how often, and how many episodes.
        tasks: needle tasks, by the name that their metrics start with.
        heldout: token rows [row, position] of the held-out loss; None leaves it out.
    """

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

    def at(self, trainer: L.Trainer, model: SISAModel, step: int) -> None:
        """Measure and write, where an evaluation is due."""
        if self.training.due(step, self.training.evaluate_every):
            # under the autocast of training, so that the measured model is the trained one; but not compiled,
            # because hooks are watched and every batch shape would be compiled anew
            with trainer.precision_plugin.forward_context(), torch.compiler.set_stance("force_eager"):
                self.recorder.write(step, *self.measure(model))

    def measure(self, model: SISAModel) -> tuple[dict[str, float], pd.DataFrame]:
        """Return the numbers of the whole model by name, and the table of its heads."""
        values: dict[str, float] = {}
        for name, episodes in self.episodes.items():
            scores = evaluate(model, episodes)
            for measure in ("exact_match", "first_token", "nll"):
                values[f"{name}/{measure}"] = float(np.mean(scores[measure]))
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
    """Return two tables of heads as one; a head that one of them lacks gets NaN in its columns."""
    if one.empty or other.empty:
        return other if one.empty else one
    return one.merge(other, on=list(HEAD_KEYS), how="outer", sort=True)


class CheckpointWriter(StepCallback):
    """Replace last.ckpt as a whole, after the metrics of its step are on the disk and known to be finite.

    A checkpoint is due every so many steps, and once a minute, so that a run that is stopped loses a minute
    at most however slow its steps are. The last.ckpt that was there becomes previous.ckpt.

    The order matters: a process killed between the two has rows that its checkpoint lacks, which
    `Run.cut_tables` drops. The other way round, rows would be missing for good.

    Args:
        recorder: what checks the losses up to here.
        training: how often.
        kept: the step of the checkpoint that the run resumes from, 0 where it begins.
    """

    def __init__(self, recorder: Recorder, training: TrainingConfig, *, kept: int) -> None:
        self.recorder, self.training, self.kept = recorder, training, kept
        self._written = 0.0  # seconds of the monotonic clock

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._written = monotonic()

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, object]
    ) -> None:
        """Note in the checkpoint which run it is of."""
        checkpoint["run"] = self.recorder.run.config

    def at(self, trainer: L.Trainer, model: SISAModel, step: int) -> None:
        """Write a checkpoint where one is due."""
        late = monotonic() - self._written >= SECONDS_BETWEEN_CHECKPOINTS
        if not late and not self.training.due(step, self.training.checkpoint_every):
            return
        self.recorder.check()
        run = self.recorder.run
        note_digests(run.folder, TABLES)
        with write_aside(run.checkpoint) as aside:
            trainer.save_checkpoint(aside)
            seal(aside)
            if (
                run.checkpoint.is_file()
            ):  # a kill after this line leaves previous.ckpt alone, which is resumed
                os.replace(run.checkpoint, run.previous_checkpoint)
        self.kept, self._written = step, monotonic()
