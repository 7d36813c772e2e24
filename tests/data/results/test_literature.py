"""Published figures in a few words, bounds where the checkpoints allow no more."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from data import published
from data.results.literature import crossing, published_end, published_length, published_speed


def curve(model, d_state, points, *, setup="a", scale="50M"):
    rows = [(scale, model, d_state, setup, step, pct) for step, pct in points]
    return pd.DataFrame(rows, columns=["scale", "model", "d_state", "setup", "step", "niah_pct"])


BASE = [(1000, 10.0), (2000, 95.0), (3000, 100.0)]


@pytest.mark.parametrize(
    ("sisa", "base", "words"),
    [
        ([(1000, 0.0), (2000, 50.0), (3000, 92.0)], BASE, "50M: 1 to 3"),
        ([(1000, 92.0), (2000, 99.0)], BASE, "50M: below 1"),
        ([(1000, 0.0), (4000, 10.0)], BASE, "50M: above 2"),
        ([(1000, 0.0), (2000, 99.0)], [(1000, 99.0)], "50M: above 1"),
        ([(1000, 0.0), (2000, 99.0)], [(1000, 1.0), (4000, 2.0)], "50M: below 0.5"),
        ([(1000, 99.0)], [(1000, 99.0)], "50M: both by step 1,000"),
        ([(1000, 0.0)], [(1000, 0.0)], "50M: none by step 1,000"),
        ([(1000, None), (2000, 95.0)], BASE, "50M: below 2"),
        ([(1000, 0.0), (3000, 95.0)], BASE, "50M: 0.5 to 3"),
        (BASE, [(1000, 0.0), (3000, 95.0)], "50M: 0.33 to 2"),
        ([(1000, 0.0), (3000, 95.0)], [(2000, 95.0)], "50M: above 0.5"),
        ([(1000, 95.0)], [(2000, 95.0)], "50M: both by step 2,000"),
        ([(4000, 1.0)], [(1000, 1.0), (3000, 2.0)], "50M: none by step 3,000"),
    ],
)
def test_speed_lies_between_the_bounds_that_checkpoints_leave(sisa, base, words):
    curves = pd.concat([curve("sisa", 16, sisa), curve("transformer", None, base)])
    options: dict[str, Any] = {"variant": "SISA d_state=16, λ lr ×1", "level": 0.9, "baseline": "transformer"}
    assert published_speed(curves, **options) == words


def test_scales_follow_their_size_and_setups_are_told_once():
    parts = [curve("transformer", None, BASE, scale=scale) for scale in ("152M", "50M")]
    parts += [curve("sisa", 16, BASE, scale="152M", setup=setup) for setup in "ab"]
    parts += [curve("sisa", 16, [(1000, 0.0), (3000, 95.0)], scale="152M", setup="c")]
    parts += [curve("sisa", 16, BASE, scale="50M")]
    said = published_speed(pd.concat(parts), variant="SISA d_state=16", level=0.9, baseline="transformer")
    assert said == "50M: 0.5 to 2; 152M: 0.5 to 2 or 0.5 to 3"


@pytest.mark.parametrize(
    ("variant", "level", "words"),
    [
        ("SISA d_state=32", 0.9, "50M: above 1; 152M: below 0.5; 369M: 0.67 to 1.5 or above 1"),
        ("SISA d_state=32", 0.5, "50M: both by step 1,000; 152M: both by step 1,000; 369M: 0.5 to 2"),
        ("SISA d_state=16", 0.9, "50M: both by step 1,000; 369M: 0.67 to 1.5"),
        ("SISA d_state=64", 0.5, "50M: above 1; 369M: 0.5 to 3"),  # not measured at step 2,000
        ("SISA d_state=64", 0.9, "50M: above 1; 369M: 0.33 to 1.5"),
        ("SISA d_state=128", 0.5, "50M: above 1; 369M: 1 to 3"),
        ("SISA d_state=128", 0.9, "50M: above 1; 369M: 0.67 to 1.5"),
        ("mamba2", 0.9, "50M: above 9.5; 152M: above 3.2; 369M: 2 to 3.5"),
        ("mamba3", 0.9, "50M: above 9.5; 152M: 0.67 to 1.5; 369M: above 1"),
        ("fox", 0.9, ""),
    ],
)
def test_the_paper_s_own_figures(variant, level, words):
    """Worked out by hand from the checkpoints in data/published/curves.csv."""
    assert published_speed(published.curves(), variant=variant, level=level) == words


@pytest.mark.parametrize(
    ("points", "level", "bracket"),
    [
        ([(1000, 10.0), (2000, 95.0), (3000, 80.0), (4000, 99.0)], 90, (1000, 2000)),  # the first time counts
        ([(1000, 90.0)], 90, (0, 1000)),
        ([(1000, 10.0), (9536, 89.0)], 90, (9536, np.inf)),
    ],
)
def test_a_crossing_lies_between_two_checkpoints(points, level, bracket):
    assert crossing(curve("sisa", 16, points), level=level) == bracket


def test_published_ends():
    assert published_end(published.final(), variant="mamba2") == {"50M": 0, "152M": 0.825, "369M": 0.965}
    assert published_end(published.final(), variant="hymba") == {}
    assert published_end(published.final(), variant="transformer, no RoPE") == {}
    assert published_end(published.final(), variant="SISA d_state=16, λ lr ×1") == {"50M": 1, "152M": 1}


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ("transformer", "at 1.5 ×: 50M 0 %, 152M 0 %"),
        ("SISA d_state=32", "at 1.5 ×: 50M 4 %, 152M 0 %"),
        ("SISA d_state=32, λ lr ×1", "at 1.5 ×: 50M 4 %, 152M 0 %"),
        ("SISA d_state=32, λ lr ×1, yarn", ""),
        ("transformer, no RoPE", ""),
        ("fox", ""),
    ],
)
def test_lengths_are_those_of_the_model_as_it_was_trained(variant, words):
    assert published_length(published.length(), variant=variant) == words
