"""Records of architectures: what they say is what the built models have, and what is not legal is refused."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from model import SISAConfig, SISAModel, capture
from model.config import PRESETS
from model.config.architectures import (
    Architecture,
    OwnField,
    architecture,
    architectures,
    register,
    unregister,
)
from model.config.shape import Shape
from model.config.sizes import total

RECORDS = [pytest.param(record, id=record.name) for record in architectures()]


def hooks(model: SISAModel) -> set[str]:
    """Last parts of the names of all hooks: "hook_q", …"""
    return {name.rpartition(".")[2] for name in model.hook_dict}


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_tells_the_truth_about_its_model(record):
    model = SISAModel(SISAConfig.preset("tiny", architecture=record.name))
    assert record.has_lam == ("hook_lam" in hooks(model))
    assert record.has_decay == ("hook_log_decay" in hooks(model))
    assert record.turns_q_and_k == ("hook_rot_q" in hooks(model))
    assert record.decodes_from_cache == all(block.attn.decodes_from_cache for block in model.blocks)
    trace = capture(model, torch.arange(6))
    assert trace.sisa.weighing.score == record.score


@pytest.mark.parametrize("record", RECORDS)
def test_defaults_of_a_record_are_those_of_a_config(record):
    config = SISAConfig.preset("tiny", architecture=record.name)
    assert (config.architecture, config.d_state, config.rope) == (record.name, record.d_state, record.rope)
    fields = {own.name for other in architectures() for own in other.own_fields}
    given = {name for name in fields if getattr(config, name)}
    assert given == {own.name for own in record.own_fields if own.default(config)}


@pytest.mark.parametrize("record", RECORDS)
def test_a_model_without_mlps_is_refused_where_the_record_says_so(record):
    given: dict[str, Any] = PRESETS["tiny"]._asdict() | {"d_mlp": 0, "architecture": record.name}
    if not record.needs_mlp:
        assert SISAConfig(**given).d_mlp == 0
        return
    with pytest.raises(ValueError, match="d_mlp is 0; legal: whole numbers >= 1"):
        SISAConfig(**given)


@pytest.mark.parametrize("former", [{"architecture": "", "d_state": -1, "rope": ""}, {"window": -1}])
def test_former_ways_to_ask_for_the_architectures_own_are_understood(former):
    given: dict[str, Any] = PRESETS["tiny"]._asdict()
    assert SISAConfig(**given, **former) == SISAConfig(**given)
    assert "" not in SISAConfig(**given, **former).to_dict().values()


def test_a_shape_needs_no_architecture_to_be_counted():
    config = SISAConfig.preset("152m", d_state=32)
    assert total(Shape(**vars(config))) == total(config) == 151_878_432


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": ""}, r"Architecture name is ''; legal: some text"),
        ({"level": "token"}, r"level is 'token'; legal: 'attention alone'"),
        ({"mixer": "model.mixers.attention.fox"}, r"mixer is .*legal: \"package\.module:Name\""),
        ({"d_state": 16}, r"d_state_multiple is 0; legal: 2, 4"),
        ({"d_state_multiple": 2}, r"d_state_multiple is 2; legal: 0"),
        ({"score": "cosine"}, r"score is 'cosine'; legal: 'softmax'"),
        (
            {"own_fields": (OwnField(name="gamma", default=lambda shape: 1, least=0),)},
            r"own field of fox is 'gamma'; legal: 'd_model'",
        ),
    ],
)
def test_a_record_that_says_nothing_sensible_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        replace(architecture("fox"), **changed)


def test_own_fields_belong_to_those_that_name_them():
    jamba = architecture("jamba")
    rare = register(replace(jamba, name="rare_jamba"))
    try:
        config = SISAConfig.preset("tiny", architecture=rare.name, attention_period=2)
        assert (config.attention_period, config.attention_offset) == (2, 1)
        with pytest.raises(ValueError, match="window is 3; legal: 0, for only hymba has it"):
            SISAConfig.preset("tiny", architecture=rare.name, window=3)
        with pytest.raises(ValueError, match="0, for only jamba, rare_jamba has it"):
            SISAConfig.preset("tiny", architecture="hymba", attention_period=2)
    finally:
        unregister(rare.name)


def test_a_mixer_named_by_text_is_imported_when_it_is_built():
    record = replace(architecture("fox"), mixer="model.mixers.attention.nowhere:Nothing")
    assert isinstance(record, Architecture)
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        record.build(SISAConfig.preset("tiny", architecture="fox"), 0)
