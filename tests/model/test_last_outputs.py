"""What saves work beside what it says: the last outputs of a mixer, and rotation by complex numbers."""

import pytest
import torch
from intervened_models import model_of

from model.mixers.parts.rotation import rotate

ARCHITECTURES = (
    *("sisa", "transformer", "fox", "alibi", "sigmoid_sisa", "adaptive_sisa"),
    *("mamba2", "mamba3", "jamba", "hymba"),
)


@pytest.fixture(params=ARCHITECTURES)
def model(request):
    return model_of(request.param)


def some_stream(model, *, length=21):
    generator = torch.Generator().manual_seed(4)
    return torch.randn(2, length, model.config.d_model, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 4, 8, 9, 21])
def test_the_last_outputs_are_those_of_the_whole(model, n):
    x = some_stream(model)
    for block in model.blocks:
        whole = block.after_mixer(x)
        assert (block.after_mixer_at_last(x, n) - whole[:, -n:]).abs().max() < 1e-12
        assert block.after_mixer_at_last(x, n).shape[1] == n


@pytest.mark.parametrize("anchor", ["exact", "causal", "minimax"])
def test_the_last_outputs_hold_under_every_anchor(anchor):
    model = model_of("sisa", anchor=anchor)
    x = some_stream(model, length=40)
    whole = model.blocks[0].attn(x)
    assert (model.blocks[0].attn.last_outputs(x, 5) - whole[:, -5:]).abs().max() < 1e-12


@pytest.mark.parametrize("hook", ["hook_attn_out", "hook_resid_mid", "attn.hook_z", "attn.hook_result"])
def test_a_hook_still_sees_every_position_of_what_it_watches(model, hook):
    x, seen = some_stream(model), []

    def double(tensor, hook):
        seen.append(tensor.shape[1])
        return 2 * tensor

    name = f"blocks.0.{hook}"
    if name not in model.hook_dict:
        pytest.skip(f"{model.config.architecture} has no {hook}")
    with model.hooks(fwd_hooks=[(name, double)]):
        last, whole = model.blocks[0].after_mixer_at_last(x, 3), model.blocks[0].after_mixer(x)
    assert seen == [21, 21]
    assert torch.equal(last, whole[:, -3:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("strided", [False, True])
def test_complex_numbers_turn_pairs_as_sine_and_cosine_do(dtype, strided):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 5, 8, generator=generator, dtype=dtype)
    x = x.transpose(1, 2) if strided else x
    phase = torch.randn(*x.shape[:-1], 4, generator=generator, dtype=torch.float64).cumsum(-2)
    weight = torch.randn(x.shape, generator=generator, dtype=dtype)

    def written_out(x, phase):
        cos, sin = phase.cos().to(dtype), phase.sin().to(dtype)
        turned = torch.empty_like(x)
        turned[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
        turned[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
        return turned

    results = []
    for turn in (rotate, written_out):
        leaves = x.clone().requires_grad_(), phase.clone().requires_grad_()
        turned = turn(*leaves)
        (turned * weight).sum().backward()
        results.append((turned.detach(), leaves[0].grad, leaves[1].grad))
    for fast, explicit in zip(*results, strict=True):
        assert (fast - explicit).abs().max() <= 8 * torch.finfo(dtype).eps
