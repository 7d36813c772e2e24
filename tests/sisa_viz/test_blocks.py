"""Blocks lose no spike."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sisa_viz.look.blocks import pool


def test_a_block_shows_its_largest_magnitude_with_its_sign():
    values = np.array([[1.0, -5.0, np.nan], [2.0, 3.0, np.nan], [0.0, 0.5, 0.25]])
    np.testing.assert_array_equal(pool(values, 2), [[-5.0, np.nan], [0.5, 0.25]])


@given(length=st.integers(1, 40), block=st.integers(1, 9), seed=st.integers(0, 999))
def test_the_largest_cell_is_always_there(length, block, seed):
    values = np.random.default_rng(seed).normal(size=(length, length))
    values[np.triu_indices(length, 1)] = np.nan
    pooled = pool(values, block)
    assert pooled.shape == (-(-length // block),) * 2
    assert np.nanmax(np.abs(pooled)) == np.float32(np.nanmax(np.abs(values)))
