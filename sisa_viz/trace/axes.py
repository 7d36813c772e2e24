"""The one axis dictionary: every dimension and quantity of a trace, its name, its unit.

Nothing else in the project spells an axis: arrays take their dims from here, plots their labels.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

AXES: dict[str, str] = {
    "layer": "layer",
    "head": "head",
    "query": "query position",
    "key": "key position",
    "position": "position",
    "d_head": "channel of a head",
    "d_state": "channel of a state",
    "pair": "rotated pair of state channels",
    "token": "token",
    "token_id": "token id",
    "episode": "episode",
}

POSITIONS = ("query", "key", "position")


@dataclass(frozen=True)
class Quantity:
    """What an array of a trace means: dims in order, the words for a label, the unit ("1": none)."""

    dims: tuple[str, ...]
    long_name: str
    units: str
    dtype: str = "float32"

    @property
    def attrs(self) -> dict[str, str]:
        return {"long_name": self.long_name, "units": self.units}


HEADS = ("layer", "head")
TOKENS = (*HEADS, "position")
SCORES = ("query", "key")

VARIABLES: dict[str, Quantity] = {
    "q": Quantity((*TOKENS, "d_head"), "query after RoPE", "1"),
    "k": Quantity((*TOKENS, "d_head"), "key after RoPE", "1"),
    "b_rot": Quantity((*TOKENS, "d_state"), "rotated state input R(Φ_j) B_j", "1"),
    "c_rot": Quantity((*TOKENS, "d_state"), "rotated state output R(Φ_i) C_i", "1"),
    "log_decay": Quantity(TOKENS, "log decay log α_t", "nats"),
    "cum_decay": Quantity(TOKENS, "cumulative log decay g_t", "nats"),
    "anchored_decay": Quantity(TOKENS, "cumulative log decay in the score ĝ_t", "nats"),
    "clamped": Quantity(TOKENS, "clamp acts", "1", "bool"),
    "phase": Quantity((*TOKENS, "pair"), "cumulative phase Φ_t", "radians"),
    "lam": Quantity(HEADS, "importance weight λ", "1"),
}
PLAIN = ("q", "k")
OPTIONAL = ("phase",)
HALF_WIDTH = ("q", "k", "b_rot", "c_rot")  # the variables that float16 may hold

DERIVED: dict[str, Quantity] = {
    "content": Quantity(SCORES, "content score", "nats"),
    "importance": Quantity(SCORES, "importance score", "nats"),
    "scores": Quantity(SCORES, "attention score", "nats"),
    "pattern": Quantity(SCORES, "attention pattern", "probability"),
    "half_life": Quantity(HEADS, "half-life", "tokens"),
    "retention": Quantity(TOKENS, "retention", "1"),
    "span_mass": Quantity(HEADS, "attention mass", "probability"),
    "span_advantage": Quantity(HEADS, "score advantage", "nats"),
    "clamp_count": Quantity(HEADS, "clamped positions", "positions", "int64"),
}

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
    "needle_mass": ("attention on the needle", "probability"),
    "tokens_per_second": ("training speed", "tokens per second"),
    "relative": ("relative training speed", "speed relative to the transformer"),
}
SHARES = ("exact_match", "first_token", "rate")


def column_words(name: str) -> tuple[str, str]:
    """Name and unit of a table's column or metric; an unknown one is called by its own name.

    A set of episodes is named, unless it is the only one of its run: "needle exact match, corpus256".
    """
    of_set, _, measure = name.rpartition("/")
    if name in COLUMNS or measure not in COLUMNS:
        return COLUMNS.get(name, (name, "1"))
    long_name, units = COLUMNS[measure]
    return (long_name if of_set == "niah" else f"{long_name}, {of_set}"), units


def with_units(name: str, units: str) -> str:
    """An axis label: "context length (tokens)"; the name alone where there is no unit."""
    return name if units == "1" else f"{name} ({units})"


def column_label(name: str) -> str:
    """The axis label of a table's column or metric: "context length (tokens)"."""
    return with_units(*column_words(name))


def is_share(name: str) -> bool:
    """True for a column or metric that lies between 0 and 1: "rate", "corpus256/exact_match"."""
    return name.rpartition("/")[2] in SHARES


def log_ticks(*arrays: np.ndarray) -> list[float]:
    """1, 2, 5, 10, 20, … around the positive, finite numbers of all arrays, of which there is at least one.

    They reach one tick beyond the smallest and the largest number; over many decades powers of ten remain.
    """
    numbers = np.concatenate(arrays).astype(float)
    numbers = numbers[(numbers > 0) & np.isfinite(numbers)]
    low, high = numbers.min() / 2.5, numbers.max() * 2.5
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))))
    digits = (1, 2, 5) if len(powers) < 6 else (1,)
    ticks = [digit * 10.0**power for power in powers[:: -(-len(powers) // 10)] for digit in digits]
    return [tick for tick in ticks if low < tick < high]


def axis_attrs(name: str) -> dict[str, str]:
    """Attributes of a coordinate: positions are counted in tokens, the others have no unit."""
    return {"long_name": AXES[name], "units": "tokens" if name in POSITIONS else "1"}


def axis_label(name: str) -> str:
    """The axis label of a coordinate: "query position (tokens)"."""
    return with_units(*axis_attrs(name).values())


def label(array: xr.DataArray) -> str:
    """The axis label of an array, from its own attributes: "content score (nats)"."""
    return with_units(str(array.attrs.get("long_name", array.name)), str(array.attrs.get("units", "1")))


def head_name(layer: int, head: int) -> str:
    """Zero-based, as everyone writes it: L2H5."""
    return f"L{layer}H{head}"
