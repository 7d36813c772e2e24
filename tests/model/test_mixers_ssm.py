"""What every mixer with a state space does: looks back only, shows itself to hooks, fits a trace, learns."""

import numpy as np
import pytest
import torch
from state_space_models import ARCHITECTURES, SIZES, small_config, small_model, some_input, some_tokens

from model import SISAConfig, SISAModel, capture
from model.analysis.evaluation import head_state
from model.config.sizes import total
from model.mixers.state_space.state_space import StateSpace
from model.network.block import Block
from model.training.loop import SISATraining
from model.training.recipe import TrainingConfig


def edit(tensor, hook):
    noise = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(3))
    return tensor * (1 + 0.5 * noise.to(tensor.dtype))


def has_state(block):
    return isinstance(block.attn, StateSpace)


@pytest.fixture(params=ARCHITECTURES)
def architecture(request):
    return request.param


@pytest.fixture
def model(architecture):
    return small_model(architecture)


def test_gradient_of_an_output_stops_at_its_position_and_row(model):
    for block in model.blocks:
        x = some_input(80).requires_grad_()
        (gradient,) = torch.autograd.grad(block.attn(x)[1, 70].sum(), x)
        assert not gradient[0].any()
        assert not gradient[1, 71:].any()
        assert gradient[1, 70].any()
        assert gradient[1, :60].any()


def test_prefix_and_row_give_what_the_whole_batch_gives(model):
    tokens = some_tokens(150)
    whole = model(tokens)
    for length in (1, 63, 64, 65):
        assert (model(tokens[:1, :length]) - whole[:1, :length]).abs().max() <= 1e-5


def test_watching_changes_no_number(model):
    tokens = some_tokens(100)
    watched, _ = model.run_with_cache(tokens)
    assert (watched - model(tokens)).abs().max() <= 1e-5


def test_float64_is_the_reference(model):
    tokens = some_tokens(100)
    single = model(tokens)
    assert (model.double()(tokens) - single).abs().max() <= 1e-5


def test_an_edit_of_every_hook_moves_the_logits(model):
    tokens = some_tokens(12)
    before = model(tokens)
    still = [
        name
        for name in model.hook_dict
        if not (model.run_with_hooks(tokens, fwd_hooks=[(name, edit)]) - before).abs().max() > 1e-3
    ]
    assert still == []


def test_shapes_of_the_hooks(model, architecture):
    layer = 1  # a state space in every architecture
    b, p, h, n = 2, 12 + model.config.n_meta, 2 if architecture.startswith("mamba") else 4, 8
    _, cache = model.run_with_cache(some_tokens(12))
    prefix = f"blocks.{layer}.attn.hook_"
    shapes = {name.removeprefix(prefix): tuple(t.shape) for name, t in cache.items() if prefix in name}
    assert {shapes[name] for name in ("B", "C")} == {(b, h, p, n)}
    assert {shapes[name] for name in ("dt", "weight", "log_decay", "cum_decay")} == {(b, h, p)}
    assert {shapes[name] for name in ("x", "z")} == {(b, p, h, 128 // h)}
    assert (shapes["implicit_attention"], shapes["result"]) == ((b, h, p, p), (b, p, h, 64))
    if architecture == "mamba3":
        assert shapes["rot_B"] == shapes["rot_C"] == (b, h, p, n)
        assert (shapes["phase"], shapes["trapezoid"]) == ((b, h, p, n // 4), (b, h, p))
    if architecture == "hymba":
        assert {shapes[name] for name in ("q", "k", "rot_q", "rot_k")} == {(b, p, h, 16)}
        assert shapes["v"] == (b, p, h, 32)
        assert {shapes[name] for name in ("content_scores", "attn_scores", "pattern")} == {(b, h, p, p)}


def test_pos_slice_follows_every_layout(model):
    _, whole = model.run_with_cache(some_tokens(12))
    _, part = model.run_with_cache(some_tokens(12), pos_slice=(2, 5))
    axes = dict.fromkeys(("B", "C", "dt", "weight", "log_decay", "cum_decay", "implicit_attention"), 2)
    for name, axis in (axes | {"x": 1, "z": 1, "result": 1}).items():
        hook = f"blocks.1.attn.hook_{name}"
        assert torch.equal(part[hook], whole[hook].narrow(axis, 2, 3)), name


def test_head_results_add_up_to_the_mixer(model):
    _, cache = model.run_with_cache(some_tokens(12))
    for layer in range(4):
        result = cache[f"blocks.{layer}.attn.hook_result"].sum(2)
        torch.testing.assert_close(result, cache[f"blocks.{layer}.hook_attn_out"], atol=1e-5, rtol=1e-5)


def test_implicit_attention_is_what_the_state_space_does(model):
    """y = M x + D x, before the gate."""
    seen = {}
    mixer = model.blocks[1].attn
    mixer.hook_implicit_attention.register_forward_hook(lambda _, args, M: seen.update(M=M))
    explicit = mixer(some_input(90))
    assert not seen["M"].triu(1).any()
    assert (seen["M"] < 0).any()  # signed
    mixer.hook_implicit_attention._forward_hooks.clear()
    assert not mixer.scores_watched()
    assert (explicit - mixer(some_input(90))).abs().max() <= 1e-5


def test_trace_is_the_implicit_attention(model, architecture):
    """Exact but for Mamba-3's diagonal, whose deviation the configuration of the trace states."""
    tokens = some_tokens(40)
    trace = capture(model, tokens[0], part="ssm")
    names = [f"blocks.{layer}.attn.hook_implicit_attention" for layer in trace.layer.values]
    _, cache = model.run_with_cache(tokens[:1], names_filter=names)
    assert trace.sisa.score.kind == "linear"
    assert trace.sisa.is_state_space
    assert (trace.lam == 1).all()
    assert not any(trace[name].any() for name in ("clamped", "q", "k"))
    below = np.tri(trace.sizes["position"], k=-1 if architecture == "mamba3" else 0, dtype=bool)
    for layer, name in zip(trace.layer.values, names, strict=True):
        for head in trace["head"].values:
            ours = trace.sisa.importance(layer=layer, head=head).values
            theirs = cache[name][0, head].numpy()
            np.testing.assert_allclose(ours[below], theirs[below], atol=1e-5 * max(1, abs(theirs).max()))


def test_diagonal_of_a_mamba3_trace_deviates_as_stated():
    model, tokens = small_model("mamba3"), some_tokens(40)
    trace = capture(model, tokens[0])
    assert "ν_t C̄_t·B̄_t" in trace.sisa.score.note
    wanted = ("implicit_attention", "rot_B", "rot_C", "dt", "trapezoid")
    _, cache = model.run_with_cache(tokens[:1])
    M, B, C, dt, lam = (cache[f"blocks.2.attn.hook_{name}"][0, 1] for name in wanted)
    nu = torch.nn.functional.pad(((1 - lam) * dt)[1:], (0, 1))
    excess = nu * (B * C).sum(-1)
    assert excess.abs().max() > 0.01
    ours = trace.sisa.importance(layer=2, head=1).values.diagonal()
    np.testing.assert_allclose(ours, (M.diagonal() + excess).detach(), atol=1e-5)


def test_a_part_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"part is 'attention'; legal: 'ssm'\. A mamba2 has no other"):
        capture(small_model("mamba2"), [1, 2], part="attention")
    with pytest.raises(ValueError, match=r"part is 'mlp'; legal: 'attention', 'ssm'"):
        capture(small_model("jamba"), [1, 2], part="mlp")


def test_autocast_stays_close(model):
    for block in model.blocks:
        exact = block.attn(some_input(100))
        with torch.autocast("cpu", torch.bfloat16):
            narrow = block.attn(some_input(100).bfloat16())
        assert narrow.dtype == torch.bfloat16
        assert (narrow - exact).norm() <= 2e-2 * exact.norm()


def test_decays_and_steps_keep_float32(model):
    tokens, exact = some_tokens(100), {name: p.clone() for name, p in model.named_parameters()}
    before = model(tokens)
    model.to(torch.bfloat16)
    kept = set(model.no_weight_decay())
    assert {name.rpartition(".attn.")[2] for name in kept} >= {"D", "dt_bias"}
    for name, p in model.named_parameters():
        assert p.dtype == (
            torch.float32 if name in kept or ".ln" in name or "ln_" in name else torch.bfloat16
        )
        assert p.dtype == torch.bfloat16 or torch.equal(p, exact[name])
    assert (model(tokens).float() - before).norm() <= 3e-2 * before.norm()


def test_state_parameters_have_no_weight_decay(model):
    module = SISATraining(model, TrainingConfig(steps=3))
    groups = module.configure_optimizers()["optimizer"].param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert len(decay) == sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    free = {name for name, p in model.named_parameters() if decay[id(p)] == 0}
    state = ("A_log", ".D", "dt_bias", "norm.w", "norm_B.w", "norm_C.w", "bias_B", "bias_C")
    state += ("norm_attention.w", "norm_state.w")
    assert free == {name for name, _ in model.named_parameters() if ".attn." in name and name.endswith(state)}
    assert free


def test_a_few_steps_lower_the_loss(architecture):
    model, tokens = SISAModel(small_config(architecture)), some_tokens(70, rows=4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(8):
        loss = model(tokens, return_type="loss")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.95 * losses[0]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_generation_recomputes_the_past(model):
    tokens = some_tokens(5)
    out = model.generate(tokens, max_new_tokens=4)
    assert torch.equal(out[:, 5:], model(out)[:, 4:-1].argmax(-1))


def test_seed_alone_decides_the_weights(architecture):
    first, second, other = (SISAModel(small_config(architecture), seed=s).state_dict() for s in (5, 5, 6))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(t.isfinite().all() for t in first.values())
    assert not torch.equal(first["blocks.0.attn.dt_bias"], other["blocks.0.attn.dt_bias"])


def test_half_lives_are_measured_where_there_are_any(model):
    state = head_state(model, some_tokens(12).numpy())
    heads = {layer: block.attn.n_state_heads for layer, block in enumerate(model.blocks) if has_state(block)}
    assert state.columns.tolist() == ["layer", "head", "half_life"]
    there = list(zip(state["layer"], state["head"], strict=True))
    assert there == [(layer, head) for layer, n in heads.items() for head in range(n)]
    assert min(state["half_life"].tolist()) > 0


TOTALS = [  # size, transformer, Mamba-2 with its layers, Mamba-3 with its layers
    ("50m", 50_914_304, (14, 48_897_440), (14, 49_176_768)),
    ("152m", 151_878_144, (31, 152_271_160), (30, 149_878_944)),
    ("369m", 369_252_352, (49, 368_482_528), (48, 365_526_016)),
]


@pytest.mark.parametrize(("size", "plain", "mamba2", "mamba3"), TOTALS)
def test_totals_of_the_baselines_of_arxiv_2606_02332(size, plain, mamba2, mamba3):
    assert total(SISAConfig.preset(size, architecture="transformer")) == plain
    for architecture, (n_layers, expected) in (("mamba2", mamba2), ("mamba3", mamba3)):
        assert (
            total(SISAConfig.preset(size, architecture=architecture, n_layers=n_layers, d_mlp=0)) == expected
        )


def test_a_stack_without_mlps_has_these_parameters():
    config = SISAConfig.preset("152m", architecture="mamba2", n_layers=31, d_mlp=0)
    with torch.device("meta"):
        blocks = [Block(config, layer) for layer in range(config.n_layers)]
    counted = sum(p.numel() for block in blocks for p in block.parameters())
    assert counted + config.d_vocab * config.d_model + config.d_model == 152_271_160


@pytest.mark.parametrize("architecture", ["mamba2", "mamba3"])
def test_a_model_may_do_without_mlps(architecture):
    model = small_model(architecture, d_mlp=0)
    assert sum(p.numel() for p in model.parameters()) == total(model.config)
    assert not any("mlp" in name or "ln2" in name for name, _ in model.named_parameters())
    assert model(some_tokens(12)).isfinite().all()


@pytest.mark.parametrize(
    ("architecture", "d_mlp"), [("mamba2", 2505), ("mamba3", 2487), ("jamba", 2650), ("hymba", 2025)]
)
def test_solved_width_at_152m(architecture, d_mlp):
    """Jamba's state heads are as many as its attention heads; with heads of 64 it would be 2647."""
    assert SISAConfig.preset("152m", architecture=architecture).d_mlp == d_mlp


@pytest.mark.parametrize(
    ("architecture", "changes", "message"),
    [
        ("mamba2", {"d_model": 48, "n_heads": 2}, r"d_model is 48; legal: multiples of 32"),
        ("mamba2", {"d_state": 0}, r"d_state is 0; legal: even numbers >= 2"),
        ("mamba3", {"d_state": 6}, r"d_state is 6; legal: multiples of 4"),
        ("mamba2", {"rope": "rope"}, r"rope is 'rope'; legal: 'none'"),
        ("jamba", {"d_mlp": 0}, r"d_mlp is 0; legal: whole numbers >= 1"),
        ("jamba", {"attention_offset": 4}, r"attention_offset is 4; legal: 0 to 3"),
        ("jamba", {"attention_period": 0}, r"attention_period is 0; legal: whole numbers >= 1"),
        ("jamba", {"attention_period": 9, "attention_offset": 5}, r"attention_offset is 5; legal: 0 to 3"),
        ("hymba", {"window": 0}, r"window is 0; legal: whole numbers >= 1"),
        ("hymba", {"n_meta": 1.5}, r"n_meta is 1\.5; legal: whole numbers >= 0"),
        ("hymba", {"attention_period": 2}, r"attention_period is 2; legal: 0, for only jamba has it"),
        ("mamba2", {"window": 8}, r"window is 8; legal: 0, for only hymba has it"),
    ],
)
def test_bad_settings_are_explained(architecture, changes, message):
    with pytest.raises(ValueError, match=message):
        SISAConfig(**SIZES | {"architecture": architecture} | changes)


def test_settled_configuration_survives_a_round_trip(architecture):
    config = small_config(architecture)
    assert SISAConfig.from_dict(config.to_dict()) == config
