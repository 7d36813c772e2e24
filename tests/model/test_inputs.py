"""What a pass is given beside a config: labels, caches, numbers of new tokens; what is none is named."""
# what is no label, cache or model is given where one is meant: what is tested
# pyright: reportArgumentType=false

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from small_models import SMALL

from data.refusal import one_of
from model import SISAConfig, SISAModel, capture, with_rope
from model.mixers.parts.cache import LayerCache
from model.network.extension import with_anchor

SCORED = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
WRONG_LABELS: list[Any] = [
    *(5, [[1, 2]], "ab", SCORED.numpy(), SCORED.float(), SCORED > 3, SCORED[0], SCORED[:, :3], SCORED.T),
    *(SCORED[..., None], torch.cat((SCORED, SCORED)), SCORED + 10, SCORED - 3, SCORED * 0 - 1),
    *(SCORED.to("meta"), SCORED.to_sparse()),
]
UNSCORED = [torch.full_like(SCORED, -100), torch.tensor([[1, -100, -100, -100]] * 2)]


@pytest.mark.parametrize("labels", WRONG_LABELS, ids=lambda labels: str(labels)[:40])
@pytest.mark.parametrize("return_type", ["loss", "logits"])
def test_labels_are_ids_of_the_shape_of_the_tokens(sisa, labels, return_type):
    with pytest.raises(ValueError, match=r"(?s)labels is .*; legal: .*"):
        sisa(SCORED, labels=labels, return_type=return_type)


def test_rows_and_positions_of_as_many_scored_labels_are_not_mixed_up(sisa):
    with pytest.raises(ValueError, match=r"labels is 'shape \(2, 4\), .*of the shape of tokens, \(3, 3\)"):
        sisa(torch.zeros(3, 3, dtype=torch.int64), labels=SCORED, return_type="loss")


@pytest.mark.parametrize("labels", UNSCORED, ids=["none", "the first alone"])
def test_a_loss_of_nothing_is_refused(sisa, labels):
    with pytest.raises(ValueError, match=r"without a scored position after the first"):
        sisa(SCORED, labels=labels, return_type="loss")
    with pytest.raises(ValueError, match=r"without a scored position after the first"):
        sisa(SCORED[:, :1], return_type="loss")


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.uint16])
def test_labels_of_every_integer_type_are_labels(sisa, dtype):
    assert torch.equal(
        sisa(SCORED, labels=SCORED.to(dtype), return_type="loss"), sisa(SCORED, return_type="loss")
    )


@pytest.mark.parametrize("caches", [5, [], [None, None], [LayerCache()], [1, 2], [LayerCache()] * 2], ids=str)
def test_caches_are_one_a_layer(sisa, caches):
    with pytest.raises(ValueError, match=r"caches is .*; legal: None, or a list of 2 LayerCaches"):
        sisa(SCORED, caches=caches)


def test_a_cache_of_another_batch_is_refused(sisa):
    caches = [LayerCache() for _ in sisa.blocks]
    sisa(SCORED, caches=caches)
    with pytest.raises(ValueError, match=r"caches is 'of 2 rows'; legal: of 1 rows"):
        sisa(SCORED[:1], caches=caches)


def test_caches_of_an_interrupted_pass_are_refused(sisa):
    caches = [LayerCache() for _ in sisa.blocks]

    def stop(value, hook):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sisa.run_with_hooks(SCORED, caches=caches, fwd_hooks=[("blocks.1.hook_resid_pre", stop)])
    with pytest.raises(ValueError, match=r"positions in caches is \[0, 4\]; legal: as many in every layer"):
        sisa(SCORED[:, :1], caches=caches)


@pytest.mark.parametrize("tokens", [None, "ab", SCORED[0], SCORED + 10, SCORED.float()], ids=str)
@pytest.mark.parametrize("added", [0, 2])
def test_a_continuation_is_of_tokens_even_where_none_is_added(sisa, tokens, added):
    with pytest.raises(ValueError, match=r"(?s)token( id)?s is .*; legal: "):
        sisa.generate(tokens, max_new_tokens=added)


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_continuation_that_no_memory_holds_is_refused_at_once(sisa, use_cache):
    with pytest.raises(ValueError, match=r"max_new_tokens is 1000000000000; legal: what fits into .* GiB"):
        sisa.generate(SCORED, max_new_tokens=10**12, use_cache=use_cache)


def test_a_slice_of_a_corpus_is_continued(sisa):
    short = torch.as_tensor(SCORED.numpy().astype(np.uint16))
    assert torch.equal(sisa.generate(short, max_new_tokens=2), sisa.generate(SCORED, max_new_tokens=2))


@pytest.mark.parametrize("tokens", [SCORED.to("meta"), SCORED.to_sparse()], ids=["meta", "sparse"])
def test_tokens_hold_numbers(sisa, tokens):
    with pytest.raises(ValueError, match=r"tokens is 'a tensor .*; legal: an ordinary tensor"):
        sisa(tokens)


@pytest.mark.parametrize("labels", [5, "abcd", b"abcd", ["a"], [1, 2, 3, 4], ["a", "b", "c", None]], ids=repr)
def test_labels_of_a_trace_are_a_text_a_position(sisa, labels):
    with pytest.raises(ValueError, match=r"labels is .*; legal: 4 strings, one a position"):
        capture(sisa, [1, 2, 3, 4], labels=labels)


@pytest.mark.parametrize("tokens", [[], np.zeros(0, int), torch.zeros(1, 0, dtype=torch.int64)], ids=str)
def test_an_empty_sequence_is_refused_as_one(sisa, tokens):
    with pytest.raises(ValueError, match=r"tokens is .*; legal: one token at least"):
        capture(sisa, tokens)


@pytest.mark.parametrize("model", [None, "niah", SISAConfig(**SMALL)], ids=lambda model: str(model)[:10])
def test_what_is_no_model_is_named(model):
    for call in (
        lambda: capture(model, [1]),
        lambda: with_rope(model, "yarn", 2),
        lambda: with_anchor(model, "exact"),
    ):
        with pytest.raises(ValueError, match=r"model is .*; legal: a SISAModel"):
            call()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"n_layers": 10**9}, "n_layers is 1000000000; legal: whole numbers >= 1 and <= 100,000"),
        ({"d_vocab": 10**13}, "config is SISAConfig.*; legal: what fits into .* GiB"),
        ({"d_model": 2 * 10**30}, "config is SISAConfig.*; legal: what fits into .* GiB"),
        ({"n_ctx": 10**30}, "n_ctx is 10+; legal: whole numbers >= 1 and <= "),
        ({"anchor_block": 10**30}, "anchor_block is 10+; legal: whole numbers >= 1 and <= "),
        (
            {"rope": "ntk", "rope_factor": 1e300},
            "rope_factor is 1e.300; legal: finite numbers >= 1 whose product",
        ),
    ],
    ids=str,
)
def test_sizes_that_no_machine_holds_are_refused_before_anything_is_built(asked, message):
    with pytest.raises(ValueError, match=message):
        SISAModel(SISAConfig(**SMALL | asked))


def test_a_preset_of_too_many_layers_is_refused_at_once():
    with pytest.raises(ValueError, match="n_layers is 1000000000; legal: whole numbers >= 1 and <= 100,000"):
        SISAConfig.preset("tiny", n_layers=10**9)


def test_the_largest_stretch_is_finite():
    config = replace(SISAConfig(**SMALL), rope="ntk", rope_factor=2.0**48)
    assert SISAModel(config)(SCORED).isfinite().all()


@pytest.mark.parametrize("values", [None, [1], "x", {1: 2}], ids=repr)
def test_a_config_is_read_from_a_mapping(values):
    with pytest.raises(ValueError, match=r"config is .*; legal: a mapping of fields by name"):
        SISAConfig.from_dict(values)


def test_texts_of_numpy_are_kept_plain():
    config = SISAConfig(**SMALL, rope=np.str_("pi"), anchor=np.str_("causal"), architecture=np.str_("sisa"))
    assert {type(config.rope), type(config.anchor), type(config.architecture)} == {str}
    assert SISAConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("value", [np.array(["a"]), np.array(["a", "b"]), ["a"], {"a"}], ids=repr)
def test_a_list_of_choices_is_no_choice(value):
    with pytest.raises(ValueError, match=r"name is .*; legal: 'a', 'b'"):
        one_of("name", value, ("a", "b"))
