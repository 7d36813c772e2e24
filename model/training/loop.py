"""The training loop, by Lightning, which takes seconds to import: only a run that has steps to make does.

AdamW (0.9, 0.95), weight decay 0.1, clip 1.0; λ_raw without weight decay at a tenth of the learning rate
(arXiv 2606.02332). Master weights are float32; on CUDA the forward pass runs under bfloat16 autocast.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from data import NIAHTask
from data.niah.episodes import IGNORED
from model.config import SISAConfig
from model.mixers.parts.hooks import at_least_float32
from model.network.network import SISAModel
from model.training.callbacks import CheckpointWriter, Evaluator, Progress, Recorder
from model.training.recipe import Batches, TrainingConfig
from model.training.run import Run
from model.training.stream import loader


class SISATraining(L.LightningModule):
    """The optimisation of one model."""

    def __init__(self, model: SISAModel, training: TrainingConfig) -> None:
        super().__init__()
        self.model, self.training_config = model, training
        self._loss = training_loss(model, compiled=training.compile)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return self._loss(*batch)

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


def training_loss(model: SISAModel, *, compiled: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """`row_loss` of a model as a function of tokens and labels, batch × position.

    Compiled, blocks of one kind share one graph: a model of six takes a sixth of the time that it would take
    as a whole. Whoever watches hooks meanwhile sets torch's stance to "force_eager".
    """
    if not compiled:
        return lambda tokens, labels: row_loss(model(tokens), labels)
    for block in model.blocks:
        block.compile()
    of_logits = torch.compile(row_loss)
    return lambda tokens, labels: of_logits(model(tokens), labels)


def row_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over rows of each row's mean −log p over its scored positions, nats.

    Every row counts the same: four answer tokens of an episode are not drowned by the hundreds of a text row.
    """
    targets, flat = labels[:, 1:], at_least_float32(logits[:, :-1].flatten(0, 1))
    each = F.cross_entropy(flat, targets.flatten(), ignore_index=IGNORED, reduction="none").view_as(targets)
    return (each.sum(1) / (targets != IGNORED).sum(1).clamp(min=1)).mean()


def train(
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
    """Make the steps that the run lacks; the trained model, on the CPU. KeyboardInterrupt if stopped."""
    module = SISATraining(SISAModel(config, seed=seed, tokenizer=tokenizer), training).train()
    resume = run.checkpoint if run.checkpoint.is_file() else None
    step = torch.load(resume, map_location="cpu", weights_only=True)["global_step"] if resume else 0
    run.cut_tables(step)
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
