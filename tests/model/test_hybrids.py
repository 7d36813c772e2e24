"""Jamba: which block attends, and that it knows no order itself. Hymba: mask, fusion, meta tokens."""
# a mixer's own layers and hooks are known when it runs: to the type checker `attn` is any Mixer
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false

import pytest
import torch
import torch.nn.functional as F
from state_space_models import small_config, small_model, some_input, some_tokens

from model import SISAConfig, SISAModel, capture
from model.config.placement import key_heads
from model.mixers import build_mixer
from model.mixers.attention.attention import Attention
from model.mixers.hybrid.hymba import Hymba
from model.mixers.state_space.mamba2 import Mamba2


@pytest.mark.parametrize(
    ("given", "attends"),
    [
        ({"n_layers": 8}, [2, 6]),
        ({"n_layers": 32, "attention_period": 8}, [4, 12, 20, 28]),  # as published
        ({"n_layers": 8, "attention_period": 2, "attention_offset": 0}, [0, 2, 4, 6]),
        ({"n_layers": 2}, [1]),
        ({"n_layers": 1}, [0]),
    ],
)
def test_placement_of_attention(given, attends):
    with torch.device("meta"):
        config = small_config("jamba", **given)
        kinds = [type(build_mixer(config, layer)) for layer in range(config.n_layers)]
    assert [layer for layer, kind in enumerate(kinds) if kind is Attention] == attends
    assert set(kinds) <= {Attention, Mamba2}


def test_heads_of_both_kinds_are_equal_in_number():
    mixers = [block.attn for block in small_model("jamba").blocks]
    assert [
        mixer.n_state_heads if isinstance(mixer, Mamba2) else mixer.config.n_heads for mixer in mixers
    ] == [4] * 4


def test_attention_of_a_jamba_knows_no_order():
    """With the state spaces silenced, a permuted prefix leaves the last position as it was."""
    model, tokens = small_model("jamba", n_layers=2), some_tokens(20)
    order = torch.randperm(19, generator=torch.Generator().manual_seed(0))
    permuted = torch.cat((tokens[:, order], tokens[:, 19:]), dim=1)
    moved = (model(permuted) - model(tokens))[:, -1].abs().max()
    with torch.no_grad():
        model.blocks[0].attn.to_o.weight.zero_()
    still = (model(permuted) - model(tokens))[:, -1].abs().max()
    assert still <= 1e-5 < 1e-2 < moved


def test_attention_of_a_jamba_may_be_given_rope():
    turned, plain = (SISAModel(small_config("jamba", rope=rope)) for rope in ("rope", "none"))
    tokens = some_tokens(20)
    assert small_config("jamba").rope == "none"
    assert not torch.equal(turned(tokens), plain(tokens))


def test_traces_of_a_jamba_name_the_layers_they_hold():
    model, tokens = small_model("jamba"), some_tokens(20)
    attention, state = capture(model, tokens[0]), capture(model, tokens[0], part="ssm")
    assert attention.layer.values.tolist() == [2]
    assert state.layer.values.tolist() == [0, 1, 3]
    assert attention.sisa.score.kind == "softmax"
    _, cache = model.run_with_cache(tokens[:1], names_filter="blocks.2.attn.hook_pattern")
    ours = torch.tensor(attention.sisa.pattern(layer=2, head=3).fillna(0).values)
    assert (ours - cache["blocks.2.attn.hook_pattern"][0, 3]).abs().max() <= 1e-5


def local_mixer(**changes):
    """Layer 2 of four, the only one that does not see everything."""
    return small_model("hymba", **changes).blocks[2].attn


def test_mask_of_a_local_layer():
    """Eight positions, a window of three, two meta tokens."""
    expected = [
        "1.......",
        "11......",
        "111.....",
        "1111....",
        "11111...",
        "111111..",
        "11.1111.",
        "11..1111",
    ]
    mask = local_mixer(n_meta=2, window=3).visible(8, torch.device("cpu"))
    assert ["".join(".1"[int(seen)] for seen in row) for row in mask] == expected


def test_first_middle_and_last_layer_see_everything():
    for n_layers, everything in ((4, [0, 1, 3]), (1, [0]), (32, [0, 15, 31])):
        with torch.device("meta"):
            mixers = [Hymba(small_config("hymba", n_layers=n_layers), layer) for layer in range(n_layers)]
        assert [layer for layer, mixer in enumerate(mixers) if mixer.sees_everything] == everything


def test_windowed_attention_is_softmax_over_what_the_mask_shows():
    mixer, x = local_mixer(n_meta=2, window=5), some_input(30)
    fused, seen = mixer(x), {}
    mixer.hook_pattern.register_forward_hook(lambda _m, _i, pattern: seen.update(pattern=pattern))
    assert (mixer(x) - fused).abs().max() <= 1e-5
    hidden = ~mixer.visible(30, x.device)
    assert not seen["pattern"][..., hidden].any()
    torch.testing.assert_close(seen["pattern"].sum(-1), torch.ones(2, 4, 30))


def branches(mixer, x):
    """Output with the weight of one norm at zero: attention alone, then the state space alone."""
    outputs = []
    for silenced in (mixer.norm_state, mixer.norm_attention):
        kept = silenced.w.detach().clone()
        with torch.no_grad():
            silenced.w.zero_()
            outputs.append(mixer(x))
            silenced.w.copy_(kept)
    return outputs


def test_output_is_half_of_each_branch():
    mixer, x = local_mixer(), some_input(40)
    attention, state = branches(mixer, x)
    assert (attention + state - mixer(x)).abs().max() <= 1e-5
    assert min(attention.std(), state.std()) > 0.1


def test_attention_branch_alone():
    """½ W_O RMSNorm_a(softmax(q·k / sqrt(d_h)) v), written out with its own products."""
    mixer, x, seen = small_model("hymba").blocks[0].attn, some_input(20), {}
    for name in ("rot_q", "rot_k", "v"):
        getattr(mixer, f"hook_{name}").register_forward_hook(
            lambda _m, _i, t, name=name: seen.update({name: t.transpose(1, 2)})
        )
    attention, _ = branches(mixer, x)
    scores = seen["rot_q"] @ seen["rot_k"].mT / 16**0.5
    y = scores.masked_fill(torch.ones(20, 20).triu(1).bool(), -torch.inf).softmax(-1) @ seen["v"]
    y = y.transpose(1, 2).flatten(2)
    normed = y / (y.square().mean(-1, keepdim=True) + 1e-6).sqrt() * mixer.norm_attention.w
    assert (attention - F.linear(normed, mixer.to_o.weight) / 2).abs().max() <= 1e-5


def test_keys_and_values_are_shared_by_queries():
    seen = {}
    mixer = local_mixer()
    for name in ("k", "v"):
        getattr(mixer, f"hook_{name}").register_forward_hook(
            lambda _m, _i, t, name=name: seen.update({name: t})
        )
    mixer(some_input(5))
    for t in seen.values():
        assert torch.equal(t, t[:, :, :1].expand_as(t))
    assert [key_heads(small_config("hymba", d_model=200, n_heads=n)) for n in (1, 2, 4, 10, 25)] == [
        1,
        1,
        1,
        2,
        5,
    ]


def test_meta_tokens_matter_and_stay_inside():
    model, tokens = small_model("hymba"), some_tokens(20)
    logits, loss = model(tokens, return_type="both")
    assert logits.shape == (2, 20, 11)
    expected = F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    assert loss.item() == pytest.approx(expected.item())
    _, cache = model.run_with_cache(tokens, names_filter="blocks.0.hook_resid_pre")
    assert torch.equal(cache["blocks.0.hook_resid_pre"][1, :2], model.meta)
    last = torch.cat((tokens[:, :-1], (tokens[:, -1:] + 1) % 11), dim=1)
    moved = (model(last) - logits).abs().amax((0, 2))
    assert moved[:-1].max() <= 1e-5
    assert moved[-1] > 0.1
    with torch.no_grad():
        model.meta.add_(1)
    assert (model(tokens) - logits).abs().max() > 0.1
    assert SISAModel(small_config("hymba")).meta.std().item() == pytest.approx(0.02, rel=0.3)


def test_a_hymba_may_do_without_meta_tokens():
    model = small_model("hymba", n_meta=0)
    assert not hasattr(model, "meta")
    assert model(some_tokens(20)).shape == (2, 20, 11)


def test_meta_tokens_and_window_follow_the_context():
    config = SISAConfig.preset("152m", architecture="hymba")
    assert (config.n_meta, config.window) == (128, 1024)  # as published


def test_trace_of_a_hymba_has_meta_tokens_and_only_whole_layers():
    model = small_model("hymba")
    near, far = (capture(model, some_tokens(n)[0], spans={"needle": [3, 5]}) for n in (17, 18))
    assert near.layer.values.tolist() == [0, 1, 2, 3]
    assert far.layer.values.tolist() == [0, 1, 3]  # 18 positions reach beyond the window of 16 in layer 2
    assert near.token.values[:3].tolist() == ["<meta 0>", "<meta 1>", str(some_tokens(17)[0, 0].item())]
    assert near.token_id.values[:2].tolist() == [-1, -1]
    assert near.sisa.spans == {"needle": (5, 7)}
    _, cache = model.run_with_cache(some_tokens(17)[:1], names_filter="blocks.2.attn.hook_pattern")
    ours = torch.tensor(near.sisa.pattern(layer=2, head=1).fillna(0).values)
    assert (ours - cache["blocks.2.attn.hook_pattern"][0, 1]).abs().max() <= 1e-5
