"""Files of weights whose numbers are none, are not those that were written, or would not come back."""
# what is no model, path or device is given where one is meant: what is tested
# pyright: reportArgumentType=false

import json
from pathlib import Path

import pytest
import torch
from released_files import released
from safetensors import safe_open
from safetensors.torch import save_file
from small_models import SMALL

from model import SISAConfig, SISAModel, import_paper_checkpoint, load, save

LAM = "blocks.0.attn.lam_raw"
NO_WEIGHTS = {
    "nan": torch.tensor([1.0, float("nan")]),
    "inf": torch.tensor([1.0, float("inf")]),
    "beyond float32": torch.tensor([1.0, 1e300], dtype=torch.float64),
    "integers": torch.ones(2, dtype=torch.int64),
    "truth values": torch.ones(2, dtype=torch.bool),
    "complex": torch.ones(2, dtype=torch.complex64),
}
NO_PATHS = [None, 5, b"x", "", "a\0b"]


def rewritten(path: Path, *, tensors=(), **described: str) -> Path:
    """The file with other tensors or texts, and without the digest that they would not have."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() | described
        held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    metadata.pop("sha256")
    save_file(held | dict(tensors), path, metadata=metadata)
    return path


@pytest.fixture
def path(sisa, tmp_path) -> Path:
    save(sisa, tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


@pytest.mark.parametrize("kind", NO_WEIGHTS)
def test_only_finite_numbers_are_weights(sisa, path, tmp_path, kind):
    with pytest.raises(ValueError, match=rf"weights in .*{LAM}.*; legal: (finite numbers|.* floating type)"):
        load(rewritten(path, tensors={LAM: NO_WEIGHTS[kind]}))
    torch.save({"model": released(sisa) | {"layers.0.lambda_raw": NO_WEIGHTS[kind]}}, tmp_path / "r.pt")
    with pytest.raises(ValueError, match=rf"weights in .*{LAM}.*; legal: (finite numbers|.* floating type)"):
        import_paper_checkpoint(tmp_path / "r.pt")


def test_a_file_of_an_earlier_version_has_no_digest_and_is_read(sisa, path, tokens):
    assert torch.equal(load(rewritten(path))(tokens), sisa(tokens))


def test_one_flipped_bit_of_a_weight_is_noticed(path):
    raw = bytearray(path.read_bytes())
    raw[-2] ^= 1  # the lowest bits of the last number, which stays finite
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"changed since it was written: its SHA-256 is another"):
        load(path)


@pytest.mark.parametrize(("field", "old", "new"), [("seed", "1", "2"), ("config", "64", "32")])
def test_one_changed_digit_of_what_is_said_of_a_model_is_noticed(path, field, old, new):
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    assert old in metadata[field]
    save_file(held, path, metadata=metadata | {field: metadata[field].replace(old, new)})
    with pytest.raises(ValueError, match=r"changed since it was written"):
        load(path)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e6])
def test_what_would_not_come_back_is_not_written(sisa, tmp_path, number):
    with torch.no_grad():
        sisa.embed.weight[0, 0] = number
    with pytest.raises(ValueError, match=r"embed.weight with 1 of \d+ numbers not finite.*bfloat16"):
        save(sisa, tmp_path / "m", dtype=torch.float16)
    assert list(tmp_path.iterdir()) == []
    if number == 1e6:
        save(sisa, tmp_path / "m", dtype=torch.bfloat16)
        assert load(tmp_path / "m").embed.weight[0, 0].item() == pytest.approx(1e6, rel=1e-2)


def test_a_model_of_shapes_alone_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"embed.weight of no numbers"):
        save(SISAModel(SISAConfig(**SMALL)).to("meta"), tmp_path / "m")


@pytest.mark.parametrize("path", NO_PATHS, ids=repr)
def test_a_path_is_one_for_every_file_of_weights(sisa, path):
    for call in (lambda: save(sisa, path), lambda: load(path), lambda: import_paper_checkpoint(path)):
        with pytest.raises(ValueError, match=r"(path|checkpoint) is .*; legal: "):
            call()


def test_weights_may_lie_at_home(sisa, tmp_path, monkeypatch, tokens):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    save(sisa, "~/m.safetensors")
    torch.save({"model": released(sisa)}, tmp_path / "r.pt")
    assert torch.equal(load("~/m.safetensors")(tokens), sisa(tokens))
    assert import_paper_checkpoint("~/r.pt").config.d_model == SMALL["d_model"]
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("model", [None, 5, "niah", torch.nn.Linear(1, 1)], ids=str)
def test_only_a_model_is_saved(tmp_path, model):
    with pytest.raises(ValueError, match=r"model is .*; legal: a SISAModel"):
        save(model, tmp_path / "m")


def test_only_a_tokenizer_is_saved_with_it(tmp_path):
    with pytest.raises(ValueError, match=r"tokenizer is 'bpe'; legal: a tokenizers.Tokenizer or None"):
        save(SISAModel(SISAConfig(**SMALL), tokenizer="bpe"), tmp_path / "m")


@pytest.mark.parametrize("device", ["tpu", "cuda:99", 5, None, "", b"cpu"], ids=repr)
def test_only_a_device_that_is_there_holds_weights(path, device):
    with pytest.raises(ValueError, match=r"device is .*; legal: 'cpu'"):
        load(path, device=device)


def test_one_flipped_bit_of_a_released_file_is_noticed(sisa, tmp_path):
    weights = released(sisa, dtype=torch.float32)
    torch.save({"model": weights}, tmp_path / "r.pt")
    raw = bytearray((tmp_path / "r.pt").read_bytes())
    raw[raw.find(weights["embed.weight"].numpy().tobytes()) + 8] ^= 1
    (tmp_path / "r.pt").write_bytes(raw)
    with pytest.raises(ValueError, match=r"r.pt is 'a file that has changed .* CRC-32 .*; legal: "):
        import_paper_checkpoint(tmp_path / "r.pt")


def test_a_released_file_that_was_cut_off_is_named(sisa, tmp_path):
    torch.save({"model": released(sisa)}, tmp_path / "r.pt")
    (tmp_path / "r.pt").write_bytes((tmp_path / "r.pt").read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"r.pt is 'a file that is no whole archive, perhaps cut off"):
        import_paper_checkpoint(tmp_path / "r.pt")


def test_files_of_before_archives_are_read(sisa, tmp_path):
    torch.save({"model": released(sisa)}, tmp_path / "r.pt", _use_new_zipfile_serialization=False)
    assert import_paper_checkpoint(tmp_path / "r.pt").config.d_model == SMALL["d_model"]


def test_one_tensor_under_two_names_is_refused(sisa, tmp_path):
    twice = {"_orig_mod.layers.0.lambda_raw": torch.zeros(2)}
    torch.save({"model": released(sisa) | twice}, tmp_path / "r.pt")
    with pytest.raises(ValueError, match=r"the same tensors twice.*legal: each tensor once"):
        import_paper_checkpoint(tmp_path / "r.pt")


@pytest.mark.parametrize("number", ["01", "\u0661", "9" * 5000], ids=["zero first", "arabic", "long"])
def test_layers_are_counted_in_plain_digits(sisa, tmp_path, number):
    torch.save({"model": released(sisa) | {f"layers.{number}.lambda_raw": torch.zeros(2)}}, tmp_path / "r.pt")
    with pytest.raises(ValueError, match=r"tensor in .* is .*; legal: embed, final_norm and layers.N"):
        import_paper_checkpoint(tmp_path / "r.pt")


@pytest.mark.parametrize("n_heads", [0, -1, True, "4", 3, float("nan")], ids=repr)
@pytest.mark.parametrize("d_state", [0, 4])
def test_a_wrong_number_of_heads_is_refused_even_where_none_is_needed(tmp_path, n_heads, d_state):
    torch.save({"model": released(SISAModel(SISAConfig(**SMALL, d_state=d_state)))}, tmp_path / "r.pt")
    with pytest.raises(ValueError, match=r"n_heads is .*; legal: "):
        import_paper_checkpoint(tmp_path / "r.pt", n_heads=n_heads)


@pytest.mark.parametrize("config", [5, [], "x", (1,)], ids=repr)
def test_what_a_released_file_says_of_its_model_is_a_mapping(sisa, tmp_path, config):
    torch.save({"model": released(sisa), "config": config}, tmp_path / "r.pt")
    with pytest.raises(ValueError, match=r"config in .*; legal: a mapping with n_head and seq_len"):
        import_paper_checkpoint(tmp_path / "r.pt")


def test_a_model_that_was_loaded_under_inference_mode_can_be_trained(path, tokens):
    with torch.inference_mode():
        model = load(path)
    model(tokens, return_type="loss").backward()
    assert model.embed.weight.grad is not None


def test_the_digest_covers_what_the_model_is(path):
    with safe_open(path, framework="pt") as file:
        noted = file.metadata()
    assert len(noted["sha256"]) == 64
    assert json.loads(noted["seed"]) == 1
