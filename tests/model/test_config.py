"""SISAConfig: every field checked, presets and eq. 6."""

import pickle
from dataclasses import replace
from typing import Any

import pytest

from data import published
from model import SISAConfig, SISAModel
from model.config import PRESETS
from model.config.architectures import architecture as record_of
from model.config.architectures import architectures
from model.config.sizes import total

ARCHITECTURES = [record.name for record in architectures()]

VALID: dict[str, Any] = dict(
    d_model=64, n_layers=2, n_heads=4, d_mlp=96, d_vocab=50, n_ctx=512, d_state=16, anchor="causal"
)


@pytest.mark.parametrize(
    ("field", "value", "legal"),
    [
        ("d_state", 7, "even"),
        ("d_state", -2, ">= 0"),
        ("d_model", 0, ">= 1"),
        ("d_model", "64", ">= 1"),
        ("d_model", 12, "multiples of 8"),
        ("n_heads", 5, "divisors of d_model=64"),
        ("n_layers", True, ">= 1"),
        ("n_ctx", -1, ">= 1"),
        ("d_vocab", 2.5, ">= 1"),
        ("d_mlp", None, ">= 1"),
        ("anchor", "paper", "'causal', 'minimax'"),
        ("rope", "spiral", "'rope', 'none'"),
        ("architecture", "rnn", "'transformer', 'sisa'"),
        ("layer_d_state", 5, "even numbers >= 2, one a layer"),
        ("layer_d_state", "xx", "even numbers >= 2, one a layer"),
        ("rope_factor", "x", "finite numbers >= 1"),
    ],
)
def test_bad_value_is_named_with_what_is_legal(field, value, legal):
    with pytest.raises(ValueError, match=rf"{field} is {value!r}.*") as error:
        SISAConfig(**VALID | {field: value})
    assert legal in str(error.value)


def test_unknown_field_is_named():
    with pytest.raises(ValueError, match=r"d_modle is 3; legal: the fields d_model, n_layers"):
        SISAConfig(**VALID, d_modle=3)  # pyright: ignore[reportCallIssue]


def test_missing_field_of_a_mapping_is_named():
    with pytest.raises(ValueError, match="also holds d_mlp"):
        SISAConfig.from_dict({k: v for k, v in VALID.items() if k != "d_mlp"})


def test_dict_round_trip_and_frozen():
    config = SISAConfig(**VALID)
    assert SISAConfig.from_dict(config.to_dict()) == config
    with pytest.raises(AttributeError):
        config.d_model = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_a_config_can_be_hashed_pickled_and_changed_in_one_field():
    config = SISAConfig(**VALID, layer_d_state=(8, 16))
    assert pickle.loads(pickle.dumps(config)) == config
    assert len({config, SISAConfig(**VALID, layer_d_state=(8, 16))}) == 1
    assert replace(config, n_ctx=64).to_dict() == config.to_dict() | {"n_ctx": 64}


def test_unknown_preset_is_named():
    with pytest.raises(
        ValueError, match=r"preset is '2b'; legal: 'tiny', 'small', '12m', '50m', '152m', '369m'"
    ):
        SISAConfig.preset("2b")


@pytest.mark.parametrize(
    "row",
    [row for row in published.configs().to_dict("records") if row["model"] in ("transformer", "sisa")],
    ids=lambda row: f"{row['model']}-{row['scale']}",
)
def test_solver_returns_published_d_mlp(row):
    d_state = 0 if row["model"] == "transformer" else int(row["d_state"])
    config = SISAConfig.preset(row["scale"].lower(), d_state=d_state).to_dict()
    assert all(config[name] == row[name] for name in ("d_model", "n_heads", "n_layers", "d_mlp"))


@pytest.mark.parametrize(("d_state", "published_total"), [(0, 151_878_144), (32, 151_878_432)])
def test_published_parameter_totals(d_state, published_total):
    config = SISAConfig.preset("152m", d_state=d_state)
    assert sum(p.numel() for p in SISAModel(config).parameters()) == published_total


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", PRESETS)
def test_presets_match_parameters(name, architecture):
    """Rounding d_mlp leaves at most half a channel, 1.5·d_model parameters, a layer."""
    plain = SISAConfig.preset(name, architecture="transformer")
    matched = SISAConfig.preset(name, architecture=architecture)
    assert abs(total(plain) - total(matched)) <= 1.5 * plain.d_model * plain.n_layers


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_formulas_are_the_parameters_of_the_model(architecture):
    config = SISAConfig.preset("tiny", architecture=architecture)
    model, record = SISAModel(config), record_of(architecture)
    for layer, block in enumerate(model.blocks):
        assert sum(p.numel() for p in block.attn.parameters()) == record.parameters(config, layer)
    assert sum(p.numel() for p in model.parameters()) == total(config)


def test_d_state_that_eats_the_mlp_is_refused():
    with pytest.raises(ValueError, match=r"d_state is 512; legal: what the MLP can pay for"):
        SISAConfig.preset("tiny", d_state=512)


@pytest.mark.parametrize(
    ("given", "architecture", "d_state"),
    [
        ({}, "sisa", 16),
        ({"d_state": 0}, "transformer", 0),
        ({"architecture": "transformer"}, "transformer", 0),
        ({"architecture": "sisa", "d_state": 0}, "transformer", 0),
        ({"architecture": "sisa", "d_state": 32}, "sisa", 32),
    ],
)
def test_architecture_and_d_state_settle_each_other(given, architecture, d_state):
    sizes = {name: value for name, value in VALID.items() if name != "d_state"}
    config = SISAConfig(**sizes, **given)
    assert (config.architecture, config.d_state) == (architecture, d_state)


def test_a_state_that_the_architecture_lacks_is_refused():
    with pytest.raises(ValueError, match=r"d_state is 16; legal: 0, for transformer has no state"):
        SISAConfig(**VALID, architecture="transformer")
