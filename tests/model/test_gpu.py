"""On CUDA: the kernels that CPU tests cannot see."""

from typing import Any

import pytest
import torch
from score_twin import draw, with_gradients
from small_models import lively

from model import SISAConfig, SISAModel
from model.mixers.attention import sisa
from model.mixers.attention.sisa_score import Importance
from model.mixers.attention.softmax import content_scores, softmax_pattern
from model.mixers.attention.tiles import attention_by_tiles
from model.mixers.parts.cache import LayerCache
from model.mixers.parts.running_sum import running_sum
from model.training.loop import training_loss

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


SCORED = ["transformer", "sisa", "adaptive_sisa", "sigmoid_sisa", "fox", "alibi"]
EVERY = [*SCORED, "mamba2", "mamba3", "jamba", "hymba"]


@pytest.mark.parametrize("anchor", ["exact", "causal", "minimax"])
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


TILED = [
    # batch, head, length, d_head, d_state, total decay in nats
    (2, 3, 300, 64, 16, 40.0),
    (1, 2, 2048, 64, 16, 3000.0),
    (1, 2, 1000, 32, 4, 300.0),
    (1, 2, 515, 128, 64, 100.0),
    (1, 2, 777, 48, 24, 200.0),
    (1, 1, 1, 64, 16, 1.0),
]


def tiled(inputs):
    """The output of the kernels, from R(Φ)C and R(Φ)B on."""
    q, k, v, c_rot, b_rot, g_hat, lam = inputs
    return attention_by_tiles(q, k, v, c_rot=c_rot, b_rot=b_rot, g_hat=g_hat, lam=lam)


def unclamped(inputs):
    """The same, every score in sight."""
    q, k, v, c_rot, b_rot, g_hat, lam = inputs
    term = Importance(c_rot, b_rot, g_hat, lam)
    return softmax_pattern(content_scores(q, k) + term.scores()) @ v


@pytest.mark.parametrize("sizes", TILED)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 1e-2), (torch.float16, 3e-3)])
def test_one_launch_equals_the_unclamped_twin(sizes, dtype, tolerance):
    batch, head, length, d_head, d_state, total_decay = sizes
    drawn = draw(
        0, batch=batch, head=head, length=length, d_head=d_head, d_state=d_state, total_decay=total_decay
    )
    x = {name: t.cuda() for name, t in drawn.items()}
    wide = [x[name].to(dtype) for name in "qkv"]
    inputs = [*wide, x["C"], x["B"], running_sum(x["log_decay"]), torch.nn.functional.softplus(x["lam_raw"])]
    weight = torch.randn(batch, head, length, d_head, device="cuda", dtype=torch.float64)
    weight = weight.to(dtype).double()
    found = []
    for attend, double in ((tiled, False), (unclamped, True)):
        leaves = [(t.double() if double else t).detach().clone().requires_grad_() for t in inputs]
        out = attend(leaves)
        (out.double() * weight).sum().backward()
        grads = [leaf.grad.double() for leaf in leaves if leaf.grad is not None]
        grads[5] = grads[5].flip(-1).cumsum(-1)  # of log α instead of g: what is summed over all later ones
        found.append([out.detach().double(), *grads])
    fused, twin = found
    for rounded, exact in zip(fused[:-1], twin[:-1], strict=True):
        assert (rounded - exact).norm() <= tolerance * max(1.0, exact.norm())
    # λ's is one sum over all positions, which cancel; its error is measured by what is summed, c_t·dc_t / λ
    summed = (inputs[3].double() * twin[4]).sum(-1) / inputs[6].double()[:, None]
    assert (fused[-1] - twin[-1]).norm() <= tolerance * max(1.0, summed.norm())


def test_models_in_16_bits_take_one_launch(monkeypatch):
    sizes: dict[str, Any] = dict(d_model=128, n_layers=1, n_heads=2, d_mlp=64, d_vocab=32, n_ctx=512)
    model = lively(SISAModel(SISAConfig(**sizes)), half_life=1.0).cuda()
    tokens, calls = random_tokens(512), []
    monkeypatch.setattr(
        sisa, "attention_by_tiles", lambda *a, **k: calls.append(1) or attention_by_tiles(*a, **k)
    )
    exact = model(tokens)
    assert calls == []  # float32 goes block by block
    with torch.autocast("cuda", torch.bfloat16):
        rounded = model(tokens)
    assert calls == [1]
    assert (rounded - exact).abs().mean() < 0.05


def test_cached_passes_on_cuda_equal_a_whole_one():
    sizes: dict[str, Any] = dict(d_model=128, n_layers=2, n_heads=2, d_mlp=64, d_vocab=32, n_ctx=512)
    model = lively(SISAModel(SISAConfig(**sizes)), half_life=2.0).cuda()
    tokens, caches = random_tokens(400), [LayerCache() for _ in model.blocks]
    with torch.no_grad():
        parts = [model(chunk, caches=caches) for chunk in tokens.split([150, 1, 249], dim=1)]
        assert (torch.cat(parts, dim=1) - model(tokens)).abs().max() <= 1e-4


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
