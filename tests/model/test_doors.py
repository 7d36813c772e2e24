"""What a model takes at its doors: a config, a seed, texts, ids; all else is refused by name."""
# what is no config, text or id is given where one is meant: what is tested
# pyright: reportArgumentType=false

from typing import Any

import numpy as np
import pytest
import torch
from small_models import SMALL

from data import train_tokenizer
from model import SISAConfig, SISAModel, capture

NO_TEXTS: list[Any] = [None, 5, b"abc", np.array([1, 2]), ["a", 5], [None]]


@pytest.fixture(scope="module")
def reader():
    """A model with a tokenizer of one token a byte."""
    tokenizer = train_tokenizer(["a cat"], d_vocab=258)
    return SISAModel(SISAConfig(**SMALL | {"d_vocab": 258}, d_state=4), tokenizer=tokenizer)


@pytest.mark.parametrize("config", [None, "tiny", {"d_model": 16}, 5], ids=repr)
def test_only_a_config_makes_a_model(config):
    with pytest.raises(ValueError, match=r"config is .*; legal: a SISAConfig. Begin with SISAConfig.preset"):
        SISAModel(config)


@pytest.mark.parametrize("seed", [None, True, 1.5, "0", np.float64(1), 10**30, 2**64, -(2**63) - 1], ids=repr)
def test_only_a_whole_number_is_a_seed(seed):
    with pytest.raises(ValueError, match=r"seed is .*; legal: whole numbers >= "):
        SISAModel(SISAConfig(**SMALL), seed=seed)


def test_a_seed_of_numpy_gives_the_weights_of_the_plain_one():
    one, other = (SISAModel(SISAConfig(**SMALL), seed=seed) for seed in (np.int64(3), 3))
    assert type(one.seed) is int
    assert torch.equal(one.embed.weight, other.embed.weight)


@pytest.mark.parametrize("text", NO_TEXTS, ids=repr)
def test_what_is_no_text_is_refused(reader, text):
    with pytest.raises(ValueError, match=r"text is .*; legal: a string"):
        reader.to_tokens(text)


@pytest.mark.parametrize("text", ["", [""], ["", ""]], ids=repr)
def test_an_empty_text_is_refused_as_one(reader, text):
    with pytest.raises(ValueError, match=r"text is ''; legal: a text of at least one token"):
        reader.to_tokens(text)
    with pytest.raises(ValueError, match=r"text is ''; legal: a text that is one token, not 0"):
        reader.to_single_token("")
    with pytest.raises(ValueError, match=r"text is ''; legal: a text of at least one token"):
        reader.capture("")


def test_half_a_surrogate_pair_is_read_as_its_escape(reader):
    assert reader.to_tokens("a\ud800").tolist() == reader.to_tokens("a\\ud800").tolist()
    trace = capture(reader, "a\ud800")
    trace.attrs["text"].encode("utf-8")
    assert trace.attrs["text"] == "a\\ud800"


@pytest.mark.parametrize("tokenizer", [5, "bpe"])
def test_what_is_no_tokenizer_is_named(tokenizer):
    model = SISAModel(SISAConfig(**SMALL), tokenizer=tokenizer)
    with pytest.raises(ValueError, match=r"tokenizer is .*; legal: a tokenizers.Tokenizer"):
        model.to_tokens("a")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "uint32"])
def test_ids_of_every_integer_type_are_ids(sisa, tokens, dtype):
    short = torch.as_tensor(tokens.numpy().astype(dtype))
    assert torch.equal(sisa(short), sisa(tokens))
    assert capture(sisa, tokens.numpy().astype(dtype)[0]).equals(capture(sisa, tokens[0]))
    assert torch.equal(sisa.tokens_to_residual_directions(short), sisa.tokens_to_residual_directions(tokens))


@pytest.mark.parametrize(
    "ids", [11, -1, True, 1.5, None, [], torch.tensor([True]), np.array([0.5]), ["a"]], ids=repr
)
def test_what_is_no_id_has_no_direction(sisa, ids):
    with pytest.raises(ValueError, match=r"tokens is .*; legal: whole numbers, 0 to 10\."):
        sisa.tokens_to_residual_directions(ids)
