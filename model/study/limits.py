"""What no run survives, refused in the first cell: seeds, steps and rates out of range, sizes beyond memory.

Both estimates of memory are lower bounds. They count what a pass keeps at the least, so that nothing is
refused that works; a size a little below the limit may still not fit.
"""

from __future__ import annotations

import torch

from data.memory import MOST_SEED, check_memory, machine_memory
from data.niah.task import BYTES_OF_KNOBS, BYTES_OF_TOKEN
from data.refusal import as_number, refusal, whole
from model.config import SISAConfig
from model.config.sizes import total

LARGEST_SEED = MOST_SEED // 2  # seed + 1, which other episodes are drawn from, is a seed as well
MOST_STEPS = 10**9  # a thousand steps a second, for eleven days
# Adam moves every weight by about the rate at each step, and weights are of the order of 0.02.
LARGEST_RATE = 1.0
LARGEST_LAM_FACTOR = 100.0
FLOAT32, FLOAT16 = 4, 2  # bytes
NUMBERS_A_PARAMETER = 4  # the weight, its gradient and two moments of Adam, float32
LOGITS_LEARNING = 3  # logits, their log-softmax and its gradient, float32 on every device
LOGITS_READING = 2  # logits and their log-softmax
VECTORS_A_LAYER = 8  # two residuals, two norms, q, k, v and what attention returns, of d_model numbers each
HIDDEN_A_LAYER = 3  # gate, up and their product in the MLP, of d_mlp numbers each


def check_seed(name: str, seed: object) -> int:
    """Return a seed as an int, or refuse what cannot seed torch's and numpy's random numbers.

    Args:
        name: of the parameter.
        seed: a whole number from 0 to 2⁶³ − 1.

    Raises:
        ValueError: for anything else; names the limit.

    Example:
        >>> check_seed("seed", 10**30)
        Traceback (most recent call last):
        ValueError: seed is 1000000000000000000000000000000; legal: whole numbers >= 0 and <= 9,223,...
    """
    return whole(name, seed, least=0, most=LARGEST_SEED)


def check_steps(steps: object) -> int:
    """Return optimiser steps as an int, or refuse what no run could end.

    Args:
        steps: a whole number from 1 to 10⁹.

    Raises:
        ValueError: for anything else; names the limit.

    Example:
        >>> check_steps(400)
        400
    """
    return whole("steps", steps, least=1, most=MOST_STEPS)


def check_rates(lr: object, lr_lam: object = 0.1) -> None:
    """Refuse a learning rate that is none, or with which nothing could be learned.

    Args:
        lr: peak learning rate, above 0 and at most 1.
        lr_lam: factor on it for λ, from 0 to 100.

    Raises:
        ValueError: for anything else; names the limits.

    Example:
        >>> check_rates(1e300)
        Traceback (most recent call last):
        ValueError: lr is 1e+300; legal: numbers above 0 and at most 1. Usual are 0.0003 to 0.01.
    """
    rate, factor = as_number(lr), as_number(lr_lam)
    if rate is None or not 0 < rate <= LARGEST_RATE:
        legal = f"numbers above 0 and at most {LARGEST_RATE:g}"
        raise refusal("lr", lr, legal=legal, step="Usual are 0.0003 to 0.01.")
    if factor is None or not 0 <= factor <= LARGEST_LAM_FACTOR:
        legal = f"numbers from 0 to {LARGEST_LAM_FACTOR:g}"
        raise refusal("lr_lam", lr_lam, legal=legal, step="It is a factor on lr; the paper has 0.1.")


def check_training(config: SISAConfig, *, batch_size: int, length: int, device: str) -> None:
    """Refuse a training of which not even one step would fit into memory.

    A step keeps 16 bytes a parameter, and for each token of its batch 3·d_vocab numbers of the logits and
    8·d_model + 3·d_mlp a layer for the gradient.

    Args:
        config: of the model, with the vocabulary that it will have.
        batch_size: rows of a step.
        length: tokens of a row.
        device: "auto", "cpu" or "cuda".

    Raises:
        ValueError: names `batch_size`, or `length` where not even one row fits, with both figures.

    Example:
        >>> config = SISAConfig.preset("tiny")
        >>> check_training(config, batch_size=32, length=128, device="cpu")
        >>> check_training(config, batch_size=10**9, length=128, device="cpu")
        Traceback (most recent call last):
        ValueError: batch_size is 1000000000; legal: what fits into ... GiB of memory; this would take ...
    """
    gpu = device != "cpu" and torch.cuda.is_available()
    limit = torch.cuda.get_device_properties(0).total_memory if gpu else machine_memory()
    of_layers = config.n_layers * (VECTORS_A_LAYER * config.d_model + HIDDEN_A_LAYER * config.d_mlp)
    # bfloat16 autocast halves what layers keep on a GPU; logits become float32 for the loss
    of_token = of_layers * (FLOAT16 if gpu else FLOAT32) + LOGITS_LEARNING * config.d_vocab * FLOAT32
    fixed = total(config) * NUMBERS_A_PARAMETER * FLOAT32
    row = fixed + length * of_token
    check_memory("length", length, n_bytes=row, step="Shorten the episodes.", limit=limit)
    n_bytes = fixed + batch_size * length * of_token
    check_memory("batch_size", batch_size, n_bytes=n_bytes, step="Take fewer rows.", limit=limit)


def check_reading(config: SISAConfig, *, name: str, length: int) -> None:
    """Refuse a text that a model could not read in one pass.

    A pass keeps 2·d_vocab numbers a token of logits and the residuals of every layer, all float32.

    Args:
        config: of the model.
        name: of the parameter that says how long the text is.
        length: its tokens.

    Raises:
        ValueError: names the parameter, with the estimate and the limit.

    Example:
        >>> check_reading(SISAConfig.preset("small"), name="length", length=10**8)
        Traceback (most recent call last):
        ValueError: length is 100000000; legal: what fits into ...; this would take about ... GiB. ...
    """
    numbers = LOGITS_READING * config.d_vocab + config.n_layers * config.d_model
    n_bytes = length * numbers * FLOAT32
    check_memory(name, length, n_bytes=n_bytes, step="Shorten the text.", limit=machine_memory())


def check_episodes(n_episodes: object, *, length: int, cells: int = 1) -> int:
    """Return a number of episodes as an int, or refuse what no memory holds.

    Args:
        n_episodes: of a cell, a whole number above 0.
        length: tokens of each.
        cells: how many such sets are built at once.

    Raises:
        ValueError: names n_episodes, with the estimate and the limit.

    Example:
        >>> check_episodes(100, length=192)
        100
    """
    n = whole("n_episodes", n_episodes, least=1)
    n_bytes = n * cells * (length * BYTES_OF_TOKEN + BYTES_OF_KNOBS)
    check_memory("n_episodes", n, n_bytes=n_bytes, step="Take fewer.")
    return n
