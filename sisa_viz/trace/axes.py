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
    """Say what an array of a trace means.

    Args:
        dims: names of its axes in order, each a key of `AXES`.
        long_name: the words of its label, in lower case.
        units: its unit in the plural, such as "nats"; "1" where it has none.
        dtype: how a trace stores it; `HALF_WIDTH` names those that may be float16 as well.

    Example:
        >>> from sisa_viz.trace.axes import VARIABLES
        >>> VARIABLES["lam"].dims, VARIABLES["log_decay"].units
        (('layer', 'head'), 'nats')
    """

    dims: tuple[str, ...]
    long_name: str
    units: str
    dtype: str = "float32"

    @property
    def attrs(self) -> dict[str, str]:
        """Return the attributes that xarray and its plots read: long_name and units."""
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
    """Return the attributes of a coordinate: its name in words, and its unit.

    The positions of queries, keys and tokens are counted in tokens; every other coordinate has no unit, "1".

    Args:
        name: a key of `AXES`, such as "query".

    Returns:
        {"long_name": ..., "units": ...}, as xarray keeps them.

    Raises:
        KeyError: `AXES` does not have the name.

    Example:
        >>> from sisa_viz.trace.axes import axis_attrs
        >>> axis_attrs("query")
        {'long_name': 'query position', 'units': 'tokens'}
    """
    return {"long_name": AXES[name], "units": "tokens" if name in POSITIONS else "1"}


def with_units(name: str, units: str) -> str:
    """Write the label of an axis: the name, and the unit in brackets where there is one.

    Args:
        name: what the axis shows, in words.
        units: the unit in the plural, or "1" for a number without unit.

    Example:
        >>> from sisa_viz.trace.axes import with_units
        >>> with_units("context length", "tokens"), with_units("retention", "1")
        ('context length (tokens)', 'retention')
    """
    return name if units == "1" else f"{name} ({units})"


def axis_label(name: str) -> str:
    """Write the axis label of a coordinate, its unit included.

    Plots take their axis titles from here, so that one coordinate has one name in all of them.

    Args:
        name: a key of `AXES`, such as "key".

    Raises:
        KeyError: `AXES` does not have the name.

    Example:
        >>> from sisa_viz.trace.axes import axis_label
        >>> axis_label("key"), axis_label("layer")
        ('key position (tokens)', 'layer')
    """
    attrs = axis_attrs(name)
    return with_units(attrs["long_name"], attrs["units"])


def label(array: xr.DataArray) -> str:
    """Write the label of an array from its own attributes, its unit included.

    Args:
        array: one with "long_name" and "units", as a trace and its accessor return them. Without a long_name
            the array's own name stands in, and without units it has none.

    Example:
        >>> import xarray as xr
        >>> from sisa_viz.trace.axes import label
        >>> label(xr.DataArray([0.5], attrs={"long_name": "content score", "units": "nats"}))
        'content score (nats)'
        >>> label(xr.DataArray([0.5], name="gate"))
        'gate'
    """
    return with_units(str(array.attrs.get("long_name", array.name)), str(array.attrs.get("units", "1")))


def head_name(layer: int, head: int) -> str:
    """Write the name of a head as the field does, layer before head and both zero-based.

    Args:
        layer: coordinate of the layer; the one next to the embedding is 0.
        head: coordinate of the head within its layer.

    Example:
        >>> from sisa_viz.trace.axes import head_name
        >>> head_name(2, 5)
        'L2H5'
    """
    return f"L{layer}H{head}"
