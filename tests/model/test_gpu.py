"""On CUDA: the kernels that CPU tests cannot see."""

from typing import Any

import pytest
import torch
from score_twin import draw, with_gradients
from small_models import lively

from model import SISAConfig, SISAModel
from model.training.loop import training_loss

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


SCORED = ["transformer", "sisa", "adaptive_sisa", "sigmoid_sisa", "fox", "alibi"]
EVERY = [*SCORED, "mamba2", "mamba3", "jamba", "hymba"]


@pytest.mark.parametrize("anchor", ["causal", "minimax"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
def test_fused_equals_float64_twin(anchor, dtype, tolerance):
    for total_decay in (0.0, 30.0, 300.0):
        drawn = draw(0, length=256, d_head=64, d_state=16, total_decay=total_decay)
        inputs = {name: t.cuda() for name, t in drawn.items()}
        twin = with_gradients(inputs, anchor=anchor, explicit=True, dtype=torch.float64)
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            fused = with_gradients(inputs, anchor=anchor, explicit=False, dtype=torch.float32)
        for name, reference in twin.items():
            assert (fused[name] - reference).abs().max() <= tolerance * max(1, reference.abs().max()), name


@pytest.mark.parametrize("architecture", EVERY)
def test_long_inputs_build_no_score_matrix(architecture):
    sizes: dict[str, Any] = dict(d_model=128, n_layers=2, n_heads=8, d_mlp=128, d_vocab=64, n_ctx=8192)
    model = SISAModel(SISAConfig(**sizes, architecture=architecture)).cuda()
    tokens = torch.zeros(1, 8192, dtype=torch.int64, device="cuda")
    torch.cuda.reset_peak_memory_stats()
    with torch.autocast("cuda", torch.bfloat16):
        model(tokens, return_type="loss").backward()
    assert torch.cuda.max_memory_allocated() < 8 * 8192**2 * 2 / 2  # half of one layer's scores in bfloat16


def random_tokens(length):
    return torch.randint(0, 32, (2, length), device="cuda", generator=torch.Generator("cuda").manual_seed(0))


@pytest.mark.parametrize("architecture", EVERY)
def test_explicit_twin_agrees_in_float32(architecture):
    sizes: dict[str, Any] = dict(d_model=128, n_layers=2, n_heads=2, d_mlp=64, d_vocab=32, n_ctx=512)
    model = lively(SISAModel(SISAConfig(**sizes, architecture=architecture))).cuda()
    tokens = random_tokens(512)
    watched, _ = model.run_with_cache(tokens)
    assert (watched - model(tokens)).abs().max() < 1e-4


@pytest.mark.parametrize("architecture", EVERY)
def test_compiled_training_step_under_autocast(architecture):
    sizes: dict[str, Any] = dict(d_model=128, n_layers=2, n_heads=2, d_mlp=64, d_vocab=32, n_ctx=512)
    model = lively(SISAModel(SISAConfig(**sizes, architecture=architecture))).cuda()
    tokens = random_tokens(512)
    exact = model(tokens, return_type="loss").item()
    compiled = training_loss(model, compiled=True)
    with torch.autocast("cuda", torch.bfloat16):
        loss = compiled(tokens, tokens)
    loss.backward()
    assert loss.item() == pytest.approx(exact, abs=0.05)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("architecture", EVERY)
def test_explicit_twin_agrees_under_autocast(architecture):
    sizes: dict[str, Any] = dict(d_model=128, n_layers=2, n_heads=2, d_mlp=64, d_vocab=32, n_ctx=128)
    model = lively(SISAModel(SISAConfig(**sizes, architecture=architecture))).cuda()
    tokens = random_tokens(128)
    with torch.autocast("cuda", torch.bfloat16):
        watched, cache = model.run_with_cache(tokens)
        plain = model(tokens)
    squares = [cache[name] for name in cache if name.endswith(("attn_scores", "implicit_attention"))]
    assert squares
    assert {square.dtype for square in squares} == {torch.float32}
    assert (watched - plain).abs().mean() < 0.05


@pytest.mark.parametrize("architecture", SCORED)
def test_cached_generation_on_cuda(architecture):
    sizes: dict[str, Any] = dict(d_model=64, n_layers=2, n_heads=2, d_mlp=64, d_vocab=32, n_ctx=64)
    model = lively(SISAModel(SISAConfig(**sizes, architecture=architecture))).cuda()
    tokens = random_tokens(20)
    cached, recomputed = (model.generate(tokens, max_new_tokens=20, use_cache=kept) for kept in (True, False))
    assert torch.equal(cached, recomputed)
