"""The exact anchor: one a block of queries, against e^{g_i − g_j} without any clamp in float64."""

import math
import warnings
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from score_twin import attend, clamp_in, draw, with_gradients
from small_models import SMALL, lively, moved_by_later_tokens

from data import topics_corpus
from model import SISAConfig, SISAModel, capture, load, save, with_anchor, with_rope
from model.mixers.attention.anchor import causal_range, clamp_of, queries_in_block


def largest(fused, twin):
    return {name: float((fused[name] - reference).abs().max()) for name, reference in twin.items()}


@given(
    seed=st.integers(0, 10_000),
    length=st.integers(1, 200),
    block=st.sampled_from([1, 7, 16, 64, 128, 1000]),
    half_life=st.sampled_from([0.3, 0.6, 1.2, 2.0, 5.0, 30.0, 1e9]),
)
def test_output_and_gradients_equal_the_unclamped_twin_wherever_no_position_is_clamped(
    seed, length, block, half_life
):
    total = length * math.log(2) / half_life
    inputs = draw(seed, length=length, total_decay=total)
    fused = with_gradients(inputs, anchor="exact", explicit=False, dtype=torch.float32, block=block)
    twin = with_gradients(inputs, anchor="exact", explicit=True, dtype=torch.float64, block=block)
    assert max(largest(fused, twin).values()) <= 2e-5
    clamped = clamp_in(inputs, anchor="exact", block=block).clamped
    if not clamped.any():
        free = with_gradients(inputs, anchor="none", explicit=True, dtype=torch.float64)
        assert max(largest(fused, free).values()) <= 2e-5


@pytest.mark.parametrize(
    ("half_life", "block"), [(1.3, 128), (0.65, 64), (0.33, 32), (0.3, 16), (0.05, 5), (0.001, 1)]
)
def test_a_block_holds_half_lives_in_proportion_to_its_length(half_life, block):
    g = -torch.arange(300.0, dtype=torch.float64) * math.log(2) / half_life
    held, next_size = (
        clamp_of(g, anchor="exact", dtype=torch.float32, anchor_block=size).clamped
        for size in (block, 3 * block)
    )
    assert not held.any()
    assert next_size.any()


@pytest.mark.parametrize("total_decay", [0.0, 76.0, 300.0, 1000.0, 3000.0])
def test_float32_at_2048_tokens(total_decay):
    inputs = draw(1, head=1, length=2048, d_head=64, d_state=16, total_decay=total_decay)
    block = 32  # 3,000 nats are 1.5 a token, 47 in a block
    assert not clamp_in(inputs, anchor="exact", block=block).clamped.any()
    fused = with_gradients(inputs, anchor="exact", explicit=False, dtype=torch.float32, block=block)
    free = with_gradients(inputs, anchor="none", explicit=True, dtype=torch.float64)
    assert max(largest(fused, free).values()) <= 2e-5
    if total_decay >= 300.0:
        causal = attend(inputs, anchor="causal", explicit=False)
        assert (causal - free["output"]).abs().max() > 0.1  # what the one anchor for all would give


def test_float32_at_8192_tokens():
    inputs = draw(2, head=1, length=8192, d_head=16, d_state=8, total_decay=3000.0)
    assert not clamp_in(inputs, anchor="exact").clamped.any()
    out = attend(inputs, anchor="exact", explicit=False)
    twin = attend({name: t.double() for name, t in inputs.items()}, anchor="none", explicit=True)
    assert (out - twin).abs().max() <= 2e-5


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 8e-3), (torch.float16, 1e-3)])
@pytest.mark.parametrize("total_decay", [0.0, 200.0])
def test_sixteen_bits_err_by_their_rounding(dtype, tolerance, total_decay):
    inputs = draw(3, length=512, d_head=64, d_state=16, total_decay=total_decay)
    twin = attend({name: t.double() for name, t in inputs.items()}, anchor="none", explicit=True)
    rounded = {name: t.to(dtype) if name in "qkv" else t for name, t in inputs.items()}
    assert not clamp_in(inputs, anchor="exact", dtype=dtype).clamped.any()
    out = attend(rounded, anchor="exact", explicit=False, dtype=dtype)
    assert out.dtype == dtype
    assert (out - twin).abs().mean() <= tolerance


def test_float16_blocks_are_an_eighth_as_long():
    assert [queries_in_block(128, dtype) for dtype in (torch.float32, torch.bfloat16, torch.float16)] == [
        128,
        128,
        16,
    ]
    assert queries_in_block(4, torch.float16) == 1
    assert causal_range(torch.float16) * 2 == 12


@given(
    half_life=st.sampled_from([0.3, 1.0, 5.0]),
    length=st.integers(2, 150),
    cut=st.floats(0, 1),
    block=st.sampled_from([4, 16, 128]),
    seed=st.integers(0, 99),
)
def test_no_later_token_moves_an_earlier_logit(half_life, length, cut, block, seed):
    model = lively(SISAModel(SISAConfig(**SMALL, d_state=4, anchor_block=block)), half_life=half_life)
    assert moved_by_later_tokens(model, length=length, cut=cut, seed=seed) <= 1e-5


@given(
    half_life=st.sampled_from([0.3, 1.0, 5.0, 100.0]),
    chunks=st.lists(st.integers(1, 30), min_size=2, max_size=5),
    block=st.sampled_from([4, 16, 128]),
)
def test_a_cache_gives_the_logits_of_the_whole_text(half_life, chunks, block):
    from model.mixers.parts.cache import LayerCache

    model = lively(SISAModel(SISAConfig(**SMALL, d_state=4, anchor_block=block)), half_life=half_life)
    generator = torch.Generator().manual_seed(sum(chunks))
    tokens = torch.randint(0, SMALL["d_vocab"], (2, sum(chunks)), generator=generator)
    caches = [LayerCache() for _ in model.blocks]
    with torch.no_grad():
        parts = [model(chunk, caches=caches) for chunk in tokens.split(chunks, dim=1)]
        assert (torch.cat(parts, dim=1) - model(tokens)).abs().max() <= 2e-5


def test_one_block_is_the_causal_anchor_where_that_is_exact(tokens):
    model = lively(SISAModel(SISAConfig(**SMALL, d_state=4)), half_life=3.0)
    assert (model(tokens) - with_anchor(model, "causal")(tokens)).abs().max() <= 1e-5


def test_the_default_is_exact_and_what_says_nothing_is_causal():
    assert SISAConfig(**SMALL).anchor == "exact"
    said = SISAConfig(**SMALL, anchor="causal").to_dict()
    older = {name: value for name, value in said.items() if not name.startswith("anchor")}
    assert SISAConfig.from_dict(older) == SISAConfig(**SMALL, anchor="causal")
    assert SISAConfig.from_dict(said | {"anchor": "exact"}).anchor == "exact"


def test_with_anchor_changes_the_anchor_and_nothing_else(sisa, tokens, tmp_path):
    other = with_anchor(sisa, "minimax")
    assert other.config == replace(sisa.config, anchor="minimax")
    assert all(torch.equal(p, q) for p, q in zip(sisa.parameters(), other.parameters(), strict=True))
    assert torch.equal(with_anchor(other, "exact")(tokens), sisa(tokens))
    save(with_anchor(sisa, "exact", block=8), tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors").config.anchor_block == 8


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"anchor": "block"}, "'exact', 'causal', 'minimax'"),
        ({"anchor": "exact", "block": 0}, "anchor_block"),
    ],
)
def test_with_anchor_refuses_what_is_no_anchor(sisa, given, message):
    with pytest.raises(ValueError, match=message):
        with_anchor(sisa, **given)


@pytest.mark.parametrize("architecture", ["transformer", "fox", "mamba2"])
def test_with_anchor_refuses_models_without_importance(architecture):
    with pytest.raises(ValueError, match="importance term"):
        with_anchor(SISAModel(SISAConfig.preset("tiny", architecture=architecture)), "exact")


def test_a_trace_of_a_long_text_gives_the_scores_of_the_model():
    config = replace(SISAConfig(**SMALL, d_state=4, anchor_block=16), n_ctx=300)
    model = lively(SISAModel(config), half_life=1.0)  # 208 nats in 300 tokens
    tokens = torch.randint(0, SMALL["d_vocab"], (300,), generator=torch.Generator().manual_seed(0))
    trace = capture(model, tokens)
    _, cache = model.run_with_cache(tokens[None], names_filter=lambda name: name.endswith("pattern"))
    assert trace.sisa.clamp_count().sum() == 0
    for layer in range(2):
        for head in range(2):
            shown = torch.tensor(trace.sisa.pattern(layer=layer, head=head).fillna(0).values)
            assert (shown - cache[f"blocks.{layer}.attn.hook_pattern"][0, head]).abs().max() <= 1e-5


def test_float16_with_one_anchor_for_all_says_what_it_cannot_hold(tokens):
    model = lively(SISAModel(SISAConfig(**SMALL, d_state=4, anchor="causal"))).half()
    with pytest.warns(UserWarning, match=r'12 nats.*with_anchor\(model, "exact"\)'):
        model(tokens)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with_anchor(model, "exact")(tokens)


@pytest.fixture(scope="module")
def heldout():
    """The first 2,048 held-out tokens of the topics, cut by the shipped tokenizer."""
    corpus = topics_corpus(load("niah").tokenizer)
    return torch.tensor(corpus.split("heldout")[:2048].astype("int64"))[None]


@pytest.mark.parametrize(("rope", "factor", "most"), [("rope", 1.0, 3.40), ("yarn", 4.0, 3.02)])
def test_the_shipped_model_at_four_times_its_context(heldout, rope, factor, most):
    exact, causal = (
        with_rope(with_anchor(load("niah"), anchor), rope, factor) for anchor in ("exact", "causal")
    )
    with torch.no_grad():
        loss, of_one_anchor = (model(heldout, return_type="loss").item() for model in (exact, causal))
    assert loss <= most
    assert loss < of_one_anchor - 0.1
    _, cache = exact.run_with_cache(heldout, names_filter=lambda name: name.endswith("hook_clamped"))
    assert len(cache) == 6
    assert not any(clamped.any() for clamped in cache.values())


def test_the_shipped_model_in_float16_says_the_same(heldout):
    tokens = heldout[:, :512]
    model = load("niah")
    with torch.no_grad():
        chosen, narrow = model(tokens).argmax(-1), load("niah").half()(tokens).argmax(-1)
    assert (chosen != narrow).float().mean() <= 0.01
