"""Who says the answer: parts add up to its logit, keys to their head, a term alone is the other left out."""

from typing import Any

import numpy as np
import pytest
import torch
from small_models import SMALL, lively

from model import SISAConfig, SISAModel, load
from model.analysis.ablation import ScoreTerm
from model.analysis.answer_attribution import answer_attribution, logit_lens
from model.analysis.interventions.hooking import intervened
from model.analysis.interventions.intervention import Intervention

MODELS: dict[str, dict[str, Any]] = {
    "sisa": {"d_state": 4},
    "adaptive_sisa": {"architecture": "adaptive_sisa", "d_state": 4},
    "sigmoid_sisa": {"architecture": "sigmoid_sisa", "d_state": 4},
    "transformer": {"architecture": "transformer"},
    "fox": {"architecture": "fox"},
    "alibi": {"architecture": "alibi"},
    "jamba": {"architecture": "jamba", "d_state": 4},
    "hymba": {"architecture": "hymba", "d_state": 4, "n_heads": 4, "n_meta": 2, "window": 3},
    "mamba2": {"architecture": "mamba2", "d_state": 4, "d_model": 32, "n_heads": 1, "d_mlp": 0},
}
ANSWER = 3


def built(name):
    return lively(SISAModel(SISAConfig(**(SMALL | MODELS[name])), seed=1), half_life=4.0)


def text(model):
    return torch.randint(0, model.config.d_vocab, (20,), generator=torch.Generator().manual_seed(0))


def split(model, **options) -> Any:
    return answer_attribution(model, text(model), answer=ANSWER, **options)


def lens(model, **options) -> Any:
    return logit_lens(model, text(model), answer=ANSWER, **options)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("position", [-1, 7])
def test_parts_add_up_to_the_logit_and_keys_to_their_head(name, position):
    model = built(name).double()
    table = split(model, position=position)
    at = position % (20 + model.config.n_meta)
    logits, cache = model.run_with_cache(text(model)[None])
    assert table["whole"].sum() == pytest.approx(
        logits[0, at - model.config.n_meta, ANSWER].item(), abs=1e-10
    )
    direction = model.tokens_to_residual_directions(ANSWER) / cache["ln_final.hook_scale"][0, at]
    by_part = table.groupby("part", sort=False)["whole"].sum()
    for layer, block in enumerate(model.blocks):
        results = cache[f"blocks.{layer}.attn.hook_result"][0, at] @ direction
        names = [f"L{layer}H{head}" for head in range(block.attn.n_output_heads)]
        np.testing.assert_allclose(by_part[names], results.numpy(force=True), atol=1e-10)
    assert by_part["embed"] == pytest.approx((cache["hook_embed"][0, at] @ direction).item(), abs=1e-10)


def test_the_shipped_model_in_float32():
    model = load("niah")
    tokens = torch.randint(0, model.config.d_vocab, (96,), generator=torch.Generator().manual_seed(0))
    table: Any = answer_attribution(model, tokens, answer="4")
    logit = model(tokens[None])[0, -1, model.to_single_token("4")].item()
    assert table["whole"].sum() == pytest.approx(logit, abs=2e-5)
    assert table["head"].notna().sum() == 48 * 96


@pytest.mark.parametrize("name", ["sisa", "adaptive_sisa", "sigmoid_sisa"])
def test_a_term_alone_is_the_first_layer_without_the_other(name):
    """Layer 0 reads the embedding, which no ablation changes; the scale of the final norm is divided out."""
    model = built(name).double()
    table = split(model)
    first = table[table["layer"] == 0].dropna(subset=["head"])
    scale = scale_of(model)
    removals: list[tuple[ScoreTerm, str]] = [("importance", "content_alone"), ("content", "importance_alone")]
    for removed, left in removals:
        with intervened(model, Intervention(removed)):
            _, cache = model.run_with_cache(text(model)[None])
        results = cache["blocks.0.attn.hook_result"][0, -1] @ model.tokens_to_residual_directions(ANSWER)
        by_head = first.groupby("head")[left].sum() * scale
        np.testing.assert_allclose(by_head, results.numpy(force=True), atol=1e-10)
    assert not np.allclose(first["content_alone"], first["importance_alone"], atol=1e-3)


def scale_of(model):
    _, cache = model.run_with_cache(text(model)[None])
    return cache["ln_final.hook_scale"][0, -1].item()


def test_heads_of_one_term_have_no_other():
    table = split(built("transformer")).dropna(subset=["head"])
    np.testing.assert_allclose(table["content_alone"], table["whole"], atol=1e-6)
    assert table["importance_alone"].isna().all()
    assert split(built("fox")).dropna(subset=["head"])["importance_alone"].notna().all()


def test_heads_that_no_pattern_makes_have_one_row():
    table = split(built("jamba"))
    rows = table.dropna(subset=["head"]).groupby("layer").size()
    assert rows.to_dict() == {0: 2, 1: 2 * 20}
    assert table["key"].notna().sum() == 2 * 20
    hymba = split(built("hymba"))
    assert hymba["key"].isna().all()


@pytest.mark.parametrize("name", MODELS)
def test_the_last_row_of_the_lens_is_the_prediction(name):
    model = built(name).double()
    table = lens(model)
    logits = model(text(model)[None])[0, -1].detach()
    last = table.iloc[-1]
    assert last["logit"] == pytest.approx(logits[ANSWER].item(), abs=1e-10)
    assert last["log_prob"] == pytest.approx(logits.log_softmax(-1)[ANSWER].item(), abs=1e-10)
    assert last["rank"] == 1 + logits.argsort(descending=True).tolist().index(ANSWER)
    steps = 2 if model.config.d_mlp else 1
    assert len(table) == 1 + steps * len(model.blocks)
    assert table["after"].tolist()[:2] == ["embed", "L0 mixer"]


def test_the_lens_sees_what_the_hooks_see():
    model = built("sisa").double()
    _, cache = model.run_with_cache(text(model)[None])
    middle = cache["blocks.1.hook_resid_mid"][0, 6]
    logits = model.unembed(model.ln_final(middle)).detach()
    row = lens(model, position=6).set_index("after").loc["L1 mixer"]
    assert row["logit"] == pytest.approx(logits[ANSWER].item(), abs=1e-12)
    assert row["rank"] == 1 + int((logits > logits[ANSWER]).sum())


@pytest.mark.parametrize("ask", [answer_attribution, logit_lens])
def test_what_is_not_there_is_refused(ask):
    model = built("hymba")
    with pytest.raises(ValueError, match="position is 1; legal: 2 to 21"):
        ask(model, text(model), answer=ANSWER, position=1)
    with pytest.raises(ValueError, match="position is 22; legal: whole numbers"):
        ask(model, text(model), answer=ANSWER, position=22)
    with pytest.raises(ValueError, match="legal: one token"):
        ask(model, text(model), answer=torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="legal: whole numbers, 0 to 10"):
        ask(model, text(model), answer=11)
    with pytest.raises(ValueError, match="legal: a SISAModel"):
        ask(None, text(model), answer=ANSWER)
