"""One colour policy: blue positive, zero apart from masked, architectures recognisable."""

import numpy as np
import pytest

from sisa_viz.look.colours import (
    ARCHITECTURES,
    FROM_ZERO,
    LAYERS,
    OTHERS,
    SIGNED,
    architecture_colour,
    architecture_dash,
    faint,
    layer_colour,
    mix,
    scale,
    signed_limit,
    top_limit,
)

# Machado, Oliveira & Fernandes 2009, severity 1.0: linear RGB as the eye without red or green cones sees it
VISION = {
    "all cones": np.eye(3),
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deuteranopia": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
}
# Ottosson 2020: linear RGB to OKLab
CONES = [[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]]
OKLAB = [[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]]


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


def oklab(colour: str, vision: str) -> np.ndarray:
    """Coordinates in which distances are about as large as they look."""
    share = np.array(rgb(colour)) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(VISION[vision]) @ linear, 0, 1)
    return np.array(OKLAB) @ np.cbrt(np.array(CONES) @ seen)


@pytest.mark.parametrize("vision", VISION)
def test_architectures_look_different_to_all_eyes(vision):
    names = [*ARCHITECTURES, *(f"SISA d_state={size}" for size in (16, 32, 64))]
    places = np.array([oklab(architecture_colour(name), vision) for name in names])
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + np.eye(len(names))
    assert apart.min() > 0.09


def test_the_oklab_distance_can_fail():
    assert np.linalg.norm(oklab("#d55e00", "deuteranopia") - oklab("#a08400", "deuteranopia")) < 0.09


def test_every_variant_has_a_line_of_its_own():
    sizes = [f"SISA d_state={size}" for size in (4, 8, 16, 32, 48, 64, 96, 128)]
    names = [*ARCHITECTURES, *sizes, *(f"{size}, λ lr ×1" for size in sizes), "transformer, no RoPE"]
    assert len({(architecture_colour(name), architecture_dash(name)) for name in names}) == len(names)
    assert architecture_colour("my own") in OTHERS
    assert not {*OTHERS} & {architecture_colour(name) for name in names}


def test_a_relative_is_lighter_and_dashed():
    for base, relative in (
        ("SISA d_state=32", "SISA d_state=32, λ lr ×1"),
        ("transformer", "transformer, no RoPE"),
    ):
        assert luminance(architecture_colour(relative)) > luminance(architecture_colour(base))
        assert (architecture_dash(base), architecture_dash(relative)) == ("solid", "5px,2px")


def test_sizes_between_the_named_ones_are_mixed():
    low, middle, high = (architecture_colour(f"SISA d_state={size}") for size in (16, 22, 32))
    assert luminance(low) > luminance(middle) > luminance(high)
    assert architecture_colour("SISA d_state=1024") == architecture_colour("SISA d_state=128")
    assert architecture_colour("SISA d_state=0") == architecture_colour("SISA d_state=4")
    assert mix("#000000", "#ff8000", 0.5) == "#804000"


def test_layers_repeat_after_the_palette():
    assert layer_colour(0) == layer_colour(len(LAYERS))
    assert len({layer_colour(at) for at in range(len(LAYERS))}) == len(LAYERS)


def test_faint():
    assert faint("#0072b2", 0.5) == "rgba(0, 114, 178, 0.5)"
