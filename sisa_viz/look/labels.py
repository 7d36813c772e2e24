"""Words and ticks of axes that show tables: columns and metrics have names and units of their own."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from data.results.variants import USUAL_ROPE, Variant
from sisa_viz.look.text import visible
from sisa_viz.trace.axes import with_units

COLUMNS: dict[str, tuple[str, str]] = {
    "step": ("training step", "1"),
    "tokens": ("training tokens", "1"),
    "train/loss": ("training loss", "nats per token"),
    "val/loss": ("validation loss", "nats per token"),
    "lr": ("learning rate", "1"),
    "grad_norm": ("gradient norm", "1"),
    "exact_match": ("needle exact match", "share of episodes"),
    "first_token": ("needle first token", "share of episodes"),
    "nll": ("needle −log p(answer)", "nats"),
    "rate": ("exact match", "share of episodes"),
    "context_length": ("context length", "tokens"),
    "depth": ("needle depth", "share of context"),
    "requested_depth": ("requested needle depth", "share of context"),
    "actual_depth": ("actual needle depth", "share of context"),
    "d_state": ("d_state", "channels of a state"),
    "lam": ("importance weight λ", "1"),
    "lam_moved": ("λ − 0.313, where it started", "1"),
    "half_life": ("half-life", "tokens"),
    "phase_speed": ("phase speed", "radians per token"),
    "importance_share": ("attention moved", "share"),
    "content_std": ("spread of content", "nats"),
    "importance_std": ("spread of importance", "nats"),
    "needle_mass": ("attention on the needle", "probability"),
    "tokens_per_second": ("training speed", "tokens per second"),
    "relative": ("relative training speed", "speed relative to the transformer"),
}
LONGEST_NAME = 60  # characters of a model's name in a title
SHARES = ("exact_match", "first_token", "rate")


def column_words(name: str) -> tuple[str, str]:
    """Return name and unit of a table's column or metric; an unknown one is called by its own name.

    A set of episodes is named, unless it is the only one of its run, which is called "niah".

    Example:
        >>> column_words("corpus256/exact_match")
        ('needle exact match, corpus256', 'share of episodes')
        >>> column_words("niah/exact_match"), column_words("mine")
        (('needle exact match', 'share of episodes'), ('mine', '1'))
    """
    of_set, _, measure = name.rpartition("/")
    if name in COLUMNS or measure not in COLUMNS:
        return COLUMNS.get(name, (name, "1"))
    long_name, units = COLUMNS[measure]
    return (long_name if of_set == "niah" else f"{long_name}, {of_set}"), units


def column_label(name: str) -> str:
    """Return the axis label of a table's column or metric: its name, and its unit where it has one.

    Example:
        >>> column_label("context_length"), column_label("step")
        ('context length (tokens)', 'training step')
    """
    return with_units(*column_words(name))


def is_share(name: str) -> bool:
    """Return whether a column or metric is a share of episodes, and so lies between 0 and 1.

    Plots of shares always show the whole range from 0 to 1, so that figures can be compared.

    Example:
        >>> is_share("corpus256/exact_match"), is_share("val/loss")
        (True, False)
    """
    return name.rpartition("/")[2] in SHARES


def log_ticks(*arrays: np.ndarray) -> list[float]:
    """Return the ticks 1, 2, 5, 10, 20, … of a logarithmic axis around all numbers.

    They reach one tick beyond the smallest and the largest number; over many decades powers of ten remain.

    Args:
        *arrays: Numbers, of which at least one is positive and finite; others are left out.

    Example:
        >>> log_ticks(np.array([3.0, np.inf]), np.array([20.0]))
        [2.0, 5.0, 10.0, 20.0]
        >>> log_ticks(np.array([0.01, 1e5]))
        [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0, 100000.0]
    """
    numbers = np.concatenate(arrays).astype(float)
    numbers = numbers[(numbers > 0) & np.isfinite(numbers)]
    low, high = numbers.min() / 2.5, numbers.max() * 2.5
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))))
    digits = (1, 2, 5) if len(powers) < 6 else (1,)
    ticks = [digit * 10.0**power for power in powers[:: -(-len(powers) // 10)] for digit in digits]
    return [tick for tick in ticks if low < tick < high]


def compact(value: float, places: int, *, signed: bool = False) -> str:
    """Return a number as narrow as it can be written into a cell: no zero before the point, a true minus.

    Args:
        value: The number; NaN is written as nothing.
        places: Digits after the point.
        signed: Whether a number above zero has its sign too.

    Example:
        >>> compact(0.0042, 4, signed=True), compact(-0.5, 2), compact(12.3, 1), compact(0.0, 2)
        ('+.0042', '−.50', '12.3', '0')
    """
    if np.isnan(value):
        return ""
    digits = f"{abs(value):.{places}f}".removeprefix("0") or "0"
    if not digits.strip(".0"):
        return "0"
    above = "+" if signed else ""
    return ("−" if value < 0 else above) + digits


def compact_cells(values: ArrayLike, places: int, *, signed: bool = False) -> np.ndarray:
    """Return what the cells of a map say, each number as `compact` writes it.

    Args:
        values: Numbers [row, column].
        places: Digits after the point.
        signed: Whether a number above zero has its sign too.

    Example:
        >>> compact_cells([[0.5, -0.25]], 2).tolist()
        [['.50', '−.25']]
    """
    return np.array([[compact(value, places, signed=signed) for value in row] for row in np.asarray(values)])


def places_for(limit: float) -> int:
    """Return how many digits after the point show two digits of the largest number of a map.

    Args:
        limit: The largest magnitude, above zero.

    Example:
        >>> places_for(0.0044), places_for(0.37), places_for(25.0)
        (4, 2, 0)
    """
    return max(0, 1 - int(np.floor(np.log10(limit))))


def of_model(title: str, config: Mapping[str, object]) -> str:
    """Return a title with the model that it is about, as far as the configuration in a trace tells it.

    Args:
        title: What is shown.
        config: Of our models, or one with model_name, as of a model of others.

    Example:
        >>> of_model("Decay of every head", {"architecture": "sisa", "d_state": 16})
        'Decay of every head · SISA d_state=16'
        >>> of_model("Scores", {"model_name": "gpt2"}), of_model("Scores", {"d_state": 2})
        ('Scores · gpt2', 'Scores')
    """
    architecture, d_state = config.get("architecture"), config.get("d_state")
    name = config.get("model_name")
    if isinstance(architecture, str) and isinstance(d_state, int):
        name = Variant(architecture, d_state=d_state, rope=str(config.get("rope", USUAL_ROPE))).label
    return f"{title} · {visible(name, limit=LONGEST_NAME, spaces=False)}" if isinstance(name, str) else title
