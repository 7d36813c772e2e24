"""What a person writes into a field: paths with ~, numbers of numpy, and words for what cannot be used."""
# what people pass, whatever the signature says
# pyright: reportArgumentType=false

import decimal
import json

import numpy as np
import pytest

from data import NIAHTask, TokenCorpus, TrainingBatches, build_corpus, documents, open_corpus, token_labels
from data.refusal import as_number, file_path, folder_path, one_of, whole
from data.text import build as corpus_build
from data.text.build import cache_folder
from data.text.packages import locked


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("check", [file_path, folder_path])
def test_a_tilde_is_the_home_folder(home, check):
    assert check("output_dir", "~/runs/new") == home / "runs" / "new"
    assert check("output_dir", home / "~") == home / "~"  # only in front
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("check", [file_path, folder_path])
@pytest.mark.parametrize("value", ["a\0b", "x" * 100_000, "x" * 300, "~nobody_here/x", "", None, 3, b"a"])
def test_what_is_no_path_is_refused(check, value):
    with pytest.raises(ValueError, match=r"output_dir is .*; legal: the path of a f"):
        check("output_dir", value)


def test_every_door_of_data_expands_a_tilde(home, tokenizer, monkeypatch):
    corpus = TokenCorpus.from_documents(["A cat."], tokenizer=tokenizer, metadata={"d_vocab": 4096})
    corpus.save("~/new/corpus.npz")
    assert (home / "new" / "corpus.npz").is_file()
    assert TokenCorpus.load("~/new/corpus.npz").sha256 == corpus.sha256
    assert open_corpus("~/new/corpus.npz").sha256 == corpus.sha256
    assert build_corpus("~/new/corpus.npz", progress=None).sha256 == corpus.sha256
    (home / "requirements.lock").write_text("numpy==2\n")
    assert locked("~/requirements.lock") == ["numpy"]
    (home / "a.txt").write_text("One.")
    assert list(documents("~/a.txt")) == list(documents("~/*.txt")) == ["One."]
    monkeypatch.setenv("SISA_CACHE", "~/cache")
    assert cache_folder() == home / "cache"
    assert not (home / "~").exists()


@pytest.mark.parametrize("number", [np.int64(3), np.uint8(3), np.array(3), 3])
def test_whole_numbers_of_numpy_become_plain(number):
    assert type(whole("n", number, least=1)) is int


@pytest.mark.parametrize(
    "value", [True, np.True_, 3.0, np.float64(3), np.array([3, 4]), np.array([3]), "3", None]
)
def test_what_is_no_whole_number(value):
    with pytest.raises(ValueError, match=r"n is .*; legal: whole numbers >= 1\. Set n to such a number"):
        whole("n", value, least=1)


def test_the_largest_number_is_named():
    assert whole("n", 10, least=1, most=10) == 10
    with pytest.raises(ValueError, match="n is 11; legal: whole numbers >= 1 and <= 10"):
        whole("n", 11, least=1, most=10)


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), 0.5])
def test_numbers_of_numpy_become_plain(number):
    assert type(as_number(number)) is float


@pytest.mark.parametrize("value", [True, np.True_, "0.5", None, decimal.Decimal(1), np.array([0.5])])
def test_what_is_no_number(value):
    assert as_number(value) is None


def test_specs_of_numpy_fields_are_plain_json(corpus):
    task = NIAHTask(
        lengths=np.array([20, 30]), depths=np.array([0, 0.5]), value_length=np.int64(2),
        n_needles=np.int8(2), n_distractors=np.int64(1), n_symbols=np.int64(32),
    )  # fmt: skip
    plain = NIAHTask(
        lengths=(20, 30), depths=(0, 0.5), value_length=2, n_needles=2, n_distractors=1, n_symbols=32
    )
    assert json.loads(json.dumps(task.spec())) == plain.spec()
    same = task.build(np.int64(3), n_episodes=np.int64(2))
    assert (same.tokens == plain.build(3, n_episodes=2).tokens).all()
    batches = TrainingBatches(
        task=NIAHTask(lengths=(16,), filler="corpus", corpus=corpus, value_length=1, template="x {value}."),
        corpus=corpus, batch_size=np.int64(2), n_ctx=np.int64(16), episode_fraction=np.float32(0.5),
    )  # fmt: skip
    assert json.loads(json.dumps(batches.spec())) == batches.spec()
    assert batches.build(np.int64(0), np.int64(1))[0].shape == (2, 16)


def test_metadata_are_plain_when_they_are_given(tokenizer, tmp_path):
    made = {"n": np.int64(3), "rows": np.arange(2), "share": np.float32(0.5)}
    corpus = TokenCorpus.from_documents(["A cat."], tokenizer=tokenizer, metadata=made)
    corpus.save(tmp_path / "corpus.npz")
    back = TokenCorpus.load(tmp_path / "corpus.npz").metadata
    assert {name: back[name] for name in made} == {"n": 3, "rows": [0, 1], "share": 0.5}
    for bad in ({"a": {1}}, {"a": float("nan")}, {"a": b"b"}):
        with pytest.raises(ValueError, match=r"metadata is .*; legal: texts, numbers, lists"):
            TokenCorpus.from_documents(["A cat."], tokenizer=tokenizer, metadata=bad)


def test_sizes_of_numpy_at_the_doors_of_corpora(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_build, "standard_library", list)
    path = tmp_path / "corpus.npz"
    corpus = build_corpus(path, packages=[], d_vocab=np.int64(300), progress=None)
    assert TokenCorpus.load(path).metadata["d_vocab"] == 300
    assert corpus.document(np.int64(0)) == corpus.document(0)
    assert token_labels(corpus.tokenizer, corpus.tokens[:3]) == token_labels(
        corpus.tokenizer, corpus.tokens[:3].tolist()
    )


def test_an_array_is_none_of_the_choices():
    with pytest.raises(ValueError, match=r"split is array.*; legal: 'train', 'heldout'"):
        one_of("split", np.array(["train", "heldout"]), ("train", "heldout"))
