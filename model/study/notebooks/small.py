"""Tiny models that a notebook trains while one waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

import torch

from data import NIAHTask, TrainingBatches
from model.config import SISAConfig
from model.network.network import SISAModel
from model.training.fit import fit
from model.training.recipe import TrainingConfig

SMOKE_STEPS = 2


@contextmanager
def one_thread() -> Iterator[None]:
    """Small tensors gain nothing from more threads, and lose much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_small(
    architecture: str, task: NIAHTask, *, folder: str | PathLike[str], steps: int, seed: int = 0
) -> SISAModel:
    """Preset "tiny" after a few steps of 16 episodes on the CPU; a finished run is read from its folder."""
    n_ctx = max(task.lengths or ())
    config = SISAConfig.preset("tiny", architecture=architecture, d_vocab=task.d_vocab, n_ctx=n_ctx)
    with one_thread():
        run = fit(
            config,
            folder=folder,
            batches=TrainingBatches(task=task, batch_size=16),
            training=TrainingConfig(steps=steps, lr=3e-3, log_every=steps),
            seed=seed,
            device="cpu",
        )
    return run.model()
