"""A small still picture of one head, its four maps side by side, as PNG bytes, for where scripts are off.

Each pixel shows the cell of its bin that is largest in size, as the explorer's overview does.
"""

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from sisa_viz.look import colours
from sisa_viz.trace.scores import Head, parts_of

SIDE = 96
GAP = 6
SHADES = 127
GROUND = (222, 225, 228)


def still(head: Head) -> bytes:
    """Draw one head as a small PNG: content, λ × importance, their sum and the weights, left to right.

    Attention alone has content and weights. Scores share one colour range, as in the explorer. A pixel takes
    the cell of its bin that is largest in size, so that a single strong pair stays visible.

    Args:
        head: factors of one head.

    Returns:
        The bytes of a PNG of four maps or two, each at most 96 × 96 pixels.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer.still import still
        >>> still(example_trace().sisa.factors(layer=0, head=0))[1:4]
        b'PNG'
    """
    maps = pooled(head, min(SIDE, head.length))
    limit = colours.signed_limit(*maps[:3])
    shades = [1 + _shade(values / (2 * limit) + 0.5) for values in maps]
    kind = head.weighing.kind
    if not kind.signed:
        shades[3] = 1 + SHADES + _shade(maps[3] / (kind.top or colours.top_limit(maps[3])))
    if head.lam is None:
        maps, shades = maps[::3], shades[::3]
    return _row_of(maps, shades)


def still_pair(heads: Sequence[Head], part: str, lam_scales: Sequence[float]) -> bytes:
    """Draw one part of two heads and their difference, the second less the first, as a small PNG.

    The difference is taken cell by cell, before cells share a pixel, and has colours of its own range.

    Args:
        heads: factors of two heads over one text.
        part: "content", "importance", "scores" or "pattern".
        lam_scales: the factor on λ of each.

    Returns:
        The bytes of a PNG of three maps.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> head = example_trace().sisa.factors(layer=0, head=0)
        >>> still_pair((head, head), "pattern", (1.0, 0.0))[1:4]
        b'PNG'
    """

    def rows(queries: np.ndarray) -> list[np.ndarray]:
        first, second = [
            parts_of(head, queries, lam_scale=scale)[part]
            for head, scale in zip(heads, lam_scales, strict=True)
        ]
        return [first, second, second - first]

    length = heads[0].length
    maps = _pooled(rows, length, min(SIDE, length))
    limits = [colours.signed_limit(*maps[:2])] * 2 + [colours.signed_limit(maps[2])]
    pairs = zip(maps, limits, strict=True)
    return _row_of(maps, [1 + _shade(values / (2 * limit) + 0.5) for values, limit in pairs])


def _row_of(maps: Sequence[np.ndarray], shades: Sequence[np.ndarray]) -> bytes:
    """Draw maps side by side from their shades; what no query sees keeps the colour of the ground."""
    panels = [np.where(np.isnan(values), 0, shade) for values, shade in zip(maps, shades, strict=True)]
    gap = np.zeros((len(panels[0]), GAP), dtype=int)
    return _png(np.concatenate([piece for panel in panels for piece in (panel, gap)][:-1], axis=1))


def pooled(head: Head, bins: int) -> list[np.ndarray]:
    """Compute the four maps of one head, reduced to few bins a side.

    Each cell holds that score of its bin which is largest in size, with its sign. One row of bins is computed
    at a time, so that no L × L array is made.

    Args:
        head: factors of one head.
        bins: bins a side, at most the number of positions.

    Returns:
        Content, importance, sum and weights, each [bin, bin]; NaN where every key of a bin is later than its
        queries.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer.still import pooled
        >>> maps = pooled(example_trace().sisa.factors(layer=0, head=0), 2)
        >>> len(maps), maps[3].shape, maps[3].round(2).tolist()[0]  # early queries see no late key
        (4, (2, 2), [1.0, nan])
    """
    return _pooled(lambda queries: list(parts_of(head, queries).values()), head.length, bins)


def _pooled(rows: Callable[[np.ndarray], list[np.ndarray]], length: int, bins: int) -> list[np.ndarray]:
    """Reduce maps to bins; `rows` computes all of them, each [query, key], for some queries."""
    edges = np.arange(bins) * length // bins
    stops = np.append(edges[1:], length)
    found = [
        [_largest(values, edges) for values in rows(np.arange(start, stop))]
        for start, stop in zip(edges, stops, strict=True)
    ]
    return [np.stack(column) for column in zip(*found, strict=True)]


def _largest(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    hidden = np.isnan(values)
    high = np.maximum.reduceat(np.where(hidden, -np.inf, values).max(axis=0), edges)
    low = np.minimum.reduceat(np.where(hidden, np.inf, values).min(axis=0), edges)
    return np.where(high < low, np.nan, np.where(high >= -low, high, low))


def _shade(share: np.ndarray) -> np.ndarray:
    """Turn shares of the colour range into shades 0 … 126; NaN becomes 0."""
    return np.rint(np.nan_to_num(np.clip(share, 0, 1)) * (SHADES - 1)).astype(int)


def _ramp(stops: tuple[str, ...]) -> list[int]:
    """Interpolate SHADES colours, red, green and blue of each in a row, between equidistant stops."""
    channels = np.array([[int(stop[at : at + 2], 16) for at in (1, 3, 5)] for stop in stops])
    at = np.linspace(0, len(stops) - 1, SHADES)
    ramp = np.stack([np.interp(at, np.arange(len(stops)), channel) for channel in channels.T], axis=1)
    return np.rint(ramp).astype(int).ravel().tolist()


def _png(indices: np.ndarray) -> bytes:
    """Write 8-bit palette indices as a PNG: 0 is the ground, then the signed shades, then those from zero."""
    picture = Image.fromarray(indices.astype(np.uint8), mode="P")
    picture.putpalette([*GROUND, *_ramp(colours.SIGNED), *_ramp(colours.FROM_ZERO)])
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
