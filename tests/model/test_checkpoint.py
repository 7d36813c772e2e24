"""Weights as safetensors, and the paper's released layout."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from released_files import released
from safetensors import safe_open
from safetensors.torch import save_file
from small_models import SMALL, lively
from tokenizers import Tokenizer, models

from data import train_tokenizer
from data.text.tokenizer import encode
from model import SISAConfig, SISAModel, capture, import_paper_checkpoint, load, save, with_rope


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_round_trip(config, tokens, tmp_path, dtype):
    model = lively(
        SISAModel(config, seed=4, tokenizer=Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?")))
    )
    save(model, tmp_path / "m.safetensors", dtype=dtype)
    back = load(tmp_path / "m.safetensors")
    assert (back.config, back.seed, back.to_single_token("a")) == (config, 4, 0)
    exact = dict(model.named_parameters())
    sensitive = {id(p) for p in model.float32_parameters()}
    for name, p in back.named_parameters():
        assert p.dtype == torch.float32
        stored = exact[name] if id(exact[name]) in sensitive else exact[name].to(dtype).float()
        assert torch.equal(p, stored), name
    assert not list(tmp_path.glob(".*"))
    (tmp_path / "other").touch()
    assert (tmp_path / "m.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode
    assert (back(tokens) - model(tokens)).abs().max() < (1e-6 if dtype == torch.float32 else 0.02)


def whole_model(model):
    return torch.compile(model)


def every_block(model):
    for layer, block in enumerate(model.blocks):
        model.blocks[layer] = torch.compile(block)
    return model


@pytest.mark.filterwarnings(
    "ignore:.*torch.jit.script_method:DeprecationWarning"
)  # torch.compile's own import
@pytest.mark.parametrize("compiled", [whole_model, every_block])
def test_a_compiled_model_is_saved_and_stretched_as_what_it_is(sisa, tokens, tmp_path, compiled):
    expected, stretched = sisa(tokens), with_rope(sisa, "pi", factor=2.0)(tokens)
    model = compiled(sisa)
    save(model, tmp_path / "m.safetensors", dtype=torch.float32)
    with safe_open(tmp_path / "m.safetensors", framework="pt") as file:
        assert not [name for name in file.keys() if "_orig_mod" in name]  # noqa: SIM118 (it is no mapping)
    assert torch.equal(load(tmp_path / "m.safetensors")(tokens), expected)
    assert torch.equal(with_rope(model, "pi", factor=2.0)(tokens), stretched)


def test_markers_inside_texts_stay_text(sisa, tmp_path):
    sisa.tokenizer = train_tokenizer(["a"], d_vocab=258)
    save(sisa, tmp_path / "m.safetensors")
    text = "a<|endoftext|>"
    assert load(tmp_path / "m.safetensors").to_tokens(text).tolist() == [encode(sisa.tokenizer, text)]


def test_foreign_files_are_refused(tmp_path, sisa):
    path = tmp_path / "x.safetensors"
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*x.safetensors; legal: .*shipped names"):
        load(path)
    path.write_bytes(b"not safetensors at all")
    with pytest.raises(ValueError, match=r"no readable safetensors file.*written by model.save"):
        load(path)
    save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="format None"):
        load(path)
    save(sisa, path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="no readable safetensors file"):
        load(path)
    with pytest.raises(ValueError, match=r"dtype is torch.int8; legal: torch.float32"):
        save(sisa, path, dtype=torch.int8)


@pytest.mark.parametrize(
    "metadata",
    [
        {"config": None},
        {"config": "[1]"},
        {"config": "{"},
        {"config": "[" * 100_000},
        {"config": '{"layer_d_state": 5}'},
        {"seed": '"x"'},
        {"tokenizer": "{"},
    ],
    ids=lambda metadata: str(metadata)[:30],
)
def test_a_file_that_describes_no_model_is_refused(tmp_path, sisa, metadata):
    path = tmp_path / "x.safetensors"
    save(sisa, path)
    with safe_open(path, framework="pt") as file:
        described = file.metadata() | metadata
    save_file({}, path, metadata={name: text for name, text in described.items() if text is not None})
    with pytest.raises(ValueError, match=r"describes no model \(.*legal: a file written by model.save"):
        load(path)


class NotBuilt(Exception):
    """What a model raises that should not have been built."""


@pytest.fixture
def nothing_is_built(monkeypatch):
    def built(*_, **__):
        raise NotBuilt

    monkeypatch.setattr("model.weights.checkpoint.SISAModel", built)
    monkeypatch.setattr("model.weights.paper.SISAModel", built)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"d_model": 20_000}, r"to_B.weight: \(8, 16\) where its config has \(8, 20000\)"),
        ({"d_vocab": 10**9}, r"embed.weight: \(11, 16\) where its config has \(1000000000, 16\)"),
        ({"n_layers": 10**9}, r"2 layers of tensors'; legal: the 1000000000 layers of its config"),
        ({"d_model": 2 * 10**12}, r"\d+ numbers in tensors'; legal: the \d+ of its config"),
        ({"d_model": 2 * 10**30}, r"\d+ numbers in tensors'; legal: the \d+ of its config"),
        ({"d_state": 10**6}, r"where its config has \(2000000, 16\)"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("nothing_is_built")
def test_a_small_file_asks_for_no_large_model(tmp_path, sisa, asked, message):
    path = tmp_path / "x.safetensors"
    save(sisa, path)
    with safe_open(path, framework="pt") as file:
        described = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    described["config"] = json.dumps(json.loads(described["config"]) | asked)
    save_file(tensors, path, metadata=described)
    with pytest.raises(ValueError, match=rf"weights in .*x.safetensors is .*{message}"):
        load(path)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (
            {"layers.99999999.W_B.weight": torch.zeros(8, 16)},
            "3 layers of tensors'; legal: the 100000000 layers",
        ),
        ({"layers.0.W_B.weight": torch.zeros(20_000, 2)}, r"to_B.weight: \(20000, 2\) where its config has"),
        (
            {"embed.weight": torch.zeros(1, 1).expand(10**6, 16)},
            "16000000 numbers, of which the file holds 1",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.usefixtures("nothing_is_built")
def test_a_small_released_file_asks_for_no_large_model(tmp_path, sisa, tensors, message):
    torch.save({"model": released(sisa) | tensors, "config": {}}, tmp_path / "final.pt")
    with pytest.raises(ValueError, match=message):
        import_paper_checkpoint(tmp_path / "final.pt")


def test_a_pickle_is_never_executed(tmp_path):
    marker = tmp_path / "ran"
    path = tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps({"model": Exploit(str(marker))}))
    with pytest.raises(ValueError, match="cannot be read with pickle execution off"):
        import_paper_checkpoint(path)
    torch.save({"model": {"embed.weight": torch.zeros(2, 2)}, "config": Exploit(str(marker))}, path)
    with pytest.raises(ValueError, match="cannot be read with pickle execution off"):
        import_paper_checkpoint(path)
    assert not marker.exists()


class Exploit:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("prefix", ["", "_orig_mod."])
@pytest.mark.parametrize("d_state", [0, 4])
def test_released_layout_is_read(tmp_path, tokens, prefix, d_state):
    model = lively(SISAModel(replace(SISAConfig(**SMALL, d_state=d_state, anchor="minimax"), n_ctx=48)))
    with torch.no_grad():  # what bfloat16 can hold
        for p in model.parameters():
            p.copy_(p.bfloat16().float())
    stored = {
        "model": released(model, prefix=prefix),
        "step": 9536,
        "tokens_seen": 5,
        "optimizer": {"state": {}},
    }
    torch.save(stored | {"config": {"n_head": 2, "seq_len": 48, "model_name": "sisa"}}, tmp_path / "final.pt")
    back = import_paper_checkpoint(tmp_path / "final.pt")
    assert back.config == model.config
    assert torch.equal(back(tokens), model(tokens))


def test_other_layouts_are_refused_with_what_was_found(tmp_path, sisa):
    path, weights = tmp_path / "final.pt", released(sisa)
    torch.save({"model": weights | {"layers.0.in_proj.weight": torch.zeros(2)}}, path)
    with pytest.raises(
        ValueError, match=r"is 'layers.0.in_proj.weight'; legal: embed, final_norm and layers.N"
    ):
        import_paper_checkpoint(path)
    torch.save({"state_dict": weights}, path)
    with pytest.raises(ValueError, match=r"a mapping with \['state_dict'\]"):
        import_paper_checkpoint(path)
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match="a list"):
        import_paper_checkpoint(path)
    torch.save({"model": {k: v for k, v in weights.items() if "embed" not in k}}, path)
    with pytest.raises(ValueError, match=r"no embed\.weight"):
        import_paper_checkpoint(path)
    torch.save({"model": weights | {"embed.weight": torch.zeros(4)}}, path)
    with pytest.raises(ValueError, match=r"embed\.weight: \(4,\)'; legal: the released layout"):
        import_paper_checkpoint(path)
    torch.save({"model": weights, "config": [1]}, path)
    with pytest.raises(ValueError, match=r"config in .* is \[1\]; legal: a mapping with n_head"):
        import_paper_checkpoint(path)
    torch.save({"model": {5: torch.zeros(2)}}, path)
    with pytest.raises(ValueError, match=r"a mapping with \['model'\]"):
        import_paper_checkpoint(path)
    torch.save({"model": {k: v for k, v in weights.items() if k != "layers.1.W_B.weight"}}, path)
    with pytest.raises(ValueError, match=r"blocks.1.attn.to_B.weight: missing"):
        import_paper_checkpoint(path)
    plain = released(SISAModel(SISAConfig(**SMALL, d_state=0)))
    torch.save({"model": plain}, path)
    with pytest.raises(ValueError, match=r"n_heads is None.*pass n_heads="):
        import_paper_checkpoint(path)
    assert import_paper_checkpoint(path, n_heads=2).config.n_heads == 2
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        import_paper_checkpoint(tmp_path / "absent.pt")


@pytest.mark.parametrize("default", [torch.bfloat16, torch.float64])
def test_the_default_dtype_changes_no_model(config, tokens, tmp_path, default):
    torch.save({"model": released(SISAModel(SISAConfig(**SMALL, d_state=4)))}, tmp_path / "final.pt")

    def made():
        model = SISAModel(config, seed=3)
        save(model, tmp_path / "m.safetensors")
        read = load(tmp_path / "m.safetensors")
        stretched = [with_rope(model, "pi", factor=2.0)] if config.rope != "none" else []
        models = [model, read, import_paper_checkpoint(tmp_path / "final.pt"), *stretched]
        trace = capture(model, tokens[0])
        numbers = [torch.as_tensor(v.values) for v in trace.values() if v.dtype.kind == "f"]
        weights = [p.detach() for each in models for p in each.parameters()]
        return [*weights, *(each(tokens) for each in models), *numbers]

    expected = made()
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        got = made()
    finally:
        torch.set_default_dtype(before)
    assert [t.dtype for t in got] == [t.dtype for t in expected]
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize("architecture", ["mamba2", "mamba3", "jamba", "hymba"])
def test_the_default_dtype_changes_no_state_space(architecture):
    tokens = torch.arange(12)[None]
    config = SISAConfig.preset("tiny", architecture=architecture, n_layers=4)
    expected = SISAModel(config)(tokens)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        got = SISAModel(config)(tokens)
    finally:
        torch.set_default_dtype(before)
    assert got.dtype == expected.dtype
    assert torch.equal(got, expected)


def test_numbers_of_numpy_are_kept_plain_and_saved(tmp_path):
    sizes = {name: np.int64(size) for name, size in SMALL.items()}
    given = {"d_state": np.int32(4), "rope": "pi", "rope_factor": np.float32(2.0)}
    config = SISAConfig(**sizes, **given)
    for values in (config, SISAConfig(**sizes, layer_d_state=[np.int64(2), np.int64(4)])):  # pyright: ignore[reportArgumentType]
        numbers = [v for v in values.to_dict().values() if not isinstance(v, str | list)]
        assert {type(v) for v in numbers} == {int, float}
        assert {type(v) for v in values.layer_d_state} <= {int}
    save(SISAModel(config), tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors").config == config
