"""What goes to the page: sizes, rounding, refusals."""

import json
from typing import Any

import numpy as np
import pytest
from explorer_pages import steep_decay

from sisa_viz.explorer.pack import (
    FLOAT32_LIMIT,
    LARGEST_ROUNDING,
    choose_encoding,
    pack,
    quantise,
    step,
    to_json,
)
from sisa_viz.explorer.still import pooled, still
from sisa_viz.trace.weights import ScoreForm


def test_a_block_holds_every_factor_of_its_head(trace):
    packed = pack(trace, precision="float32")
    assert len(packed.blocks) == 6
    n, d_head, d_state = 40, 8, 4
    values = np.frombuffer(packed.blocks[4], dtype="<f4")
    assert values.size == n * (1 + 2 * d_head + 2 * d_state)
    head = trace.isel(layer=1, head=1)
    np.testing.assert_array_equal(values[:n], head["anchored_decay"])
    np.testing.assert_array_equal(values[n : n + n * d_head], head["q"].values.ravel())
    np.testing.assert_array_equal(values[-n * d_state :], head["c_rot"].values.ravel())
    assert packed.meta["rounding"] == 0


def test_fixed16_has_the_size_of_float16_and_less_rounding(make_trace):
    trace = make_trace(length=300, d_head=32, d_state=8)
    packed = pack(trace, precision="fixed16")
    assert {len(block) for block in packed.blocks} == {300 * (2 * 80 + 3) + 81}
    half = trace.copy()
    for name in ("q", "k", "b_rot", "c_rot"):
        half[name] = trace[name].astype("float16")
    by_half = max(
        float(np.nanmax(np.abs(half.sisa.scores(layer=n, head=h) - trace.sisa.scores(layer=n, head=h))))
        for n in range(2)
        for h in range(3)
    )
    assert 0 < packed.meta["rounding"] < by_half / 3
    assert packed.meta["rounding"] < 1e-3


@pytest.mark.parametrize("largest", [32767, (1 << 23) - 1])
def test_quantised_channels_are_within_half_a_step(largest):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 5)) * np.array([0.01, 1, 30, 0, 1e5])
    whole, powers = quantise(values, largest=largest)
    assert np.abs(whole).max() <= largest
    assert np.abs(whole[:, [0, 1, 2, 4]]).max(axis=0).min() > 0.84 * largest
    assert (np.abs(whole * step(powers) - values) <= step(powers) / 2 * 1.001).all()


def test_auto_keeps_float32_while_it_is_small(make_trace):
    small, large = make_trace(), make_trace(length=800, layers=4, heads=4, d_head=64)
    assert 4 * sum(large[name].size for name in ("q", "k", "b_rot", "c_rot")) > FLOAT32_LIMIT
    assert [choose_encoding(t, "auto") for t in (small, large)] == ["float32", "fixed16"]
    with pytest.raises(ValueError, match="precision is 'half'; legal: auto, float32, fixed16"):
        pack(small, precision="half")


def test_description_names_heads_and_their_numbers(make_trace):
    trace = make_trace(layers=3).isel(layer=[2], head=[0, 2])
    meta = pack(trace, title="two heads").meta
    assert (meta["layers"], meta["heads"], meta["n"], meta["title"]) == ([2], [0, 2], 40, "two heads")
    assert meta["spans"] == {"needle": (10, 12), "answer": (39, 40)}
    assert meta["needle_query"] == 38
    assert [info["lam"] for info in meta["info"]] == pytest.approx(trace["lam"].values.ravel())
    assert [info["half_life"] for info in meta["info"]] == pytest.approx(
        trace.sisa.half_life().values.ravel(), rel=1e-5
    )
    assert [info["clamped"] for info in meta["info"]] == trace.sisa.clamp_count().values.ravel().tolist()


def test_description_says_how_heads_weigh_and_what_their_terms_are_called(make_trace):
    score = ScoreForm(kind="sigmoid", bias="log_t", terms={"content": "a\u202eb"}, d_state=4)
    meta = pack(make_trace(score=score)).meta
    assert meta["weighing"] == {"score": "sigmoid", "bias": "log_t"}
    assert meta["terms"] == {"content": "a⟨U+202E⟩b", "importance": "importance"}
    assert pack(make_trace()).meta["weighing"] == {"score": "softmax", "bias": 0.0}


def test_a_head_that_never_decays_has_no_half_life(make_trace):
    trace = make_trace(log_decay=np.zeros((2, 3, 40)), spans={})
    meta = pack(trace).meta
    assert {info["half_life"] for info in meta["info"]} == {None}
    assert meta["needle_query"] == 39


def test_a_plain_transformer_has_neither_state_nor_decay(plain_trace):
    packed = pack(plain_trace, precision="fixed16")
    assert packed.meta["d_state"] == 0
    assert {len(block) for block in packed.blocks} == {40 * 2 * 16 + 16}
    assert packed.meta["info"][0] == {"lam": 0.0, "half_life": None, "clamped": 0, "encoding": "fixed16"}


def test_heads_that_16_bits_would_change_too_much_stay_float32(make_trace):
    lam = np.ones((2, 3))
    steep = make_trace(length=300, d_head=2, lam=lam, **steep_decay(length=300, total=9000))
    k = make_trace(length=300)["k"].values
    k[1, 2, 150] *= 1000
    loud = make_trace(length=300, k=k)
    assert {info["encoding"] for info in pack(steep, precision="fixed16").meta["info"]} == {"float32"}
    packed = pack(loud, precision="fixed16")
    assert [info["encoding"] for info in packed.meta["info"]] == ["fixed16"] * 5 + ["float32"]
    assert 0 < packed.meta["rounding"] <= LARGEST_ROUNDING
    assert [len(block) for block in packed.blocks] == [300 * (2 * 24 + 3) + 25] * 5 + [300 * 4 * 25]


def test_a_mixer_without_content_has_channels_of_the_state_alone(make_trace):
    trace = make_trace(d_head=0, **steep_decay(length=40, total=2000))
    assert not trace.sisa.content(layer=0, head=1, query=39).values.any()
    for precision in ("float32", "fixed16"):
        packed = pack(trace, precision=precision)
        assert (packed.meta["d_head"], packed.meta["d_state"]) == (0, 4)
    assert len(pack(trace, precision="float32").blocks[0]) == 40 * 4 * (1 + 8)
    assert still(trace.sisa.factors(layer=0, head=1)).startswith(b"\x89PNG")


def test_what_is_no_trace_is_refused(trace):
    foreign: Any = {}
    with pytest.raises(TypeError, match="this is a dict"):
        pack(foreign)
    broken = trace.copy(deep=True)
    broken["k"][0, 1, 5, 2] = np.inf
    with pytest.raises(ValueError, match=r"k holds 1 values that are not finite, the first at .*5"):
        pack(broken)


def test_json_is_ascii_without_markup_and_keeps_half_surrogates():
    text = to_json({"tokens": ["</script>", "\ud800", "é", "\x00"]})
    assert "<" not in text
    assert text.isascii()
    assert json.loads(text)["tokens"] == ["</script>", "\ud800", "é", "\x00"]


def test_still_picture_of_signed_weights_repeats_the_sum(make_trace):
    trace = make_trace(score=ScoreForm(kind="linear", d_state=4))
    *_, total, weights = pooled(trace.sisa.factors(layer=0, head=1), 40)
    np.testing.assert_array_equal(total, weights)
    assert still(trace.sisa.factors(layer=0, head=1)) != still(make_trace().sisa.factors(layer=0, head=1))


@pytest.mark.parametrize("length", [1, 40, 250])
def test_still_picture_shows_the_largest_cell_of_each_bin(make_trace, length):
    trace = make_trace(length=length, spans={})
    maps = pooled(trace.sisa.factors(layer=0, head=1), min(96, length))
    scores = trace.sisa.scores(layer=0, head=1).values
    assert np.nanmax(np.abs(maps[2])) == np.nanmax(np.abs(scores))
    assert np.nanmax(maps[3]) == 1
    assert np.isnan(maps[0][0, 1:]).all()
    assert still(trace.sisa.factors(layer=0, head=1)).startswith(b"\x89PNG")
