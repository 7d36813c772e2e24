"""The one colour and range policy.

Signed quantities: blue is positive, red negative, zero white, limits symmetric. Probabilities and other
quantities that start at zero: from pale yellow to dark violet. What is masked or absent has no colour: the
grey ground shows, which is neither of the two zeros. All scales stay apart under the common colour-vision
deficiencies.
"""

import numpy as np

from data.results.variants import Variant

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
PRINTED_GROUND = "#d9d9d9"  # the same grey on white paper, for pictures
INK = "#7a7a7a"  # readable on white and on the dark themes of notebooks
GRID = "rgba(128, 128, 128, 0.25)"
CLAMPED = "#d55e00"
SPANS = ("#009e73", "#e7298a", "#a6761d")  # of a text, in the order of their names in the trace

ARCHITECTURES = {
    "transformer": "#d55e00",
    "jamba": "#d39c23",
    "hymba": "#73645d",
    "mamba2": "#009e73",
    "mamba3": "#ff6bb0",
    "fox": "#7f0300",
    "alibi": "#a0dabe",
    "sigmoid_sisa": "#00396b",
    "adaptive_sisa": "#9be221",
    "widened": "#c02400",
}
SISA = {4: "#a9dcf2", 16: "#56b4e9", 32: "#0072b2", 64: "#7054ff", 128: "#c08bff"}  # d_state between: mixed
OTHERS = ("#e7298a", "#8c8c8c", "#e6d200", "#a6761d")
RELATIVE = "5px,2px"  # dashes of what differs from a named architecture by a remark: "transformer, no RoPE"
LAYERS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7b6fd0", "#a6761d")


def scale(colours: tuple[str, ...]) -> list[list[float | str]]:
    """Return plotly's form of a colour scale: pairs of place and colour, equally spaced from 0 to 1.

    Example:
        >>> scale(("#ffffff", "#808080", "#000000"))
        [[0.0, '#ffffff'], [0.5, '#808080'], [1.0, '#000000']]
    """
    return [[at / (len(colours) - 1), colour] for at, colour in enumerate(colours)]


def signed_limit(*arrays: np.ndarray) -> float:
    """Return the limit of a symmetric scale: the largest magnitude in all arrays.

    NaN and infinities do not count. Where everything is zero or absent the limit is 1, for a scale from 0 to
    0 would have no colours.

    Example:
        >>> signed_limit(np.array([1.0, -3.0, np.nan]), np.array([2.0]))
        3.0
    """
    return _largest([np.abs(array) for array in arrays])


def top_limit(*arrays: np.ndarray) -> float:
    """Return the upper end of a scale that starts at zero: the largest number in all arrays.

    NaN and infinities do not count; where everything is zero or absent it is 1.

    Example:
        >>> top_limit(np.array([0.25, np.inf])), top_limit(np.zeros(3))
        (0.25, 1.0)
    """
    return _largest(list(arrays))


def _largest(arrays: list[np.ndarray]) -> float:
    finite = [array[np.isfinite(array)] for array in arrays]
    return float(max((values.max() for values in finite if values.size), default=0.0)) or 1.0


def architecture_colour(name: str) -> str:
    """Return the colour of an architecture or variant, the same in every plot.

    State sizes between the named ones get a mixture; what differs from a named architecture by a remark gets
    a lighter tone; unknown names get one of four colours, chosen by their letters.

    Example:
        >>> architecture_colour("transformer"), architecture_colour("SISA d_state=16")
        ('#d55e00', '#56b4e9')
    """
    variant = Variant.from_label(name)
    known = _sisa_colour(variant.d_state or 0) if variant.is_sisa else ARCHITECTURES.get(variant.base)
    if known is None:
        return OTHERS[sum(map(ord, name)) % len(OTHERS)]
    return mix(known, "#ffffff", 0.3) if variant.is_remarkable else known


def architecture_dash(name: str) -> str:
    """Return plotly's dashes of a variant's line: relatives of a named architecture are dashed.

    Example:
        >>> architecture_dash("transformer"), architecture_dash("transformer, no RoPE")
        ('solid', '5px,2px')
    """
    return RELATIVE if Variant.from_label(name).is_remarkable else "solid"


def _sisa_colour(d_state: int) -> str:
    """Between the named sizes the colours are mixed, in log d_state; beyond them the last one stays."""
    sizes, colours = list(SISA), list(SISA.values())
    at = float(np.interp(np.log2(max(d_state, 1)), np.log2(sizes), range(len(sizes))))
    low = min(int(at), len(sizes) - 2)
    return mix(colours[low], colours[low + 1], at - low)


def mix(colour: str, other: str, share: float) -> str:
    """Return the colour on the way from one to another.

    Args:
        colour: The hex colour at share 0.
        other: The hex colour at share 1.
        share: How far on the way, from 0 to 1, in each of red, green and blue.

    Example:
        >>> mix("#000000", "#ffffff", 0.5)
        '#808080'
    """
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(one + share * (two - one)):02x}" for one, two in pairs)


def _channels(colour: str) -> list[int]:
    """Red, green and blue of "#rrggbb", each 0 to 255."""
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def layer_colour(layer: int) -> str:
    """Return the colour of a layer; the eight colours repeat from the ninth layer on.

    Example:
        >>> layer_colour(0) == layer_colour(8)
        True
    """
    return LAYERS[layer % len(LAYERS)]


def faint(colour: str, alpha: float) -> str:
    """Return a hex colour with an opacity, in the form of CSS.

    Example:
        >>> faint("#0072b2", 0.5)
        'rgba(0, 114, 178, 0.5)'
    """
    red, green, blue = _channels(colour)
    return f"rgba({red}, {green}, {blue}, {alpha:g})"
