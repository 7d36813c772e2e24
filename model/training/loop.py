"""The training loop. It imports Lightning, which takes seconds, so only a run that has steps to make does.

AdamW (0.9, 0.95), weight decay 0.1, clip 1.0; λ_raw without weight decay at a tenth of the learning rate
(arXiv 2606.02332).

Master weights are float32, and on CUDA the forward pass runs under bfloat16 autocast. bfloat16 has 8
significant bits, so near 1 its numbers are 2⁻⁷ = 0.0078 apart, and an update of lr = 6e-4 added to a bfloat16
weight of 1 would be rounded away at every step. Added to a float32 weight, whose numbers are 1.2e-7 apart, it
counts.
"""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from tokenizers import Tokenizer
from torch import Tensor

from data import NIAHTask
from data.niah.episodes import IGNORED
from model.config import SISAConfig
from model.mixers.parts.hooks import at_least_float32
from model.network.network import SISAModel
from model.network.unembedding import vocabulary_loss
from model.training.callbacks import CheckpointWriter, Evaluator, Recorder
from model.training.checkpoints import find_start
from model.training.progress import Progress
from model.training.recipe import Batches, TrainingConfig
from model.training.run import Run
from model.training.stream import loader


class SISATraining(L.LightningModule):
    """Tell Lightning the loss of a batch and the optimiser of a model.

    Args:
        model: what learns.
        training: the recipe.
    """

    def __init__(self, model: SISAModel, training: TrainingConfig) -> None:
        super().__init__()
        self.model, self.training_config = model, training
        self._loss = training_loss(model, compiled=training.compile)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of one batch, nats a token."""
        return self._loss(*batch)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return AdamW and its schedule, with up to three groups of parameters.

        λ_raw learns at lr · lr_lam and without decay; what a mixer exempts learns at lr without decay; all
        the rest has both.
        """
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
    """Return `stream_loss` of a model as a function of tokens and labels, batch × position.

    Compiled, blocks of one kind share one graph: six blocks are compiled in a sixth of the time that the
    model would take as a whole. Whoever watches hooks meanwhile sets torch's stance to "force_eager".

    Args:
        model: what the loss is of; compiled, its blocks are changed in place.
        compiled: use torch.compile.

    Example:
        >>> from model import SISAConfig
        >>> loss = training_loss(SISAModel(SISAConfig.preset("tiny")), compiled=False)
        >>> tokens = torch.arange(10)[None]
        >>> loss(tokens, tokens).shape
        torch.Size([])
    """
    of_stream = stream_loss
    if compiled:
        for block in model.blocks:
            block.compile()
        of_stream = torch.compile(stream_loss)
    return lambda tokens, labels: of_stream(model.last_normed(tokens), model.embed.weight, labels)


def stream_loss(
    x: Float[Tensor, "batch position d_model"],
    weight: Float[Tensor, "d_vocab d_model"],
    labels: Int[Tensor, "batch position"],
) -> Float[Tensor, ""]:
    """Return `row_loss` of the logits W x, without the logits of all positions at once.

    Args:
        x: the residual stream after the last norm.
        weight: W, the embedding.
        labels: tokens to be predicted, −100 where none is scored; the shift by one is made here.

    Example:
        >>> labels = torch.tensor([[1, 2, 3], [-100, -100, 3]])  # uniform over 8 tokens: log 8 = 2.079 nats
        >>> round(stream_loss(torch.zeros(2, 3, 4), torch.ones(8, 4), labels).item(), 3)
        2.079
    """
    targets = F.pad(labels[:, 1:], (0, 1), value=IGNORED)  # the last position predicts nothing
    scored = targets != IGNORED
    share = at_least_float32(scored.to(weight.dtype))
    share = share / (share.sum(1, keepdim=True).clamp(min=1) * len(labels))
    targets = targets.masked_fill(~scored, 0).long()
    return vocabulary_loss(x.flatten(0, 1), weight, targets.flatten(), share.flatten())


def row_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean over rows of each row's mean −log p over its scored positions, in nats.

    Every row counts the same, so the four answer tokens of an episode are not drowned by the hundreds of
    tokens of a text row beside it. This is the twin of `stream_loss`, with the logits of all positions.

    Args:
        logits: row × position × d_vocab; position t predicts token t + 1.
        labels: row × position, −100 where nothing is scored. A row without any scored token counts as 0.

    Example:
        >>> logits = torch.zeros(2, 3, 8)  # uniform over 8 tokens: every token costs log 8 = 2.079 nats
        >>> labels = torch.tensor([[1, 2, 3], [-100, -100, 3]])
        >>> round(row_loss(logits, labels).item(), 3)
        2.079
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
    tokenizer: Tokenizer | None,
    *,
    seed: int,
    device: str,
) -> SISAModel:
    """Make the steps that a run lacks and return the trained model, on the CPU.

    Args:
        run: the folder, opened and locked.
        config: the model.
        training: the recipe.
        batches: what to train on.
        tasks: needle tasks of the evaluations, by name.
        heldout: token rows of the held-out loss, or None.
        tokenizer: what the trained model gets.
        seed: of initial weights and batches.
        device: "cpu" or "cuda".

    Raises:
        NonFiniteLoss: as of `model.training.fit.fit`.
        KeyboardInterrupt: stopped before the last step.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from data import TrainingBatches
        >>> from model import SISAConfig
        >>> batches = TrainingBatches(task=NIAHTask(lengths=(16,)), batch_size=1)
        >>> with TemporaryDirectory() as folder:
        ...     run = Run(Path(folder))
        ...     run.open({"model": {}, "training": {}})
        ...     model = train(run, SISAConfig.preset("tiny"), TrainingConfig(steps=1), batches,
        ...                   tasks={}, heldout=None, tokenizer=None, seed=0, device="cpu")
        ...     run.metrics["name"].tolist()
        training starts anew in ...: step 0 of 1
        step 1/1 ...
        ['train/loss', 'lr', 'grad_norm']
    """
    module = SISATraining(SISAModel(config, seed=seed, tokenizer=tokenizer), training).train()
    shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    start = find_start(run, shapes, steps=training.steps)
    run.cut_tables(start.step)  # rows that a killed process wrote after its checkpoint are measured again
    print(start.told, flush=True)
    recorder = Recorder(run, training, seed=seed)
    evaluator = Evaluator(recorder, training, tasks=tasks, heldout=heldout)
    # their order is the order of their calls: rows of a step are on the disk before its checkpoint
    writer = CheckpointWriter(recorder, training, kept=start.step)
    callbacks = [recorder, evaluator, writer, Progress(recorder, training)]
    trainer = _trainer(run, training, callbacks, device=device)
    workers = 4 if device == "cuda" else 0
    stream = loader(batches, seed=seed, start=start.step * training.accumulate, workers=workers)
    with warnings.catch_warnings():
        # batches are made by slicing
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")  # inside Lightning
        with _interrupts_kept():
            trainer.fit(module, stream, ckpt_path=start.checkpoint, weights_only=True)
    if trainer.global_step < training.steps:
        stopped = f"stopped at step {trainer.global_step} of {training.steps}"
        raise KeyboardInterrupt(f"{stopped}; the same call resumes {run.folder} from step {writer.kept}")
    return module.model.cpu().eval()


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Undo what Lightning does at an interrupt: it makes the process deaf to the next one, and exits."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
    finally:
        if in_main_thread and before is not None:
            signal.signal(signal.SIGINT, before)


def _trainer(run: Run, training: TrainingConfig, callbacks: list[L.Callback], *, device: str) -> L.Trainer:
    """Return Lightning's loop with all that it would write or print of its own accord turned off."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return L.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        # float32 master weights in both; autocast does the matrix products in bfloat16
        precision="bf16-mixed" if device == "cuda" else "32-true",
        max_steps=training.steps,
        max_epochs=-1,
        accumulate_grad_batches=training.accumulate,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=callbacks,
        default_root_dir=run.folder,
    )
