"""The one colour and range policy.

Signed quantities: blue is positive, red negative, zero white, limits symmetric. Probabilities and other
quantities that start at zero: from pale yellow to dark violet. What is masked or absent has no colour: the
grey ground shows, which is neither of the two zeros. All scales stay apart under the common colour-vision
deficiencies.
"""

import re

import numpy as np

SIGNED = (
    "#67001f",
    "#b2182b",
    "#d6604d",
    "#f4a582",
    "#fddbc7",
    "#ffffff",
    "#d1e5f0",
    "#92c5de",
    "#4393c3",
    "#2166ac",
    "#053061",
)
FROM_ZERO = ("#fffde0", "#fde0a0", "#feb078", "#f8765c", "#d3436e", "#982d80", "#5f187f", "#231151")
GROUND = "rgba(128, 128, 128, 0.32)"
INK = "#7a7a7a"  # readable on white and on the dark themes of notebooks
GRID = "rgba(128, 128, 128, 0.25)"
CLAMPED = "#d55e00"
MARK = "#009e73"

ARCHITECTURES = {"transformer": "#d55e00", "mamba2": "#009e73", "mamba3": "#cc79a7"}
SISA = {16: "#56b4e9", 32: "#0072b2", 64: "#7b6fd0", 128: "#b07cd8"}
OTHERS = ("#e69f00", "#8c8c8c", "#a6761d", "#e7298a")
LAYERS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7b6fd0", "#a6761d")


def scale(colours: tuple[str, ...]) -> list[list[float | str]]:
    """A plotly colour scale from equidistant colours."""
    return [[at / (len(colours) - 1), colour] for at, colour in enumerate(colours)]


def signed_limit(*arrays: np.ndarray) -> float:
    """The largest magnitude in all arrays, NaN and infinities aside; 1 where everything is zero or absent."""
    return _largest([np.abs(array) for array in arrays])


def top_limit(*arrays: np.ndarray) -> float:
    """The upper end of a scale that starts at zero; 1 where everything is zero or absent."""
    return _largest(list(arrays))


def _largest(arrays: list[np.ndarray]) -> float:
    finite = [array[np.isfinite(array)] for array in arrays]
    return float(max((values.max() for values in finite if values.size), default=0.0)) or 1.0


def architecture_name(model: str, d_state: float | None = None) -> str:
    """One spelling for measured and published runs: "transformer", "SISA d_state=16", "mamba2"."""
    return f"SISA d_state={int(d_state or 0)}" if model.lower() == "sisa" else model


def architecture_colour(name: str) -> str:
    """The colour of an architecture; the same name gets the same colour in every plot."""
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    state = re.fullmatch(r"SISA d_state=(\d+)", name)
    if state and int(state[1]) in SISA:
        return SISA[int(state[1])]
    return "#0072b2" if state else OTHERS[sum(map(ord, name)) % len(OTHERS)]


def layer_colour(layer: int) -> str:
    """The colour of a layer, repeated after eight."""
    return LAYERS[layer % len(LAYERS)]


def faint(colour: str, alpha: float) -> str:
    """A hex colour with an opacity, as CSS."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha:g})"
