"""Large maps in fewer cells, without losing a spike."""

import numpy as np


def pool(values: np.ndarray, block: int) -> np.ndarray:
    """Return a map in blocks, each the value of largest magnitude among its cells.

    A mean would hide a single large score among many small ones, so that spikes, the most telling cells of an
    attention map, would vanish. A block is NaN where all its cells are.

    Args:
        values: Numbers [query, key], NaN where a cell is not visible.
        block: Cells a side; the last blocks may hold fewer.

    Returns:
        float32 [⌈query / block⌉, ⌈key / block⌉].

    Example:
        >>> import numpy as np
        >>> pool(np.array([[1.0, np.nan], [-3.0, 2.0]]), block=2).tolist()
        [[-3.0]]
    """
    if block == 1:
        return values.astype(np.float32)
    # -5 % 3 = 1: the cells that are missing from the last block are added as NaN, which is never the largest.
    pad = [(0, -size % block) for size in values.shape]
    padded = np.pad(values, pad, constant_values=np.nan)
    rows, columns = padded.shape[0] // block, padded.shape[1] // block
    blocks = padded.reshape(rows, block, columns, block).swapaxes(1, 2).reshape(rows, columns, block * block)
    magnitude = np.where(np.isnan(blocks), -1, np.abs(blocks))
    largest = magnitude.argmax(axis=-1)[..., None]
    return np.take_along_axis(blocks, largest, axis=-1)[..., 0].astype(np.float32)
