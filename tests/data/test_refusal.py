"""What a person writes into a field: paths with ~, numbers of numpy, and words for what cannot be used."""

import decimal

import numpy as np
import pytest

from data import TokenCorpus, build_corpus, documents, open_corpus
from data.refusal import file_path, folder_path, share, whole
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
    with pytest.raises(ValueError, match="n is 11; legal: whole numbers from 1 to 10"):
        whole("n", 11, least=1, most=10)


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), 0.5])
def test_shares_of_numpy_become_plain(number):
    assert type(share("depth", number, step="Do.")) is float


@pytest.mark.parametrize(
    "value", [True, np.True_, float("nan"), np.nan, np.float32("nan"), -0.1, "0.5", None, decimal.Decimal(1)]
)
def test_what_is_no_share(value):
    with pytest.raises(ValueError, match=r"depth is .*; legal: 0 to 1. Do"):
        share("depth", value, step="Do.")
