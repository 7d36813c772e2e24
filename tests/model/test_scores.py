"""The fused score against its explicit float64 twin, with gradients (arXiv 2606.02332, eqs. 2 and 5)."""

import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from score_twin import attend, draw, with_gradients

from model.mixers.attention.anchor import anchored_decay, causal_range, clamp_of
from model.mixers.attention.sisa_score import importance_scores
from model.mixers.parts.rope import plain_frequencies, rope_phase
from model.mixers.parts.rotation import rotate, rotated_pair
from model.mixers.parts.running_sum import running_sum


@given(
    seed=st.integers(0, 10_000),
    head=st.integers(1, 3),
    length=st.integers(1, 200),
    d_head=st.sampled_from([2, 16, 64]),
    d_state=st.sampled_from([2, 8, 32]),
    total_decay=st.floats(0, 300),
    anchor=st.sampled_from(["exact", "causal", "minimax"]),
)
@example(seed=0, head=2, length=200, d_head=16, d_state=8, total_decay=300.0, anchor="exact")
@example(seed=0, head=2, length=200, d_head=16, d_state=8, total_decay=300.0, anchor="causal")
@example(seed=0, head=2, length=200, d_head=16, d_state=8, total_decay=0.0, anchor="minimax")
def test_fused_equals_float64_twin(seed, head, length, d_head, d_state, total_decay, anchor):
    inputs = draw(seed, head=head, length=length, d_head=d_head, d_state=d_state, total_decay=total_decay)
    fused = with_gradients(inputs, anchor=anchor, explicit=False, dtype=torch.float32)
    twin = with_gradients(inputs, anchor=anchor, explicit=True, dtype=torch.float64)
    for name, reference in twin.items():
        assert (fused[name] - reference).abs().max() <= 1e-5, name


@pytest.mark.parametrize("total_decay", [0.0, 20.0, 70.0])
def test_causal_anchor_is_exact_while_it_does_not_clamp(total_decay):
    """Against the score without any anchor: e^{g_i − g_j} in float64."""
    inputs = {name: t.double() for name, t in draw(1, total_decay=total_decay / 1.2).items()}
    g = running_sum(inputs["log_decay"])
    assert g.min() > -2 * causal_range(torch.float32)
    lam, phase = torch.nn.functional.softplus(inputs["lam_raw"]), running_sum(inputs["theta"].mT).mT
    b_rot, c_rot = rotate(inputs["B"], phase), rotate(inputs["C"], phase)
    anchored = clamp_of(g, anchor="causal", dtype=torch.float32, anchor_block=1).centred
    free, held = (importance_scores(c_rot, b_rot, x, lam) for x in (g, anchored))
    torch.testing.assert_close(held, free, rtol=1e-9, atol=1e-12)


def test_minimax_looks_ahead_where_causal_does_not():
    """The published offset clamps from the future once decay passes 22; the causal anchor never does."""
    inputs = draw(3, length=128, total_decay=60.0)
    prefix = {name: t if name == "lam_raw" else t[:, :, :64] for name, t in inputs.items()}
    moved = {
        anchor: (
            attend(inputs, anchor=anchor, explicit=False)[:, :, :64]
            - attend(prefix, anchor=anchor, explicit=False)
        )
        .abs()
        .max()
        for anchor in ("causal", "minimax")
    }
    assert moved["causal"] <= 1e-5
    assert moved["minimax"] > 1e-2


@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float32, 38.0), (torch.bfloat16, 38.0), (torch.float16, 6.0)]
)
def test_causal_range_fits_its_dtype(dtype, bound):
    assert causal_range(dtype) == bound
    assert torch.tensor(100 * math.exp(bound)).to(dtype).isfinite()


def test_clamp_marks_positions_past_twice_the_range():
    g = -torch.arange(0.0, 200.0)[None, None]
    clamp = clamp_of(g, anchor="causal", dtype=torch.float32, anchor_block=1)
    assert clamp.clamped.sum() == (-g > 2 * causal_range(torch.float32)).sum() == 123
    assert anchored_decay(*clamp).abs().max() == causal_range(torch.float32)


def test_rotation_keeps_length_and_adds_angles():
    x, phase = (
        torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
        torch.rand(3, 5, 4, dtype=torch.float64),
    )
    torch.testing.assert_close(rotate(x, phase).norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(rotate(rotate(x, phase), phase), rotate(x, 2 * phase))


@pytest.mark.parametrize("n_phases", [1, 2])
@pytest.mark.parametrize("used", [(1.0, 1.0), (1.0, 0.0)])
def test_a_pair_is_rotated_as_each_alone(n_phases, used):
    generator = torch.Generator().manual_seed(0)
    sizes = [(2, 3, 5, 8), (2, 3, 5, 8), (n_phases, 3, 5, 4)]
    inputs = [torch.randn(*n, dtype=torch.float64, generator=generator).requires_grad_() for n in sizes]
    x, y, phase = inputs
    found, twins = rotated_pair(x, y, phase), (rotate(x, phase), rotate(y, phase))
    for one, two in zip(found, twins, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    sums = [used[0] * (outs[0] ** 3).sum() + used[1] * (outs[1] ** 3).sum() for outs in (found, twins)]
    pairs = zip(*(torch.autograd.grad(total, inputs) for total in sums), strict=True)
    for one, two in pairs:
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


def test_rope_phase_continues_from_start():
    theta = plain_frequencies(8)
    torch.testing.assert_close(rope_phase(4, theta, start=6), rope_phase(10, theta)[6:])
