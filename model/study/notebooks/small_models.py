"""Tiny models that a notebook trains while one waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

import torch

from data import NIAHTask, TrainingBatches
from data.results.variants import USUAL_ANCHOR
from model.config import SISAConfig
from model.network.network import SISAModel
from model.study.limits import check_training
from model.training.fit import fit
from model.training.recipe import TrainingConfig

STEPS_OF_A_SMOKE_MODEL = 2
EPISODES_A_STEP = 16


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread inside the block, then as many as before.

    Small tensors gain nothing from more threads, and lose much on a busy machine.

    Example:
        >>> with one_thread():
        ...     torch.get_num_threads()
        1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_small(
    architecture: str, task: NIAHTask, *, folder: str | PathLike[str], steps: int, seed: int = 0
) -> SISAModel:
    """Return a tiny model after a few steps of 16 episodes on the CPU.

    A finished run is read from its folder instead of trained again.

    Args:
        architecture: name in `model.config.architectures`.
        task: the episodes; its longest length is the model's context.
        folder: the run folder.
        steps: optimiser steps.
        seed: of weights and batches.

    Raises:
        ValueError: the folder holds another run.

    Example:
        >>> task = NIAHTask(filler="synthetic", lengths=(24,))
        >>> train_small("transformer", task, folder="run", steps=0)
        Traceback (most recent call last):
        ValueError: steps is 0; legal: whole numbers >= 1. Set steps to such a number.
    """
    config = _small_config(architecture, task)
    with one_thread():
        run = fit(
            config,
            folder=folder,
            batches=TrainingBatches(task=task, batch_size=EPISODES_A_STEP),
            training=TrainingConfig(steps=steps, lr=3e-3, log_every=steps),
            seed=seed,
            device="cpu",
        )
    return run.model()


def check_small(task: NIAHTask) -> None:
    """Refuse a task whose episodes are too long for a tiny model to be trained on here.

    Args:
        task: the episodes.

    Raises:
        ValueError: names `length`, with an estimate of the memory and its limit.

    Example:
        >>> check_small(NIAHTask(lengths=(48,)))
    """
    config = _small_config("transformer", task)
    check_training(config, batch_size=EPISODES_A_STEP, length=task.max_length, device="cpu")


def _small_config(architecture: str, task: NIAHTask) -> SISAConfig:
    """Return the config of a tiny model for a task."""
    return SISAConfig.preset(
        "tiny", architecture=architecture, d_vocab=task.d_vocab, n_ctx=task.max_length, anchor=USUAL_ANCHOR
    )
