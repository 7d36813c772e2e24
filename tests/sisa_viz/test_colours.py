"""One colour policy: blue positive, zero apart from masked, architectures recognisable."""

import numpy as np
import pytest

from sisa_viz.colours import (
    ARCHITECTURES,
    FROM_ZERO,
    LAYERS,
    OTHERS,
    SIGNED,
    architecture_colour,
    architecture_name,
    faint,
    layer_colour,
    scale,
    signed_limit,
    top_limit,
)


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def luminance(colour: str) -> float:
    return float(np.dot(rgb(colour), (0.2126, 0.7152, 0.0722)))


def test_signed_scale_is_red_white_blue():
    (red, _, blue), (_, _, blue_end) = rgb(SIGNED[1]), rgb(SIGNED[-2])
    assert red > blue
    assert blue_end > rgb(SIGNED[-2])[0]
    assert SIGNED[len(SIGNED) // 2] == "#ffffff"
    light = [luminance(colour) for colour in SIGNED]
    assert light == sorted(light[:6]) + sorted(light[6:], reverse=True)


def test_scale_from_zero_darkens_all_the_way():
    light = [luminance(colour) for colour in FROM_ZERO]
    assert light == sorted(light, reverse=True)
    assert scale(FROM_ZERO)[0] == [0.0, FROM_ZERO[0]]
    assert scale(FROM_ZERO)[-1] == [1.0, FROM_ZERO[-1]]


def test_limits_ignore_nan_and_never_vanish():
    assert signed_limit(np.array([1.0, -3.0, np.nan]), np.array([2.0, np.inf])) == 3
    assert top_limit(np.array([0.2, np.nan])) == 0.2
    assert signed_limit(np.array([np.nan])) == 1
    assert top_limit(np.zeros(3)) == 1


@pytest.mark.parametrize(
    ("model", "d_state", "name"),
    [
        ("transformer", None, "transformer"),
        ("sisa", 16.0, "SISA d_state=16"),
        ("SISA", 32, "SISA d_state=32"),
        ("mamba2", None, "mamba2"),
    ],
)
def test_architecture_name(model, d_state, name):
    assert architecture_name(model, d_state) == name


def test_architectures_have_colours_of_their_own():
    known = [*ARCHITECTURES, *(f"SISA d_state={size}" for size in (16, 32, 64, 128))]
    assert len({architecture_colour(name) for name in known}) == len(known)
    assert architecture_colour("SISA d_state=8") == architecture_colour("SISA d_state=8")
    assert architecture_colour("my own") in OTHERS


def test_layers_repeat_after_the_palette():
    assert layer_colour(0) == layer_colour(len(LAYERS))
    assert len({layer_colour(at) for at in range(len(LAYERS))}) == len(LAYERS)


def test_faint():
    assert faint("#0072b2", 0.5) == "rgba(0, 114, 178, 0.5)"
