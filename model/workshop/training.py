"""Train one small model of a level of fusion while a class waits, and read the curves of several."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import pandas as pd

from data import NIAHTask, TrainingBatches
from data.refusal import folder_path, one_of
from data.results.runs import is_run, read_runs
from data.results.variants import USUAL_ANCHOR
from model.config import SISAConfig
from model.study.limits import check_seed
from model.study.notebooks.small_models import one_thread
from model.training.fit import fit
from model.training.recipe import TrainingConfig

LEVELS = {"jamba": "block", "hymba": "head", "sisa": "score"}
LENGTH = 64  # tokens of an episode
STEPS, SMOKE_STEPS = 160, 4
EVALUATE_EVERY = 10
EPISODES_A_STEP = 16
FOLDER = "out/workshop"


def train_in_class(
    architecture: str, *, seed: int, folder: str | PathLike[str] = FOLDER, smoke: bool = False
) -> pd.DataFrame:
    """Train one model of 0.1M parameters on needles of 64 tokens, on one thread, and return its curve.

    A finished run is read instead of trained again, and one that was stopped goes on where it was. Every seed
    has initial weights and batches of its own, and the three levels see the same batches under one seed.

    Args:
        architecture: "jamba" (block level), "hymba" (head level) or "sisa" (score level).
        seed: of weights and batches.
        folder: where the folders of runs lie.
        smoke: four steps only, to see that everything works; its folder is another one.

    Returns:
        What was measured every ten steps on 128 held-out episodes, one number a row: columns of
        `data.results.runs.read_runs`. "niah/exact_match" is the share of needles that are found.

    Raises:
        ValueError: an argument is not legal; names it.

    Example:
        >>> train_in_class("mamba2", seed=0)
        Traceback (most recent call last):
        ValueError: architecture is 'mamba2'; legal: 'jamba', 'hymba', 'sisa'. ...
    """
    one_of("architecture", architecture, tuple(LEVELS))
    one_of("smoke", smoke, (True, False))
    seed = check_seed("seed", seed)
    task, heldout = NIAHTask(lengths=(LENGTH,)), NIAHTask(lengths=(LENGTH,), split="heldout")
    config = SISAConfig.preset(
        "tiny", architecture=architecture, d_vocab=task.d_vocab, n_ctx=LENGTH, anchor=USUAL_ANCHOR
    )
    steps = SMOKE_STEPS if smoke else STEPS
    name = f"{architecture}-seed{seed}" + ("-smoke" if smoke else "")
    run = Path(folder_path("folder", folder)) / name
    with one_thread():
        fit(
            config,
            folder=run,
            batches=TrainingBatches(task=task, batch_size=EPISODES_A_STEP),
            training=TrainingConfig(steps=steps, lr=3e-3, evaluate_every=EVALUATE_EVERY),
            evaluations={"niah": heldout},
            seed=seed,
            device="cpu",
        )
    return read_runs(run)


def class_curves(*, folder: str | PathLike[str] = FOLDER) -> pd.DataFrame:
    """Return the curves of all runs that were trained in class into one folder, those still at it as well.

    Args:
        folder: where `train_in_class` put the folders of runs.

    Returns:
        Columns of `data.results.runs.read_runs`; runs of `smoke` are left out.

    Raises:
        FileNotFoundError: nothing has been trained there yet.

    Example:
        >>> class_curves(folder="nowhere")
        Traceback (most recent call last):
        FileNotFoundError: ...
    """
    place = Path(folder_path("folder", folder))
    runs = sorted(run for run in place.glob("*-seed*") if is_run(run) and not run.name.endswith("-smoke"))
    if not runs:
        step = "Call train_in_class first."
        raise FileNotFoundError(f"{place} holds no run of the class. {step}")
    return read_runs(runs)


def share_found(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the share of needles found, averaged over training: architecture × seed.

    It says in one number how soon and how far a run learned, and needs no level that some runs never reach.

    Args:
        curves: of `train_in_class`, `class_curves` or `data.measured.in_class`.

    Example:
        >>> from data import measured
        >>> share_found(measured.tiny()).loc["jamba"].between(0, 1).all().item()
        True
    """
    rows = curves.loc[curves["name"] == "niah/exact_match"]
    return rows.pivot_table(index="architecture", columns="seed", values="value", aggfunc="mean")
