"""Every mixer that has attention scores: its fast path beside its explicit one, and both beside other code.

FoX has no reference among the installed libraries: it is compared with a dense float64 score written here.
ALiBi is compared with transformers' (arXiv 2108.12409), stretched RoPE in test_rope.
"""
# a mixer's own layers and hooks are known when it runs: to the type checker `attn` is any Mixer
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false

import copy
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from small_models import SMALL, lively
from torch.nn.functional import logsigmoid, softplus
from transformers.models.bloom.modeling_bloom import build_alibi_tensor

from model import SISAConfig, SISAModel, capture
from model.config.sizes import total
from model.mixers.attention.alibi import slopes
from model.mixers.attention.decay_bias import DecayBias
from model.mixers.attention.sdpa import fused_attention
from model.mixers.attention.sigmoid import sigmoid_attention, sigmoid_pattern
from model.mixers.attention.sisa_score import augmented

VARIANTS: dict[str, dict[str, Any]] = {
    "layers": dict(layer_d_state=(2, 6)),
    "sigmoid without a state": dict(architecture="sigmoid_sisa", d_state=0),
    "sigmoid log_n": dict(architecture="sigmoid_sisa", d_state=4, sigmoid_bias="log_n"),
    "adaptive layers": dict(architecture="adaptive_sisa", layer_d_state=(4, 2)),
    "fox with rope": dict(architecture="fox", rope="rope"),
    "transformer without rope": dict(architecture="transformer", rope="none"),
    "yarn": dict(d_state=4, rope="yarn", rope_factor=4.0),
}


@pytest.fixture(params=VARIANTS)
def variant(request):
    return SISAConfig(**SMALL, **VARIANTS[request.param])


def twins(config, *, length, half_life=5.0):
    """A mixer, its float64 copy with every score watched, and an input."""
    mixer = lively(SISAModel(config), half_life=half_life).blocks[0].attn
    watched = copy.deepcopy(mixer).double()
    watched.hook_pattern.register_forward_hook(lambda module, args, output: None)
    x = torch.randn(2, length, config.d_model, generator=torch.Generator().manual_seed(5))
    return mixer, watched, x


def output_and_gradients(mixer, x):
    mixer.zero_grad()
    leaf = x.clone().requires_grad_()
    y = mixer(leaf)
    weight = torch.randn(y.shape, generator=torch.Generator().manual_seed(6)).to(y)
    ((y * weight).sum() / math.sqrt(y.numel())).backward()
    gradients = {name: p.grad.clone() for name, p in mixer.named_parameters()}
    return {"output": y.detach(), "input": leaf.grad} | gradients


def check_fused(config, *, length, half_life):
    mixer, watched, x = twins(config, length=length, half_life=half_life)
    assert watched.scores_watched()
    assert not mixer.scores_watched()
    fused, twin = output_and_gradients(mixer, x), output_and_gradients(watched, x.double())
    for name, reference in twin.items():
        assert (fused[name] - reference).abs().max() <= 1e-5, name


@pytest.mark.parametrize("half_life", [100.0, 1.0])
def test_fused_equals_explicit_in_float64_with_gradients(config, half_life):
    exact = config.anchor == "causal" or half_life > 1  # past 22 nats the published anchor is another score
    check_fused(config, length=300 if exact else 20, half_life=half_life)


def test_fused_equals_explicit_in_every_variant(variant):
    check_fused(variant, length=100, half_life=5.0)


def check_causal(config):
    model = lively(SISAModel(config))
    mixer, x = model.blocks[0].attn, torch.randn(2, 20, config.d_model, requires_grad=True)
    mixer(x)[:, :8].square().sum().backward()
    assert x.grad is not None
    assert x.grad[:, 8:].abs().max() == 0
    assert x.grad[:, :8].abs().min() > 0


def test_no_gradient_from_the_future(config):
    if config.anchor == "causal":  # c of the published anchor is a function of the last decay, and cancels
        check_causal(config)


def test_no_gradient_from_the_future_in_any_variant(variant):
    check_causal(variant)


def check_prefixes(config, tokens):
    model = lively(SISAModel(config))
    full = model(tokens)
    assert (model(tokens[:1]) - full[:1]).abs().max() <= 1e-5
    assert (model(tokens[:, :7]) - full[:, :7]).abs().max() <= 1e-5
    assert (model(tokens[:, :1]) - full[:, :1]).abs().max() <= 1e-5


def test_a_row_alone_and_a_prefix_give_the_same(config, tokens):
    check_prefixes(config, tokens)


def test_a_row_alone_and_a_prefix_give_the_same_in_every_variant(variant, tokens):
    check_prefixes(variant, tokens)


def test_variants_decode_from_a_cache_and_are_traced(variant, tokens):
    model = lively(SISAModel(variant))
    cached, full = (model.generate(tokens, max_new_tokens=8, use_cache=use) for use in (True, False))
    assert torch.equal(cached, full)
    trace = capture(model, tokens[0])
    _, cache = model.run_with_cache(tokens[:1])
    seen = np.tril(np.ones((12, 12), bool))
    for layer in range(2):
        scores = cache[f"blocks.{layer}.attn.hook_attn_scores"][0, 1].detach().numpy()
        ours = trace.sisa.scores(layer=layer, head=1).values
        np.testing.assert_allclose(ours[seen], scores[seen], atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("architecture", ["sisa", "adaptive_sisa", "sigmoid_sisa", "fox", "alibi"])
def test_half_precision_stays_close(architecture, dtype):
    """Relative error of the mixer's output under autocast; FoX forgets 350 nats over this input."""
    sizes: dict[str, Any] = SMALL | {"d_model": 64, "n_heads": 2}
    mixer = lively(SISAModel(SISAConfig(**sizes, architecture=architecture))).blocks[0].attn
    x = torch.randn(1, 512, 64, generator=torch.Generator().manual_seed(2))
    exact = mixer(x)
    with torch.autocast("cpu", dtype):
        error = mixer(x).float() - exact
    assert error.norm() / exact.norm() <= 2e-2


# FoX and ALiBi


def dense_fox(mixer, x):
    """The forgetting score by its definition: products of forget gates, one key at a time, numpy float64."""
    W = {name: p.detach().double().numpy() for name, p in mixer.named_parameters()}
    x, h = x.double().numpy(), mixer.config.n_heads
    q, k, v = (np.stack(np.split(x @ W[f"to_{n}.weight"].T, h, axis=-1), axis=1) for n in "qkv")
    log_f = -np.logaddexp(0, -(x @ W["to_forget.weight"].T + W["to_forget.bias"])).swapaxes(1, 2)
    length = x.shape[1]
    scores = np.full((*log_f.shape, length), -np.inf)
    for i in range(length):
        for j in range(i + 1):
            bias = log_f[..., j + 1 : i + 1].sum(-1)
            scores[..., i, j] = (q[..., i, :] * k[..., j, :]).sum(-1) / math.sqrt(q.shape[-1]) + bias
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    y = (weights / weights.sum(-1, keepdims=True)) @ v
    return np.concatenate(np.unstack(y, axis=1), axis=-1) @ W["to_o.weight"].T


@pytest.mark.parametrize("half_life", [1.0, 30.0])
def test_fox_equals_a_dense_reference(half_life):
    mixer, watched, x = twins(SISAConfig(**SMALL, architecture="fox"), length=120, half_life=half_life)
    reference = dense_fox(mixer, x)
    assert np.abs(mixer(x).detach().numpy() - reference).max() <= 1e-4
    assert np.abs(watched(x.double()).detach().numpy() - reference).max() <= 1e-12


def test_fox_that_never_forgets_is_attention_without_positions(tokens):
    fox = lively(SISAModel(SISAConfig(**SMALL, architecture="fox")))
    plain = SISAModel(SISAConfig(**SMALL, architecture="transformer", rope="none"))
    weights = fox.state_dict()
    plain.load_state_dict({name: t for name, t in weights.items() if "to_forget" not in name})
    with torch.no_grad():
        for block in fox.blocks:
            block.attn.to_forget.weight.zero_()
            block.attn.to_forget.bias.fill_(100.0)
    assert (fox(tokens) - plain(tokens)).abs().max() <= 1e-6


def test_fox_begins_by_halving():
    attn = SISAModel(SISAConfig.preset("small", architecture="fox")).blocks[0].attn
    assert attn.to_forget.bias.unique().tolist() == [0.0]
    assert attn.to_forget.weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_alibi_is_fox_with_a_constant_decay(tokens):
    alibi = lively(SISAModel(SISAConfig(**SMALL, architecture="alibi")))
    fox = SISAModel(SISAConfig(**SMALL, architecture="fox"))
    fox.load_state_dict(alibi.state_dict(), strict=False)
    with torch.no_grad():
        for block in fox.blocks:
            block.attn.to_forget.weight.zero_()
            block.attn.to_forget.bias.copy_(-slopes(2).expm1().log())  # log σ(b) = −m
    bias = fox.blocks[0].attn.to_forget.bias
    torch.testing.assert_close(logsigmoid(bias), -slopes(2).float())
    assert (alibi(tokens) - fox(tokens)).abs().max() <= 1e-5


@pytest.mark.parametrize("n_heads", [1, 2, 5, 8, 12, 16, 25])
def test_alibi_has_the_slopes_and_the_bias_of_transformers(n_heads):
    bias = build_alibi_tensor(torch.ones(1, 40, dtype=torch.int64), n_heads, torch.float32)[:, 0]
    m = slopes(n_heads)
    assert (m - (bias[:, 1] - bias[:, 0])).abs().max() <= 1e-6
    cum_decay = -m[:, None] * torch.arange(40)
    ours = DecayBias(cum_decay[None]).scores()[0]
    theirs = bias[:, None, :] - torch.diagonal(bias[:, None, :].expand(-1, 40, -1), dim1=1, dim2=2)[..., None]
    assert (ours - theirs.tril()).abs().max() <= 1e-5


def test_slopes_as_published():
    assert slopes(8).tolist() == [2.0**-n for n in range(1, 9)]
    assert slopes(12)[8:].tolist() == pytest.approx([0.7071, 0.3536, 0.1768, 0.0884], abs=1e-4)
    assert slopes(16)[1] == slopes(8)[0]


def test_the_bias_of_a_trace_keeps_its_digits_over_a_thousand_nats():
    sizes: dict[str, Any] = SMALL | {"n_ctx": 2048}
    model = SISAModel(SISAConfig(**sizes, architecture="fox"))  # fresh: 0.69 nats a token
    tokens = torch.randint(0, 11, (1, 2048), generator=torch.Generator().manual_seed(0))
    _, cache = model.run_with_cache(tokens, names_filter="blocks.1.attn.hook_cum_decay")
    g = cache["blocks.1.attn.hook_cum_decay"][0, 0].detach()
    assert g[-1] < -1400
    for dtype in ("float32", "float16"):
        last = capture(model, tokens, dtype=dtype).sisa.importance(layer=1, head=0, query=2047).values
        error = np.abs(last - (g[-1] - g).numpy())
        assert error[-200:].max() <= (1e-4 if dtype == "float32" else 4e-3)


@pytest.mark.parametrize("architecture", ["fox", "alibi"])
def test_a_trace_calls_the_bias_by_its_name(architecture, tokens):
    trace = capture(SISAModel(SISAConfig(**SMALL, architecture=architecture)), tokens[0])
    assert trace.sisa.terms == {"content": "content", "importance": "decay bias"}


# sigmoid


@pytest.mark.parametrize("kind", ["log_t", "log_n"])
def test_row_sums_of_the_sigmoid(kind, tokens):
    """With scores of zero the t-th row adds up to t/(1 + t), or with the constant bias to t/(1 + n)."""
    config = SISAConfig(**SMALL, architecture="sigmoid_sisa", d_state=0, sigmoid_bias=kind)
    model = SISAModel(config).double()
    with torch.no_grad():
        model.blocks[0].attn.to_q.weight.zero_()
    _, cache = model.run_with_cache(tokens, names_filter="blocks.0.attn.hook_pattern")
    t = torch.arange(1.0, 13.0, dtype=torch.float64)
    n = t if kind == "log_t" else torch.tensor(SMALL["n_ctx"])
    sums = cache["blocks.0.attn.hook_pattern"].sum(-1)
    torch.testing.assert_close(sums, (t / (1 + n)).expand(2, 2, -1), rtol=1e-12, atol=0)


def test_row_sums_of_random_scores_stay_near_one_with_log_t():
    scores = torch.randn(4, 4, 1024, 1024, generator=torch.Generator().manual_seed(0))
    t = torch.arange(1.0, 1025.0)
    biases = {"none": 0 * t, "log_n": torch.full_like(t, -math.log(1024)), "log_t": -t.log()}
    sums = {name: sigmoid_pattern(scores, bias=b).sum(-1).mean((0, 1)) for name, b in biases.items()}
    assert 500 < sums["none"][-1] < 530
    assert 1.4 < sums["log_n"][-1] < 1.8
    assert sums["log_n"][0] < 0.003
    assert sums["log_t"].min() > 0.4
    assert sums["log_t"].max() < 1.8


def test_small_sigmoids_are_a_softmax_but_for_their_sum():
    scores = torch.randn(1, 1, 50, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    small = sigmoid_pattern(scores, bias=torch.full((50,), -20.0, dtype=torch.float64))
    seen = torch.ones(50, 50, dtype=torch.bool).tril()
    softmax = scores.masked_fill(~seen, -math.inf).softmax(-1)
    torch.testing.assert_close(small / small.sum(-1, keepdim=True), softmax, rtol=1e-6, atol=1e-12)


def test_blocks_of_rows_keep_no_score_matrix():
    """Nothing that autograd saves has as many numbers as one block of rows has scores."""
    q, k, v = (torch.randn(1, 1, 512, 4, requires_grad=True) for _ in range(3))
    saved = []
    pack = lambda t: (saved.append(t.numel()), t)[1]  # noqa: E731
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = sigmoid_attention(q, k, v, bias=torch.zeros(512), rows=64)
    assert max(saved, default=0) <= 512 * 4
    y.sum().backward()
    assert q.grad is not None


def test_scores_under_a_sigmoid_are_not_rounded_to_16_bits():
    q, k = (torch.tensor([[[row]]], dtype=torch.bfloat16) for row in ([1.0, 1.0], [8.0, 0.03125]))
    v, bias = torch.ones(1, 1, 1, 1, dtype=torch.bfloat16), torch.tensor([-8.0])
    for autocast in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            y = sigmoid_attention(q, k, v, bias=bias)
        assert y.dtype == torch.bfloat16
        assert y.item() == pytest.approx(torch.tensor(0.03125).sigmoid().item(), rel=2**-8)


@pytest.mark.parametrize("given", [{"sigmoid_bias": "log_t"}, {"sigmoid_bias": "log_n"}])
def test_a_trace_says_that_its_weights_are_sigmoids(given, tokens):
    config = SISAConfig(**SMALL, architecture="sigmoid_sisa", d_state=4, **given)
    noted = capture(SISAModel(config), tokens[0]).sisa.score
    assert noted.kind == "sigmoid"
    assert noted.bias == ("log_t" if given["sigmoid_bias"] == "log_t" else -math.log(32))


# state channels


def test_gates_of_one_are_sisa_and_gates_of_zero_are_content_alone(tokens):
    adaptive = lively(SISAModel(SISAConfig(**SMALL, architecture="adaptive_sisa", d_state=4)))
    sisa = SISAModel(SISAConfig(**SMALL, d_state=4))
    plain = SISAModel(SISAConfig(**SMALL, d_state=0))
    for other in (sisa, plain):
        names = other.state_dict().keys()
        other.load_state_dict({name: t for name, t in adaptive.state_dict().items() if name in names})
    for gate, same in ((1.0, sisa), (0.0, plain)):
        hooks: Any = [(f"blocks.{n}.attn.hook_gate", lambda a, hook, g=gate: a * 0 + g) for n in range(2)]
        assert (adaptive.run_with_hooks(tokens, fwd_hooks=hooks) - same(tokens)).abs().max() <= 1e-6


def test_gates_begin_near_one_and_are_not_decayed():
    model = SISAModel(SISAConfig(**SMALL, architecture="adaptive_sisa", d_state=6))
    gates = [block.attn.gate_raw.sigmoid() for block in model.blocks]
    assert all(gate.shape == (3,) and (gate > 0.98).all() for gate in gates)
    assert model.no_weight_decay() == ["blocks.0.attn.gate_raw", "blocks.1.attn.gate_raw"]


def test_a_gate_turns_both_channels_of_its_pair(tokens):
    model = lively(SISAModel(SISAConfig(**SMALL, architecture="adaptive_sisa", d_state=4)))
    first = lambda gate, hook: gate * torch.tensor([1.0, 0.0])  # noqa: E731
    with model.hooks(fwd_hooks=[("blocks.0.attn.hook_gate", first)]):
        c_rot = capture(model, tokens[0]).c_rot.values[0]
    assert np.abs(c_rot[..., 2:]).max() == 0
    assert np.abs(c_rot[..., :2]).min() > 0


def test_layers_may_have_different_state_sizes(tokens):
    config = SISAConfig(**SMALL, layer_d_state=[2, 6])  # pyright: ignore[reportArgumentType]
    assert (config.d_state, config.layer_d_state, config.architecture) == (6, (2, 6), "sisa")
    assert SISAConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    trace = capture(lively(SISAModel(config)), tokens[0])
    assert trace.b_rot.shape == (2, 2, 12, 6)
    assert np.abs(trace.b_rot.values[0][..., 2:]).max() == 0
    assert np.abs(trace.b_rot.values[1]).min() > 0


def test_parameter_formulas_hold_in_every_variant(variant):
    assert sum(p.numel() for p in SISAModel(variant).parameters()) == total(variant)


def test_presets_pay_for_every_layer():
    few, many = (SISAConfig.preset("tiny", layer_d_state=sizes) for sizes in ((4, 16), (16, 16)))
    assert few.d_mlp > many.d_mlp == SISAConfig.preset("tiny", d_state=16).d_mlp


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layer_d_state": (2,)}, r"layer_d_state is \(2,\); legal: 2 even numbers >= 2, one a layer"),
        ({"layer_d_state": (2, 3)}, "legal: 2 even numbers >= 2"),
        ({"layer_d_state": (0, 2)}, "legal: 2 even numbers >= 2"),
        ({"layer_d_state": (2, 4), "d_state": 8}, "d_state is 8; legal: 4, the largest of layer_d_state"),
        ({"layer_d_state": (2, 4), "architecture": "fox"}, r"legal: \(\), for only sisa, adaptive_sisa"),
        ({"architecture": "adaptive_sisa", "d_state": 0}, "d_state is 0; legal: even numbers >= 2"),
        ({"architecture": "fox", "d_state": 4}, "d_state is 4; legal: 0, for fox has no state"),
        ({"sigmoid_bias": "log"}, "sigmoid_bias is 'log'; legal: 'log_t', 'log_n'"),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        SISAConfig.from_dict(SMALL | given)


# cores


def sisa_core(q, k, v, b, c, g, lam_raw):
    lam, g = softplus(lam_raw), -softplus(g).cumsum(-1)
    return fused_attention(augmented(q, c, g, lam), augmented(k, b, -g, lam), v)


def decay_bias_core(q, k, v, b, c, g, lam_raw):
    return fused_attention(*DecayBias(-softplus(g).cumsum(-1)).widen(q, k), v)


def sigmoid_core(q, k, v, b, c, g, lam_raw):
    return sigmoid_attention(q, k, v, bias=lam_raw.new_zeros(6) - 1, rows=4)


@pytest.mark.parametrize("core", [sisa_core, decay_bias_core, sigmoid_core])
def test_gradients_of_the_cores_in_float64(core):
    generator = torch.Generator().manual_seed(0)
    shapes = [(1, 2, 6, 4), (1, 2, 6, 4), (1, 2, 6, 4), (1, 2, 6, 2), (1, 2, 6, 2), (1, 2, 6), (2,)]
    inputs = [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]
    assert torch.autograd.gradcheck(core, inputs)
