"""Training: AdamW, warm-up and cosine, clipping; killed at any moment it resumes as if nothing had happened.

The recipe is the paper's (arXiv 2606.02332): AdamW (0.9, 0.95), weight decay 0.1, clip 1.0, warm-up then
cosine to zero; λ_raw without weight decay at a tenth of the learning rate. Master weights are float32; on
CUDA the forward pass runs under bfloat16 autocast. A batch is a pure function of (seed, step), so nothing of
the data has to be remembered.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from data import NIAHTask
from data.episodes import IGNORED
from data.refusal import one_of, refusal, whole
from model.callbacks import CheckpointWriter, Evaluator, NonFiniteLoss, Progress, Recorder
from model.checkpoint import save
from model.config import SISAConfig
from model.mixers.hooks import at_least_float32
from model.network import SISAModel
from model.run import Run
from model.stream import loader

__all__ = ["Batches", "NonFiniteLoss", "SISATraining", "TrainingConfig", "fit"]

DEVICES = ("auto", "cpu", "cuda")


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
        compile: run the training forward pass and its loss through torch.compile.
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


class SISATraining(L.LightningModule):
    """The optimisation of one model."""

    def __init__(self, model: SISAModel, training: TrainingConfig) -> None:
        super().__init__()
        self.model, self.training_config = model, training
        self._loss_of = torch.compile(self._loss) if training.compile else self._loss

    def _loss(self, tokens: Tensor, labels: Tensor) -> Tensor:
        return row_loss(self.model(tokens), labels)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return self._loss_of(*batch)

    def configure_optimizers(self) -> Any:
        c = self.training_config
        named, undecayed = dict(self.model.named_parameters()), self.model.no_weight_decay()
        lam = [p for name, p in named.items() if name.endswith("lam_raw")]
        free = [named[name] for name in undecayed]
        rest = [p for name, p in named.items() if not name.endswith("lam_raw") and name not in undecayed]
        groups = [{"params": rest, "lr": c.lr, "weight_decay": c.weight_decay}]
        if lam:
            groups.append({"params": lam, "lr": c.lr * c.lr_lam, "weight_decay": 0.0})
        if free:
            groups.append({"params": free, "lr": c.lr, "weight_decay": 0.0})
        fused = self.model.device.type == "cuda"  # one kernel a step; on a CPU it would be no faster
        optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=fused)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, c.rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def row_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over rows of each row's mean −log p over its scored positions, nats.

    Every row counts the same: four answer tokens of an episode are not drowned by the hundreds of a text row.
    """
    targets, flat = labels[:, 1:], at_least_float32(logits[:, :-1].flatten(0, 1))
    each = F.cross_entropy(flat, targets.flatten(), ignore_index=IGNORED, reduction="none").view_as(targets)
    return (each.sum(1) / (targets != IGNORED).sum(1).clamp(min=1)).mean()


def fit(
    config: SISAConfig,
    *,
    folder: str | PathLike[str],
    batches: Batches,
    training: TrainingConfig,
    evaluations: Mapping[str, NIAHTask] | None = None,
    heldout: np.ndarray | None = None,
    tokenizer: Any = None,
    seed: int = 0,
    device: str = "auto",
) -> Run:
    """Train a model, or resume or return the same run if folder already holds it.

    Args:
        config: the model.
        folder: of this run alone; see `model.run`.
        batches: what to train on, a pure function of (seed, step).
        evaluations: needle tasks measured every evaluate_every steps, by the name their metrics start with.
        heldout: token rows [row, position] whose mean loss is measured at the same steps as val/loss.
        tokenizer: kept inside the saved weights.
        seed: of initial weights and batches.
        device: "auto" takes CUDA where there is one.

    Raises:
        ValueError: the folder is in use, or holds another run or other files; a value is not legal.
        NonFiniteLoss: loss or gradient is not finite; names the step, the batch and the last good checkpoint.
    """
    one_of("device", device, DEVICES)
    whole("seed", seed, least=0)
    device = _available(device)
    run = Run(Path(folder))
    tasks = dict(evaluations or {})
    asked = {
        "architecture": config.architecture,
        "seed": seed,
        "model": config.to_dict(),
        "training": asdict(training),
        "data": batches.spec(),
        "evaluations": {name: task.spec() for name, task in tasks.items()},
        "device": device,
    }
    with run.locked():
        run.open(asked)
        if not run.finished:
            model = _train(
                run, config, training, batches, tasks, heldout, tokenizer, seed=seed, device=device
            )
            save(model, run.weights)
    return run


def _available(device: str) -> str:
    found = torch.cuda.is_available()
    if device == "cuda" and not found:
        raise refusal(
            "device",
            device,
            legal="'cpu' on this machine, which has no CUDA device",
            step="Use 'auto' or 'cpu'.",
        )
    return "cuda" if found and device != "cpu" else "cpu"


def _train(
    run: Run,
    config: SISAConfig,
    training: TrainingConfig,
    batches: Batches,
    tasks: dict[str, NIAHTask],
    heldout: np.ndarray | None,
    tokenizer: Any,
    *,
    seed: int,
    device: str,
) -> SISAModel:
    module = SISATraining(SISAModel(config, seed=seed, tokenizer=tokenizer), training).train()
    resume = run.checkpoint if run.checkpoint.is_file() else None
    step = torch.load(resume, map_location="cpu", weights_only=True)["global_step"] if resume else 0
    run.cut_metrics(step)
    recorder = Recorder(run, training, seed=seed)
    evaluator = Evaluator(recorder, training, tasks=tasks, heldout=heldout)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    trainer = L.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        precision="bf16-mixed" if device == "cuda" else "32-true",
        max_steps=training.steps,
        max_epochs=-1,
        accumulate_grad_batches=training.accumulate,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[recorder, evaluator, CheckpointWriter(recorder, training), Progress(recorder, training)],
        default_root_dir=run.folder,
    )
    stream = loader(
        batches, seed=seed, start=step * training.accumulate, workers=4 if device == "cuda" else 0
    )
    with warnings.catch_warnings():
        # batches are made by slicing
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")  # inside Lightning
        trainer.fit(module, stream, ckpt_path=resume, weights_only=True)
    if trainer.global_step < training.steps:  # Lightning swallows an interrupt
        raise KeyboardInterrupt(
            f"stopped at step {trainer.global_step} of {training.steps}; the same call resumes {run.folder}"
        )
    return module.model.cpu().eval()
