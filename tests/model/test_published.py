"""The authors' published checkpoints by name, on small files in their layout; the hub is a stand-in."""
# what is no name is given where one is meant: what is tested
# pyright: reportArgumentType=false

import re
from pathlib import Path

import pytest
import torch
from released_files import released
from small_models import SMALL, lively

from data import NIAHTask, published, train_tokenizer
from model import SISAConfig, SISAModel, load, load_published, published_names, save
from model.weights import published as module
from model.weights.published import PUBLISHED, REPOSITORY, TOKENIZER_FILE, Published

NAME, D_VOCAB = "tiny/sisa_ds4", 300
SIZES = dict(d_model=16, n_layers=2, n_heads=2, d_vocab=D_VOCAB)
SAID = {"vocab_size": D_VOCAB, "d_model": 16, "n_layer": 2, "n_head": 2, "seq_len": 512}
NO_TOKENIZER = pytest.mark.filterwarnings("ignore:.*without GPT-NeoX' tokenizer")


class Hub:
    """A hub of files by (repository, name): counts what is asked of it."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], Path] = {}
        self.asked: list[str] = []

    def __call__(self, repository: str, file: str, *, download: bool) -> Path:
        self.asked.append(file)
        if not download or (repository, file) not in self.files:
            raise FileNotFoundError(f"{file} of {repository} is not there")
        return self.files[repository, file]


@pytest.fixture
def hub(monkeypatch):
    """The hub, empty, and one small run that it may hold."""
    hub = Hub()
    monkeypatch.setattr(module, "fetch", hub)
    monkeypatch.setattr(module, "PUBLISHED", {NAME: Published("tiny", 4, **SIZES)})
    return hub


def a_model(**sizes) -> SISAModel:
    return lively(SISAModel(SISAConfig(**SMALL | {"d_state": 4, "d_vocab": D_VOCAB, "n_ctx": 512} | sizes)))


def write(path: Path, weights, *, config=SAID, **other) -> Path:
    """A file as the authors' training script writes it, with the optimizer's state beside the weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    adam = {
        "state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(2)}},
        "param_groups": [{"lr": 6e-4}],
    }
    stored = {"model": released(weights) if isinstance(weights, SISAModel) else weights, "optimizer": adam}
    stored |= {"scheduler": {"last_epoch": 3, "lr_lambdas": [None]}, "step": 3, "tokens_seen": 9}
    torch.save(stored | {"config": config} | other, path)
    return path


@pytest.fixture
def there(hub, tmp_path):
    """The run, on the hub, without a tokenizer."""
    model = a_model()
    hub.files[REPOSITORY, f"{NAME}/final.pt"] = write(tmp_path / "hub" / "blob", model)
    return model


def kept(folder: Path) -> Path:
    return folder / NAME / "model.safetensors"


def same(one, other) -> bool:
    ours, theirs = dict(one.named_parameters()), dict(other.named_parameters())
    return ours.keys() == theirs.keys() and all(torch.equal(p, theirs[name]) for name, p in ours.items())


def test_the_names_are_those_of_the_hub_with_the_papers_sizes():
    assert len(published_names()) == 10
    assert PUBLISHED["152M/sisa_ds16"].file == "152M/sisa_ds16/final.pt"
    rows = published.configs().query("model == 'sisa'").set_index(["scale", "d_state"])
    for name, entry in PUBLISHED.items():
        assert name == entry.name
        scale = rows.loc[entry.size].iloc[0]  # "369M" with d_state 16 is no row of the paper's table
        sizes = (scale["d_model"], scale["n_layers"], scale["n_heads"])
        assert (entry.d_model, entry.n_layers, entry.n_heads) == sizes
    with pytest.raises(TypeError):
        PUBLISHED["1B"] = PUBLISHED["50M/sisa_ds16"]  # pyright: ignore[reportIndexIssue] (what is tested)


@NO_TOKENIZER
def test_weights_are_those_of_the_file_under_the_papers_anchor(there, tmp_path):
    model = load_published(NAME, folder=tmp_path)
    assert (model.config.anchor, model.config.n_ctx, model.config.d_state) == ("minimax", 512, 4)
    for (name, p), stored in zip(model.named_parameters(), there.parameters(), strict=True):
        as_stored = stored if name.endswith("lam_raw") else stored.bfloat16().float()
        assert torch.equal(p, as_stored), name


@NO_TOKENIZER
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_lambda_that_never_moved_is_minus_one_to_the_bit(hub, tmp_path, dtype):
    model = a_model()
    weights = released(model)
    weights |= {
        name: torch.full_like(t, -1.0, dtype=dtype) for name, t in weights.items() if "lambda" in name
    }
    write(tmp_path / NAME / "final.pt", weights)
    for _ in range(2):  # from the pickle, then from what is kept
        found = load_published(NAME, folder=tmp_path)
        raw = torch.stack([block.attn.get_parameter("lam_raw") for block in found.blocks])
        assert raw.dtype == torch.float32
        assert torch.equal(raw, torch.full((2, 2), -1.0))


@NO_TOKENIZER
def test_the_second_call_reads_what_is_kept_and_asks_nobody(there, hub, tmp_path):
    first = load_published(NAME, folder=tmp_path)
    assert hub.asked == [f"{NAME}/final.pt", TOKENIZER_FILE]
    hub.files.clear()
    second = load_published(NAME, folder=tmp_path)
    assert hub.asked == [f"{NAME}/final.pt", TOKENIZER_FILE]
    assert same(first, second)
    assert second.config == first.config
    assert [path.name for path in kept(tmp_path).parent.iterdir()] == ["model.safetensors"]


@NO_TOKENIZER
def test_sixteen_bits_are_kept_as_such_and_more_are_not_lost(hub, tmp_path):
    model = a_model()
    sizes = []
    for dtype in (torch.bfloat16, torch.float32):
        folder = tmp_path / str(dtype)
        write(folder / NAME / "final.pt", released(model, dtype=dtype))
        first = load_published(NAME, folder=folder)
        sizes.append(kept(folder).stat().st_size)
        assert same(load_published(NAME, folder=folder), first)
    assert sizes[0] < 0.7 * sizes[1]


def cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def flipped(raw: bytes) -> bytes:
    return raw[:-2] + bytes([raw[-2] ^ 1]) + raw[-1:]


@NO_TOKENIZER
@pytest.mark.parametrize("damage", [cut, flipped, lambda _: b"", lambda _: b"not safetensors"])
def test_a_damaged_file_is_made_anew(there, hub, tmp_path, damage):
    first = load_published(NAME, folder=tmp_path)
    whole = kept(tmp_path).read_bytes()
    kept(tmp_path).write_bytes(damage(whole))
    assert same(load_published(NAME, folder=tmp_path), first)
    assert same(load(kept(tmp_path)), first)
    kept(tmp_path).write_bytes(damage(whole))
    hub.files.clear()
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors is damaged or of another run"):
        load_published(NAME, folder=tmp_path)


@NO_TOKENIZER
def test_a_kept_file_of_another_run_is_not_taken_for_this_one(there, tmp_path):
    first = load_published(NAME, folder=tmp_path)
    save(a_model(d_model=32), kept(tmp_path))
    assert same(load_published(NAME, folder=tmp_path), first)
    assert load(kept(tmp_path)).config.d_model == 16


@NO_TOKENIZER
def test_without_a_network_the_error_names_the_file_that_then_loads(hub, tmp_path):
    with pytest.raises(FileNotFoundError) as refused:
        load_published(NAME, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    found = re.search(r"Download (\S+) by hand and put it at (\S+), then call again\.$", str(refused.value))
    assert found
    assert found[1] == f"https://huggingface.co/{REPOSITORY}/resolve/main/{NAME}/final.pt"
    model = a_model()
    write(Path(found[2]), model)
    hub.asked.clear()
    found_model = load_published(NAME, folder=tmp_path, download=False)
    assert f"{NAME}/final.pt" not in hub.asked
    assert torch.equal(found_model.embed.weight, model.embed.weight.bfloat16().float())


def test_without_a_folder_files_lie_in_the_cache(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("SISA_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError) as refused:
        load_published(NAME, download=False)
    assert f" {tmp_path}/published/{NAME}/final.pt, then" in str(refused.value)


@pytest.mark.parametrize("name", ["152M", "", None, 5, ["152M/sisa_ds16"], "152m/sisa_ds16"], ids=repr)
def test_unknown_names_are_answered_with_those_there_are(name):
    with pytest.raises(ValueError, match=r"name is .*; legal: '369M/sisa_ds16', .*'50M/sisa_ds128'"):
        load_published(name)


class Code:
    """What a pickle runs when it is read with execution on."""

    def __reduce__(self):
        return (Path("ran").touch, ())


WRONG = {
    "other sizes than its config says": (
        dict(config=SAID | {"d_model": 32, "n_layer": 3}),
        r"config in .*d_model=32 where its tensors have 16; n_layer=3 where .* 2.*legal: the sizes",
    ),
    "a config of no numbers": (
        dict(config={"d_model": torch.zeros(2)}),
        r"config in .*where its tensors have 16",
    ),
    "no checkpoint": (dict(weights={}), r"is \"a mapping with .*legal: a torch.save of"),
    "a pickle with code": (dict(step=Code()), r"cannot be read with pickle execution off .*Never load it"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_such_file_is_refused_and_nothing_is_kept(hub, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    other, message = WRONG[kind]
    write(tmp_path / NAME / "final.pt", **{"weights": a_model()} | other)
    with pytest.raises(ValueError, match=message):
        load_published(NAME, folder=tmp_path)
    assert not kept(tmp_path).exists()
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    "sizes", [{"d_model": 32}, {"d_state": 8}, {"d_vocab": 299}, {"n_heads": 4}], ids=str
)
def test_a_file_of_another_run_is_refused_with_both_sizes(hub, tmp_path, sizes):
    ((name, size),) = sizes.items()
    write(tmp_path / NAME / "final.pt", a_model(**sizes), config={})
    with pytest.raises(
        ValueError, match=rf"weights in .*final.pt is '.*{name}={size}.*; legal: {NAME}: d_state=4"
    ):
        load_published(NAME, folder=tmp_path)
    assert not kept(tmp_path).exists()


def test_a_transformer_is_no_published_sisa(hub, tmp_path):
    write(tmp_path / NAME / "final.pt", a_model(d_state=0))
    with pytest.raises(ValueError, match=r"is 'd_state=0'; legal: tiny/sisa_ds4"):
        load_published(NAME, folder=tmp_path)


def test_without_a_tokenizer_it_reads_ids_and_says_what_to_put_where(there, tmp_path):
    with pytest.warns(
        UserWarning, match=r"loaded without GPT-NeoX' tokenizer, so it reads token ids"
    ) as said:
        model = load_published(NAME, folder=tmp_path)
    assert f"put it at {tmp_path / TOKENIZER_FILE}, then load again." in str(said[0].message)
    assert model(torch.tensor([[5, 3, 7]])).shape == (1, 3, D_VOCAB)
    with pytest.raises(ValueError, match=r"tokenizer is None.*Pass token ids"):
        model.to_tokens("a text")
    tokenizer = train_tokenizer(["a text"], d_vocab=258)
    (tmp_path / TOKENIZER_FILE).write_text(tokenizer.to_str())
    assert load_published(NAME, folder=tmp_path).to_tokens("a text").shape[0] == 1


def test_a_downloaded_tokenizer_is_kept_with_the_weights(there, hub, tmp_path):
    path = tmp_path / "hub" / "neox"
    path.write_text(train_tokenizer(["The quick brown fox"], d_vocab=280).to_str())
    hub.files["EleutherAI/gpt-neox-20b", TOKENIZER_FILE] = path
    load_published(NAME, folder=tmp_path)
    hub.files.clear()
    model = load_published(NAME, folder=tmp_path)
    assert model.tokenizer is not None
    episodes = NIAHTask(protocol="paper", tokenizer=model.tokenizer).build(seed=42, n_episodes=1)
    assert model(torch.as_tensor(episodes.tokens)).shape == (1, 512, D_VOCAB)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no tokenizer"),
        (train_tokenizer(["a text of words"] * 9, d_vocab=301), "a tokenizer of 269 symbols"),
    ],
    ids=["no tokenizer", "too large"],
)
def test_a_tokenizer_that_does_not_fit_is_refused_by_its_path(hub, tmp_path, monkeypatch, text, message):
    monkeypatch.setattr(module, "PUBLISHED", {NAME: Published("tiny", 4, **SIZES | {"d_vocab": 260})})
    write(tmp_path / NAME / "final.pt", a_model(d_vocab=260), config={})
    (tmp_path / TOKENIZER_FILE).write_text(text if isinstance(text, str) else text.to_str())
    with pytest.raises(
        ValueError, match=rf"{TOKENIZER_FILE} is .*{message}.*; legal: a tokenizer.json of at most"
    ):
        load_published(NAME, folder=tmp_path)


@pytest.mark.slow
@NO_TOKENIZER
def test_the_real_sizes_of_the_smallest_run_load(tmp_path):
    sizes = dict(d_model=512, n_layers=6, n_heads=8, d_mlp=1939, d_vocab=50_277, n_ctx=2048, d_state=16)
    model = SISAModel(SISAConfig(**sizes))
    said = {"vocab_size": 50_277, "d_model": 512, "n_layer": 6, "n_head": 8, "seq_len": 2048, "d_state": 16}
    write(tmp_path / "50M/sisa_ds16/final.pt", model, config=said)
    found = load_published("50M/sisa_ds16", folder=tmp_path, download=False)
    assert torch.equal(found.embed.weight, model.embed.weight.bfloat16().float())
