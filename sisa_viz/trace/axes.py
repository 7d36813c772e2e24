"""The one axis dictionary: every dimension and quantity of a trace, its name, its unit.

Nothing else in the project spells an axis: arrays take their dims from here, plots their labels.
"""

from dataclasses import dataclass

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


def axis_attrs(name: str) -> dict[str, str]:
    """Attributes of a coordinate: positions are counted in tokens, the others have no unit."""
    return {"long_name": AXES[name], "units": "tokens" if name in POSITIONS else "1"}


def with_units(name: str, units: str) -> str:
    """An axis label: "context length (tokens)"; the name alone where there is no unit."""
    return name if units == "1" else f"{name} ({units})"


def axis_label(name: str) -> str:
    """The axis label of a coordinate: "query position (tokens)"."""
    return with_units(*axis_attrs(name).values())


def label(array: xr.DataArray) -> str:
    """The axis label of an array, from its own attributes: "content score (nats)"."""
    return with_units(str(array.attrs.get("long_name", array.name)), str(array.attrs.get("units", "1")))


def head_name(layer: int, head: int) -> str:
    """Zero-based, as everyone writes it: L2H5."""
    return f"L{layer}H{head}"
