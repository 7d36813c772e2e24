"""RoPE and its four ways to longer contexts, beside transformers' own (arXiv 2306.15595, 2309.00071)."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small_models import SMALL, lively
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from data import Episodes, NIAHTask
from model import SISAConfig, SISAModel, capture, with_rope
from model.analysis.evaluation import evaluate
from model.mixers.parts.rope import frequencies, plain_frequencies, positioned, rope_phase, temperature
from model.mixers.parts.rotation import rotate

STRETCHED: list[Any] = ["pi", "ntk", "dynamic_ntk", "yarn"]


def shape(rope, factor=1.0, *, d_head=64, n_ctx=2048):
    sizes: dict[str, Any] = dict(d_model=2 * d_head, n_layers=1, n_heads=2, d_mlp=8, d_vocab=8, n_ctx=n_ctx)
    return SISAConfig(**sizes, d_state=2, rope=rope, rope_factor=factor)


def theirs(kind, factor, *, d_head, n_ctx, length):
    """Frequencies and the factor on cos and sin, from the library."""
    rope: dict[str, Any] = {"rope_type": kind, "rope_theta": 10_000.0, "factor": factor}
    if kind == "yarn":
        rope["original_max_position_embeddings"] = n_ctx
    config = LlamaConfig(
        hidden_size=2 * d_head, num_attention_heads=2, max_position_embeddings=n_ctx, rope_parameters=rope
    )
    return ROPE_INIT_FUNCTIONS[kind](config, torch.device("cpu"), seq_len=length)


@pytest.mark.parametrize("d_head", [16, 64, 128])
@pytest.mark.parametrize("n_ctx", [256, 2048])
@pytest.mark.parametrize("factor", [1.0, 4.0, 7.5])
@pytest.mark.parametrize(("rope", "kind"), [("pi", "linear"), ("dynamic_ntk", "dynamic"), ("yarn", "yarn")])
def test_frequencies_are_those_of_transformers(rope, kind, factor, n_ctx, d_head):
    for length in (n_ctx // 2, 3 * n_ctx):
        config = shape(rope, factor, d_head=d_head, n_ctx=n_ctx)
        ours = frequencies(config, length=length)
        reference, gain = theirs(kind, factor, d_head=d_head, n_ctx=n_ctx, length=length)
        assert (ours - reference).abs().max() <= 1e-6
        assert ((ours - reference) / reference).abs().max() <= 1e-5
        assert temperature(config) == pytest.approx(gain, abs=1e-6)


def test_ntk_keeps_the_fastest_pair_and_slows_the_slowest_by_the_factor():
    plain, ntk = plain_frequencies(64), frequencies(shape("ntk", 4.0), length=1)
    assert ntk[0] == plain[0]
    torch.testing.assert_close(ntk[-1], plain[-1] / 4, rtol=1e-12, atol=0)
    assert (ntk[1:-1] > plain[1:-1] / 4).all()


@pytest.mark.parametrize("rope", STRETCHED)
def test_factor_one_changes_nothing(rope):
    config = shape(rope)
    torch.testing.assert_close(frequencies(config, length=2048), plain_frequencies(64), rtol=1e-12, atol=0)
    assert temperature(config) == 1.0


def test_position_interpolation_is_the_base_at_a_fraction_of_the_position():
    squeezed = rope_phase(64, frequencies(shape("pi", 4.0), length=64))
    torch.testing.assert_close(squeezed[::4], rope_phase(16, plain_frequencies(64)))


def test_dynamic_ntk_waits_for_the_end_of_the_training_context():
    config = shape("dynamic_ntk", 2.0)
    torch.testing.assert_close(frequencies(config, length=2048), plain_frequencies(64))
    longer = [frequencies(config, length=length)[-1] for length in (2049, 4096, 8192)]
    assert plain_frequencies(64)[-1] > longer[0] > longer[1] > longer[2]
    hymba = replace(config, architecture="hymba", n_meta=128, window=1024)  # its text begins after 128
    torch.testing.assert_close(frequencies(hymba, length=2048 + 128), plain_frequencies(64))


def test_yarn_keeps_what_turns_often_and_interpolates_what_does_not_turn_once():
    plain, yarn = plain_frequencies(64), frequencies(shape("yarn", 4.0), length=1)
    assert torch.equal(yarn[:9], plain[:9])  # low = 8 at d_head 64 and n = 2,048
    torch.testing.assert_close(yarn[21:], plain[21:] / 4)  # high = 21
    assert ((yarn < plain) & (yarn > plain / 4))[9:21].all()


@pytest.mark.parametrize("rope", STRETCHED)
@pytest.mark.parametrize("d_state", [0, 4])
def test_a_trained_model_takes_another_code(rope, d_state, tokens):
    model = lively(SISAModel(SISAConfig.from_dict(SMALL | {"n_ctx": 8, "d_state": d_state}), seed=3))
    longer = with_rope(model, rope, 4.0)
    assert (longer.config.rope, longer.config.rope_factor, longer.seed) == (rope, 4.0, 3)
    assert all(torch.equal(p, longer.state_dict()[name]) for name, p in model.state_dict().items())
    assert (longer(tokens) - model(tokens)).abs().max() > 1e-3
    assert (with_rope(longer, "rope")(tokens) - model(tokens)).abs().max() == 0
    with torch.no_grad():
        longer.embed.weight.zero_()
    assert model.embed.weight.any()


def test_only_the_content_term_is_stretched(sisa, tokens):
    longer = with_rope(sisa, "yarn", 4.0)
    names = ("content_scores", "importance_scores", "rot_q", "q")
    plain, stretched = (
        model.run_with_cache(tokens, names_filter=lambda name: name.startswith("blocks.0.attn"))[1]
        for model in (sisa, longer)
    )
    moved = {
        name: (plain[hook] - stretched[hook]).abs().max()
        for name in names
        for hook in [f"blocks.0.attn.hook_{name}"]
    }
    assert moved["importance_scores"] == moved["q"] == 0
    assert moved["content_scores"] > 0.1
    gain = stretched["blocks.0.attn.hook_rot_q"].norm() / plain["blocks.0.attn.hook_rot_q"].norm()
    assert gain.item() == pytest.approx(0.1 * math.log(4) + 1, rel=1e-5)


def test_dynamic_ntk_recomputes_when_it_generates(sisa, tokens):
    model = with_rope(sisa, "dynamic_ntk", 2.0)
    assert not model.blocks[0].attn.decodes_from_cache
    assert model.generate(tokens, max_new_tokens=3).shape == (2, 15)


def test_an_episode_is_judged_as_if_it_were_alone():
    model = SISAModel(SISAConfig.from_dict(SMALL | {"n_ctx": 8, "d_state": 4, "d_vocab": 72}), seed=0)
    longer = with_rope(lively(model), "dynamic_ntk", 1.0)
    mixed = NIAHTask(lengths=(16, 32)).build(0, n_episodes=6)
    lengths = mixed.knobs["context_length"].tolist()
    assert set(lengths) == {16, 32}
    alone = [
        evaluate(
            longer,
            Episodes(mixed.tokens[[at], :n], mixed.labels[[at], :n], mixed.knobs.iloc[[at]], mixed.pad_id),
        )
        for at, n in enumerate(lengths)
    ]
    found = evaluate(longer, mixed)["nll"]
    np.testing.assert_allclose(found, pd.concat(alone)["nll"], rtol=1e-5)


def test_the_trace_holds_what_was_turned(sisa, tokens):
    trace, plain = (capture(model, tokens[0]) for model in (with_rope(sisa, "yarn", 4.0), sisa))
    gain = float((trace.q[0] ** 2).sum() / (plain.q[0] ** 2).sum()) ** 0.5
    assert trace.sisa.config["rope_factor"] == 4.0
    assert gain == pytest.approx(0.1 * math.log(4) + 1, rel=1e-5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rope_factor": 0.5}, r"rope_factor is 0.5; legal: finite numbers >= 1"),
        ({"rope_factor": math.nan}, r"rope_factor is nan; legal: finite numbers"),
        ({"rope_factor": 2.0}, r"rope_factor is 2.0; legal: 1.0, for rope='rope' has none"),
        ({"rope": "ntk", "n_heads": 8}, r"rope is 'ntk'; legal: .* for d_head = 2 is a single pair"),
    ],
)
def test_what_cannot_be_stretched_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        SISAConfig.from_dict(SMALL | {"d_state": 4} | given)


def test_a_model_without_rope_has_none_to_stretch():
    model = SISAModel(SISAConfig(**SMALL, architecture="fox"))
    with pytest.raises(ValueError, match="model is 'fox without RoPE'; legal: a model with RoPE"):
        with_rope(model, "yarn", 4.0)


@pytest.mark.parametrize(("architecture", "own"), [("sisa", "rope"), ("fox", "none"), ("alibi", "none")])
def test_the_architecture_decides_on_rope_unless_told(architecture, own):
    config = SISAConfig(**SMALL, architecture=architecture)
    assert config.rope == own
    assert replace(config, rope="pi", rope_factor=2.0).rope == "pi"


@pytest.mark.parametrize("rope", ["rope", *STRETCHED])
@pytest.mark.parametrize("start", [0, 5, 40])
def test_the_table_turns_as_the_angles_do(rope, start):
    config = shape(rope, 4.0 if rope != "rope" else 1.0, d_head=16, n_ctx=32)
    x = torch.randn(2, 7, 2, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    angles = rope_phase(7, frequencies(config, length=start + 7), start=start)[:, None]
    expected = temperature(config) * rotate(x, angles)
    torch.testing.assert_close(positioned(x, config, start=start), expected, rtol=1e-12, atol=1e-12)
    even, odd = x[..., 0::2], x[..., 1::2]
    by_hand = torch.stack(
        (even * angles.cos() - odd * angles.sin(), even * angles.sin() + odd * angles.cos()), -1
    )
    torch.testing.assert_close(expected, temperature(config) * by_hand.flatten(-2), rtol=1e-12, atol=1e-12)


def test_a_table_made_in_inference_mode_serves_training():
    config = shape("pi", 3.25, d_head=16, n_ctx=32)  # no other test's
    with torch.inference_mode():
        positioned(torch.ones(1, 3, 2, 16), config)
    x = torch.ones(1, 3, 2, 16, requires_grad=True)
    positioned(x, config).sum().backward()
    assert x.grad is not None
