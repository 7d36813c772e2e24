"""Train, resume or return a run by one call; killed at any moment, a run resumes to the same weights.

A batch is a pure function of (seed, step), so nothing of the data has to be remembered. Beside this file
`recipe` says how to train, `loop` does it, `run` is the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from os import PathLike

import numpy as np
import torch
from tokenizers import Tokenizer

from data import NIAHTask
from data.digests import note_digests
from data.extras import needs_extra
from data.files import clear_parts
from data.memory import MOST_SEED
from data.refusal import folder_path, one_of, refusal, whole
from model.config import SISAConfig
from model.training.checks import check_heldout, check_kinds, checked_tasks
from model.training.recipe import Batches, TrainingConfig
from model.training.run import TABLES, Run
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
    tokenizer: Tokenizer | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Run:
    """Train a model, or resume or return the same run if its folder already holds it.

    What was asked stands in the folder, and the same call continues only the same run. Since weights, order
    of batches and random numbers follow from the seed and the checkpoint, a run that was killed ends with the
    weights of one that was not, bit for bit on a CPU.

    Args:
        config: the model.
        folder: of this run alone; see `model.training.run`.
        batches: what to train on, a pure function of (seed, step).
        training: steps, learning rates and how often things are measured.
        evaluations: needle tasks measured every evaluate_every steps, by the name their metrics start with.
        heldout: token rows [row, position] whose mean loss is measured at the same steps as val/loss.
        tokenizer: kept inside the saved weights.
        seed: of initial weights and batches.
        device: "auto" takes CUDA where there is one.

    Returns:
        The finished run: its tables, and `Run.model()`.

    Raises:
        ValueError: the folder is in use, or holds another run or other files; a file of the run is damaged
            and cannot be replaced; a value is not legal.
        NonFiniteLoss: loss or gradient is not finite; names the step, the batch and the last good checkpoint.
        KeyboardInterrupt: somebody stopped it; the same call resumes.

    Example:
        >>> from data import NIAHTask, TrainingBatches
        >>> from model import SISAConfig, fit
        >>> from model.training.recipe import TrainingConfig
        >>> batches = TrainingBatches(task=NIAHTask(lengths=(16,)), batch_size=2)
        >>> fit(SISAConfig.preset("tiny"), folder="run", batches=batches,
        ...     training=TrainingConfig(steps=10), device="tpu")
        Traceback (most recent call last):
        ValueError: device is 'tpu'; legal: 'auto', 'cpu', 'cuda'. Set device to one of them.
    """
    one_of("device", device, DEVICES)
    seed = whole("seed", seed, least=0, most=MOST_SEED)
    check_kinds(config, batches, training, tokenizer)
    tasks = checked_tasks(evaluations, config)
    check_heldout(heldout, config)
    device = _available(device)
    # "" would be the current folder, ~ a folder of that name; a finished run may lie on a read-only disk
    run = Run(folder_path("folder", folder, writable=False))
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
    run.check()  # before the lock, which is a file too
    if run.finished:  # nothing is written, so the folder may lie on a disk that is read-only
        clear_parts(run.folder)
        run.check_finished(asked)
        return run
    with run.locked():
        run.open(asked)
        if not run.finished:
            with needs_extra("train"):  # a finished run is returned without Lightning, which takes seconds
                from model.training.loop import train

            model = train(run, config, training, batches, tasks, heldout, tokenizer, seed=seed, device=device)
            save(model, run.weights)
            note_digests(run.folder, [*TABLES, run.weights.name])
    return run


def _sha256(rows: np.ndarray) -> str:
    """Return a hash of token rows; the shape belongs to it, because 2 × 3 and 3 × 2 have the same bytes."""
    return hashlib.sha256(str(rows.shape).encode() + rows.astype(np.int64).tobytes()).hexdigest()


def _available(device: str) -> str:
    """Return "cuda" or "cpu" for what was asked, or refuse CUDA where there is none."""
    found = torch.cuda.is_available()
    if device == "cuda" and not found:
        legal = "'cpu' on this machine, which has no CUDA device"
        raise refusal("device", device, legal=legal, step="Use 'auto' or 'cpu'.")
    return "cuda" if found and device != "cpu" else "cpu"
