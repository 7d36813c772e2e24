"""What `fit` is given, looked at before a folder is made: a mistake that shows hours later costs them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from tokenizers import Tokenizer

from data import NIAHTask
from data.refusal import refusal
from model.config import SISAConfig
from model.training.recipe import TrainingConfig


def check_kinds(config: object, batches: object, training: object, tokenizer: object) -> None:
    """Refuse what is no config, no batches, no recipe or no tokenizer.

    Args:
        config: shall be a SISAConfig.
        batches: shall have `build` and `spec`, as data.TrainingBatches.
        training: shall be a TrainingConfig.
        tokenizer: shall be a tokenizers.Tokenizer or None; it is saved after the last step.

    Raises:
        ValueError: names the first that is something else.

    Example:
        >>> check_kinds("tiny", None, None, None)
        Traceback (most recent call last):
        ValueError: config is 'tiny'; legal: a SISAConfig. Begin with SISAConfig.preset("tiny").
    """
    if not isinstance(config, SISAConfig):
        step = 'Begin with SISAConfig.preset("tiny").'
        raise refusal("config", config, legal="a SISAConfig", step=step)
    if isinstance(batches, NIAHTask) or not hasattr(batches, "build") or not hasattr(batches, "spec"):
        step = "Make them with TrainingBatches(task=..., batch_size=...)."
        raise refusal("batches", batches, legal="batches such as data.TrainingBatches", step=step)
    if not isinstance(training, TrainingConfig):
        step = "Begin with TrainingConfig(steps=100)."
        raise refusal("training", training, legal="a TrainingConfig", step=step)
    if not isinstance(tokenizer, Tokenizer | None):
        legal, step = "a tokenizers.Tokenizer or None", "Read one with data.load_tokenizer."
        raise refusal("tokenizer", tokenizer, legal=legal, step=step)


def checked_tasks(evaluations: object, config: SISAConfig) -> dict[str, NIAHTask]:
    """Return the needle tasks of the evaluations by name, or refuse one that the model cannot read.

    Args:
        evaluations: tasks by name, or None.
        config: of the model.

    Raises:
        ValueError: no mapping of tasks by name, a name that no table holds, or a larger vocabulary.

    Example:
        >>> checked_tasks({"niah": 5}, SISAConfig.preset("tiny"))
        Traceback (most recent call last):
        ValueError: evaluations['niah'] is 5; legal: a NIAHTask. Make one with data.NIAHTask.
    """
    if evaluations is None:
        return {}
    if not isinstance(evaluations, Mapping):
        step = 'Write {"niah": task}.'
        raise refusal("evaluations", evaluations, legal="needle tasks by name", step=step)
    for name, task in evaluations.items():
        if not isinstance(name, str) or not name.isprintable() or not name.strip():
            step = "It begins the names of what is measured, as in niah/exact_match."
            raise refusal("a name of evaluations", name, legal="a word", step=step)
        if not isinstance(task, NIAHTask):
            step = "Make one with data.NIAHTask."
            raise refusal(f"evaluations[{name!r}]", task, legal="a NIAHTask", step=step)
        if task.d_vocab > config.d_vocab:
            legal = f"d_vocab up to {config.d_vocab}, the model's"
            step = "Give config the d_vocab of the task."
            raise refusal(f"evaluations[{name!r}]", f"d_vocab {task.d_vocab}", legal=legal, step=step)
    return dict(evaluations)


def check_heldout(heldout: object, config: SISAConfig) -> None:
    """Refuse rows of a held-out loss that the model cannot read or that have nothing to predict.

    Args:
        heldout: token ids [row, position], or None.
        config: of the model.

    Raises:
        ValueError: no whole numbers of two axes, rows of one token, or ids outside the vocabulary.

    Example:
        >>> check_heldout(np.zeros((2, 8)), SISAConfig.preset("tiny"))
        Traceback (most recent call last):
        ValueError: heldout is 'shape (2, 8), float64'; legal: whole numbers [row, position], ...
    """
    if heldout is None:
        return
    legal = "whole numbers [row, position], rows of two tokens at least"
    step = "Pass rows of corpus.split('heldout')."
    if not isinstance(heldout, np.ndarray):
        raise refusal("heldout", heldout, legal=legal, step=step)
    shape = heldout.shape
    if heldout.dtype.kind not in "iu" or heldout.ndim != 2 or shape[0] < 1 or shape[1] < 2:
        raise refusal("heldout", f"shape {shape}, {heldout.dtype}", legal=legal, step=step)
    if heldout.min() < 0 or heldout.max() >= config.d_vocab:
        came = f"ids {heldout.min()} to {heldout.max()}"
        legal = f"0 to {config.d_vocab - 1} (d_vocab - 1)"
        raise refusal("heldout", came, legal=legal, step="Use the tokenizer of the batches.")
