"""Training: one call trains, resumes or returns a run. Killed at any moment, it resumes to the same weights.

A batch is a pure function of (seed, step), so nothing of the data has to be remembered. Beside this file
`recipe` says how to train, `loop` does it, `run` is the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data import NIAHTask
from data.extras import needs_extra
from data.refusal import one_of, refusal, whole
from model.config import SISAConfig
from model.training.recipe import Batches, TrainingConfig
from model.training.run import Run
from model.weights.checkpoint import save

DEVICES = ("auto", "cpu", "cuda")


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
        folder: of this run alone; see `model.training.run`.
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
        "heldout_sha256": None if heldout is None else _sha256(heldout),
        "device": device,
    }
    with run.locked():
        run.open(asked)
        if not run.finished:
            with needs_extra("train"):
                from model.training.loop import train

            model = train(run, config, training, batches, tasks, heldout, tokenizer, seed=seed, device=device)
            save(model, run.weights)
    return run


def _sha256(rows: np.ndarray) -> str:
    return hashlib.sha256(str(rows.shape).encode() + rows.astype(np.int64).tobytes()).hexdigest()


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
