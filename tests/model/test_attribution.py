"""Why a head looks there: every split adds up to the score, and each part is what taking it away changes."""

from typing import Any

import numpy as np
import pytest
import torch
from small_models import SMALL, lively

from model import SISAConfig, SISAModel, load
from model.analysis.attribution import DECAY_BIAS, attribution, margins
from model.analysis.interventions.hooking import intervened
from model.analysis.interventions.intervention import Intervention
from model.analysis.residual_parts import fired_by, parts_before, writer_hooks
from model.mixers.attention.attention import ScoredHeads

STRETCHED: dict[str, Any] = {"architecture": "transformer", "rope_factor": 4.0}
MODELS: dict[str, dict[str, Any]] = {
    "sisa": {"d_state": 4},
    "sisa, causal": {"d_state": 4, "anchor": "causal"},
    "sisa, minimax": {"d_state": 4, "anchor": "minimax"},
    "adaptive_sisa": {"architecture": "adaptive_sisa", "d_state": 4, "layer_d_state": (4, 2, 4)},
    "sigmoid_sisa": {"architecture": "sigmoid_sisa", "d_state": 4},
    "sigmoid": {"architecture": "sigmoid_sisa", "d_state": 0},
    "transformer": {"architecture": "transformer"},
    "fox": {"architecture": "fox"},
    "alibi": {"architecture": "alibi"},
    "jamba": {"architecture": "jamba", "d_state": 4},
    "hymba": {"architecture": "hymba", "d_state": 4, "n_heads": 4, "n_meta": 2, "window": 3},
    "yarn": STRETCHED | {"rope": "yarn"},
    "dynamic_ntk": STRETCHED | {"rope": "dynamic_ntk"},
}
LENGTH = 40  # more than n_ctx, so that dynamic_ntk stretches


def built(name, *, half_life=2.0):
    """A model of three layers whose heads fade fast enough for the paper's anchor to clamp."""
    shape: dict[str, Any] = SMALL | {"n_layers": 3} | MODELS[name]
    model = lively(SISAModel(SISAConfig(**shape), seed=1), half_life=half_life)
    with torch.no_grad():
        for p_name, p in model.named_parameters():
            if p_name.endswith("gate_raw"):
                p.copy_(torch.linspace(-1, 1, len(p)))
    return model


def text(model, seed=0):
    return torch.randint(0, model.config.d_vocab, (LENGTH,), generator=torch.Generator().manual_seed(seed))


def split(model, **options) -> Any:
    return attribution(model, text(model), **options)


def by_side(table) -> Any:
    return margins(table)


def error(table) -> Any:
    """The largest distance between a sum of writers and the fired score, over heads."""
    sums = (
        table[table["split"] == "writers"].groupby(["layer", "head"]).agg({"nats": "sum", "score": "first"})
    )
    return (sums["nats"] - sums["score"]).abs().max()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("query", "key"), [(-1, 0), (30, 29), (17, 17)])
def test_writers_add_up_to_the_score(name, query, key):
    model = built(name)
    assert error(split(model, query=query, key=key)) < 1e-5
    table = split(model.double(), query=query, key=key)
    assert error(table) < 1e-10
    scored = [at for at, block in enumerate(model.blocks) if isinstance(block.attn, ScoredHeads)]
    assert table["layer"].unique().tolist() == scored
    assert table.groupby("layer")["head"].nunique().eq(model.config.n_heads).all()
    fired = scores_of(model, text(model), query, key)
    for at in scored:
        given = table[table["layer"] == at].groupby("head")["score"].first()
        np.testing.assert_allclose(given, fired[at], atol=1e-12)


def scores_of(model, tokens, query, key):
    """What hook_attn_scores fired at one query and key, by layer."""
    _, cache = model.run_with_cache(tokens[None])
    return {
        at: cache[f"blocks.{at}.attn.hook_attn_scores"][0, :, query, key].numpy(force=True)
        for at in range(len(model.blocks))
        if f"blocks.{at}.attn.hook_attn_scores" in cache.cache_dict
    }


@pytest.mark.parametrize(("query", "key"), [(-1, 0), (-1, 150), (120, 119), (60, 60)])
def test_every_head_of_the_shipped_model(shipped, query, key):
    tokens = torch.randint(0, shipped.config.d_vocab, (192,), generator=torch.Generator().manual_seed(3))
    table: Any = attribution(shipped, tokens, query=query, key=key)
    assert len(table.groupby(["layer", "head"])) == 48
    assert error(table) < 1e-5
    importance = table[table["term"] == "importance"].pivot_table(
        index=["layer", "head"], columns="split", values="nats", aggfunc="sum"
    )
    np.testing.assert_allclose(importance["factors"], importance["writers"], atol=1e-10)


@pytest.fixture(scope="module")
def shipped():
    return load("niah")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("side", ["query", "key"])
def test_a_part_is_what_taking_it_away_changes(name, side):
    """The part is taken from one position of the normed stream; norm, decay and angles stay as they were."""
    model, query, key, layer = built(name).double(), 21, 18, 2
    if not isinstance(model.blocks[layer].attn, ScoredHeads):
        layer = 1  # of jamba
    tokens = text(model)[None]
    at = query if side == "query" else key
    fired = fired_by(model, tokens, writer_hooks(model, [at]))
    (parts,) = parts_before(model, fired, layer=layer, positions=[at])
    table = by_side(split(model, query=query, key=key, layer=layer))
    _, cache = model.run_with_cache(tokens)
    scale = cache[f"blocks.{layer}.ln1.hook_scale"][0, at]
    for part, written in zip(parts.names, parts.written, strict=True):
        taken = (f"blocks.{layer}.ln1.hook_normalized", without(at, written / scale))
        hooks = [*frozen(model, cache, layer), taken]
        with model.hooks(fwd_hooks=hooks):
            changed = scores_of(model, tokens[0], query, key)[layer]
        lost = cache[f"blocks.{layer}.attn.hook_attn_scores"][0, :, query, key].numpy(force=True) - changed
        own = table[(table["side"] == side) & (table["part"] == part)].groupby("head")["nats"].sum()
        np.testing.assert_allclose(own, lost, atol=1e-10)


def frozen(model, cache, layer):
    """Hooks that put decay and angles of the clean run back."""
    names = [f"blocks.{layer}.attn.hook_{name}" for name in ("phase", "cum_decay", "anchored_decay")]
    return [(name, lambda t, hook: cache[hook.name]) for name in names if name in model.hook_dict]


def without(at, part):
    def hook(normed, hook):
        normed = normed.clone()
        normed[0, at] -= part
        return normed

    return hook


def test_factors_are_those_of_the_run():
    model = built("adaptive_sisa").double()
    query, key, layer = 12, 9, 2
    _, cache = model.run_with_cache(text(model)[None])
    fired = {
        name: cache[f"blocks.{layer}.attn.hook_{name}"]
        for name in ("B", "C", "rot_B", "rot_C", "anchored_decay", "lam", "gate")
    }
    table = split(model, query=query, key=key, layer=layer, head=1)
    steps = table[table["split"] == "factors"]
    assert steps["factor"].unique().tolist() == ["C·B", "rotation", "gate", "decay", "λ"]
    by_factor = steps.groupby("factor", sort=False)["nats"].sum().cumsum()
    product = (fired["C"][0, 1, query] * fired["B"][0, 1, key]).sum().item()
    gated = (fired["rot_C"][0, 1, query] * fired["rot_B"][0, 1, key]).sum().item()
    g_hat = fired["anchored_decay"][0, 1]
    assert by_factor["C·B"] == pytest.approx(product, abs=1e-12)
    assert by_factor["gate"] == pytest.approx(gated, abs=1e-12)
    assert by_factor["decay"] / gated == pytest.approx((g_hat[query] - g_hat[key]).exp().item(), rel=1e-9)
    assert by_factor["λ"] / by_factor["decay"] == pytest.approx(fired["lam"][1].item(), rel=1e-9)
    turned = steps[steps["factor"].isin(["C·B", "rotation"])].groupby("pair")["nats"].sum().to_numpy()
    through_gate = steps[steps["factor"].isin(["C·B", "rotation", "gate"])].groupby("pair")["nats"].sum()
    np.testing.assert_allclose(through_gate, turned * fired["gate"].numpy(force=True), atol=1e-12)
    importance = cache[f"blocks.{layer}.attn.hook_importance_scores"][0, 1, query, key].item()
    assert by_factor["λ"] == pytest.approx(importance, abs=1e-12)


def test_both_margins_add_up_to_the_score():
    model = built("fox").double()
    table = split(model, query=12, key=9)
    sums = by_side(table).groupby(["side", "layer", "head"])["nats"].sum()
    scores = table.groupby(["layer", "head"])["score"].first()
    np.testing.assert_allclose(sums["query"], scores, atol=1e-10)
    np.testing.assert_allclose(sums["key"], scores, atol=1e-10)
    assert (table["term"] == DECAY_BIAS).sum() == 6  # a row a head


def test_meta_tokens_are_positions_of_their_own():
    model = built("hymba")
    table = split(model, query=-1, key=1, layer=1)
    assert (table["query"].unique(), table["key_token"].unique()) == ([41], ["<meta 1>"])
    assert table["key_part"].unique().tolist()[0] == "meta"
    assert table["query_part"].unique().tolist()[0] == "embed"
    assert "L0 MLP" in table["query_part"].unique()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sisa", {"query": 3, "key": 4}, "key is 4; legal: positions up to the query's, 3"),
        ("sisa", {"query": 40, "key": 4}, "query is 40; legal: whole numbers >= -40 and <= 39"),
        ("sisa", {"query": 4, "key": 4, "layer": 3}, "layer is 3; legal: 0, 1, 2"),
        ("sisa", {"query": 4, "key": 4, "head": 2}, "head is 2; legal: 0, 1"),
        ("jamba", {"query": 4, "key": 4, "layer": 0}, "layer is 0; legal: 1"),
    ],
)
def test_what_is_not_there_is_refused(name, options, message):
    model = built(name)
    with pytest.raises(ValueError, match=message):
        split(model, **options)


def test_models_that_the_split_would_miss_are_refused():
    mamba = SISAModel(SISAConfig.preset("tiny", architecture="mamba2"))
    with pytest.raises(ValueError, match="'mamba2'; legal: one with attention scores"):
        attribution(mamba, text(mamba), query=3, key=1)
    model = built("sisa")
    with intervened(model, Intervention("content")), pytest.raises(ValueError, match="no hook that edits"):
        split(model, query=3, key=1)
    assert error(split(model, query=3, key=1)) < 1e-5
