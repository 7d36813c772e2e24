"""The hooked network: every hook edits the logits, nothing looks ahead, TransformerLens' tools work on it."""
# a mixer's own layers and hooks are known when it runs: to the type checker `attn` is any Mixer
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false

import functools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_models import SMALL, lively, moved_by_later_tokens
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformer_lens import patching
from transformer_lens.model_protocol import TransformerLensModel

from model import SISAConfig, SISAModel
from model.mixers.attention.sisa import SISAAttention


def edit(tensor, hook):
    if tensor.dtype == torch.bool:
        return ~tensor
    noise = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(3))
    return tensor * (1 + 0.5 * noise.to(tensor.dtype))


def test_an_edit_of_every_hook_moves_the_logits(config, tokens):
    model = lively(SISAModel(config))
    before = model(tokens)
    still = [
        name
        for name in model.hook_dict
        if not 1e-3
        <= (model.run_with_hooks(tokens, fwd_hooks=[(name, edit)]) - before).abs().max()
        < torch.inf
    ]
    assert still == []
    hooks = {"transformer": 20, "adaptive_sisa": 32, "fox": 23, "alibi": 23}.get(config.architecture, 31)
    assert len(model.hook_dict) == 3 + config.n_layers * hooks


def test_hooks_of_the_design_are_there(sisa):
    attn = "q k v B C log_decay cum_decay phase lam z result".split()
    attn += [*SISAAttention.score_sized]
    for layer in range(2):
        names = [f"attn.hook_{name}" for name in attn] + [
            "hook_resid_pre",
            "hook_resid_mid",
            "hook_resid_post",
            "mlp.hook_post",
        ]
        assert {f"blocks.{layer}.{name}" for name in names} <= sisa.hook_dict.keys()
    assert {"hook_embed", "ln_final.hook_normalized"} <= sisa.hook_dict.keys()


def test_shapes_of_the_hooks(sisa, tokens):
    _, cache = sisa.run_with_cache(tokens)
    shapes = {
        name.removeprefix("blocks.0.attn.hook_"): tuple(t.shape)
        for name, t in cache.items()
        if name.startswith("blocks.0.attn")
    }
    b, p, h, d, s = 2, 12, 2, 8, 4
    assert {shapes[n] for n in ("q", "k", "v", "rot_q", "rot_k", "z")} == {(b, p, h, d)}
    assert {shapes[n] for n in ("B", "C", "rot_B", "rot_C")} == {(b, h, p, s)}
    assert {shapes[n] for n in ("log_decay", "cum_decay", "anchored_decay", "clamped")} == {(b, h, p)}
    assert {shapes[n] for n in SISAAttention.score_sized} == {(b, h, p, p)}
    assert (shapes["phase"], shapes["lam"], shapes["result"]) == ((b, h, p, s // 2), (h,), (b, p, h, 16))


def test_content_and_importance_add_up(sisa, tokens):
    _, cache = sisa.run_with_cache(tokens)
    for layer in range(2):
        content, importance, scores = (
            cache[f"blocks.{layer}.attn.hook_{n}"]
            for n in ("content_scores", "importance_scores", "attn_scores")
        )
        assert importance.abs().max() > 0.1
        assert (content + importance - scores).abs().max() <= 1e-5


def test_watching_changes_no_number(config, tokens):
    model = lively(SISAModel(config))
    watched, _ = model.run_with_cache(tokens)
    assert (watched - model(tokens)).abs().max() <= 1e-5


def test_only_the_watched_layer_takes_the_explicit_twin(sisa, tokens, monkeypatch):
    fused, explicit = [], []
    for layer, block in enumerate(sisa.blocks):
        for name, calls in (("_fused", fused), ("_explicit", explicit)):
            original = getattr(block.attn, name)
            monkeypatch.setattr(
                block.attn,
                name,
                functools.partial(
                    lambda *a, f, c, i, **k: (c.append(i), f(*a, **k))[1], f=original, c=calls, i=layer
                ),
            )
    sisa.run_with_cache(tokens, names_filter="blocks.1.attn.hook_pattern")
    assert (fused, explicit) == ([0], [1])


def test_plain_pytorch_hooks_count_as_watching(sisa, tokens):
    seen = []
    handle = sisa.blocks[0].attn.hook_pattern.register_forward_hook(
        lambda module, args, output: seen.append(output.shape)
    )
    sisa(tokens)
    handle.remove()
    assert seen == [(2, 2, 12, 12)]


@given(
    half_life=st.sampled_from([0.2, 1.0, 5.0, 100.0]),
    length=st.integers(2, 96),
    cut=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_causal_anchor_never_looks_ahead(half_life, length, cut, seed):
    """Changing or appending tokens moves no earlier logit, however strong the decay (here up to 330 nats)."""
    config = SISAConfig(**SMALL, d_state=4, anchor="causal")
    model = lively(SISAModel(config), half_life=half_life)
    assert moved_by_later_tokens(model, length=length, cut=cut, seed=seed) <= 1e-5


def test_prefix_equals_full_run_in_batch(sisa, tokens):
    torch.testing.assert_close(sisa(tokens)[:1], sisa(tokens[:1]), atol=1e-5, rtol=0)


def test_clamp_count_is_reachable_by_hook(tokens):
    model = lively(SISAModel(SISAConfig(**SMALL, d_state=4)), half_life=0.05)
    _, cache = model.run_with_cache(tokens, names_filter=lambda name: name.endswith("hook_clamped"))
    past = cache["blocks.0.attn.hook_clamped"].sum(-1)
    assert past.min() > 0
    assert past.max() < 12


@pytest.mark.parametrize("half_life", [100.0, 0.3])
def test_cached_generation_equals_uncached(config, tokens, half_life):
    model = lively(SISAModel(config), half_life=half_life)
    cached, full = (model.generate(tokens, max_new_tokens=20, use_cache=use) for use in (True, False))
    assert cached.shape == (2, 32)
    assert torch.equal(cached, full)


@pytest.mark.parametrize("sizes", [[5, *[1] * 7], [5, 4, 3]])
def test_cached_decoding_logits_equal_prefill(sisa, tokens, sizes):
    from model.mixers.parts.cache import LayerCache

    caches = [LayerCache() for _ in sisa.blocks]
    steps = [sisa(part, caches=caches) for part in tokens.split(sizes, dim=1)]
    assert (torch.cat(steps, dim=1) - sisa(tokens)).abs().max() <= 1e-5
    assert caches[0].length == 12


def test_generation_fires_watched_scores(sisa, tokens):
    widths = []
    with sisa.hooks(fwd_hooks=[("blocks.0.attn.hook_pattern", lambda t, hook: widths.append(t.shape[-1]))]):
        out = sisa.generate(tokens, max_new_tokens=3)
    assert widths == [12, 13, 14]
    assert torch.equal(out, sisa.generate(tokens, max_new_tokens=3))


@pytest.mark.parametrize("cast", ["to", "autocast"])
def test_sensitive_parameters_stay_float32(config, tokens, cast):
    model = lively(SISAModel(config))
    before = model(tokens)
    exact = {name: p.clone() for name, p in model.named_parameters()}
    if cast == "to":
        model.to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16, enabled=cast == "autocast"):
        after, cache = model.run_with_cache(tokens)
    kept = ("lam_raw", "ln1.w", "ln2.w", "ln_final.w", "to_decay.weight", "to_decay.bias")
    kept += ("gate_raw", "to_forget.weight", "to_forget.bias")
    for name, p in model.named_parameters():
        if name.endswith(kept):
            assert p.dtype == torch.float32, name
            assert torch.equal(p, exact[name])
        elif cast == "to":
            assert p.dtype == torch.bfloat16, name
    for name in ("lam", "log_decay", "gate"):
        if (hook := f"blocks.0.attn.hook_{name}") in cache.cache_dict:
            assert cache[hook].dtype == torch.float32
    # bfloat16 carries 8 bits; logits here have a standard deviation of 1
    assert (after.float() - before).abs().mean() < 0.05


def test_float64_model_is_the_reference(config, tokens):
    model = lively(SISAModel(config))
    single = model(tokens)
    assert (model.double()(tokens) - single).abs().max() <= 1e-5


def test_seed_alone_decides_the_weights(config):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first, second, other = (SISAModel(config, seed=s).state_dict() for s in (5, 5, 6))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["embed.weight"], other["embed.weight"])
    assert torch.equal(state, torch.get_rng_state())


def test_initial_values(sisa):
    fresh = SISAModel(SISAConfig.preset("small"))
    attn = fresh.blocks[0].attn
    assert attn.to_q.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert attn.to_theta.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert attn.to_decay.bias.unique().tolist() == [-5.0]
    assert torch.nn.functional.softplus(attn.lam_raw)[0].item() == pytest.approx(0.3133, abs=1e-4)


def test_loss_is_that_of_the_next_token(sisa, tokens):
    logits, loss = sisa(tokens, return_type="both")
    log_p = logits.log_softmax(-1)[:, :-1].gather(-1, tokens[:, 1:, None])
    torch.testing.assert_close(loss, -log_p.mean())
    labels = torch.full_like(tokens, -100)
    labels[:, -1] = tokens[:, -1]
    torch.testing.assert_close(sisa(tokens, return_type="loss", labels=labels), -log_p[:, -1].mean())
    assert sisa(tokens, return_type=None) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m: m(torch.zeros(3, dtype=torch.int64)),
            r"tokens is 'shape \(3,\), torch.int64'.*tokens\[None\]",
        ),
        (lambda m: m(torch.zeros(1, 0, dtype=torch.int64)), "non-empty"),
        (lambda m: m("text"), r"tokens is 'text'; legal: a tensor .* Pass model.to_tokens\(text\)"),
        (lambda m: m.generate("text", max_new_tokens=1), "tokens is 'text'; legal: a tensor"),
        (lambda m: m(torch.tensor([[3, 11]])), r"token ids is '3 to 11'; legal: 0 to 10"),
        (
            lambda m: m(torch.tensor([[0]]), return_type="probs"),
            r"return_type is 'probs'; legal: 'logits', 'loss'",
        ),
        (lambda m: m.generate(torch.tensor([[0]]), max_new_tokens=-1), "max_new_tokens is -1"),
        (lambda m: m.to_tokens("hi"), "tokenizer is None"),
    ],
)
def test_bad_input_is_explained(sisa, call, message):
    with pytest.raises(ValueError, match=message):
        call(sisa)


def test_text_needs_equal_lengths_and_single_tokens(sisa):
    vocabulary = {"[UNK]": 0, "a": 1, "b": 2}
    sisa.tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    sisa.tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    around = processors.TemplateProcessing(single="[UNK] $A", special_tokens=[("[UNK]", 0)])
    sisa.tokenizer.post_processor = around
    assert sisa.to_tokens(["a b", "b a"]).tolist() == [[1, 2], [2, 1]]
    assert sisa.to_single_token("b") == 2
    with pytest.raises(ValueError, match=r"texts is '\[1, 2\] tokens long'"):
        sisa.to_tokens(["a", "a b"])
    with pytest.raises(ValueError, match="a text that is one token, not 2"):
        sisa.to_single_token("a b")


def test_activation_cache_takes_the_logits_apart(config, tokens):
    """Logit attributions of all parts add up to the logit; the logit lens ends at the logits."""
    model = lively(SISAModel(config))
    logits, cache = model.run_with_cache(tokens)
    parts, names = cache.decompose_resid(return_labels=True)
    assert names == ["embed", "0_attn_out", "0_mlp_out", "1_attn_out", "1_mlp_out"]
    torch.testing.assert_close(
        cache.logit_attrs(parts, tokens=tokens).sum(0), logits.gather(-1, tokens[..., None])[..., 0]
    )
    torch.testing.assert_close(cache.logit_lens().values[-1], logits[:, -1])
    accumulated = cache.accumulated_resid(incl_mid=True)
    torch.testing.assert_close(accumulated[-1], parts.sum(0))
    heads = cache.stack_head_results(layer=1)
    torch.testing.assert_close(heads.sum(0), cache["blocks.0.hook_attn_out"])


@pytest.mark.parametrize(
    ("architecture", "rope", "code"),
    [("sisa", "yarn", "rotary"), ("sisa", "none", "none"), ("alibi", None, "alibi"), ("fox", None, "none")],
)
def test_transformer_lens_is_told_how_positions_are_told_apart(architecture, rope, code):
    model = SISAModel(SISAConfig(**SMALL, architecture=architecture, rope=rope))
    assert model.cfg.positional_embedding_type == code


def test_a_model_without_mlps_is_taken_apart_too(tokens):
    sizes = SMALL | {"d_mlp": 0, "d_model": 32}
    model = lively(SISAModel(SISAConfig.from_dict(sizes | {"architecture": "mamba2"})))
    assert (model.cfg.positional_embedding_type, model.cfg.attn_only) == ("none", True)
    _, cache = model.run_with_cache(tokens)
    parts, names = cache.decompose_resid(return_labels=True)
    assert names == ["embed", "0_attn_out", "1_attn_out"]
    torch.testing.assert_close(parts.sum(0), cache["blocks.1.hook_resid_post"])


def test_transformer_lens_patching_runs(sisa, tokens):
    assert isinstance(sisa, TransformerLensModel)
    corrupted = tokens.clone()
    corrupted[:, 3] = (tokens[:, 3] + 1) % 11
    clean_logits, clean = sisa.run_with_cache(tokens)
    distance = lambda logits: (logits - clean_logits).abs().sum()  # noqa: E731
    resid = patching.get_act_patch_resid_pre(sisa, corrupted, clean, distance)
    heads = patching.get_act_patch_attn_head_pattern_all_pos(sisa, corrupted, clean, distance)
    assert resid.shape == (2, 12)
    assert heads.shape == (2, 2)
    # layer 0: the clean residual put back at the changed token undoes the change, elsewhere it does nothing
    assert resid[0, 3] < 1e-3
    assert (resid[0, :3] > 1).all()


def test_pos_slice_follows_every_layout(sisa, tokens):
    _, whole = sisa.run_with_cache(tokens)
    _, part = sisa.run_with_cache(tokens, pos_slice=(2, 5))
    assert torch.equal(part["blocks.0.attn.hook_log_decay"], whole["blocks.0.attn.hook_log_decay"][:, :, 2:5])
    assert torch.equal(part["blocks.0.attn.hook_q"], whole["blocks.0.attn.hook_q"][:, 2:5])
    assert torch.equal(part["blocks.0.attn.hook_B"], whole["blocks.0.attn.hook_B"][:, :, 2:5])
    assert torch.equal(part["blocks.0.attn.hook_pattern"], whole["blocks.0.attn.hook_pattern"][:, :, 2:5])
    assert torch.equal(part["blocks.0.hook_resid_pre"], whole["blocks.0.hook_resid_pre"][:, 2:5])


def test_gradients_reach_hooks(sisa, tokens):
    _, cache = sisa.run_with_cache(tokens, incl_bwd=True, return_type="loss")
    assert cache["blocks.0.attn.hook_importance_scores_grad"].abs().max() > 0
